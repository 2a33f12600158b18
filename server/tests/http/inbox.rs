//! The conflict inbox as synced data, and the events that tell of it.

use keyflow_sync::model::Conflict;
use keyflow_sync::wire::Outcome;
use reqwest::Method;
use serde_json::json;

use crate::clients::{Device, edit, offer, read, session, stamp};
use crate::cloud::{Cloud, START};

#[tokio::test]
async fn every_device_pulls_the_same_entry_and_its_settlement() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let first = session("s", stamp(START, 1));
    let (won, lost) = (
        edit(&first, stamp(START + 9, 1), json!({"note": "won"})),
        edit(&first, stamp(START + 5, 2), json!({"note": "lost"})),
    );
    device.push(&[first, won.clone()]).await;
    let seen = device.pull("0", 10).await.cursor.unwrap();
    let met = device.push(std::slice::from_ref(&lost)).await.conflicts;

    // The head did not change, and yet a device that was up to date gets the entry.
    let page = device.pull(&seen, 10).await;
    assert_eq!((page.sessions.len(), &page.conflicts), (0, &met));
    let conflict = Conflict::from_wire(met[0].clone()).unwrap();
    assert_eq!(conflict.id, format!("session/s~{}", lost.version));
    assert_eq!((conflict.detected_at, conflict.resolved_by), (START, None));

    let choice = edit(&won, stamp(START + 20, 2), json!({"note": "lost"}));
    let body = json!({"sessions": [offer(&choice, &[&conflict.id, "session/s~nothing"])]});
    let reply = device.push_body("/api/sync/sessions", body).await;
    assert_eq!((reply.results[0].outcome, reply.conflicts.len()), (Outcome::Applied, 0));
    let page = device.pull(&page.cursor.unwrap(), 10).await;
    assert_eq!(read(&page.sessions[0]), choice);
    let settled = Conflict::from_wire(page.conflicts[0].clone()).unwrap();
    assert_eq!(settled, Conflict { resolved_by: Some(choice.version), ..conflict });
    let outcomes: Vec<_> = device.log("s").await.iter().map(|row| row["outcome"].clone()).collect();
    assert_eq!(outcomes, ["applied", "applied", "conflict", "applied", "resolved"]);
    cloud.check().await;
}

#[tokio::test]
async fn a_choice_that_came_first_without_its_entry_settles_it_when_it_comes_again() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let first = session("s", stamp(START, 1));
    let won = edit(&first, stamp(START + 9, 1), json!({"note": "won"}));
    let lost = edit(&first, stamp(START + 5, 2), json!({"note": "lost"}));
    device.push(&[first, won.clone(), lost]).await;
    let id = device.pull("0", 10).await.conflicts[0]["id"].as_str().unwrap().to_owned();
    let choice = edit(&won, stamp(START + 20, 2), json!({"note": "lost"}));
    // Another device has it from an export.
    device.push(std::slice::from_ref(&choice)).await;
    for _ in 0..2 {
        let body = json!({"sessions": [offer(&choice, &[&id])]});
        let reply = device.push_body("/api/sync/sessions", body).await;
        assert_eq!(reply.results[0].outcome, Outcome::Duplicate);
        let version = choice.version.to_string();
        assert_eq!(device.pull("0", 10).await.conflicts[0]["resolvedBy"], json!(version));
    }
    cloud.check().await;
}

#[tokio::test]
async fn a_rejected_choice_settles_nothing() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let first = session("s", stamp(START, 1));
    let lost = edit(&first, stamp(START - 5, 2), json!({"note": "lost"}));
    device.push(&[first.clone(), edit(&first, stamp(START + 1, 1), json!({"note": "won"})), lost]).await;
    let id = device.pull("0", 10).await.conflicts[0]["id"].as_str().unwrap().to_owned();
    let mut reused = first.clone();
    reused.fields.insert("note".into(), json!("other"));
    let body = json!({"sessions": [offer(&reused, &[&id])]});
    let reply = device.push_body("/api/sync/sessions", body).await;
    assert_eq!(reply.results[0].outcome, Outcome::Rejected);
    assert_eq!(device.pull("0", 10).await.conflicts[0]["resolvedBy"], json!(null));
}

/// Reads the stream until it holds `wanted`, or ends.
async fn heard(stream: &mut reqwest::Response, wanted: &str) -> bool {
    let mut text = String::new();
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        if text.contains(wanted) {
            return true;
        }
    }
    false
}

async fn listen(device: &Device) -> reqwest::Response {
    let stream = device.request(Method::GET, "/api/sync/events").send().await.unwrap();
    assert_eq!(
        (stream.status().as_u16(), &stream.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    stream
}

#[tokio::test]
async fn a_listening_device_hears_of_commits_of_its_own_user_only() {
    let mut cloud = Cloud::start().await;
    let (device, stranger) = (cloud.device().await, cloud.device().await);
    let mut stream = listen(&device).await;
    assert!(heard(&mut stream, "event: changed\ndata: {\"serverTimestamp\":0}").await);
    cloud.pass(500);
    stranger.push(&[session("s", stamp(START, 1))]).await;
    cloud.pass(500);
    let clock = device.push(&[session("s", stamp(START, 1))]).await.server_timestamp;
    // The stranger's commit would come first if it came at all.
    let mut text = String::new();
    while !text.contains("\n\n") {
        text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.contains(&format!("{{\"serverTimestamp\":{clock}}}")), "{text}");
    // A stop ends the stream instead of waiting for it.
    cloud.stop().await;
    assert!(!heard(&mut stream, "never").await);
}

#[tokio::test]
async fn revoking_a_device_ends_its_stream() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let mut stream = listen(&device).await;
    assert_eq!(device.delete(&format!("/api/devices/{}", device.account.device_id)).await, 204);
    assert!(!heard(&mut stream, "never").await);
    assert_eq!(device.get("/api/sync/events").await.0, 401);
}
