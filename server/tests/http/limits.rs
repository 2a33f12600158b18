//! Hostile and careless requests: each is refused in the one form, before it costs much.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use keyflow_server::config::Rate;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clients::{Device, answer, offer, session, stamp};
use crate::cloud::{Cloud, START};

const PUSH: &str = "/api/sync/sessions";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn post_raw(device: &Device, encoding: Option<&str>, body: Vec<u8>) -> (u16, Value) {
    let mut request = device.request(Method::POST, PUSH).body(body);
    if let Some(encoding) = encoding {
        request = request.header("content-encoding", encoding);
    }
    answer(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_compressed_push_is_read_and_a_compressed_answer_is_given() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let body = json!({"sessions": [offer(&session("s", stamp(START, 1)), &[])]}).to_string();
    let (status, reply) = post_raw(&device, Some("gzip"), gzip(body.as_bytes())).await;
    assert_eq!((status, &reply["synced"]), (200, &json!(["s"])));
    let request = device.request(Method::GET, "/api/sync/changes").header("accept-encoding", "gzip");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    let bytes = reply.bytes().await.unwrap();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["sessions"][0]["id"], "s");
}

#[tokio::test]
async fn a_body_is_bounded_as_it_travels_and_as_it_inflates() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let bomb = gzip(&vec![b' '; 200 << 20]);
    assert!(bomb.len() < 300_000);
    for (encoding, body) in [(Some("gzip"), bomb), (None, vec![b' '; (4 << 20) + 1])] {
        let (status, problem) = post_raw(&device, encoding, body).await;
        assert_eq!((status, &problem["code"]), (413, &json!("tooLarge")), "{encoding:?}");
    }
    // Random bytes do not shrink: over the limit on the wire already, and announced by no length.
    let cloud = Cloud::with(|config| config.max_wire_bytes = 1_000).await;
    let device = cloud.device().await;
    let mut state = 1u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let packed = gzip(&noise.take(4_000).collect::<Vec<_>>());
    assert!(packed.len() > 1_000);
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(packed)]));
    let request = device.request(Method::POST, PUSH).header("content-encoding", "gzip").body(stream);
    assert_eq!(answer(request.send().await.unwrap()).await.0, 413);
}

#[tokio::test]
async fn a_bad_body_is_refused_in_the_one_form() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let rows = [
        (None, b"{".to_vec(), 400, "badJson"),
        (None, b"\xff\xfe".to_vec(), 400, "badJson"),
        (None, deep.into_bytes(), 400, "badJson"),
        (None, br#"{"sessions": [{"wpm": 1e999}]}"#.to_vec(), 400, "badJson"),
        (Some("gzip"), b"not gzip".to_vec(), 400, "badBody"),
        (Some("br"), b"{}".to_vec(), 415, "unsupportedEncoding"),
        (None, b"".to_vec(), 422, "invalid"),
        (None, b"[]".to_vec(), 422, "invalid"),
        (None, b"{}".to_vec(), 422, "invalid"),
        (None, br#"{"sessions": {}}"#.to_vec(), 422, "invalid"),
        (None, br#"{"sessions": [], "strategy": "mine"}"#.to_vec(), 422, "invalid"),
    ];
    for (encoding, body, expected, code) in rows {
        let what = String::from_utf8_lossy(&body).chars().take(40).collect::<String>();
        let (status, problem) = post_raw(&device, encoding, body).await;
        assert_eq!((status, &problem["code"]), (expected, &json!(code)), "{what}");
    }
}

#[tokio::test]
async fn nesting_beyond_the_limit_rejects_the_record_alone() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let deep: Value = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let body = json!({"sessions": [
        {"id": "deep", "timestamp": 1, "lastModified": 1, "data": deep},
        {"id": "flat", "timestamp": 1, "lastModified": 1},
    ]});
    let reply = device.push_body(PUSH, body).await;
    assert_eq!(reply.results[0].code.as_deref(), Some("invalid"));
    assert_eq!(reply.synced, ["flat"]);
}

#[tokio::test]
async fn a_batch_is_bounded_by_count_and_a_record_by_size() {
    let cloud = Cloud::with(|config| (config.max_batch_records, config.max_record_bytes) = (3, 200)).await;
    let device = cloud.device().await;
    let records: Vec<_> = (0..4).map(|n| session(&format!("s{n}"), stamp(START, 1))).collect();
    let offers: Vec<_> = records.iter().map(|record| offer(record, &[])).collect();
    let (status, problem) = device.post(PUSH, json!({"sessions": offers})).await;
    assert_eq!((status, &problem["code"]), (413, &json!("tooLarge")));
    assert_eq!(device.push(&records[..3]).await.synced.len(), 3);
    let long = json!({"id": "long", "timestamp": 1, "lastModified": 1, "text": "x".repeat(300)});
    let stamps: serde_json::Map<_, _> = (0..20).map(|n| (format!("f{n}"), json!(stamp(5, 1)))).collect();
    let dated = json!({"id": "dated", "timestamp": 1, "version": stamp(9, 1), "modified": stamps});
    let reply = device.push_body(PUSH, json!({"sessions": [long, dated]})).await;
    for result in &reply.results {
        assert_eq!(result.code.as_deref(), Some("recordTooLarge"), "{}", result.id);
    }
}

#[tokio::test]
async fn an_address_that_does_not_exist_and_a_method_that_does_not_fit_are_told_apart() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    for (path, status) in [("/api", 404), ("/api/", 404), ("/api/sync", 404), ("/api/sync/progress", 405)] {
        assert_eq!(device.get(path).await.0, status, "{path}");
    }
    assert_eq!(device.post("/healthz", json!({})).await.0, 405);
    assert_eq!(device.post("/somewhere", json!({})).await.0, 405);
}

#[tokio::test]
async fn a_device_that_asks_too_often_is_told_how_long_to_wait() {
    let cloud = Cloud::with(|config| config.rate_limit = Rate::Per { count: 3, seconds: 600 }).await;
    let (device, other) = (cloud.device().await, cloud.device().await);
    for _ in 0..3 {
        assert_eq!(device.get("/api/devices").await.0, 200);
    }
    let reply = device.request(Method::GET, "/api/devices").send().await.unwrap();
    let wait: u64 = reply.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=200).contains(&wait), "{wait}");
    assert_eq!(answer(reply).await.0, 429);
    assert_eq!(other.get("/api/devices").await.0, 200);
}

#[tokio::test]
async fn guessing_tokens_and_codes_and_registering_are_limited_by_address() {
    let rate = Rate::Per { count: 1, seconds: 600 };
    let limited = |config: &mut keyflow_server::Config| {
        config.rate_limit = Rate::Per { count: 60, seconds: 10 };
        config.sign_in_rate_limit = rate;
    };
    for (path, first) in [("/api/devices", 201), ("/api/devices/link", 422), ("/api/devices/link-codes", 401)]
    {
        let cloud = Cloud::with(limited).await;
        let http = reqwest::Client::new();
        for expected in [first, 429] {
            let request = http.post(format!("{}{path}", cloud.url)).json(&json!({"code": "ABCDEFGH"}));
            assert_eq!(answer(request.send().await.unwrap()).await.0, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn a_header_that_never_ends_is_not_waited_for() {
    let cloud = Cloud::with(|config| config.header_seconds = 1).await;
    let address = cloud.url.trim_start_matches("http://").to_owned();
    for start in ["", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "still open after {start:?}");
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_answered_in_time() {
    let cloud = Cloud::with(|config| config.request_seconds = 1).await;
    let device = cloud.device().await;
    let address = cloud.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let token = &device.account.token;
    let start = format!(
        "POST {PUSH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{"
    );
    stream.write_all(start.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1_000];
    let read = tokio::time::timeout(Duration::from_secs(8), stream.read(&mut answer)).await.unwrap().unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer[..read]));
}
