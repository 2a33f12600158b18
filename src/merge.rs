//! The one place that judges two versions of a record. Device and server both call it.
//!
//! Pure: equal inputs give equal bytes, natively and in wasm. It never drops a value unseen: what loses is named in the
//! verdict, so that the caller keeps it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::{DELETED, Fields, Kind, Record, Strategy, Winner};
use crate::stamp::{Replica, Stamp};

/// What to do with a version that arrives.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is the version that is stored already.
    Same,
    /// It was made on top of the stored version: a plain edit.
    FastForward,
    /// The two are concurrent.
    Concurrent {
        /// The version that is current from now on. For [`Winner::Merged`] its `version` is greater than both.
        current: Record,
        /// Where it came from.
        winner: Winner,
        /// Whether a value was overwritten or is undecided, so that the pair belongs into the inbox.
        conflict: bool,
    },
}

/// Judges `incoming` against `stored`.
///
/// `base` is the version that `incoming` was made on, when it is still known; without it every register in which the
/// two differ counts as touched by both. Never fails.
pub fn decide(incoming: &Record, stored: &Record, base: Option<&Record>, strategy: Strategy) -> Verdict {
    if incoming.version == stored.version {
        return Verdict::Same;
    }
    if incoming.base == Some(stored.version) {
        return Verdict::FastForward;
    }
    let by_field = match incoming.key.kind {
        // A settings document merges per key, a counter by its maximum, whatever the strategy says of sessions.
        Kind::Settings | Kind::Progress => true,
        Kind::Session => strategy == Strategy::FieldLevel,
    };
    if by_field {
        return field_level(incoming, stored, base);
    }
    let winner = match strategy {
        Strategy::Manual => Winner::Remote,
        _ if incoming.version > stored.version => Winner::Local,
        _ => Winner::Remote,
    };
    let current = if winner == Winner::Local { incoming } else { stored };
    let conflict = !incoming.same_content(stored);
    Verdict::Concurrent { current: current.clone(), winner, conflict }
}

fn field_level(incoming: &Record, stored: &Record, base: Option<&Record>) -> Verdict {
    let merged = join(incoming, stored);
    let conflict = incoming.key.kind != Kind::Progress && both_touched(incoming, stored, base);
    for (side, winner) in [(incoming, Winner::Local), (stored, Winner::Remote)] {
        if merged.same_content(side) && merged.modified == side.modified && merged.created == side.created {
            return Verdict::Concurrent { current: side.clone(), winner, conflict };
        }
    }
    let version = mixture(incoming.version, stored.version);
    let current = Record { version, base: Some(stored.version), ..merged };
    Verdict::Concurrent { current, winner: Winner::Merged, conflict }
}

/// The stamp of a mixture: greater than both. Its replica is made of both, because a stamp of either replica could be one
/// that its device gives to its own next edit.
fn mixture(incoming: Stamp, stored: Stamp) -> Stamp {
    let top = stored.after(incoming);
    let [a, b] = [incoming, stored].map(|stamp| stamp.replica.0.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Stamp { replica: Replica(a.rotate_left(29) ^ b ^ 0x6d69_7874_7572_6521), ..top }
}

/// Whether some register was changed on both sides to different values, or one side deleted what the other edited.
fn both_touched(a: &Record, b: &Record, base: Option<&Record>) -> bool {
    let touched = |side: &Record, name: &str| match base {
        Some(base) => side.edited(name) != base.edited(name) || side.value(name) != base.value(name),
        None => true,
    };
    let registers = registers(a, b);
    let deletion = a.deleted != b.deleted && {
        let (gone, kept) = if a.deleted { (a, b) } else { (b, a) };
        base.is_none_or(|base| gone.deleted != base.deleted)
            && registers.iter().any(|name| touched(kept, name))
    };
    deletion
        || registers.iter().any(|name| a.value(name) != b.value(name) && touched(a, name) && touched(b, name))
}

/// The version that is not current as it stands; its stamp names the conflict on every device.
pub fn loser(incoming: &Record, stored: &Record, winner: Winner) -> Stamp {
    match winner {
        Winner::Local => stored.version,
        Winner::Remote => incoming.version,
        Winner::Merged => incoming.version.min(stored.version),
    }
}

/// Per register the greater `(stamp, value)`. Commutative, associative and idempotent on content and register stamps.
///
/// A record is deleted only while its deletion is newer than every other edit of it. The `version` of the result is the
/// greater of the two and does not name the mixture; [`decide`] gives it one of its own.
pub fn join(a: &Record, b: &Record) -> Record {
    let newest = if a.version >= b.version { a } else { b };
    let created = a.created.min(b.created);
    let mut joined = Record { created, modified: BTreeMap::new(), fields: Fields::new(), ..newest.clone() };
    let mut latest = Stamp::ZERO;
    for name in registers(a, b) {
        let stamp = a.edited(&name).max(b.edited(&name));
        latest = latest.max(stamp);
        if stamp != created {
            joined.modified.insert(name.clone(), stamp);
        }
        for (field, value) in greater(a, b, &name).value(&name) {
            joined.fields.insert(field.to_owned(), value.clone());
        }
    }
    let stamp_of = |deleted: bool| {
        let sides = [a, b].into_iter().filter(|side| side.deleted == deleted);
        sides
            .filter_map(|side| {
                if deleted { Some(side.edited(DELETED)) } else { side.modified.get(DELETED).copied() }
            })
            .max()
    };
    let (deletion, restore) = (stamp_of(true), stamp_of(false));
    joined.deleted = deletion.is_some_and(|stamp| stamp >= restore.unwrap_or(latest).max(latest));
    if let Some(stamp) = if joined.deleted { deletion } else { restore } {
        joined.modified.insert(DELETED.to_owned(), stamp);
    }
    joined.settle_deletion();
    joined
}

/// The side whose value of `register` stands. A practice counter goes by its amount, everything else by its stamp.
fn greater<'a>(a: &'a Record, b: &'a Record, register: &str) -> &'a Record {
    let amount = |side: &Record| match side.key.kind {
        Kind::Progress => side.fields.get(register).and_then(Value::as_i64),
        _ => None,
    };
    let rank = |side| {
        (
            amount(side),
            side.edited(register),
            serde_json::to_string(&side.value(register)).unwrap_or_default(),
        )
    };
    if rank(a) >= rank(b) { a } else { b }
}

/// The registers of both but the tombstone, sorted by name.
fn registers(a: &Record, b: &Record) -> BTreeSet<String> {
    let fields = a.fields.keys().chain(b.fields.keys()).map(|field| Record::register(a.key.kind, field));
    let modified = a.modified.keys().chain(b.modified.keys()).map(String::as_str);
    fields.chain(modified).filter(|name| *name != DELETED).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Key, RESULT};
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
                    assert_eq!(
                        (winner, conflict),
                        (expected, conflicts),
                        "{strategy:?} {incoming:?} {stored:?}"
                    )
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
        let (a, b) = (
            edit(&first(), at(20, 2), json!({"note": "a"})),
            edit(&first(), at(30, 3), json!({"tags": ["x"]})),
        );
        let Verdict::Concurrent { current, winner, .. } =
            decide(&a, &b, Some(&first()), Strategy::FieldLevel)
        else {
            panic!("not concurrent")
        };
        assert!(current.version > a.version && current.version > b.version);
        assert!(![a.version.replica, b.version.replica].contains(&current.version.replica));
        assert_eq!(
            (current.fields["note"].clone(), current.fields["tags"].clone()),
            (json!("a"), json!(["x"]))
        );
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

    mod algebra {
        use super::*;
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
}
