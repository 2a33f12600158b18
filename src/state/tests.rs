//! What the room `state` promises.

use super::rows::REMEMBERED;
use super::*;
use crate::desk::{Desk, fields, session};
use crate::edit::Edit;
use crate::entry::SUMMARY_TEXT;
use serde_json::json;

fn stored(desk: &Desk) -> Vec<Row> {
    let rows = desk.rows.iter().filter(|((table, _), _)| Table::LOADED.contains(table));
    rows.map(|((table, key), value)| Row { table: *table, key: key.clone(), value: Some(value.clone()) })
        .collect()
}

fn head_of(desk: &Desk) -> &str {
    &desk.rows[&(Table::Meta, HEAD.to_owned())]
}

#[test]
fn a_row_that_cannot_be_read_comes_back_and_the_others_are_used() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    desk.put("b", session(90)).unwrap();
    for table in [Table::Index, Table::Op, Table::Conflict, Table::Meta] {
        let mut rows = stored(&desk);
        rows.push(Row { table: Table::Conflict, key: "x".into(), value: Some("{}".into()) });
        rows.retain(|row| row.table != Table::Conflict || table == Table::Conflict);
        let victim = rows.iter_mut().find(|row| row.table == table).unwrap();
        victim.value = Some("{\"torn".into());
        let torn = victim.clone();
        let (state, damaged) = State::from_rows(rows, Replica(7)).unwrap();
        assert_eq!(damaged, [torn]);
        assert!(state.index.len() + state.queue.len() >= 3);
    }
}

#[test]
fn a_store_of_a_newer_format_is_left_alone() {
    let row = Row { table: Table::Meta, key: HEAD.into(), value: Some("{\"format\":2,\"other\":[]}".into()) };
    assert_eq!(State::from_rows(vec![row], Replica(1)).unwrap_err(), StoreError::Newer(2));
}

#[test]
fn another_tab_reads_only_what_changed() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let mut other = State::from_rows(stored(&desk), Replica(0)).unwrap().0;
    desk.put("b", session(90)).unwrap();
    assert!(!other.stands_on(Some(head_of(&desk))));
    let missed = other.missed(Some(head_of(&desk))).unwrap();
    assert_eq!(missed.len(), 3, "the head, the entry and the operation: {missed:?}");
    let rows: Vec<Row> = missed
        .into_iter()
        .map(|(table, key)| Row { value: desk.rows.get(&(table, key.clone())).cloned(), table, key })
        .collect();
    assert_eq!(other.take_rows(&rows), Ok(true));
    assert!(other.stands_on(Some(head_of(&desk))));
    assert_eq!((other.index, other.queue), (desk.state.index.clone(), desk.state.queue.clone()));
}

#[test]
fn a_tab_that_missed_too_much_reads_everything() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let other = State::from_rows(stored(&desk), Replica(0)).unwrap().0;
    for n in 0..=REMEMBERED {
        desk.put(&n.to_string(), session(80)).unwrap();
    }
    assert_eq!(other.missed(Some(head_of(&desk))), None);
    assert_eq!(other.missed(None), None);
}

#[test]
fn a_change_of_many_rows_makes_other_tabs_read_everything() {
    let mut desk = Desk::new(1);
    desk.put("a", session(80)).unwrap();
    let other = State::from_rows(stored(&desk), Replica(0)).unwrap().0;
    for n in 0..REMEMBERED {
        desk.put(&n.to_string(), session(80)).unwrap();
        let sent = desk.send();
        desk.answered(sent, crate::wire::Outcome::Applied, &[]).unwrap();
    }
    assert_eq!(other.missed(Some(head_of(&desk))), None);
}

#[test]
fn every_commit_has_a_head_that_no_other_ever_had() {
    let mut seen = std::collections::BTreeSet::new();
    let mut desk = Desk::new(1);
    for n in 0..50 {
        desk.edit(Edit::Draft { id: "d".into(), text: Some(n.to_string()) }).unwrap();
        assert!(seen.insert(head_of(&desk).to_owned()));
    }
}

#[test]
fn a_summary_holds_what_a_list_shows_and_cuts_long_texts_only_there() {
    let mut desk = Desk::new(1);
    let mut long = session(80);
    long.insert("note".into(), json!("n".repeat(500)));
    long.insert("data".into(), json!({"durationMs": 1000, "valid": true, "perSecond": [1, 2, 3]}));
    desk.put("a", long.clone()).unwrap();
    let summary = &desk.state.index[&Key::session("a")].summary;
    assert_eq!((&summary["durationMs"], &summary["wpm"]), (&json!(1000), &json!(80)));
    assert!(!summary.contains_key("perSecond"));
    assert_eq!(summary["note"].as_str().unwrap().len(), SUMMARY_TEXT);
    assert_eq!(desk.seen("a").unwrap().fields["note"], long["note"]);
}

#[test]
fn sessions_are_listed_by_their_start_the_newest_first() {
    let mut desk = Desk::new(1);
    for (id, start) in [("b", 5), ("a", 5), ("c", 9), ("d", 1)] {
        desk.put(id, fields(json!({"timestamp": start}))).unwrap();
    }
    let order: Vec<_> = desk.state.sessions().into_iter().map(|(key, _)| key.id.as_str()).collect();
    assert_eq!(order, ["c", "b", "a", "d"]);
}

#[test]
fn a_record_in_the_store_that_is_none_is_damage_and_not_an_empty_record() {
    for text in ["", "{", "[]", "{\"id\":\"a\"}"] {
        assert!(matches!(from_text(Kind::Session, text), Err(StoreError::Damaged(_))), "{text}");
    }
}
