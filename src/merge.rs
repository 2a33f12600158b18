//! The one place that judges two versions of a record. Device and server both call it.
//!
//! Pure: equal inputs give equal bytes, natively and in wasm. It never drops a value unseen: what loses is named in the
//! verdict, so that the caller keeps it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fault::{Fault, on};
use crate::model::{DELETED, Fields, Kind, Record, Strategy, Winner};
use crate::order::distinct;
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
    // M16: a clock decides between a version and what was made on top of it.
    if incoming.base == Some(stored.version) && !on(Fault::M16) {
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
        // M06: of two versions of the same instant, the later arrival wins.
        _ if on(Fault::M06) && incoming.version.ms >= stored.version.ms => Winner::Local,
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
fn registers(a: &Record, b: &Record) -> Vec<String> {
    let fields = a.fields.keys().chain(b.fields.keys()).map(|field| Record::register(a.key.kind, field));
    let modified = a.modified.keys().chain(b.modified.keys()).map(String::as_str);
    distinct(fields.chain(modified).filter(|name| *name != DELETED).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
