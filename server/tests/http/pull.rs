//! Pages, cursors, history and the audit trail.

use keyflow_sync::wire::Outcome;
use serde_json::{Value, json};

use crate::clients::{edit, offer, session, stamp};
use crate::cloud::{Cloud, START};

fn ids(records: &[Value]) -> Vec<String> {
    records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor_and_by_timestamp_and_miss_nothing() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let sessions: Vec<_> = (0..25).map(|n| session(&format!("s{n:02}"), stamp(START, 1))).collect();
    let last = device.push(&sessions).await.server_timestamp;
    for by_cursor in [true, false] {
        let (mut since, mut seen, mut sizes) = ("0".to_owned(), Vec::new(), Vec::new());
        loop {
            let page = device.pull(&since, 10).await;
            sizes.push(page.sessions.len());
            seen.extend(ids(&page.sessions));
            since = if by_cursor { page.cursor.unwrap() } else { page.server_timestamp.to_string() };
            if !page.has_more {
                assert_eq!(page.server_timestamp, last);
                break;
            }
        }
        assert_eq!(sizes, [10, 10, 5]);
        assert_eq!(seen, sessions.iter().map(|record| record.key.id.clone()).collect::<Vec<_>>());
        let after = device.pull(&since, 10).await;
        assert_eq!((after.sessions.len(), after.has_more, after.resync), (0, false, false));
    }
}

#[tokio::test]
async fn an_edit_made_long_ago_and_pushed_late_is_still_seen() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    device.push(&[session("recent", stamp(START, 1))]).await;
    let seen = device.pull("0", 10).await.server_timestamp;
    device.push(&[session("from-last-year", stamp(START - 30_000_000_000, 2))]).await;
    assert_eq!(ids(&device.pull(&seen.to_string(), 10).await.sessions), ["from-last-year"]);
}

#[tokio::test]
async fn a_page_is_bounded_by_bytes_as_well() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let large = |n: usize| {
        let first = session(&format!("s{n:02}"), stamp(START, 1));
        edit(&first, stamp(START + 1, 1), json!({"text": "x".repeat(60_000)}))
    };
    device.push(&(0..30).map(large).collect::<Vec<_>>()).await;
    let page = device.pull("0", 500).await;
    assert!(page.has_more && page.sessions.len() == 17, "{}", page.sessions.len());
    let rest = device.pull(&page.cursor.unwrap(), 500).await;
    assert_eq!((rest.has_more, rest.sessions.len()), (false, 13));
}

#[tokio::test]
async fn a_restored_backup_is_noticed_and_the_device_heals_it() {
    let mut cloud = Cloud::start().await;
    let device = cloud.device().await;
    let (old, new) = (session("old", stamp(START, 1)), session("new", stamp(START + 1, 1)));
    device.push(std::slice::from_ref(&old)).await;
    let early = device.pull("0", 10).await.cursor.unwrap();
    let backup = cloud.backup("backup.db").await;
    device.push(std::slice::from_ref(&new)).await;
    let late = device.pull("0", 10).await.cursor.unwrap();
    cloud.restore(&backup).await;
    let device = device.at(&cloud.url);

    let page = device.pull(&late, 10).await;
    assert_eq!((page.resync, page.has_more, page.server_timestamp, page.sessions.len()), (true, true, 0, 0));
    let again = device.pull(&page.cursor.unwrap(), 10).await;
    assert_eq!((again.resync, ids(&again.sessions)), (false, vec!["old".to_owned()]));
    assert!(!device.pull(&early, 10).await.resync);

    let offered = device.push(&[old, new]).await;
    let outcomes: Vec<_> = offered.results.iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes, [Outcome::Duplicate, Outcome::Applied]);
    // The tick of the lost commit may be taken again; its name is not.
    assert!(device.pull(&late, 10).await.resync);
    cloud.check().await;
}

#[tokio::test]
async fn a_restore_between_a_push_and_its_pull_is_noticed() {
    let mut cloud = Cloud::start().await;
    let device = cloud.device().await;
    let record = |id: &str| session(id, stamp(START, 1));
    device.push(&[record("old")]).await;
    let since = device.pull("0", 10).await.cursor.unwrap();
    let backup = cloud.backup("backup.db").await;
    let known = device.push(&[record("lost")]).await.cursor.unwrap();
    cloud.restore(&backup).await;
    let device = device.at(&cloud.url);
    assert!(!device.pull(&since, 10).await.resync, "the position alone is older than the backup");
    assert!(device.pull(&format!("{since}&known={known}"), 10).await.resync);

    let body = |known: &str| json!({"sessions": [offer(&record("next"), &[])], "clientTimestamp": START, "strategy": "manual", "known": known});
    let (status, reply) = device.post("/api/sync/sessions", body(&known)).await;
    assert_eq!(
        (status, &reply["cursor"]),
        (200, &Value::Null),
        "it attests nothing to who knows more than it"
    );
    let (status, problem) = device.post("/api/sync/sessions", body("nonsense")).await;
    assert_eq!((status, &problem["field"]), (422, &json!("known")));
}

#[tokio::test]
async fn a_position_that_cannot_be_one_is_refused_by_name() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    for (query, field) in
        [("since=nonsense", "since"), ("since=-1", "since"), ("limit=0", "limit"), ("limit=x", "limit")]
    {
        let (status, problem) = device.get(&format!("/api/sync/changes?{query}")).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{query}");
    }
    assert_eq!(device.get("/api/sync/changes?limit=100000").await.0, 200);
    let ahead = device.pull("4000000000000", 10).await;
    assert_eq!((ahead.resync, ahead.server_timestamp), (true, 0));
}

#[tokio::test]
async fn old_sessions_are_listed_newest_first_and_page_by_page() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    // Two of them started at the same time.
    let sessions: Vec<_> = [5, 1, 3, 3, 2]
        .iter()
        .enumerate()
        .map(|(n, start)| session(&format!("s{n}"), stamp(*start, 1)))
        .collect();
    device.push(&sessions).await;
    device.push(&[sessions[1].edit(stamp(START, 1), &Default::default(), true)]).await;
    let (mut path, mut seen) = ("/api/sync/sessions?limit=2".to_owned(), Vec::new());
    loop {
        let (_, page) = device.get(&path).await;
        seen.extend(ids(page["sessions"].as_array().unwrap()));
        if page["hasMore"] == false {
            break;
        }
        path = format!("/api/sync/sessions?limit=2&before={}", page["next"].as_str().unwrap());
    }
    assert_eq!(seen, ["s0", "s3", "s2", "s4"]);
    let (_, before) = device.get("/api/sync/sessions?before=3").await;
    assert_eq!(ids(before["sessions"].as_array().unwrap()), ["s4"]);
    assert_eq!(device.get("/api/sync/sessions/s1").await.1["deleted"], true);
    assert_eq!(device.get("/api/sync/sessions/nobody").await.0, 404);
}

#[tokio::test]
async fn every_kept_version_and_every_step_can_be_read_page_by_page() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let mut versions = vec![session("s", stamp(START, 1))];
    for n in 1..5 {
        let next = edit(&versions[n - 1], stamp(START + n as i64, 1), json!({"note": n.to_string()}));
        versions.push(next);
    }
    device.push(&versions).await;
    device.push(&[session("other", stamp(START, 1))]).await;
    let (mut path, mut seen) = ("/api/sync/sessions/s/versions?limit=2".to_owned(), Vec::new());
    loop {
        let (_, page) = device.get(&path).await;
        seen.extend(page["versions"].as_array().unwrap().iter().map(|kept| kept["record"]["note"].clone()));
        if page["hasMore"] == false {
            break;
        }
        path = format!("/api/sync/sessions/s/versions?limit=2&before={}", page["next"].as_str().unwrap());
    }
    assert_eq!(seen, ["4", "3", "2", "1", "first"]);

    let (mut path, mut seen) = ("/api/sync/log?record=session/s&limit=2".to_owned(), Vec::new());
    loop {
        let (_, page) = device.get(&path).await;
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["op"].clone()));
        if page["hasMore"] == false {
            break;
        }
        path = format!("/api/sync/log?record=session/s&limit=2&since={}", page["next"].as_str().unwrap());
    }
    let ops: Vec<_> = versions.iter().map(|version| offer(version, &[])["op"].clone()).collect();
    assert_eq!(seen, ops);
    assert_eq!(device.log("session/s").await[0]["device"], device.account.device_id.as_str());
}
