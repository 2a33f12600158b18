//! The judge's rules, one by one, as a device sees them.

use keyflow_sync::model::{Fields, Key, Record};
use keyflow_sync::wire::Outcome;
use serde_json::json;

use crate::clients::{edit, fields, offer, read, session, stamp};
use crate::cloud::{Cloud, START};

#[tokio::test]
async fn a_new_record_and_a_plain_edit_are_applied() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let first = session("s", stamp(START, 1));
    let second = edit(&first, stamp(START - 9_000, 1), json!({"note": "from a clock that runs behind"}));
    let reply = device.push(&[first.clone(), second.clone()]).await;
    let outcomes: Vec<_> = reply.results.iter().map(|result| (result.outcome, result.version)).collect();
    assert_eq!(outcomes, [(Outcome::Applied, Some(first.version)), (Outcome::Applied, Some(second.version))]);
    assert_eq!(reply.results[0].op.as_deref(), Some(format!("op-{}", first.version).as_str()));
    assert_eq!((reply.synced, reply.conflicts), (vec!["s".to_owned()], vec![]));
    let current = read(&reply.merged["s"]);
    assert_eq!(
        (current.version, current.base, &current.fields),
        (second.version, second.base, &second.fields)
    );
    assert_eq!(reply.merged["s"]["userId"], device.account.user_id.as_str());
    assert_eq!((reply.server_timestamp, reply.server_now), (START + 1, Some(START)));
    cloud.check().await;
}

#[tokio::test]
async fn a_version_pushed_again_after_a_lost_reply_changes_nothing() {
    let cloud = Cloud::start().await;
    let (one, two) = (cloud.device().await, stamp(START, 2));
    let (mine, other) = (session("s", stamp(START, 1)), session("s", two));
    let other = edit(&other, two, json!({"note": "other"}));
    one.push(std::slice::from_ref(&mine)).await;
    let lost = one.push(std::slice::from_ref(&other)).await;
    assert_eq!(lost.results[0].outcome, Outcome::Conflict);
    let before = one.pull("0", 100).await;
    let again = one.push(&[other.clone(), mine.clone()]).await;
    let told: Vec<_> =
        again.results.iter().map(|result| (result.outcome, result.first, result.version)).collect();
    assert_eq!(
        told,
        [
            (Outcome::Duplicate, Some(Outcome::Conflict), Some(other.version)),
            (Outcome::Duplicate, Some(Outcome::Applied), Some(mine.version)),
        ]
    );
    assert_eq!((again.merged, again.server_timestamp), (lost.merged, lost.server_timestamp));
    let after = one.pull("0", 100).await;
    assert_eq!((after.sessions, after.conflicts), (before.sessions, before.conflicts));
    let log = one.log("s").await;
    let of =
        |outcome: &str| log.iter().filter(|row| row["outcome"] == outcome && row["wrote"] != "inbox").count();
    assert_eq!((of("applied"), of("conflict"), of("duplicate")), (1, 1, 2));
    cloud.check().await;
}

#[tokio::test]
async fn other_content_under_a_known_version_is_refused_and_the_kept_one_stays() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let first = session("s", stamp(START, 1));
    device.push(std::slice::from_ref(&first)).await;
    let mut forged = first.clone();
    forged.fields.insert("wpm".into(), json!(300));
    let reply = device.push(&[forged, session("t", stamp(START, 1))]).await;
    assert_eq!(reply.results[0].outcome, Outcome::Rejected);
    assert_eq!(reply.results[0].code.as_deref(), Some("versionReused"));
    assert_eq!((reply.results[1].outcome, reply.synced), (Outcome::Applied, vec!["t".to_owned()]));
    assert!(!reply.merged.contains_key("s"));
    assert_eq!(read(&device.get("/api/sync/sessions/s").await.1), first);
    cloud.check().await;
}

/// One row per policy: strategy, is the incoming edit the later one, what each side changed; what the device is told,
/// whether there is an entry in the inbox, and the note and tags that are current afterwards.
#[tokio::test]
async fn every_strategy_keeps_its_promise() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let (note_a, note_b, tags) = (json!({"note": "a"}), json!({"note": "b"}), json!({"tags": ["x"]}));
    let rows = [
        ("lastWriteWins", true, &note_a, &note_b, Outcome::Conflict, true, "a", json!(null)),
        ("lastWriteWins", false, &note_a, &note_b, Outcome::Conflict, true, "b", json!(null)),
        ("lastWriteWins", true, &note_a, &note_a, Outcome::Applied, false, "a", json!(null)),
        ("lastWriteWins", false, &note_a, &note_a, Outcome::Merged, false, "a", json!(null)),
        ("lastWriteWins", true, &note_a, &tags, Outcome::Conflict, true, "a", json!(null)),
        ("manual", true, &note_a, &note_b, Outcome::Conflict, true, "b", json!(null)),
        ("manual", false, &note_a, &note_b, Outcome::Conflict, true, "b", json!(null)),
        ("fieldLevel", true, &note_a, &tags, Outcome::Merged, false, "a", json!(["x"])),
        ("fieldLevel", true, &note_a, &note_b, Outcome::Merged, true, "a", json!(null)),
        ("fieldLevel", false, &note_a, &note_b, Outcome::Merged, true, "b", json!(null)),
    ];
    for (number, (strategy, later, mine, theirs, outcome, in_inbox, note, tags)) in
        rows.into_iter().enumerate()
    {
        let id = format!("s{number}");
        let first = session(&id, stamp(START, 1));
        let stored = edit(&first, stamp(START + 20, 2), theirs.clone());
        let incoming = edit(&first, stamp(START + if later { 30 } else { 10 }, 3), mine.clone());
        device.push(&[first, stored.clone()]).await;
        let reply = device.push_with(strategy, std::slice::from_ref(&incoming)).await;
        let what = format!("row {number}: {strategy}, later: {later}");
        assert_eq!(reply.results[0].outcome, outcome, "{what}");
        assert_eq!(reply.conflicts.len(), usize::from(in_inbox), "{what}");
        assert_eq!(reply.synced.is_empty(), in_inbox, "{what}");
        let current = &reply.merged[&id];
        assert_eq!((&current["note"], &current["tags"]), (&json!(note), &tags), "{what}");
        if in_inbox {
            let conflict = &reply.conflicts[0];
            assert_eq!(
                (read(&conflict["local"]), read(&conflict["remote"])),
                (incoming.clone(), stored),
                "{what}"
            );
        }
        let (_, kept) = device.get(&format!("/api/sync/sessions/{id}/versions")).await;
        let kept = kept["versions"].as_array().unwrap().iter();
        assert!(
            kept.clone().any(|version| read(&version["record"]) == incoming),
            "{what}: the loser is kept"
        );
    }
    cloud.check().await;
}

#[tokio::test]
async fn a_delete_against_a_concurrent_edit_is_a_conflict_and_the_later_one_stands() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let first = session("s", stamp(START, 1));
    let gone = first.edit(stamp(START + 10, 1), &Fields::new(), true);
    device.push(&[first.clone(), gone.clone()]).await;
    let reply = device.push(&[edit(&first, stamp(START + 5, 2), json!({"note": "x"}))]).await;
    assert_eq!(reply.results[0].outcome, Outcome::Conflict);
    assert_eq!(reply.merged["s"]["deleted"], true);
    assert_eq!(reply.conflicts[0]["conflictFields"], json!(["deleted", "lastModified", "note"]));
    let page = device.pull("0", 100).await;
    assert_eq!((page.sessions.len(), &page.sessions[0]["deleted"]), (1, &json!(true)));
    assert_eq!(page.progress.total_sessions, 0);
    cloud.check().await;
}

#[tokio::test]
async fn a_stamp_from_the_future_is_brought_back_and_never_wins_twice() {
    let cloud = Cloud::start().await;
    let (ahead, behind) = (4_000_000_000_000, 1_000);
    let device = cloud.device().await;
    let first = session("s", stamp(ahead, 1));
    let reply = device.push(std::slice::from_ref(&first)).await;
    let result = &reply.results[0];
    assert_eq!((result.outcome, result.clock_skew_ms), (Outcome::Applied, Some(ahead - START)));
    let clamped = result.version.unwrap();
    assert_eq!(clamped, stamp(reply.server_timestamp, 1));
    assert_eq!(read(&reply.merged["s"]).created, clamped);

    // The device does not know yet, and edits on top of the stamp it gave itself: still a plain edit.
    let second = edit(&first, stamp(ahead + behind, 1), json!({"note": "second"}));
    let reply = device.push(std::slice::from_ref(&second)).await;
    assert_eq!((reply.results[0].outcome, &reply.conflicts), (Outcome::Applied, &vec![]));
    // Both names of a clamped version are known afterwards.
    let again = device.push(&[second.clone(), Record { version: clamped, ..first.clone() }]).await;
    let outcomes: Vec<_> = again.results.iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes, [Outcome::Duplicate, Outcome::Duplicate]);

    let now = cloud.pass(5_000);
    let other = edit(&first, stamp(now, 2), json!({"note": "an honest clock, later"}));
    let reply = device.push(&[other]).await;
    assert_eq!(reply.merged["s"]["note"], "an honest clock, later");
    let barely = session("t", stamp(now + 60_000, 1));
    let reply = device.push(std::slice::from_ref(&barely)).await;
    assert_eq!((reply.results[0].clock_skew_ms, reply.results[0].version), (None, Some(barely.version)));
    cloud.check().await;
}

#[tokio::test]
async fn two_users_with_the_same_ids_never_meet() {
    let cloud = Cloud::start().await;
    let (one, two) = (cloud.device().await, cloud.device().await);
    let mine = session("same", stamp(START, 1));
    let yours = edit(&session("same", stamp(START, 1)), stamp(START + 1, 1), json!({"note": "yours"}));
    one.push(std::slice::from_ref(&mine)).await;
    assert_eq!(two.get("/api/sync/sessions/same").await.0, 404);
    assert_eq!(two.get("/api/sync/sessions/same/versions").await.0, 404);
    assert_eq!(two.pull("0", 10).await.sessions.len(), 0);
    assert!(two.log("same").await.is_empty());
    let reply = two.push(std::slice::from_ref(&yours)).await;
    assert_eq!((reply.results[0].outcome, reply.conflicts.len()), (Outcome::Applied, 0));
    assert_eq!(read(&one.get("/api/sync/sessions/same").await.1), mine);
    assert_eq!(read(&two.get("/api/sync/sessions/same").await.1), yours);
    // An entry of someone else's inbox cannot be settled either.
    let lost = edit(&mine, stamp(START - 5, 9), json!({"note": "lost"}));
    one.push(&[edit(&mine, stamp(START + 7, 1), json!({"note": "won"})), lost]).await;
    let conflict = one.pull("0", 10).await.conflicts[0]["id"].as_str().unwrap().to_owned();
    let next = edit(&yours, stamp(START + 9, 1), json!({"note": "settle"}));
    two.push_body("/api/sync/sessions", json!({"sessions": [offer(&next, &[&conflict])]})).await;
    assert_eq!(one.pull("0", 10).await.conflicts[0]["resolvedBy"], json!(null));
    cloud.check().await;
}

#[tokio::test]
async fn totals_follow_every_kind_of_change_exactly() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let with = |id: &str, patch| {
        let record = session(id, stamp(START, 1));
        let mut fields = record.fields.clone();
        fields.extend(crate::clients::fields(patch));
        Record { fields, ..record }
    };
    let records = [
        with("a", json!({"wpm": 80.25})),
        with("b", json!({"wpm": 91.1})),
        with("c", json!({"wpm": 70.0})),
        with("invalid", json!({"wpm": 300, "data": {"valid": false}})),
        with("excluded", json!({"wpm": 300, "excludedFromStats": true})),
    ];
    device.push(&records).await;
    let bare = json!({"id": "bare", "timestamp": 5, "lastModified": 5});
    device.push_body("/api/sync/sessions", json!({"sessions": [bare]})).await;
    let totals = device.pull("0", 1).await.progress;
    assert_eq!((totals.average_wpm, totals.total_sessions), (80.45, 3));
    let gone = records[1].edit(stamp(START + 1, 1), &Fields::new(), true);
    let back = edit(&records[4], stamp(START + 1, 1), json!({"excludedFromStats": false}));
    let reply = device.push(&[gone, back]).await;
    let totals = device.pull("0", 1).await.progress;
    assert_eq!((totals.average_wpm, totals.total_sessions), (150.08, 3));
    assert_eq!(totals.last_modified, reply.server_timestamp);
    let reply = device.push(&[edit(&records[0], stamp(START + 2, 1), json!({"note": "no number"}))]).await;
    assert!(device.pull("0", 1).await.progress.last_modified < reply.server_timestamp);
    cloud.check().await;
}

#[tokio::test]
async fn practice_counters_go_by_their_amount_and_settings_merge_by_key() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let key = Key::progress(keyflow_sync::stamp::Replica(1), "2024-01-01");
    let counter =
        |ms, practice: i64| Record::new(key.clone(), stamp(ms, 1), fields(json!({"practiceMs": practice})));
    let later = Record::new(
        Key::progress(keyflow_sync::stamp::Replica(2), "2024-01-01"),
        stamp(START, 2),
        fields(json!({"practiceMs": 50})),
    );
    let offers: Vec<_> =
        [counter(START, 900), counter(START + 5, 700), later].iter().map(|r| offer(r, &[])).collect();
    let reply = device.push_body("/api/sync/progress", json!({"progress": offers})).await;
    assert_eq!((reply.conflicts.len(), &reply.merged[&key.id]["practiceMs"]), (0, &json!(900)));
    let page = device.pull("0", 10).await;
    assert_eq!((page.progress.practice_ms, page.progress.records.len()), (950, 2));

    let first =
        Record::new(Key::settings(), stamp(START, 1), fields(json!({"theme": "dark", "sound": false})));
    let sound = edit(&first, stamp(START + 1, 1), json!({"sound": true}));
    let theme = edit(&first, stamp(START + 2, 2), json!({"theme": "light"}));
    let offers: Vec<_> = [first, sound, theme].iter().map(|r| offer(r, &[])).collect();
    let reply = device.push_body("/api/sync/settings", json!({"settings": offers})).await;
    assert_eq!(reply.results[2].outcome, Outcome::Merged);
    let settings = &device.pull("0", 10).await.settings;
    assert_eq!(
        (settings.len(), &settings[0]["theme"], &settings[0]["sound"]),
        (1, &json!("light"), &json!(true))
    );
    assert_eq!(reply.synced, ["settings"]);
    cloud.check().await;
}

#[tokio::test]
async fn a_version_that_arrives_after_one_made_on_top_of_it_is_history() {
    let cloud = Cloud::start().await;
    let device = cloud.device().await;
    let first = session("s", stamp(START, 1));
    let second = edit(&first, stamp(START + 1, 1), json!({"note": "second"}));
    let third = edit(&second, stamp(START + 2, 1), json!({"note": "third"}));
    device.push(&[first.clone(), third.clone()]).await;
    let late = device.push(std::slice::from_ref(&second)).await;
    assert_eq!(late.results[0].outcome, Outcome::Merged);
    assert_eq!(read(&late.merged["s"]).version, third.version);
    assert_eq!(late.conflicts, Vec::<serde_json::Value>::new());
    let again = device.push(std::slice::from_ref(&second)).await;
    assert_eq!(again.results[0].outcome, Outcome::Duplicate, "it is kept");
    cloud.check().await;
}
