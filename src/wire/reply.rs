//! What the server answers. Plain data.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::read::{read_names, read_struct};
use crate::stamp::{Millis, Stamp};

/// What became of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It is the current version now, nothing concurrent was there.
    Applied,
    /// The server has had this very version before.
    Duplicate,
    /// It was mixed with a concurrent version, field by field.
    Merged,
    /// A concurrent version was there; both are in the inbox.
    Conflict,
    /// It can never be accepted as it is.
    Rejected,
}

read_names!(Outcome {
    Applied: "applied",
    Duplicate: "duplicate",
    Merged: "merged",
    Conflict: "conflict",
    Rejected: "rejected"
});

/// The server's answer about one operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpResult {
    /// The operation's id as offered; absent for a plain client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// The record's id.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
    /// For a duplicate: what became of it the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Outcome>,
    /// The version the server holds for this edit: the one offered, or the clamped one; `None` when rejected.
    pub version: Option<Stamp>,
    /// Stable code of the reason for a rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason for a rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How far the stamp was ahead of the server's clock, when it was clamped, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skew_ms: Option<Millis>,
}

impl OpResult {
    /// The answer about an operation that was taken: its edit is held as `version`.
    pub fn taken(op: Option<String>, id: &str, outcome: Outcome, version: Stamp) -> OpResult {
        OpResult {
            op,
            id: id.to_owned(),
            outcome,
            first: None,
            version: Some(version),
            code: None,
            error: None,
            clock_skew_ms: None,
        }
    }
}

read_struct!(OpResult {
    op: "op",
    id: "id",
    outcome: "outcome",
    version: "version"
} or default {
    first: "first",
    code: "code",
    error: "error",
    clock_skew_ms: "clockSkewMs"
});

/// The answer to a push.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushReply {
    /// Ids of the records taken without a conflict.
    pub synced: Vec<String>,
    /// The conflicts this push met.
    pub conflicts: Vec<Value>,
    /// The current version of every record offered and not rejected.
    pub merged: BTreeMap<String, Value>,
    /// One answer per operation, in order.
    pub results: Vec<OpResult>,
    /// The user's last commit tick.
    pub server_timestamp: Millis,
    /// That commit, for `known` of later requests: a server restored to an older state does not know it. Absent when
    /// the server did not know the commit that the push named.
    pub cursor: Option<String>,
    /// The server's wall clock, epoch ms.
    pub server_now: Option<Millis>,
}

read_struct!(PushReply {
    synced: "synced",
    conflicts: "conflicts",
    merged: "merged",
    server_timestamp: "serverTimestamp"
} or default {
    results: "results",
    cursor: "cursor",
    server_now: "serverNow"
});

/// Totals over the user's sessions, recomputed by the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Mean of the stored wpm of valid sessions, two decimals; 0 without any.
    #[serde(rename = "averageWPM")]
    pub average_wpm: f64,
    /// How many valid sessions there are.
    pub total_sessions: u64,
    /// Practice time over all devices and days, ms.
    pub practice_ms: Millis,
    /// When the totals last changed, as a commit tick.
    pub last_modified: Millis,
    /// The practice counters that changed in this page.
    pub records: Vec<Value>,
}

read_struct!(Totals {
    average_wpm: "averageWPM",
    total_sessions: "totalSessions",
    last_modified: "lastModified"
} or default {
    practice_ms: "practiceMs",
    records: "records"
});

/// One page of changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullReply {
    /// Changed sessions, tombstones included, oldest change first.
    pub sessions: Vec<Value>,
    /// Totals and changed counters.
    pub progress: Totals,
    /// The settings document when it changed.
    pub settings: Vec<Value>,
    /// New or settled entries of the conflict inbox.
    pub conflicts: Vec<Value>,
    /// The last commit tick this page covers completely.
    pub server_timestamp: Millis,
    /// Where the next page goes on.
    pub cursor: Option<String>,
    /// Whether there is a next page now.
    pub has_more: bool,
    /// The server does not know the commit of the cursor: it was restored from a backup.
    pub resync: bool,
    /// The server's wall clock, epoch ms.
    pub server_now: Option<Millis>,
}

read_struct!(PullReply {
    sessions: "sessions",
    progress: "progress",
    server_timestamp: "serverTimestamp"
} or default {
    settings: "settings",
    conflicts: "conflicts",
    cursor: "cursor",
    has_more: "hasMore",
    resync: "resync",
    server_now: "serverNow"
});

/// A device's account, as registration or linking answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The user.
    pub user_id: String,
    /// This device.
    pub device_id: String,
    /// The secret that goes into `authorization: Bearer …`.
    pub token: String,
}

read_struct!(Account {
    user_id: "userId",
    device_id: "deviceId",
    token: "token"
} or default {});
