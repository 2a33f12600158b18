//! What the transport promises, against a `fetch` of our own making. Runs in real browsers.
//!
//! The replaced `fetch` reads the request with the browser's own `Request`, so that headers and bodies are what a server
//! would see.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may")]

mod tab;

use keyflow_sync::platform::fetch::FetchTransport;
use keyflow_sync::seam::{Request, Response, Transport};
use tab::{Patch, patched, script};
use wasm_bindgen_test::wasm_bindgen_test;

/// Replaces `fetch`: every request is noted in `kfSeen`, its body unpacked, and `answer` is the body of an async function of
/// `seen` and `signal` that gives a `Response`.
fn server(answer: &str) -> Patch {
    patched(&format!(
        "const original = globalThis.fetch;
         globalThis.kfSeen = [];
         globalThis.fetch = async (url, init) => {{
           const request = new Request(new URL(url, 'https://page.example'), {{ ...init, duplex: 'half' }});
           const encoding = request.headers.get('content-encoding');
           let body = new Uint8Array(await request.arrayBuffer());
           const bytes = body.length;
           if (encoding === 'gzip') {{
             const stream = new Response(body).body.pipeThrough(new DecompressionStream('gzip'));
             body = new Uint8Array(await new Response(stream).arrayBuffer());
           }}
           const seen = {{
             url: request.url, method: request.method, encoding, bytes, text: new TextDecoder().decode(body),
             type: request.headers.get('content-type'), auth: request.headers.get('authorization'),
             cache: request.cache, credentials: request.credentials,
           }};
           kfSeen.push(seen);
           const signal = init.signal;
           {answer}
         }};
         return () => {{ globalThis.fetch = original; }};"
    ))
}

fn seen(expression: &str) -> String {
    script(&format!("return String({expression})")).as_string().unwrap()
}

fn post(body: &str) -> Request {
    Request {
        method: "POST",
        path: "/api/sync/sessions?x=1".to_owned(),
        body: Some(body.to_owned()),
        token: Some("secret".to_owned()),
        deadline: 5_000,
    }
}

fn get(path: &str) -> Request {
    Request { method: "GET", path: path.to_owned(), body: None, token: None, deadline: 5_000 }
}

fn big() -> String {
    "\u{1f4bb} a text that packs well, ".repeat(60)
}

#[wasm_bindgen_test]
async fn a_request_carries_method_address_token_and_json_and_nothing_of_the_page() {
    let patch =
        server("return new Response('{\"ok\":1}', { status: 201, headers: { 'retry-after': '7' } });");
    let answer = FetchTransport::new("https://api.example/").send(&post("{\"a\":\"\u{e9}\"}")).await;
    let expected = Response { status: 201, retry_after: Some("7".to_owned()), body: "{\"ok\":1}".to_owned() };
    assert_eq!(answer, Ok(expected));
    assert_eq!(seen("kfSeen[0].url"), "https://api.example/api/sync/sessions?x=1");
    assert_eq!(seen("kfSeen[0].method"), "POST");
    assert_eq!(seen("kfSeen[0].auth"), "Bearer secret");
    assert_eq!(seen("kfSeen[0].type"), "application/json");
    assert_eq!(seen("kfSeen[0].text"), "{\"a\":\"\u{e9}\"}");
    assert_eq!(seen("kfSeen[0].encoding"), "null");
    assert_eq!(seen("kfSeen[0].cache"), "no-store");
    assert_eq!(seen("kfSeen[0].credentials"), "omit");
    drop(patch);
}

#[wasm_bindgen_test]
async fn without_body_and_token_no_header_speaks_of_them() {
    let patch = server("return new Response('[]');");
    let answer = FetchTransport::new("").send(&get("/api/devices")).await.unwrap();
    assert_eq!((answer.status, answer.retry_after, answer.body.as_str()), (200, None, "[]"));
    assert_eq!(seen("kfSeen[0].url"), "https://page.example/api/devices");
    assert_eq!(seen("kfSeen[0].auth"), "null");
    assert_eq!(seen("kfSeen[0].type"), "null");
    assert_eq!(seen("kfSeen[0].bytes"), "0");
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_body_of_a_kibibyte_is_packed_and_arrives_as_it_was() {
    let patch = server("return new Response('');");
    let transport = FetchTransport::new("https://api.example");
    transport.send(&post(&"x".repeat(1023))).await.unwrap();
    transport.send(&post(&"x".repeat(1024))).await.unwrap();
    transport.send(&post(&big())).await.unwrap();
    assert_eq!(seen("kfSeen.map(seen => seen.encoding)"), ",gzip,gzip");
    assert!(seen("kfSeen[2].bytes").parse::<usize>().unwrap() < 300, "{}", seen("kfSeen[2].bytes"));
    assert_eq!(seen("kfSeen[2].text"), big());
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_server_that_does_not_take_gzip_gets_it_plain_and_is_remembered() {
    let patch =
        server("return seen.encoding ? new Response('no', { status: 415 }) : new Response('thanks');");
    let transport = FetchTransport::new("https://api.example");
    assert_eq!(transport.send(&post(&big())).await.unwrap().body, "thanks");
    assert_eq!(transport.send(&post(&big())).await.unwrap().body, "thanks");
    assert_eq!(seen("kfSeen.map(seen => seen.encoding)"), "gzip,,");
    assert_eq!(seen("kfSeen[1].text"), big());
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_server_that_could_not_unpack_gets_it_plain_and_is_remembered() {
    let patch = server(
        "const problem = { type: 'about:blank', status: 400, code: 'badEncoding' };
         return seen.encoding ? new Response(JSON.stringify(problem), { status: 400 }) : new Response('thanks');",
    );
    let transport = FetchTransport::new("https://api.example");
    assert_eq!(transport.send(&post(&big())).await.unwrap().body, "thanks");
    assert_eq!(transport.send(&post(&big())).await.unwrap().status, 200);
    assert_eq!(seen("kfSeen.length"), "3");
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_body_that_was_refused_for_its_content_is_not_sent_twice() {
    let patch = server("return new Response('{\"code\":\"invalid\"}', { status: 400 });");
    let answer = FetchTransport::new("https://api.example").send(&post(&big())).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (400, "{\"code\":\"invalid\"}"));
    assert_eq!(seen("kfSeen.length"), "1");
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_plain_body_that_answers_415_is_not_sent_twice() {
    let patch = server("return new Response('', { status: 415 });");
    assert_eq!(FetchTransport::new("").send(&post("{}")).await.unwrap().status, 415);
    assert_eq!(seen("kfSeen.length"), "1");
    drop(patch);
}

#[wasm_bindgen_test]
async fn without_compression_in_the_platform_bodies_go_plain() {
    let patch = server("return new Response('');");
    let missing = patched(
        "const original = globalThis.CompressionStream;
         globalThis.CompressionStream = undefined;
         return () => { globalThis.CompressionStream = original; };",
    );
    FetchTransport::new("").send(&post(&big())).await.unwrap();
    drop(missing);
    assert_eq!(seen("kfSeen[0].encoding"), "null");
    assert_eq!(seen("kfSeen[0].text"), big());
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_server_that_never_answers_is_left_at_the_deadline_and_the_request_aborted() {
    let patch = server(
        "return new Promise((_, reject) => signal.addEventListener('abort', () => {
           globalThis.kfAborted = true;
           reject(new DOMException('whatever the platform calls it', 'AbortError'));
         }));",
    );
    script("globalThis.kfAborted = false");
    let request = Request { deadline: 50, ..post("{}") };
    assert_eq!(FetchTransport::new("").send(&request).await, Err("no answer within 50 ms".to_owned()));
    assert_eq!(seen("kfAborted"), "true");
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_body_that_never_ends_is_left_at_the_deadline_too() {
    let patch = server(
        "return new Response(new ReadableStream({
           start(controller) { controller.enqueue(new TextEncoder().encode('{')); },
         }));",
    );
    let request = Request { deadline: 50, ..get("/slow") };
    assert_eq!(FetchTransport::new("").send(&request).await, Err("no answer within 50 ms".to_owned()));
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_deadline_beyond_what_timers_take_does_not_run_off_at_once() {
    let patch = server("return new Promise(resolve => setTimeout(() => resolve(new Response('late')), 20));");
    for deadline in [i64::from(i32::MAX) + 1, i64::from(u32::MAX) + 5, i64::MAX] {
        let request = Request { deadline, ..get("/") };
        assert_eq!(FetchTransport::new("").send(&request).await.unwrap().body, "late", "{deadline}");
    }
    let request = Request { deadline: -5, ..get("/") };
    assert_eq!(FetchTransport::new("").send(&request).await, Err("no answer within 0 ms".to_owned()));
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_caller_that_gives_up_takes_its_request_along() {
    let patch = server(
        "return new Promise((_, reject) => signal.addEventListener('abort', () => {
           globalThis.kfAborted = true;
           reject(new DOMException('gone', 'AbortError'));
         }));",
    );
    script("globalThis.kfAborted = false");
    let (transport, request) = (FetchTransport::new(""), get("/"));
    {
        let send = std::pin::pin!(transport.send(&request));
        let turn = gloo_timers::future::TimeoutFuture::new(20);
        assert!(matches!(
            futures_util::future::select(send, turn).await,
            futures_util::future::Either::Right(_)
        ));
    }
    assert_eq!(seen("kfSeen.length"), "1");
    assert_eq!(seen("kfAborted"), "true");
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_network_error_is_an_error_with_its_reason() {
    let patch = server("throw new TypeError('Failed to fetch');");
    assert_eq!(FetchTransport::new("").send(&get("/")).await, Err("TypeError: Failed to fetch".to_owned()));
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_connection_that_breaks_in_the_body_is_an_error() {
    let patch = server(
        "return new Response(new ReadableStream({ start(controller) { controller.error(new TypeError('cut')); } }));",
    );
    // Each browser has its own words for it.
    let broken = FetchTransport::new("").send(&get("/")).await.unwrap_err();
    assert!(broken.contains("Error: "), "{broken}");
    drop(patch);
}

#[wasm_bindgen_test]
async fn the_real_fetch_reads_a_body_to_its_end() {
    // No server of ours here: a data URL goes through the browser's own fetch, headers and all.
    let answer = FetchTransport::new("data:text/plain,hello").send(&get("/there")).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello/there"));
    // And an address where nobody listens is an error, not a panic.
    assert!(FetchTransport::new("http://127.0.0.1:9").send(&post(&big())).await.is_err());
    let bad_token = Request { token: Some("not a header \u{20ac}\n".to_owned()), ..get("/") };
    let refused = FetchTransport::new("data:text/plain,").send(&bad_token).await.unwrap_err();
    assert!(!refused.contains("not a header"), "{refused}");
}
