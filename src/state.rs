//! All local knowledge as one value, [`State`]; all change to it as one value, [`Batch`]. A batch is saved whole, or
//! not at all, and only then applied.
//!
//! Three layers: the server's version of a record (its *shadow*), the edits that the server has not confirmed
//! (*pending*), and the *view* computed from both. Bodies stay in the store; the state holds what lists and decisions need.

mod rows;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::error::StoreError;
use crate::merge::{Verdict, decide};
use crate::model::{Conflict, Key, Kind, Record, Strategy, Winner};
use crate::order::sorted;
use crate::queue::{Operation, Queue};
use crate::read::parse;
use crate::seam::{Durability, HEAD, Row, Table, Write};
use crate::stamp::{Replica, Stamp};

pub use crate::entry::Entry;
pub use crate::head::{FORMAT, Head, LastError};

/// One change of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Sets the entry of a record; `None` forgets a record that the server never had.
    Index(Key, Option<Entry>),
    /// Sets or drops the server's version of a record.
    Shadow(Key, Option<Record>),
    /// Sets an operation and the content it sends.
    Queue(Operation, Option<Record>),
    /// Confirms or discards an operation: it and its content go.
    Dequeue(Operation),
    /// Sets or drops an entry of the inbox.
    Conflict(String, Option<Conflict>),
    /// Writes a line of the device's log.
    Log(String, Value),
    /// Sets or drops the checkpoint of a running session.
    Draft(String, Option<String>),
    /// Writes a row as it is: repair and wiping.
    Raw(Row),
}

/// A set of changes and the head that goes with them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The new head; [`State::write`] counts its generation up and fills in what was touched.
    pub head: Head,
    /// The changes, each row at most once.
    pub changes: Vec<Change>,
    /// How durable it must be before anyone is told.
    pub durability: Durability,
}

/// What this device knows. See the module's first lines.
#[derive(Clone, Debug)]
pub struct State {
    /// The small facts.
    pub head: Head,
    /// The exact text of the head in the store.
    head_text: Option<String>,
    /// Every record ever seen, tombstones included.
    pub index: BTreeMap<Key, Entry>,
    /// Unconfirmed operations.
    pub queue: Queue,
    /// Ids of the unconfirmed operations per record, oldest first.
    pending: BTreeMap<Key, Vec<String>>,
    /// Conflicts that the server has not called settled, those that a waiting edit settles among them.
    pub conflicts: BTreeMap<String, Conflict>,
}

/// The key in [`Table::Body`] of what `op` sends: `op/id/kind/record id`, enough to find the operation by.
pub fn op_body(op: &Operation) -> String {
    format!("op/{}/{}", op.id, op.record)
}

impl State {
    /// The state of a store that holds nothing.
    pub fn empty(replica: Replica) -> State {
        State {
            head: Head::new(replica),
            head_text: None,
            index: BTreeMap::new(),
            queue: Queue::new(),
            pending: BTreeMap::new(),
            conflicts: BTreeMap::new(),
        }
    }

    /// Takes a batch in that `write` has made durable.
    pub fn apply(&mut self, batch: Batch, write: &Write) {
        self.head_text =
            write.rows.iter().rev().find(|row| row.key == HEAD).and_then(|row| row.value.clone());
        self.head = batch.head;
        for change in batch.changes {
            match change {
                Change::Index(key, Some(entry)) => {
                    self.index.insert(key, entry);
                }
                Change::Index(key, None) => {
                    self.index.remove(&key);
                }
                Change::Queue(op, _) => self.enqueue(op),
                Change::Dequeue(op) => self.dequeue(&op.id),
                Change::Conflict(id, conflict) => self.set_conflict(&id, conflict),
                // A repair that writes what was unreadable is read back by opening anew.
                Change::Shadow(..) | Change::Log(..) | Change::Draft(..) | Change::Raw(_) => {}
            }
        }
    }

    fn enqueue(&mut self, op: Operation) {
        if let Some(key) = op.key() {
            let ids = self.pending.entry(key).or_default();
            if let Err(at) = ids.binary_search(&op.id) {
                ids.insert(at, op.id.clone());
            }
            self.queue.insert(op.id.clone(), op);
        }
    }

    fn dequeue(&mut self, id: &str) {
        let Some(key) = self.queue.remove(id).and_then(|op| op.key()) else { return };
        if let Some(ids) = self.pending.get_mut(&key) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.pending.remove(&key);
            }
        }
    }

    fn set_conflict(&mut self, id: &str, conflict: Option<Conflict>) {
        match conflict {
            Some(conflict) => self.conflicts.insert(id.to_owned(), conflict),
            None => self.conflicts.remove(id),
        };
    }

    /// Whether nothing of a known record but its entry is here.
    pub fn is_bare(&self, key: &Key) -> bool {
        self.index.get(key).is_some_and(|entry| !entry.cached) && self.ops_of(key).next().is_none()
    }

    /// The unconfirmed operations of a record, oldest first.
    pub fn ops_of(&self, key: &Key) -> impl DoubleEndedIterator<Item = &Operation> {
        self.pending.get(key).into_iter().flatten().filter_map(|id| self.queue.get(id))
    }

    /// The conflicts that wait for a choice. One that a waiting edit settles comes back when that edit is given up.
    pub fn open_conflicts(&self) -> impl Iterator<Item = &Conflict> {
        self.conflicts
            .values()
            .filter(|conflict| !self.ops_of(&conflict.key).any(|op| op.resolves.contains(&conflict.id)))
    }

    /// Whether `record`, the content of the newest operation of `key`, was made on top of `version`, directly or
    /// through the operations before it.
    fn descends(&self, key: &Key, record: &Record, version: Stamp) -> bool {
        let mut base = record.base;
        for op in self.ops_of(key).rev().skip(1) {
            if base == Some(version) || base != Some(op.version) {
                break;
            }
            base = op.base;
        }
        base == Some(version)
    }

    /// The rows of [`Table::Body`] from which [`view`] computes the record.
    pub fn bodies_of(&self, key: &Key) -> Vec<(Table, String)> {
        // No operation has an empty id.
        self.bodies_without(key, "")
    }

    /// The bodies of what is left of a record when operation `op` goes.
    pub fn bodies_without(&self, key: &Key, op: &str) -> Vec<(Table, String)> {
        let newest = self.ops_of(key).rev().find(|other| other.id != op).map(|op| (Table::Body, op_body(op)));
        let shadow =
            self.index.get(key).is_some_and(|entry| entry.cached).then(|| (Table::Body, key.to_string()));
        newest.into_iter().chain(shadow).collect()
    }

    /// Sessions that are not deleted, newest first.
    pub fn sessions(&self) -> Vec<(&Key, &Entry)> {
        let sessions: Vec<_> =
            self.index.iter().filter(|(key, entry)| key.kind == Kind::Session && !entry.deleted).collect();
        sorted(sessions, &|(key, entry), (other_key, other)| {
            (other.timestamp(), *other_key).cmp(&(entry.timestamp(), *key))
        })
    }
}

/// Which layer a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The newest pending edit.
    Pending,
    /// The server's version.
    Shadow,
    /// A mixture by field, as the server will make it.
    Mixed,
}

/// What the user sees of a record, from the content of its newest operation and the server's version.
///
/// The pending edit is seen, unless the server's version is concurrent and wins by `strategy`.
pub fn view(
    state: &State,
    key: &Key,
    pending: Option<&Record>,
    shadow: Option<&Record>,
    strategy: Strategy,
) -> Option<(Record, Layer)> {
    let (pending, shadow) = match (pending, shadow) {
        (Some(pending), Some(shadow)) if !state.descends(key, pending, shadow.version) => (pending, shadow),
        (Some(pending), _) => return Some((pending.clone(), Layer::Pending)),
        (None, shadow) => return shadow.map(|shadow| (shadow.clone(), Layer::Shadow)),
    };
    match decide(pending, shadow, None, strategy) {
        Verdict::Same | Verdict::FastForward => Some((pending.clone(), Layer::Pending)),
        Verdict::Concurrent { current, winner, .. } => {
            let layer = match winner {
                Winner::Local => Layer::Pending,
                Winner::Remote => Layer::Shadow,
                Winner::Merged => Layer::Mixed,
            };
            Some((current, layer))
        }
    }
}

/// The text of a record in the store.
pub fn to_text(record: &Record) -> String {
    Value::Object(record.to_wire()).to_string()
}

/// Reads the text of a record.
pub fn from_text(kind: Kind, text: &str) -> Result<Record, StoreError> {
    let damaged = |why: String| StoreError::Damaged(format!("a {} cannot be read: {why}", kind.name()));
    let record = parse(text).and_then(|wire| Record::from_wire(kind, wire));
    record.map_err(|error| damaged(error.to_string()))
}

/// JSON text. It goes through a [`Value`], so that all types share one writer.
pub(crate) fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok().map(|value| value.to_string())
}

#[cfg(test)]
mod tests;
