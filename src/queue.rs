//! The outbox: edits saved here that the server has not confirmed, oldest first.
//!
//! Rules only; nothing here waits, writes or looks at a clock. Promise kept here: an operation leaves only by a
//! confirmation that names its own id, or by the user's own discard.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{Key, Kind};
use crate::read::{read_names, read_struct};
use crate::schedule::Options;
use crate::stamp::{Millis, Stamp};

/// What an operation does, in the specification's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpType {
    /// Sends one version of a session.
    SyncSession,
    /// Sends a practice counter.
    SyncProgress,
    /// Sends the settings document.
    SyncSettings,
}

read_names!(OpType {
    SyncSession: "sync_session",
    SyncProgress: "sync_progress",
    SyncSettings: "sync_settings"
});

impl OpType {
    /// The type for records of `kind`.
    pub fn of(kind: Kind) -> OpType {
        match kind {
            Kind::Session => OpType::SyncSession,
            Kind::Progress => OpType::SyncProgress,
            Kind::Settings => OpType::SyncSettings,
        }
    }
}

/// Where an operation stands. `in_progress` is never stored: after a crash nobody would reset it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpStatus {
    /// Waits for its turn.
    Pending,
    /// Is in a request right now.
    InProgress,
    /// Parked: waits for the user, with the reason.
    Failed,
    /// Confirmed; only seen in the log.
    Completed,
}

read_names!(OpStatus {
    Pending: "pending",
    InProgress: "in_progress",
    Failed: "failed",
    Completed: "completed"
});

/// One queued edit. Its record's content lies beside it in the store.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// UUIDv7, minted once: sorts by age.
    pub id: String,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: OpType,
    /// Which record, as `kind/id`.
    pub record: String,
    /// The version it sends.
    pub version: Stamp,
    /// The version that was edited.
    pub base: Option<Stamp>,
    /// When it was queued, wall clock, epoch ms.
    pub timestamp: Millis,
    /// How often sending it failed.
    pub attempts: u32,
    /// Where it stands.
    pub status: OpStatus,
    /// The reason of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Stable code of that reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether a request may have carried it: from then on its content is fixed.
    pub sent: bool,
    /// When the server itself first failed it, epoch ms; a missing network does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Millis>,
    /// Size of its content, bytes.
    pub bytes: usize,
    /// The conflicts it settles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolves: Vec<String>,
}

read_struct!(Operation {
    id: "id",
    kind: "type",
    record: "record",
    version: "version",
    base: "base",
    timestamp: "timestamp",
    attempts: "attempts",
    status: "status"
} or default {
    error: "error",
    code: "code",
    sent: "sent",
    failing_since: "failingSince",
    bytes: "bytes",
    resolves: "resolves"
});

impl Operation {
    /// The record it belongs to; `None` for a key this version does not know.
    pub fn key(&self) -> Option<Key> {
        Key::parse(&self.record)
    }

    /// Whether it waits for the user.
    pub fn parked(&self) -> bool {
        self.status == OpStatus::Failed
    }
}

/// The operations of one store by id, which is by age.
pub type Queue = BTreeMap<String, Operation>;

/// The operations for the next request: one kind, at most `limit` and `options.batch_bytes`, oldest first, never two of
/// one record, none that is parked. The first is taken whatever its size.
pub fn take(queue: &Queue, options: &Options, limit: usize) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    let mut kind = None;
    let mut bytes = 0;
    let mut records = BTreeSet::new();
    for op in queue.values().filter(|op| !op.parked()).take(options.queue_max) {
        let mine = op.key().map(|key| key.kind);
        // An earlier operation of the record goes first, even when it is of no use to this request.
        if !records.insert(&op.record) || mine.is_none() || kind.is_some_and(|kind| Some(kind) != mine) {
            continue;
        }
        if taken.len() >= limit || (!taken.is_empty() && bytes + op.bytes > options.batch_bytes) {
            break;
        }
        kind = mine;
        bytes += op.bytes;
        taken.push(op.id.clone());
    }
    taken
}

/// Whether a new edit of the same record may take the place of this operation: it was never sent and is not parked.
pub fn replaceable(newest: &Operation) -> bool {
    !newest.sent && !newest.parked()
}

/// How many wait, how many are parked, and since when the oldest waits (epoch ms).
pub fn counts(queue: &Queue) -> (usize, usize, Option<Millis>) {
    let parked = queue.values().filter(|op| op.parked()).count();
    let oldest = queue.values().filter(|op| !op.parked()).map(|op| op.timestamp).min();
    (queue.len() - parked, parked, oldest)
}

/// Whether the server has failed this operation for so long that only the user can help.
pub fn expired(op: &Operation, options: &Options, wall: Millis) -> bool {
    op.failing_since.is_some_and(|since| wall.saturating_sub(since) > options.failed_expire_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::DAY;
    use crate::stamp::Replica;

    fn op(id: &str, record: &str) -> Operation {
        Operation {
            id: id.into(),
            kind: OpType::SyncSession,
            record: record.into(),
            version: Stamp::at(1, 0, Replica(1)),
            base: None,
            timestamp: 1_000,
            attempts: 0,
            status: OpStatus::Pending,
            error: None,
            code: None,
            sent: false,
            failing_since: None,
            bytes: 100,
            resolves: vec![],
        }
    }

    fn queue(ops: Vec<Operation>) -> Queue {
        ops.into_iter().map(|op| (op.id.clone(), op)).collect()
    }

    #[test]
    fn the_oldest_ten_go_first() {
        let queue = queue((0..25).map(|n| op(&format!("{n:02}"), &format!("session/{n}"))).collect());
        let taken = take(&queue, &Options::default(), 10);
        assert_eq!(taken.len(), 10);
        assert_eq!((taken[0].as_str(), taken[9].as_str()), ("00", "09"));
    }

    #[test]
    fn only_one_operation_of_a_record_is_in_flight() {
        let queue = queue(vec![op("1", "session/a"), op("2", "session/a"), op("3", "session/b")]);
        assert_eq!(take(&queue, &Options::default(), 10), ["1", "3"]);
    }

    #[test]
    fn a_parked_operation_blocks_nothing() {
        let mut parked = op("1", "session/a");
        parked.status = OpStatus::Failed;
        let queue = queue(vec![parked, op("2", "session/a"), op("3", "session/b")]);
        assert_eq!(take(&queue, &Options::default(), 10), ["2", "3"]);
    }

    #[test]
    fn a_request_is_bounded_by_bytes_but_never_empty() {
        let big = |id: &str| Operation { bytes: 900_000, ..op(id, &format!("session/{id}")) };
        let queue = queue(vec![big("1"), big("2")]);
        assert_eq!(take(&queue, &Options::default(), 10), ["1"]);
        assert_eq!(take(&queue, &Options { batch_bytes: 1, ..Options::default() }, 10), ["1"]);
    }

    #[test]
    fn a_request_carries_one_kind() {
        let queue = queue(vec![op("1", "session/a"), op("2", "settings/settings"), op("3", "session/b")]);
        assert_eq!(take(&queue, &Options::default(), 10), ["1", "3"]);
    }

    #[test]
    fn operations_behind_the_window_wait() {
        let queue = queue((0..5).map(|n| op(&format!("{n}"), &format!("session/{n}"))).collect());
        assert_eq!(take(&queue, &Options { queue_max: 3, ..Options::default() }, 10).len(), 3);
    }

    #[test]
    fn only_an_edit_that_was_never_sent_may_be_replaced() {
        assert!(replaceable(&op("1", "session/a")));
        assert!(!replaceable(&Operation { sent: true, ..op("1", "session/a") }));
        assert!(!replaceable(&Operation { status: OpStatus::Failed, ..op("1", "session/a") }));
    }

    #[test]
    fn only_what_the_server_failed_for_thirty_days_expires() {
        let offline = Operation { attempts: 9_000, ..op("1", "session/a") };
        assert!(!expired(&offline, &Options::default(), 4_000 * DAY));
        let failing = Operation { failing_since: Some(0), ..offline };
        assert!(!expired(&failing, &Options::default(), 30 * DAY));
        assert!(expired(&failing, &Options::default(), 30 * DAY + 1));
    }
}
