//! Devices, link codes, revoking, and the end of an account.

use keyflow_sync::wire::Account;
use serde_json::{Value, json};

use crate::clients::{Device, answer, session, stamp};
use crate::cloud::{Cloud, START};

async fn link(cloud: &Cloud, code: &str) -> (u16, Value) {
    let body = json!({"code": code, "name": "laptop"});
    let http = reqwest::Client::new();
    answer(http.post(format!("{}/api/devices/link", cloud.url)).json(&body).send().await.unwrap()).await
}

async fn code_of(device: &Device) -> String {
    let (status, reply) = device.post("/api/devices/link-codes", json!({})).await;
    assert_eq!(status, 201);
    reply["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_code_joins_one_device_once_and_both_see_the_same() {
    let cloud = Cloud::start().await;
    let first = cloud.device().await;
    first.push(&[session("s", stamp(START, 1))]).await;
    let code = code_of(&first).await;
    assert_eq!(code.len(), 8);
    let (status, reply) = link(&cloud, &code.to_lowercase()).await;
    assert_eq!(status, 201);
    let account: Account = serde_json::from_value(reply).unwrap();
    assert_eq!(account.user_id, first.account.user_id);
    assert_ne!(account.device_id, first.account.device_id);
    let second = Device::of(&cloud.url, account);
    assert_eq!(second.pull("0", 10).await.sessions.len(), 1);
    assert_eq!(link(&cloud, &code).await, {
        let (status, problem) = link(&cloud, "ABCDEFGH").await;
        assert_eq!((status, &problem["code"]), (422, &json!("linkCodeInvalid")));
        (status, problem)
    });
    let (_, listed) = second.get("/api/devices").await;
    let names: Vec<_> =
        listed["devices"].as_array().unwrap().iter().map(|d| (&d["name"], &d["current"])).collect();
    assert!(
        names.contains(&(&json!("desk"), &json!(false))) && names.contains(&(&json!("laptop"), &json!(true)))
    );
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let (in_time, late) = (code_of(&device).await, code_of(&device).await);
    cloud.pass(10 * 60_000 - 1);
    assert_eq!(link(&cloud, &in_time).await.0, 201);
    cloud.pass(1);
    assert_eq!(link(&cloud, &late).await.0, 422);
}

#[tokio::test]
async fn a_revoked_token_is_refused_from_the_next_request_on() {
    let cloud = Cloud::start().await;
    let first = cloud.device().await;
    let (_, reply) = link(&cloud, &code_of(&first).await).await;
    let second = Device::of(&cloud.url, serde_json::from_value(reply).unwrap());
    let path = format!("/api/devices/{}", second.account.device_id);
    let stranger = cloud.device().await;
    assert_eq!(stranger.delete(&path).await, 404);
    assert_eq!(second.get("/api/devices").await.0, 200);
    assert_eq!(first.delete(&path).await, 204);
    let (status, problem) = second.get("/api/devices").await;
    assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")));
    assert_eq!(second.post("/api/sync/sessions", json!({"sessions": []})).await.0, 401);
    assert_eq!(first.get("/api/devices").await.1["devices"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_good_token_there_is_no_entry() {
    let cloud = Cloud::start().await;
    let mut device = cloud.device().await;
    let http = reqwest::Client::new();
    let url = format!("{}/api/sync/changes", cloud.url);
    assert_eq!(answer(http.get(&url).send().await.unwrap()).await.0, 401);
    for token in ["", "x", &"A".repeat(43), &format!("{}x", device.account.token)] {
        device.account.token = token.to_owned();
        assert_eq!(device.get("/api/sync/changes").await.0, 401, "{token}");
    }
}

#[tokio::test]
async fn a_removed_account_leaves_nothing_and_harms_nobody() {
    let cloud = Cloud::start().await;
    let (gone, stays) = (cloud.device().await, cloud.device().await);
    for device in [&gone, &stays] {
        let first = session("s", stamp(START, 1));
        let lost = crate::clients::edit(&first, stamp(START - 1, 2), json!({"note": "lost"}));
        device.push(&[first, lost]).await;
    }
    code_of(&gone).await;
    assert_eq!(gone.delete("/api/account").await, 204);
    assert_eq!(gone.get("/api/sync/changes").await.0, 401);
    assert_eq!(stays.pull("0", 10).await.sessions.len(), 1);
    let bytes = std::fs::read(cloud.backup("after.db").await).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&stays.account.user_id) && !holds(&gone.account.user_id));
    cloud.check().await;
}

#[tokio::test]
async fn a_token_is_stored_as_its_hash_only() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let code = code_of(&device).await;
    let bytes = std::fs::read(cloud.backup("copy.db").await).unwrap();
    for secret in [&device.account.token, &code] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[tokio::test]
async fn a_bad_name_is_refused_by_name() {
    let cloud = Cloud::start().await;
    for name in [json!(7), json!("x".repeat(201)), json!("a\nb")] {
        let http = reqwest::Client::new();
        let request = http.post(format!("{}/api/devices", cloud.url)).json(&json!({"name": name}));
        let (status, problem) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, &problem["field"]), (422, &json!("name")), "{name}");
    }
}
