//! A client written from the specification alone: no versions, no bases, no operations.

use serde_json::{Value, json};

use crate::cloud::{Cloud, START};

fn spec_session(id: &str, wpm: u32, modified: i64) -> Value {
    json!({"id": id, "userId": "user-123", "text": "The quick brown fox...", "wpm": wpm, "accuracy": 96.5,
           "timestamp": 1704067200000i64, "lastModified": modified})
}

fn envelope(sessions: Value) -> Value {
    json!({"sessions": sessions, "clientTimestamp": 1704067300000i64})
}

#[tokio::test]
async fn the_examples_of_the_specification_are_answered_as_it_shows() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let path = "/api/sync/sessions";
    let first = spec_session("uuid-2", 85, 1704067250000);
    let (status, reply) =
        device.post(path, envelope(json!([spec_session("uuid-1", 85, 1704067250000), first]))).await;
    assert_eq!(status, 200);
    assert_eq!((&reply["synced"], &reply["conflicts"]), (&json!(["uuid-1", "uuid-2"]), &json!([])));
    for name in ["text", "wpm", "accuracy", "timestamp", "lastModified"] {
        assert_eq!(reply["merged"]["uuid-2"][name], first[name], "{name}");
    }
    assert_eq!(reply["serverTimestamp"], START + 1);

    let newer = spec_session("uuid-2", 90, 1704067260000);
    let (_, reply) =
        device.post(path, envelope(json!([spec_session("uuid-1", 85, 1704067250000), newer]))).await;
    assert_eq!(reply["synced"], json!(["uuid-1"]));
    let conflict = &reply["conflicts"][0];
    assert_eq!(conflict["sessionId"], "uuid-2");
    assert_eq!((&conflict["local"]["wpm"], &conflict["remote"]["wpm"]), (&json!(90), &json!(85)));
    assert_eq!(conflict["conflictFields"], json!(["lastModified", "wpm"]));
    assert_eq!(reply["merged"]["uuid-2"]["wpm"], 90);
    assert_eq!(reply["conflicts"].as_array().unwrap().len(), 1);

    let older = spec_session("uuid-2", 70, 1704067240000);
    let (_, reply) = device.post(path, envelope(json!([older]))).await;
    assert_eq!((&reply["synced"], &reply["merged"]["uuid-2"]["wpm"]), (&json!([]), &json!(90)));

    let (_, page) = device.get(&format!("/api/sync/changes?since={START}")).await;
    let ids: Vec<_> =
        page["sessions"].as_array().unwrap().iter().map(|session| session["id"].clone()).collect();
    assert_eq!(ids, ["uuid-2"]);
    assert_eq!(
        (&page["progress"]["averageWPM"], &page["progress"]["totalSessions"]),
        (&json!(87.5), &json!(2))
    );
    assert!(page["progress"]["lastModified"].as_i64() <= page["serverTimestamp"].as_i64());
    cloud.check().await;
}

#[tokio::test]
async fn equal_times_with_different_content_are_a_conflict_that_every_order_settles_alike() {
    let cloud = Cloud::start().await;
    let mut winners = Vec::new();
    for order in [[80, 90], [90, 80]] {
        let device = cloud.device().await;
        let mut last = Value::Null;
        for wpm in order {
            let body = envelope(json!([spec_session("s", wpm, 1704067250000)]));
            last = device.post("/api/sync/sessions", body).await.1;
        }
        assert_eq!(last["conflicts"][0]["conflictFields"], json!(["wpm"]));
        winners.push(last["merged"]["s"]["wpm"].clone());
    }
    assert_eq!(winners[0], winners[1]);
    cloud.check().await;
}

#[tokio::test]
async fn the_same_content_at_another_time_is_no_conflict() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    for modified in [1704067250000i64, 1704067260000, 1704067240000] {
        let body = envelope(json!([spec_session("s", 85, modified)]));
        let (_, reply) = device.post("/api/sync/sessions", body).await;
        assert_eq!((&reply["synced"], &reply["conflicts"]), (&json!(["s"]), &json!([])));
    }
    cloud.check().await;
}

#[tokio::test]
async fn one_bad_record_is_rejected_by_itself() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let mut poison = spec_session("poison", 1, 1);
    poison["text"] = json!("a\0b");
    let huge = json!({"id": "huge", "timestamp": 1, "lastModified": 1, "text": "x".repeat(70_000)});
    let body = envelope(json!([poison, spec_session("good", 85, 1), {"wpm": 1}, 7, huge]));
    let (status, reply) = device.post("/api/sync/sessions", body).await;
    assert_eq!(status, 200);
    let told: Vec<_> = reply["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["outcome"].clone(), r["code"].clone()))
        .collect();
    let rejected = |code: &str| (json!("rejected"), json!(code));
    assert_eq!(
        told,
        [
            rejected("invalid"),
            (json!("applied"), Value::Null),
            rejected("invalid"),
            rejected("invalid"),
            rejected("recordTooLarge"),
        ]
    );
    assert_eq!(reply["results"][0]["error"], "text: must not contain a NUL character");
    assert!(reply["results"][4]["error"].as_str().unwrap().contains("70"), "{}", reply["results"][4]);
    assert_eq!(reply["synced"], json!(["good"]));
    assert_eq!(device.log("poison").await[0]["detail"], json!({"code": "invalid"}));
    cloud.check().await;
}
