//! What every planned change shares: the state it stands on, the bodies it asked for, and the batch it fills.
//!
//! A plan is pure. It is made anew when another tab committed first.

use std::collections::BTreeMap;

use uuid::Builder;

use crate::error::{Error, StoreError};
use crate::fault::{Fault, on};
use crate::model::{Key, Record, Strategy};
use crate::queue::{OpStatus, OpType, Operation, replaceable};
use crate::schedule::Options;
use crate::seam::{Durability, Now, Table};
use crate::stamp::Stamp;
use crate::state::{Batch, Change, Entry, Head, Layer, State, from_text, op_body, view};

/// The device's settings that decisions depend on.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Numbers.
    pub options: Options,
    /// How concurrent edits are decided.
    pub strategy: Strategy,
}

/// The bodies that a plan asked for, by their key in [`Table::Body`].
#[derive(Clone, Debug, Default)]
pub struct Bodies(BTreeMap<String, String>);

impl Bodies {
    /// Pairs what was asked for with what was found.
    pub fn new(wanted: &[(Table, String)], found: Vec<Option<String>>) -> Bodies {
        let mut bodies = BTreeMap::new();
        for ((_, key), text) in wanted.iter().zip(found) {
            if let Some(text) = text {
                bodies.insert(key.clone(), text);
            }
        }
        Bodies(bodies)
    }

    /// The record under `body`, for a record named `key`.
    pub fn record(&self, key: &Key, body: &str) -> Result<Option<Record>, StoreError> {
        self.0.get(body).map(|text| from_text(key.kind, text)).transpose()
    }
}

/// A batch in the making.
pub struct Plan<'a> {
    /// What is known now.
    pub state: &'a State,
    /// The device's rules.
    pub rules: &'a Rules,
    /// The time of the change.
    pub now: Now,
    /// The bodies asked for.
    pub bodies: Bodies,
    /// What will be written.
    pub batch: Batch,
    /// 128 random bits, used once per operation id.
    pub random: &'a dyn Fn() -> u128,
    last_op: Option<String>,
}

impl<'a> Plan<'a> {
    /// A plan that changes nothing yet.
    pub fn new(
        state: &'a State,
        rules: &'a Rules,
        now: Now,
        bodies: Bodies,
        random: &'a dyn Fn() -> u128,
    ) -> Plan<'a> {
        // Below 2^53, so that every JSON reader sees the same number.
        let nonce = (random() >> 80) as u64;
        let batch = Batch {
            head: Head { nonce, ..state.head.clone() },
            changes: Vec::new(),
            durability: Durability::Relaxed,
        };
        let last_op = state.queue.last_key_value().map(|(id, _)| id.clone());
        Plan { state, rules, now, bodies, batch, random, last_op }
    }

    /// The stamp of an edit made now.
    pub fn stamp(&mut self) -> Stamp {
        self.batch.head.clock.tick(self.now.wall)
    }

    /// A new operation id, a UUIDv7 (RFC 9562) that sorts after every operation in the queue.
    pub fn op_id(&mut self) -> String {
        let random = (self.random)().to_be_bytes();
        let bits: [u8; 10] = std::array::from_fn(|index| random[index]);
        let at = |ms: u64| Builder::from_unix_timestamp_millis(ms, &bits).into_uuid();
        let wall = self.batch.head.clock.last.ms.max(self.now.wall.max(0)) as u64;
        let mut id = at(wall).to_string();
        if let Some(last) = self.last_op.as_ref().filter(|last| **last >= id) {
            let last_ms = last.chars().filter(char::is_ascii_hexdigit).take(12).collect::<String>();
            id = at(u64::from_str_radix(&last_ms, 16).unwrap_or(wall) + 1).to_string();
        }
        self.last_op = Some(id.clone());
        id
    }

    /// The content of the newest operation of `key`, and the server's version, as far as they are on this device.
    pub fn layers(&self, key: &Key) -> Result<(Option<Record>, Option<Record>), StoreError> {
        let pending = match self.state.ops_of(key).next_back() {
            Some(op) => self.bodies.record(key, &op_body(op))?,
            None => None,
        };
        Ok((pending, self.bodies.record(key, &key.to_string())?))
    }

    /// What the user sees of `key`.
    pub fn view(&self, key: &Key) -> Result<Option<(Record, Layer)>, StoreError> {
        let (pending, shadow) = self.layers(key)?;
        Ok(view(self.state, key, pending.as_ref(), shadow.as_ref(), self.rules.strategy))
    }

    /// The record that an edit of `key` is made on: what is seen, or the pending edit where that is a mixture.
    pub fn editable(&self, key: &Key) -> Result<Option<Record>, Error> {
        let (pending, shadow) = self.layers(key)?;
        let seen = view(self.state, key, pending.as_ref(), shadow.as_ref(), self.rules.strategy);
        Ok(match seen {
            Some((_, Layer::Mixed)) => pending,
            Some((record, _)) => Some(record),
            None => None,
        })
    }

    /// Queues `next`, an edit of `key`, and shows it.
    ///
    /// It takes the place of a waiting edit that was never sent when it was made on top of that one; otherwise it
    /// queues behind.
    pub fn queue(&mut self, next: Record, resolves: Vec<String>) {
        let newest = self.state.ops_of(&next.key).next_back();
        let place = newest.filter(|op| replaceable(op) && next.base == Some(op.version));
        self.queue_at(place, next, resolves);
    }

    /// Queues `next` behind every waiting edit, and shows it.
    pub fn queue_behind(&mut self, next: Record) {
        self.queue_at(None, next, Vec::new());
    }

    fn queue_at(&mut self, place: Option<&Operation>, next: Record, resolves: Vec<String>) {
        self.batch.durability = Durability::Strict;
        let key = next.key.clone();
        let op = match place {
            Some(old) => {
                let resolves = old.resolves.iter().cloned().chain(resolves).collect();
                Operation {
                    version: next.version,
                    base: old.base,
                    bytes: next.bytes(),
                    resolves,
                    ..old.clone()
                }
            }
            None => Operation {
                id: self.op_id(),
                kind: OpType::of(key.kind),
                record: key.to_string(),
                version: next.version,
                base: next.base,
                timestamp: self.now.wall,
                attempts: 0,
                status: OpStatus::Pending,
                error: None,
                code: None,
                sent: false,
                failing_since: None,
                bytes: next.bytes(),
                resolves,
            },
        };
        let content = Record { base: op.base, ..next };
        self.show(&key, &content);
        self.batch.changes.push(Change::Queue(op, Some(content)));
        // M09: a full queue forgets its oldest operation.
        if on(Fault::M09)
            && self.state.queue.len() >= self.rules.options.queue_max
            && let Some(oldest) = self.state.queue.values().next()
        {
            self.batch.changes.push(Change::Dequeue(oldest.clone()));
        }
    }

    /// Sets the entry of `key` to show `seen`, the server's version being what it was.
    fn show(&mut self, key: &Key, seen: &Record) {
        let (version, cached) =
            self.state.index.get(key).map_or((None, false), |old| (old.version, old.cached));
        self.batch.changes.push(Change::Index(key.clone(), Some(Entry::of(seen, version, cached))));
    }
}
