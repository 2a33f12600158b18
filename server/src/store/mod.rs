//! What the server needs from a database, whichever it is. No SQL here, and no rules: a database does what it is told.
//!
//! Every call names the one user it is for. A [`UserId`] exists only for a user the database has found, so no query can
//! be aimed at a user that a request merely mentions.

mod sqlite;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use keyflow_sync::model::{Conflict, Key, Kind, Record};
use keyflow_sync::stamp::{Millis, Stamp};
use keyflow_sync::wire::Outcome;
use serde_json::Value;

/// A user that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who is asking: one device of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user that owns everything the request can see.
    pub user: UserId,
    /// The device that holds the token.
    pub device: String,
}

/// SHA-256 of a token or link code; the secret itself is never stored.
pub type Digest = [u8; 32];

/// A device as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// What its user calls it.
    pub name: String,
    /// When it was registered, epoch ms.
    pub created_at: Millis,
    /// When it last pushed something, epoch ms.
    pub seen_at: Millis,
}

/// A device to be.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// What its user calls it.
    pub name: String,
    /// Of its token.
    pub token: Digest,
}

/// Why the database did not do it. Nothing of the transaction is stored.
#[derive(Debug)]
pub enum StoreError {
    /// The user does not exist any more.
    NoUser,
    /// Others hold the database; trying again helps.
    Busy,
    /// The address is not one of a database this build knows.
    Address(String),
    /// What is stored cannot be read as ours.
    Damaged(String),
    /// The database answered with an error.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NoUser => f.write_str("there is no such user"),
            StoreError::Busy => f.write_str("the database is busy"),
            StoreError::Address(why) => f.write_str(why),
            StoreError::Damaged(why) => write!(f, "the stored data is damaged: {why}"),
            StoreError::Failed(why) => write!(f, "the database failed: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A version found under the name it was offered or stored by.
#[derive(Clone, Debug)]
pub struct Known {
    /// As it is stored; its version differs from the offered one when that was clamped.
    pub record: Record,
    /// What the device was told the first time.
    pub outcome: Outcome,
}

/// What one log row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// A record got a new current version.
    Head,
    /// An entry of the conflict inbox was written or settled.
    Inbox,
    /// A version was kept, and nothing that is pulled changed.
    Version,
    /// Nothing changed.
    Nothing,
}

impl Wrote {
    /// The name in the database and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Wrote::Head => "head",
            Wrote::Inbox => "inbox",
            Wrote::Version => "version",
            Wrote::Nothing => "nothing",
        }
    }
}

/// One row of the audit trail.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// The tick of the row it tells about; the last one given when nothing that is pulled changed.
    pub tick: Millis,
    /// The operation, when the client named one.
    pub op: Option<String>,
    /// What kind of record.
    pub kind: Kind,
    /// Which record.
    pub record: String,
    /// The version in question.
    pub version: Option<Stamp>,
    /// An [`Outcome`], or `resolved`.
    pub outcome: &'static str,
    /// What was written.
    pub wrote: Wrote,
    /// More about it; never content.
    pub detail: Value,
}

/// One row of the audit trail with its position.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Position: the tick and the place within it.
    pub position: (Millis, i64),
    /// The row as it goes out.
    pub entry: Value,
}

/// A changed row, in its wire form.
#[derive(Clone, Debug)]
pub enum Change {
    /// The current version of a record.
    Head(Kind, Value),
    /// An entry of the conflict inbox.
    Conflict(Value),
}

/// The totals of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Two decimals.
    pub average_wpm: f64,
    /// Valid sessions.
    pub sessions: u64,
    /// Time of all sessions, and of practice that left none, ms.
    pub practice_ms: Millis,
    /// The tick of their last change.
    pub tick: Millis,
}

/// A page of changes, all from one moment.
#[derive(Clone, Debug)]
pub struct Page {
    /// Rows with their ticks, in order.
    pub changes: Vec<(Millis, Change)>,
    /// Whether there are more.
    pub has_more: bool,
    /// The last tick that this page covers completely.
    pub reached: Millis,
    /// The name of the commit at `reached`; empty at 0.
    pub tag: String,
    /// The user's clock.
    pub clock: Millis,
    /// The totals.
    pub sums: Sums,
}

/// How much one answer may hold: rows, and bytes of their bodies. One row is given whatever its size.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most rows.
    pub rows: u32,
    /// Most bytes.
    pub bytes: usize,
}

/// A kept version, as the list of versions shows it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Position: its tick and the version as offered.
    pub position: (Millis, String),
    /// The device that offered it.
    pub device: String,
    /// What that device was told.
    pub outcome: String,
    /// The record in its wire form.
    pub body: Value,
}

/// What `check` found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Rows per table.
    pub counts: BTreeMap<&'static str, i64>,
    /// One line per broken promise; ids only.
    pub violations: Vec<String>,
}

/// A database, for reading and for starting a write.
#[async_trait]
pub trait Database: Send + Sync {
    /// Makes a user with a first device.
    async fn register(&self, now: Millis, device: NewDevice) -> Result<Principal, StoreError>;
    /// The device of a token that is known and not revoked.
    async fn principal(&self, token: &Digest) -> Result<Option<Principal>, StoreError>;
    /// Keeps a link code until `expires`; expired ones of the user go.
    async fn add_link_code(
        &self,
        user: &UserId,
        now: Millis,
        code: &Digest,
        expires: Millis,
    ) -> Result<(), StoreError>;
    /// Adds a device to the user of a code, and uses the code up. `None` when it is unknown, used or expired.
    async fn link(
        &self,
        now: Millis,
        code: &Digest,
        device: NewDevice,
    ) -> Result<Option<Principal>, StoreError>;
    /// The devices that are not revoked, oldest first.
    async fn devices(&self, user: &UserId) -> Result<Vec<Device>, StoreError>;
    /// Revokes a device; `false` when the user has no such device.
    async fn revoke(&self, user: &UserId, device: &str, now: Millis) -> Result<bool, StoreError>;
    /// Removes everything of a user.
    async fn remove(&self, user: &UserId) -> Result<(), StoreError>;

    /// Begins a write: until it ends nobody else writes for this user.
    async fn write(&self, by: &Principal) -> Result<Box<dyn Write>, StoreError>;

    /// The user's clock.
    async fn clock(&self, user: &UserId) -> Result<Millis, StoreError>;
    /// The name of the commit that took `tick`.
    async fn tag(&self, user: &UserId, tick: Millis) -> Result<Option<String>, StoreError>;
    /// Heads and conflicts with a tick greater than `since`.
    async fn changes(&self, user: &UserId, since: Millis, bounds: Bounds) -> Result<Page, StoreError>;
    /// Sessions that are not deleted, newest start first, before the given `(start, id)`; and whether there are more.
    async fn sessions(
        &self,
        user: &UserId,
        before: Option<(Millis, String)>,
        bounds: Bounds,
    ) -> Result<(Vec<Value>, bool), StoreError>;
    /// The current version of a record, tombstones included, in its wire form.
    async fn head(&self, user: &UserId, key: &Key) -> Result<Option<Value>, StoreError>;
    /// The kept versions of a record, newest first, before the given position; and whether there are more.
    async fn versions(
        &self,
        user: &UserId,
        key: &Key,
        before: Option<(Millis, String)>,
        bounds: Bounds,
    ) -> Result<(Vec<Kept>, bool), StoreError>;
    /// The audit trail after a position, oldest first, of one record or of all; and whether there is more.
    async fn log(
        &self,
        user: &UserId,
        record: Option<&Key>,
        since: (Millis, i64),
        rows: u32,
    ) -> Result<(Vec<Logged>, bool), StoreError>;

    /// Whether the database answers.
    async fn ready(&self) -> Result<(), StoreError>;
    /// Writes a consistent copy of everything to a new file, while others go on.
    async fn backup(&self, file: &Path) -> Result<(), StoreError>;
    /// Looks for broken promises, in one consistent moment.
    async fn check(&self) -> Result<Findings, StoreError>;
    /// Waits until everything is closed.
    async fn close(&self);
}

/// One transaction for one user. Dropped without [`Write::finish`], it leaves nothing.
#[async_trait]
pub trait Write: Send {
    /// The user's clock before this transaction.
    fn clock(&self) -> Millis;
    /// The version offered or stored under this name.
    async fn known(&mut self, key: &Key, version: Stamp) -> Result<Option<Known>, StoreError>;
    /// Whether a version is kept that was made on top of this one.
    async fn has_child(&mut self, key: &Key, version: Stamp) -> Result<bool, StoreError>;
    /// The current version.
    async fn head(&mut self, key: &Key) -> Result<Option<Record>, StoreError>;
    /// Keeps a version; `submitted` is its name as offered.
    async fn keep(
        &mut self,
        record: &Record,
        submitted: Stamp,
        outcome: Outcome,
        tick: Millis,
    ) -> Result<(), StoreError>;
    /// Makes a version current.
    async fn put_head(&mut self, record: &Record, tick: Millis) -> Result<(), StoreError>;
    /// An entry of the inbox.
    async fn conflict(&mut self, id: &str) -> Result<Option<Conflict>, StoreError>;
    /// Writes an entry of the inbox, new or settled.
    async fn put_conflict(&mut self, conflict: &Conflict, tick: Millis) -> Result<(), StoreError>;
    /// Writes a row of the audit trail.
    async fn log(&mut self, now: Millis, row: LogRow) -> Result<(), StoreError>;
    /// Brings totals and clock up to date and commits; answers the tag of the commit at `clock`, if there is one.
    /// Everything is on disk when this resolves.
    async fn finish(self: Box<Self>, now: Millis, clock: Millis) -> Result<Option<String>, StoreError>;
}

/// Opens the database at `url`, makes it if there is none, and brings its schema up to date.
pub async fn open(url: &str, read_connections: u32) -> Result<Arc<dyn Database>, StoreError> {
    open_as(url, read_connections, false).await
}

/// Opens the database at `url` as it is, to look at it; an error if there is none.
pub async fn open_existing(url: &str) -> Result<Arc<dyn Database>, StoreError> {
    open_as(url, 1, true).await
}

async fn open_as(url: &str, read_connections: u32, existing: bool) -> Result<Arc<dyn Database>, StoreError> {
    match url.split_once(':') {
        Some(("sqlite", _)) => Ok(Arc::new(sqlite::Sqlite::open(url, read_connections, existing).await?)),
        Some(("postgres" | "postgresql", _)) => {
            Err(StoreError::Address("PostgreSQL is not built in yet; use sqlite:FILE".into()))
        }
        _ => Err(StoreError::Address("the database must be given as sqlite:FILE".into())),
    }
}

/// The name of an outcome in the database and on the wire.
pub fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::Duplicate => "duplicate",
        Outcome::Merged => "merged",
        Outcome::Conflict => "conflict",
        Outcome::Rejected => "rejected",
    }
}

fn outcome_of(name: &str) -> Option<Outcome> {
    [Outcome::Applied, Outcome::Duplicate, Outcome::Merged, Outcome::Conflict, Outcome::Rejected]
        .into_iter()
        .find(|outcome| outcome_name(*outcome) == name)
}

/// What a record adds to the totals: a valid session its wpm; a session and a counter of practice that left none their
/// time.
fn counted(record: &Record) -> (Option<f64>, Option<Millis>) {
    if record.deleted {
        return (None, None);
    }
    let field = |name| record.fields.get(name);
    match record.key.kind {
        Kind::Session => {
            let invalid = field("data").and_then(|data| data.get("valid")) == Some(&Value::Bool(false))
                || field("excludedFromStats") == Some(&Value::Bool(true));
            let active = field("data").and_then(|data| data.get("durationMs")).and_then(Value::as_f64);
            (
                field("wpm").and_then(Value::as_f64).filter(|_| !invalid),
                active.map(|ms| ms.max(0.0) as Millis),
            )
        }
        Kind::Progress => (None, field("practiceMs").and_then(Value::as_i64)),
        Kind::Settings => (None, None),
    }
}
