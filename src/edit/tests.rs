//! What the room `edit` promises.

use super::*;
use crate::desk::{Desk, session};
use crate::model::Winner;
use crate::wire::Outcome;

#[test]
fn a_saved_session_is_stored_and_queued_in_one_change() {
    let mut desk = Desk::new(1);
    assert_eq!(desk.put("a", session(80)), Ok(true));
    assert_eq!(desk.state.head.generation, 1);
    let ops = desk.ops();
    assert_eq!((ops.len(), desk.content(&ops[0]).fields["wpm"].clone()), (1, json!(80)));
    assert_eq!(desk.seen("a").unwrap().version, ops[0].version);
}

#[test]
fn saving_what_is_there_already_changes_nothing() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    assert_eq!(desk.put("a", session(80)), Ok(false));
    assert_eq!(desk.state.head.generation, 1);
}

#[test]
fn an_invalid_session_changes_nothing() {
    let mut desk = Desk::new(1);
    let error = desk.put("a", Fields::new()).unwrap_err();
    assert_eq!(error, FieldError::new("timestamp", "is missing").into());
    assert!(desk.rows.is_empty());
}

#[test]
fn edits_before_the_first_sending_become_one_operation() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    desk.patch("a", json!({"note": "x"})).unwrap();
    desk.patch("a", json!({"note": "y"})).unwrap();
    let ops = desk.ops();
    assert_eq!((ops.len(), ops[0].base), (1, None));
    assert_eq!(desk.content(&ops[0]).fields["note"], json!("y"));
}

#[test]
fn an_edit_made_during_its_upload_stays_queued() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let sent = desk.send();
    desk.patch("a", json!({"note": "meanwhile"})).unwrap();
    assert_eq!(desk.ops().len(), 2);
    desk.answered(sent.clone(), Outcome::Applied, &[]).unwrap();
    let left = desk.ops();
    assert_eq!((left.len(), left[0].base), (1, Some(sent[0].1.version)));
    assert_eq!(desk.seen("a").unwrap().fields["note"], json!("meanwhile"));
}

#[test]
fn a_removed_session_stays_as_a_tombstone_and_can_be_restored() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    desk.confirm();
    assert_eq!(desk.edit(Edit::Remove { key: Key::session("a") }), Ok(true));
    assert_eq!(desk.edit(Edit::Remove { key: Key::session("a") }), Ok(false));
    assert!(desk.state.sessions().is_empty() && desk.seen("a").unwrap().deleted);
    desk.edit(Edit::Restore { key: Key::session("a"), fields: Fields::new() }).unwrap();
    assert_eq!(desk.seen("a").unwrap().fields["wpm"], json!(80));
    assert_eq!(desk.state.sessions().len(), 1);
}

#[test]
fn a_patch_of_a_name_the_core_owns_is_refused() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    for name in RESERVED {
        assert!(
            matches!(desk.patch("a", json!({name: 1})), Err(Error::Invalid(error)) if error.field == name)
        );
    }
}

#[test]
fn an_unknown_session_is_not_found() {
    let mut desk = Desk::new(1);
    assert!(matches!(desk.patch("a", json!({"note": "x"})), Err(Error::NotFound(_))));
    assert!(matches!(desk.edit(Edit::Remove { key: Key::session("a") }), Err(Error::NotFound(_))));
    assert!(matches!(desk.edit(Edit::Discard { op: "x".into() }), Err(Error::NotFound(_))));
    assert!(matches!(desk.edit(Edit::Retry { op: Some("x".into()) }), Err(Error::NotFound(_))));
}

#[test]
fn discarding_the_only_edit_of_a_record_takes_it_back() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let op = desk.ops().remove(0).id;
    desk.edit(Edit::Discard { op }).unwrap();
    assert!(desk.seen("a").is_none() && desk.state.index.is_empty());
    assert!(desk.rows.keys().any(|(table, _)| *table == Table::Log));
}

#[test]
fn discarding_a_later_edit_goes_back_to_what_the_server_has() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    desk.confirm();
    desk.patch("a", json!({"note": "x"})).unwrap();
    let op = desk.ops().remove(0).id;
    desk.edit(Edit::Discard { op }).unwrap();
    assert!(!desk.seen("a").unwrap().fields.contains_key("note"));
}

#[test]
fn operations_sort_by_age_even_when_the_clock_goes_back() {
    let mut desk = Desk::new(1);
    for (index, wall) in [9_000, 9_000, 4_000, 1].into_iter().enumerate() {
        desk.wall = wall;
        desk.state.head.clock.last = crate::stamp::Stamp::ZERO;
        desk.put(&index.to_string(), session(80)).unwrap();
    }
    let order: Vec<_> = desk.ops().into_iter().map(|op| op.record).collect();
    assert_eq!(order, ["session/0", "session/1", "session/2", "session/3"]);
}

fn two_versions() -> (Desk, Record, Record) {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let first = desk.seen("a").unwrap();
    let theirs =
        first.edit(crate::stamp::Stamp::at(2_000_000, 0, crate::stamp::Replica(2)), &session(120), false);
    (desk, first, Record { base: None, ..theirs })
}

#[test]
fn importing_twice_changes_nothing_the_second_time() {
    let (mut desk, _, theirs) = two_versions();
    assert_eq!(desk.edit(Edit::Import { record: theirs.clone() }), Ok(true));
    assert_eq!(desk.edit(Edit::Import { record: theirs }), Ok(false));
}

#[test]
fn an_import_that_differs_keeps_both_sides() {
    let (mut desk, first, theirs) = two_versions();
    desk.edit(Edit::Import { record: theirs }).unwrap();
    assert_eq!(desk.seen("a").unwrap().fields["wpm"], json!(120));
    let conflict = desk.state.conflicts.values().next().unwrap().clone();
    assert_eq!((conflict.remote.version, conflict.winner), (first.version, Winner::Local));
    desk.edit(Edit::Resolve { id: conflict.id, choice: Choice::Remote, fields: BTreeMap::new() }).unwrap();
    assert_eq!(desk.seen("a").unwrap().fields["wpm"], json!(80));
    assert_eq!(desk.state.open_conflicts().count(), 0);
}

#[test]
fn an_import_of_what_was_made_on_top_is_no_conflict() {
    let (mut desk, first, theirs) = two_versions();
    let theirs = Record { base: Some(first.version), ..theirs };
    desk.edit(Edit::Import { record: theirs.clone() }).unwrap();
    assert_eq!((desk.seen("a").unwrap().version, desk.state.conflicts.len()), (theirs.version, 0));
}

#[test]
fn the_side_that_lost_to_an_import_is_sent_too() {
    let (mut desk, first, theirs) = two_versions();
    desk.edit(Edit::Import { record: theirs }).unwrap();
    let ops = desk.ops();
    assert_eq!((ops.len(), ops[0].version, ops[1].base), (2, first.version, Some(first.version)));
}

#[test]
fn importing_settings_and_counters_merges_them() {
    let mut desk = Desk::new(1);
    let set = |fields| Edit::Patch { key: Key::settings(), fields };
    desk.edit(set(crate::desk::fields(json!({"theme": "dark", "font": 3})))).unwrap();
    desk.edit(Edit::Practise { day: "2024-02-29".into(), ms: 900 }).unwrap();
    let later = crate::stamp::Stamp::at(2_000_000, 0, crate::stamp::Replica(2));
    let settings = Record::new(Key::settings(), later, crate::desk::fields(json!({"theme": "light"})));
    let counter = Key::progress(crate::stamp::Replica(1), "2024-02-29");
    let smaller = Record::new(counter.clone(), later, crate::desk::fields(json!({"practiceMs": 800})));
    assert_eq!(desk.edit(Edit::Import { record: settings }), Ok(true));
    assert_eq!(desk.edit(Edit::Import { record: smaller }), Ok(false));
    let ops = desk.ops();
    assert_eq!(desk.content(&ops[0]).fields, crate::desk::fields(json!({"theme": "light", "font": 3})));
    assert_eq!(desk.state.index[&counter].summary[PRACTICE], json!(900));
    assert!(desk.state.conflicts.is_empty());
}

#[test]
fn an_edit_after_an_export_is_a_version_of_its_own() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    assert_eq!(desk.edit(Edit::Expose), Ok(true));
    assert_eq!(desk.edit(Edit::Expose), Ok(false));
    desk.patch("a", json!({"note": "later"})).unwrap();
    let ops = desk.ops();
    assert_eq!((ops.len(), ops[1].base), (2, Some(ops[0].version)));
}

#[test]
fn a_choice_by_field_takes_a_whole_attempt_or_none_of_it() {
    let (mut desk, _, theirs) = two_versions();
    desk.patch("a", json!({"note": "mine"})).unwrap();
    desk.edit(Edit::Import { record: theirs }).unwrap();
    let id = desk.state.conflicts.keys().next().unwrap().clone();
    let sides = BTreeMap::from([("wpm".to_owned(), Choice::Local), ("note".to_owned(), Choice::Remote)]);
    desk.edit(Edit::Resolve { id: id.clone(), choice: Choice::Merge, fields: sides }).unwrap();
    let seen = desk.seen("a").unwrap();
    assert_eq!((&seen.fields["wpm"], &seen.fields["note"]), (&json!(120), &json!("mine")));
    assert_eq!(desk.ops().last().unwrap().resolves, [id]);
}

#[test]
fn the_first_setting_makes_the_document() {
    let mut desk = Desk::new(1);
    let set = |fields| Edit::Patch { key: Key::settings(), fields };
    desk.edit(set(crate::desk::fields(json!({"theme": "dark", "sound": null})))).unwrap();
    desk.edit(set(crate::desk::fields(json!({"theme": null, "font": 3})))).unwrap();
    let ops = desk.ops();
    assert_eq!(desk.content(&ops[0]).fields, crate::desk::fields(json!({"font": 3})));
}

#[test]
fn practice_that_left_no_session_is_summed_by_day() {
    let mut desk = Desk::new(1);
    let practise = |ms| Edit::Practise { day: "2024-02-29".into(), ms };
    assert_eq!(desk.edit(practise(0)), Ok(false));
    assert_eq!(desk.edit(practise(1_500)), Ok(true));
    assert_eq!(desk.edit(practise(500)), Ok(true));
    let ops = desk.ops();
    let waiting = desk.content(&ops[0]);
    assert_eq!((ops.len(), waiting.key.id.as_str()), (1, "0000000000000001:2024-02-29"));
    assert_eq!(waiting.fields[PRACTICE], json!(2_000));
    let sum = desk.state.index[&waiting.key].summary[PRACTICE].clone();
    assert_eq!(sum, json!(2_000));
}

#[test]
fn an_edit_behind_one_given_up_names_what_the_server_knows() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let sent = desk.send();
    desk.answered(sent, Outcome::Applied, &[]).unwrap();
    let known = desk.seen("a").unwrap().version;
    desk.patch("a", json!({"note": "one"})).unwrap();
    desk.patch("a", json!({"wpm": 3})).unwrap();
    let import = Record { base: None, ..desk.seen("a").unwrap() };
    let import =
        import.edit(crate::stamp::Stamp::at(9_000_000, 0, crate::stamp::Replica(2)), &session(1), false);
    desk.edit(Edit::Import { record: Record { base: None, ..import } }).unwrap();
    let ops = desk.ops();
    assert_eq!((ops.len(), ops[1].base), (2, Some(ops[0].version)));
    desk.edit(Edit::Discard { op: ops[0].id.clone() }).unwrap();
    let ops = desk.ops();
    assert_eq!((ops.len(), ops[0].base, desk.content(&ops[0]).base), (1, Some(known), Some(known)));
}
