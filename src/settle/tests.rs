//! What the room `settle` promises.

use super::*;
use crate::desk::{Desk, fields, session};
use crate::edit::Edit;
use crate::model::{Conflict, Kind, Strategy, Winner};
use crate::schedule::DAY;
use crate::stamp::{Replica, Stamp};
use crate::wire::{OpResult, Outcome};
use serde_json::{Value, json};

fn account(user: &str) -> Account {
    Account { user_id: user.into(), device_id: "d".into(), token: "t".into() }
}

fn theirs(desk: &Desk, ms: Millis, patch: Value) -> Record {
    let shadow = Key::session("a").to_string();
    let text = &desk.rows[&(Table::Body, shadow)];
    let base = crate::state::from_text(Kind::Session, text).unwrap();
    base.edit(Stamp::at(ms, 0, Replica(9)), &fields(patch), false)
}

fn page(records: &[Record]) -> Progress {
    let sessions = records.iter().map(|record| Value::Object(record.to_wire())).collect();
    let reply = PullReply { sessions, cursor: Some("c1".into()), ..PullReply::default() };
    Progress::Pulled { reply: Box::new(reply), sent_at: 0 }
}

fn synced() -> Desk {
    let mut desk = Desk::new(1);
    desk.round(Progress::Join(account("u"))).unwrap();
    desk.put("a", session(80)).unwrap();
    desk.confirm();
    desk
}

#[test]
fn a_confirmed_operation_leaves_and_its_content_is_the_servers_version() {
    let desk = synced();
    assert!(desk.ops().is_empty());
    let entry = &desk.state.index[&Key::session("a")];
    assert!(entry.cached && entry.version == Some(desk.seen("a").unwrap().version));
    assert!(!desk.rows.keys().any(|(_, key)| key.starts_with("op/")));
}

#[test]
fn an_operation_the_reply_does_not_name_stays() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    desk.put("b", session(90)).unwrap();
    let mut sent = desk.send();
    let unanswered = sent.pop().unwrap();
    desk.answered(sent, Outcome::Applied, &[]).unwrap();
    assert_eq!(desk.ops().iter().map(|op| op.id.clone()).collect::<Vec<_>>(), [unanswered.0]);
}

#[test]
fn a_rejected_operation_is_parked_with_the_reason_and_the_record_stays() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let sent = desk.send();
    desk.answered(sent, Outcome::Rejected, &[]).unwrap();
    let op = desk.ops().remove(0);
    assert!(op.parked() && op.code.as_deref() == Some("invalid"));
    assert_eq!(desk.seen("a").unwrap().fields["wpm"], json!(80));
    desk.edit(Edit::Retry { op: None }).unwrap();
    assert_eq!((desk.ops()[0].status, desk.ops()[0].attempts), (OpStatus::Pending, 0));
}

#[test]
fn a_pull_does_not_overwrite_a_pending_edit() {
    let mut desk = synced();
    desk.wall = 5_000_000;
    desk.patch("a", json!({"note": "mine"})).unwrap();
    let other = theirs(&desk, 2_000_000, json!({"note": "theirs"}));
    desk.round(page(std::slice::from_ref(&other))).unwrap();
    assert_eq!(desk.seen("a").unwrap().fields["note"], json!("mine"));
    assert_eq!(desk.state.index[&Key::session("a")].summary["note"], json!("mine"));
    assert_eq!(desk.state.index[&Key::session("a")].version, Some(other.version));
    assert_eq!(desk.state.head.cursor.as_deref(), Some("c1"));
}

#[test]
fn a_newer_version_from_the_server_is_seen_before_an_older_pending_edit() {
    let mut desk = synced();
    desk.patch("a", json!({"note": "mine"})).unwrap();
    let other = theirs(&desk, 9_000_000, json!({"note": "theirs"}));
    desk.round(page(&[other])).unwrap();
    assert_eq!(desk.seen("a").unwrap().fields["note"], json!("theirs"));
    // The edit that loses is still sent, so that it is kept in the inbox.
    assert_eq!(desk.ops().len(), 1);
}

#[test]
fn an_edit_of_a_winning_server_version_does_not_swallow_the_losing_one() {
    let mut desk = synced();
    desk.patch("a", json!({"note": "mine"})).unwrap();
    let other = theirs(&desk, 9_000_000, json!({"note": "theirs"}));
    desk.round(page(std::slice::from_ref(&other))).unwrap();
    desk.patch("a", json!({"tags": ["x"]})).unwrap();
    let ops = desk.ops();
    assert_eq!(ops.len(), 2);
    assert_eq!(desk.content(&ops[0]).fields["note"], json!("mine"));
    assert_eq!(
        (ops[1].base, desk.content(&ops[1]).fields["note"].clone()),
        (Some(other.version), json!("theirs"))
    );
    assert_eq!(desk.seen("a").unwrap().fields["tags"], json!(["x"]));
}

#[test]
fn with_the_manual_strategy_the_servers_version_is_seen_until_the_user_chooses() {
    let mut desk = synced();
    desk.rules.strategy = Strategy::Manual;
    desk.wall = 5_000_000;
    desk.patch("a", json!({"note": "mine"})).unwrap();
    desk.patch("a", json!({"note": "mine too"})).unwrap();
    assert_eq!(desk.seen("a").unwrap().fields["note"], json!("mine too"));
    let other = theirs(&desk, 2_000_000, json!({"note": "theirs"}));
    desk.round(page(&[other])).unwrap();
    assert_eq!(desk.seen("a").unwrap().fields["note"], json!("theirs"));
}

#[test]
fn an_edit_on_top_of_an_unconfirmed_one_is_seen_with_every_strategy() {
    let mut desk = synced();
    desk.rules.strategy = Strategy::Manual;
    desk.patch("a", json!({"note": "one"})).unwrap();
    desk.send();
    desk.patch("a", json!({"note": "two"})).unwrap();
    assert_eq!(desk.ops().len(), 2);
    assert_eq!(desk.seen("a").unwrap().fields["note"], json!("two"));
}

#[test]
fn a_version_stored_under_another_stamp_carries_the_edits_on_top_of_it() {
    let mut desk = Desk::new(1);
    desk.wall = 4_000_000_000_000;
    desk.put("a", session(80)).unwrap();
    let sent = desk.send();
    desk.patch("a", json!({"note": "later"})).unwrap();
    let clamped = Stamp::at(1_000_000, 0, Replica(1));
    let result = OpResult {
        op: Some(sent[0].0.clone()),
        id: "a".into(),
        outcome: Outcome::Applied,
        first: None,
        version: Some(clamped),
        code: None,
        error: None,
        clock_skew_ms: Some(3_999_999_000_000),
    };
    let current = Record { version: clamped, created: clamped, ..sent[0].1.clone() };
    let merged = [("a".to_owned(), Value::Object(current.to_wire()))].into();
    let reply =
        PushReply { results: vec![result], merged, server_now: Some(1_000_000), ..PushReply::default() };
    let sent_at = desk.wall;
    desk.round(Progress::Pushed { sent, reply: Box::new(reply), sent_at }).unwrap();
    assert_eq!(desk.ops()[0].base, Some(clamped));
    assert_eq!(desk.content(&desk.ops()[0]).base, Some(clamped));
    assert_eq!(desk.seen("a").unwrap().fields["note"], json!("later"));
    assert!(desk.state.head.clock.last.ms < 2_000_000, "the clock came back to the server's");
}

#[test]
fn no_round_begins_on_a_device_that_was_signed_out_meanwhile() {
    let mut desk = Desk::new(1);
    desk.state.head.signed_out = true;
    let error = desk.round(Progress::Begin).unwrap_err();
    assert_eq!((error.code(), desk.state.head.round), ("fenced", 0));
}

#[test]
fn a_round_that_slept_changes_nothing() {
    let mut desk = synced();
    let old = desk.state.head.round;
    desk.round(Progress::Begin).unwrap();
    let before = desk.rows.clone();
    let fenced = desk.round_of(Progress::Done, old).unwrap_err();
    assert_eq!(fenced.code(), "fenced");
    assert_eq!(desk.rows, before);
}

#[test]
fn a_conflict_is_shown_until_a_choice_settles_it() {
    let mut desk = synced();
    let local = theirs(&desk, 9_000_000, json!({"note": "theirs"}));
    let remote = desk.seen("a").unwrap();
    let conflict = Conflict {
        id: Conflict::id_of(&local.key, remote.version),
        key: local.key.clone(),
        fields: crate::model::different_fields(&local, &remote),
        local,
        remote,
        winner: Winner::Local,
        strategy: Strategy::LastWriteWins,
        detected_at: 5,
        resolved_by: None,
    };
    let told = |conflict: &Conflict| {
        let reply = PullReply { conflicts: vec![conflict.to_wire()], ..PullReply::default() };
        Progress::Pulled { reply: Box::new(reply), sent_at: 0 }
    };
    desk.round(told(&conflict)).unwrap();
    assert_eq!(desk.state.conflicts.len(), 1);
    let choice = crate::edit::Choice::Remote;
    desk.edit(Edit::Resolve { id: conflict.id.clone(), choice, fields: Default::default() }).unwrap();
    // The server says it again before it has heard of the choice.
    desk.round(told(&conflict)).unwrap();
    assert_eq!(desk.state.open_conflicts().count(), 0);
    let again = Edit::Resolve { id: conflict.id.clone(), choice, fields: Default::default() };
    assert_eq!(desk.edit(again.clone()).unwrap_err().code(), "notFound");
    // The user gives the choice up: the conflict waits again.
    let op = desk.ops()[0].id.clone();
    desk.edit(Edit::Discard { op }).unwrap();
    assert_eq!(desk.state.open_conflicts().count(), 1);
    desk.edit(again).unwrap();
    desk.confirm();
    assert!(desk.state.conflicts.is_empty());
}

#[test]
fn a_device_of_another_user_offers_everything_again() {
    let mut desk = synced();
    desk.round(Progress::Join(account("u"))).unwrap();
    assert!(desk.ops().is_empty());
    desk.round(Progress::Link(account("someone else"), Default::default())).unwrap();
    let ops = desk.ops();
    assert_eq!((ops.len(), ops[0].version), (1, desk.seen("a").unwrap().version));
    assert_eq!(desk.state.head.cursor, None);
}

#[test]
fn a_server_restored_from_a_backup_is_offered_everything_again() {
    let mut desk = synced();
    let reply = PullReply { resync: true, cursor: Some("fresh".into()), ..PullReply::default() };
    desk.round(Progress::Pulled { reply: Box::new(reply), sent_at: 0 }).unwrap();
    assert_eq!((desk.ops().len(), desk.state.head.cursor.as_deref()), (1, Some("fresh")));
}

#[test]
fn an_old_body_goes_only_when_nothing_needs_it() {
    let mut desk = Desk::new(1);
    desk.rules.options.cache_sessions = 2;
    desk.round(Progress::Join(account("u"))).unwrap();
    for id in ["1", "2", "3", "4", "5"] {
        let mut fields = session(80);
        fields.insert("timestamp".into(), json!(id.parse::<i64>().unwrap()));
        desk.put(id, fields).unwrap();
    }
    desk.confirm();
    desk.patch("1", json!({"note": "not sent yet"})).unwrap();
    desk.round(page(&[])).unwrap();
    let cached: Vec<_> =
        desk.state.index.iter().filter(|(_, entry)| entry.cached).map(|(key, _)| key.id.as_str()).collect();
    assert_eq!(cached, ["1", "4", "5"]);
    assert_eq!(desk.state.sessions().len(), 5);
    assert!(desk.seen("2").is_none() && desk.seen("1").is_some());
}

#[test]
fn without_a_server_no_body_goes() {
    let mut desk = Desk::new(1);
    desk.rules.options.cache_sessions = 0;
    desk.put("a", session(80)).unwrap();
    assert!(crate::cache::surplus(&desk.state, 0).is_empty());
    assert!(desk.seen("a").is_some());
}

#[test]
fn what_the_server_fails_for_thirty_days_is_parked_and_nothing_else() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let id = desk.ops()[0].id.clone();
    let error = LastError { code: "unreachable".into(), message: "status 500".into(), at: 0 };
    let fail = |desk: &mut Desk, answered| {
        let error = error.clone();
        desk.round(Progress::Failed { ops: vec![id.clone()], error, retry_at: 7, answered }).unwrap();
        desk.ops().remove(0)
    };
    for _ in 0..3 {
        desk.wall += 20 * DAY;
        assert!(!fail(&mut desk, false).parked(), "a missing network parks nothing");
    }
    assert_eq!(fail(&mut desk, true).failing_since, Some(desk.wall));
    desk.wall += 31 * DAY;
    let parked = fail(&mut desk, true);
    assert!(parked.parked() && parked.code.as_deref() == Some("expired"));
    assert_eq!(desk.seen("a").unwrap().fields["wpm"], json!(80));
    assert_eq!((desk.state.head.failures, desk.state.head.retry_at), (5, Some(7)));
}

#[test]
fn a_refused_token_parks_nothing_and_counts_no_attempt() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    desk.send();
    desk.round(Progress::AuthRequired).unwrap();
    let op = desk.ops().remove(0);
    assert!(desk.state.head.auth_required && !op.parked() && op.attempts == 0);
}

#[test]
fn a_reply_that_does_not_parse_changes_nothing() {
    let mut desk = synced();
    let reply =
        PullReply { sessions: vec![json!({"id": "x"})], cursor: Some("c9".into()), ..PullReply::default() };
    let before = desk.rows.clone();
    let error = desk.round(Progress::Pulled { reply: Box::new(reply), sent_at: 0 }).unwrap_err();
    assert_eq!(error.code(), "unreachable");
    assert_eq!(desk.rows, before);
}

#[test]
fn a_link_is_refused_while_a_session_is_only_in_the_old_cloud() {
    let mut desk = synced();
    desk.round(Progress::Join(account("u"))).unwrap();
    let key = Key::session("a");
    desk.state.index.get_mut(&key).unwrap().cached = false;
    let refused = desk.round(Progress::Link(account("someone else"), Default::default())).unwrap_err();
    assert_eq!(refused.code(), "notCached");
}

#[test]
fn a_record_that_is_offered_again_keeps_its_body() {
    let mut desk = synced();
    desk.round(Progress::Join(account("u"))).unwrap();
    desk.rules.options.cache_sessions = 0;
    let reply = PullReply { resync: true, cursor: Some("fresh".into()), ..PullReply::default() };
    desk.round(Progress::Pulled { reply: Box::new(reply), sent_at: 0 }).unwrap();
    assert_eq!(desk.ops().len(), 1);
    assert!(desk.state.index[&Key::session("a")].cached);
}

fn pushed_at(cursor: Option<&str>) -> Progress {
    let reply = PushReply { cursor: cursor.map(str::to_owned), ..PushReply::default() };
    Progress::Pushed { sent: Vec::new(), reply: Box::new(reply), sent_at: 0 }
}

fn pulled(more: bool) -> Progress {
    let reply = PullReply { has_more: more, cursor: Some("c1".into()), ..PullReply::default() };
    Progress::Pulled { reply: Box::new(reply), sent_at: 0 }
}

#[test]
fn the_commit_of_a_push_is_named_until_a_pull_has_reached_it() {
    let mut desk = synced();
    desk.round(pushed_at(Some("w1"))).unwrap();
    desk.round(pulled(true)).unwrap();
    assert_eq!(desk.state.head.witness.as_deref(), Some("w1"));
    desk.round(pulled(false)).unwrap();
    assert_eq!(desk.state.head.witness, None);
}

#[test]
fn a_server_that_went_back_does_not_replace_the_commit_it_has_forgotten() {
    let mut desk = synced();
    desk.round(pushed_at(Some("w1"))).unwrap();
    desk.round(pushed_at(None)).unwrap();
    assert_eq!(desk.state.head.witness.as_deref(), Some("w1"));
    desk.round(Progress::Link(account("someone else"), Default::default())).unwrap();
    assert_eq!(desk.state.head.witness, None, "another account knows nothing of it");
}

#[test]
fn an_answer_read_after_a_long_sleep_does_not_set_the_clock() {
    let mut desk = synced();
    let timeout = desk.rules.options.request_timeout_ms;
    let clock = desk.state.head.clock.clone();
    for (slept, set) in [(timeout + 1, false), (-1, false), (timeout, true)] {
        let sent_at = desk.wall - slept;
        let reply = PullReply { server_now: Some(sent_at - 500_000), ..PullReply::default() };
        desk.round(Progress::Pulled { reply: Box::new(reply), sent_at }).unwrap();
        assert_eq!(desk.state.head.clock != clock, set, "{slept} ms");
    }
}
