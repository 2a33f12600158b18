//! What the room `merge` promises.

use super::*;
use crate::model::Key;

use serde_json::json;

fn at(ms: i64, replica: u64) -> Stamp {
    Stamp::at(ms, 0, Replica(replica))
}

fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

fn first() -> Record {
    let session =
        json!({"text": "abc", "wpm": 80, "accuracy": 95, "timestamp": 1, "note": "", "data": {"d": 1}});
    Record::new(Key::session("s"), at(10, 1), fields(session))
}

fn edit(base: &Record, version: Stamp, patch: Value) -> Record {
    base.edit(version, &fields(patch), base.deleted)
}

/// One row per policy: two concurrent edits of the same session, who wins, and whether it is a conflict.
#[test]
fn every_strategy_keeps_its_promise() {
    use Strategy::{FieldLevel, LastWriteWins, Manual};
    let note = |ms, replica, text: &str| edit(&first(), at(ms, replica), json!({"note": text}));
    let tags = edit(&first(), at(30, 3), json!({"tags": ["x"]}));
    let gone = first().edit(at(40, 4), &Fields::new(), true);
    let table = [
        (LastWriteWins, note(20, 2, "a"), note(30, 3, "b"), Winner::Remote, true),
        (LastWriteWins, note(30, 3, "b"), note(20, 2, "a"), Winner::Local, true),
        (LastWriteWins, note(20, 3, "b"), note(20, 2, "a"), Winner::Local, true),
        (LastWriteWins, note(20, 3, "a"), note(20, 2, "a"), Winner::Local, false),
        (LastWriteWins, gone.clone(), note(50, 2, "a"), Winner::Remote, true),
        (Manual, note(30, 3, "b"), note(20, 2, "a"), Winner::Remote, true),
        (FieldLevel, note(20, 2, "a"), tags.clone(), Winner::Merged, false),
        (FieldLevel, note(20, 2, "a"), note(30, 3, "b"), Winner::Remote, true),
        (FieldLevel, gone.clone(), note(30, 3, "b"), Winner::Merged, true),
    ];
    for (strategy, incoming, stored, expected, conflicts) in table {
        match decide(&incoming, &stored, Some(&first()), strategy) {
            Verdict::Concurrent { winner, conflict, .. } => {
                assert_eq!((winner, conflict), (expected, conflicts), "{strategy:?} {incoming:?} {stored:?}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_plain_edit_is_no_conflict_whatever_the_clocks_say() {
    let edit = edit(&first(), at(2, 2), json!({"note": "from a slow clock"}));
    assert_eq!(decide(&edit, &first(), None, Strategy::LastWriteWins), Verdict::FastForward);
}

#[test]
fn the_same_version_again_is_the_same() {
    assert_eq!(decide(&first(), &first(), None, Strategy::Manual), Verdict::Same);
}

#[test]
fn a_merge_is_newer_than_both_sides() {
    let (a, b) =
        (edit(&first(), at(20, 2), json!({"note": "a"})), edit(&first(), at(30, 3), json!({"tags": ["x"]})));
    let Verdict::Concurrent { current, winner, .. } = decide(&a, &b, Some(&first()), Strategy::FieldLevel)
    else {
        panic!("not concurrent")
    };
    assert!(current.version > a.version && current.version > b.version);
    assert!(![a.version.replica, b.version.replica].contains(&current.version.replica));
    assert_eq!((current.fields["note"].clone(), current.fields["tags"].clone()), (json!("a"), json!(["x"])));
    assert_eq!(loser(&a, &b, winner), a.version);
}

#[test]
fn metrics_of_two_attempts_never_mix() {
    let a = edit(&first(), at(20, 2), json!({"wpm": 100, "accuracy": 50, "data": {"d": 2}}));
    let b = edit(&first(), at(30, 3), json!({"wpm": 60}));
    let joined = join(&a, &b);
    assert_eq!(
        (&joined.fields["wpm"], &joined.fields["accuracy"], &joined.fields["data"]),
        (&json!(60), &json!(95), &json!({"d": 1}))
    );
}

#[test]
fn an_edit_newer_than_a_deletion_brings_the_record_back() {
    let gone = first().edit(at(20, 2), &Fields::new(), true);
    let older = edit(&first(), at(15, 3), json!({"note": "x"}));
    let newer = edit(&first(), at(30, 3), json!({"note": "x"}));
    assert!(join(&gone, &older).deleted);
    assert!(!join(&gone, &newer).deleted);
    assert!(!join(&join(&gone, &older), &newer).deleted);
}

#[test]
fn a_restore_is_not_undone_by_the_deletion_it_restored() {
    let gone = first().edit(at(20, 2), &Fields::new(), true);
    let restored = gone.edit(at(30, 2), &Fields::new(), false);
    assert!(!join(&gone, &restored).deleted);
}

#[test]
fn a_practice_counter_goes_by_its_amount() {
    let key = Key::progress(Replica(1), "2024-01-01");
    let a = Record::new(key.clone(), at(10, 1), fields(json!({"practiceMs": 900})));
    let b = Record::new(key, at(20, 1), fields(json!({"practiceMs": 700})));
    assert_eq!(join(&a, &b).fields["practiceMs"], json!(900));
    let Verdict::Concurrent { conflict, .. } = decide(&b, &a, None, Strategy::Manual) else {
        panic!("not concurrent")
    };
    assert!(!conflict);
}

// The generator of cases is a native dependency; the rules are the same bytes on both.
#[cfg(not(target_arch = "wasm32"))]
#[cfg(not(target_arch = "wasm32"))]
mod algebra {
    use super::*;
    use crate::model::RESULT;
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

    fn record() -> impl Strategy<Value = Record> {
        let stamp = (1i64..6, 0u64..3).prop_map(|(ms, replica)| at(ms, replica));
        let optional = || proptest::option::of(0u8..3);
        let edits = proptest::collection::btree_map(
            prop_oneof![Just(RESULT), Just("note"), Just("tags"), Just(DELETED)],
            stamp.clone(),
            0..4,
        );
        (stamp.clone(), edits, 0u8..3, optional(), optional(), any::<bool>()).prop_map(
            |(created, edits, wpm, note, tags, deleted)| {
                let values = [("wpm", Some(wpm)), ("note", note), ("tags", tags)];
                let fields =
                    values.into_iter().filter_map(|(n, v)| v.map(|v| (n.to_owned(), json!(v)))).collect();
                let mut record = Record::new(Key::session("s"), created, fields);
                record.modified = edits
                    .into_iter()
                    .filter(|(_, at)| *at > created)
                    .map(|(n, at)| (n.to_owned(), at))
                    .collect();
                record.version = record.modified.values().copied().max().unwrap_or(created);
                record.deleted = deleted;
                record.settle_deletion();
                record
            },
        )
    }

    fn state(record: &Record) -> (bool, Fields, BTreeMap<String, Stamp>, Stamp) {
        (record.deleted, record.fields.clone(), record.modified.clone(), record.created)
    }

    proptest! {
        #[test]
        fn merging_is_commutative(a in record(), b in record()) {
            prop_assert_eq!(state(&join(&a, &b)), state(&join(&b, &a)));
        }

        #[test]
        fn merging_is_associative(a in record(), b in record(), c in record()) {
            prop_assert_eq!(state(&join(&join(&a, &b), &c)), state(&join(&a, &join(&b, &c))));
        }

        #[test]
        fn merging_is_idempotent(a in record()) {
            prop_assert_eq!(state(&join(&a, &a)), state(&a));
        }

        #[test]
        fn judging_never_loses_a_value_unseen(a in record(), b in record()) {
            for strategy in [crate::model::Strategy::LastWriteWins, crate::model::Strategy::FieldLevel, crate::model::Strategy::Manual] {
                if let Verdict::Concurrent { current, conflict, .. } = decide(&a, &b, None, strategy) {
                    prop_assert!(conflict || (current.same_content(&a) && current.same_content(&b)));
                }
            }
        }
    }
}
