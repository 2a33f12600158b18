//! What becomes of one offered version, given what is stored. Pure: no clock, no database.
//!
//! Who wins is decided by [`crate::merge`] alone; here that verdict becomes rows to write. Nothing that loses is
//! ever absent from them.

use crate::merge::{self, Verdict};
use crate::model::{Conflict, DELETED, Kind, Record, Strategy, Winner, different_fields};
use crate::stamp::{Millis, Stamp};
use crate::wire::Outcome;

/// How far a stamp may be ahead of the server's clock before it is clamped, in ms.
pub const TOLERANCE: Millis = 60_000;

/// The rows that one accepted version leads to. The version itself is kept in any case.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What the device is told.
    pub outcome: Outcome,
    /// The new current version, when it changes.
    pub head: Option<Record>,
    /// The new current version is a mixture that nobody offered, so it must be kept beside the offered one.
    pub mixed: bool,
    /// The entry of the inbox, when a value was overwritten or is undecided.
    pub conflict: Option<Conflict>,
    /// Who won against a concurrent version, by which strategy.
    pub decided: Option<(Winner, Strategy)>,
}

impl Judged {
    /// A version that arrives after one that was made on top of it: it is history, and moves nothing.
    pub fn late() -> Judged {
        Judged { outcome: Outcome::Merged, head: None, mixed: false, conflict: None, decided: None }
    }
}

/// Brings a stamp that is ahead of time back to `tick`; the result says by how many ms it was ahead of `now`.
///
/// Nothing of the record stays newer than its version.
pub fn clamp(record: &mut Record, now: Millis, tick: Millis) -> Option<Millis> {
    let skew = record.version.ms - now;
    if skew <= TOLERANCE {
        return None;
    }
    let version = Stamp::at(tick, 0, record.version.replica);
    record.version = version;
    cap(record);
    Some(skew)
}

/// Dates an edit of a plain client, which names no base: what differs from the head was edited by it.
pub fn date_plain(record: &mut Record, head: &Record) {
    record.created = head.created;
    record.modified = head.modified.clone();
    let names: Vec<&String> = record.fields.keys().chain(head.fields.keys()).collect();
    let registers: std::collections::BTreeSet<&str> =
        names.into_iter().map(|name| Record::register(record.key.kind, name)).collect();
    for register in registers {
        if record.value(register) != head.value(register) {
            record.modified.insert(register.to_owned(), record.version);
        }
    }
    if record.deleted != head.deleted {
        record.modified.insert(DELETED.to_owned(), record.version);
    }
    cap(record);
}

fn cap(record: &mut Record) {
    let version = record.version;
    record.created = record.created.min(version);
    for stamp in record.modified.values_mut() {
        *stamp = version.min(*stamp);
    }
    record.settle_deletion();
}

/// Judges `record`, never seen before, against the current version. `base` is the version it was made on, if known.
pub fn judge(
    record: &Record,
    head: Option<&Record>,
    base: Option<&Record>,
    strategy: Strategy,
    now: Millis,
) -> Judged {
    let plain_edit =
        |head| Judged { outcome: Outcome::Applied, head, mixed: false, conflict: None, decided: None };
    let Some(stored) = head else { return plain_edit(Some(record.clone())) };
    let (current, winner, conflict) = match merge::decide(record, stored, base, strategy) {
        Verdict::FastForward => return plain_edit(Some(record.clone())),
        Verdict::Same => return plain_edit(None),
        Verdict::Concurrent { current, winner, conflict } => (current, winner, conflict),
    };
    let by_field = record.key.kind != Kind::Session || strategy == Strategy::FieldLevel;
    let strategy = if by_field { Strategy::FieldLevel } else { strategy };
    let outcome = match winner {
        _ if conflict => {
            if by_field {
                Outcome::Merged
            } else {
                Outcome::Conflict
            }
        }
        Winner::Local => Outcome::Applied,
        Winner::Remote | Winner::Merged => Outcome::Merged,
    };
    let conflict = conflict.then(|| Conflict {
        id: Conflict::id_of(&record.key, merge::loser(record, stored, winner)),
        key: record.key.clone(),
        local: record.clone(),
        remote: stored.clone(),
        fields: different_fields(record, stored),
        winner,
        strategy,
        detected_at: now,
        resolved_by: None,
    });
    let head = (winner != Winner::Remote).then_some(current);
    Judged { outcome, head, mixed: winner == Winner::Merged, conflict, decided: Some((winner, strategy)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fields, Key};
    use crate::stamp::Replica;
    use serde_json::json;

    fn at(ms: Millis, replica: u64) -> Stamp {
        Stamp::at(ms, 0, Replica(replica))
    }

    fn first() -> Record {
        let fields = json!({"timestamp": 1, "wpm": 80, "note": "a", "tags": ["x"]});
        Record::new(Key::session("s"), at(10, 1), fields.as_object().cloned().unwrap_or_default())
    }

    fn patch(base: &Record, version: Stamp, patch: serde_json::Value) -> Record {
        base.edit(version, &patch.as_object().cloned().unwrap_or_default(), false)
    }

    #[test]
    fn a_stamp_within_the_tolerance_stays_as_it_is() {
        let mut record = Record::new(Key::session("s"), at(TOLERANCE + 5, 1), Fields::new());
        assert_eq!(clamp(&mut record, 5, 5), None);
        assert_eq!(record.version, at(TOLERANCE + 5, 1));
    }

    #[test]
    fn a_stamp_ahead_of_time_is_brought_back_with_all_its_registers() {
        let mut record = patch(&first(), at(4_000_000, 7), json!({"note": "b"}));
        record.created = at(3_000_000, 7);
        assert_eq!(clamp(&mut record, 1_000, 1_001), Some(3_999_000));
        assert_eq!(record.version, at(1_001, 7));
        assert_eq!((record.created, record.edited("note")), (at(1_001, 7), at(1_001, 7)));
    }

    #[test]
    fn a_plain_edit_dates_only_what_it_changed() {
        let head = patch(&first(), at(20, 2), json!({"tags": ["y"]}));
        let mut plain = Record::new(Key::session("s"), at(30, 3), head.fields.clone());
        plain.fields.insert("note".into(), json!("b"));
        date_plain(&mut plain, &head);
        assert_eq!((plain.edited("note"), plain.edited("tags")), (at(30, 3), at(20, 2)));
        assert_eq!(plain.created, at(10, 1));
    }

    #[test]
    fn the_loser_is_named_by_the_inbox_whoever_wins() {
        let (older, newer) = (
            patch(&first(), at(20, 2), json!({"note": "b"})),
            patch(&first(), at(30, 3), json!({"note": "c"})),
        );
        for (incoming, stored) in [(&older, &newer), (&newer, &older)] {
            let judged = judge(incoming, Some(stored), Some(&first()), Strategy::LastWriteWins, 99);
            let conflict = judged.conflict.unwrap();
            assert_eq!(conflict.id, Conflict::id_of(&first().key, older.version));
            assert_eq!((&conflict.local, &conflict.remote), (incoming, stored));
            assert_eq!(judged.head.is_some(), incoming == &newer);
        }
    }

    #[test]
    fn settings_merge_by_key_whatever_the_strategy() {
        let first = Record { key: Key::settings(), ..first() };
        let (a, b) = (
            patch(&first, at(20, 2), json!({"note": "b"})),
            patch(&first, at(30, 3), json!({"tags": ["y"]})),
        );
        let judged = judge(&a, Some(&b), Some(&first), Strategy::Manual, 99);
        assert_eq!((judged.outcome, judged.mixed, judged.conflict), (Outcome::Merged, true, None));
        let head = judged.head.unwrap();
        assert_eq!((&head.fields["note"], &head.fields["tags"]), (&json!("b"), &json!(["y"])));
    }
}
