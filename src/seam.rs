//! What the core needs from the platform it runs on. The traits are small so that an adapter holds no rules.
//!
//! No transaction leaves an adapter, so none can be held across an await. Nothing here is `Send`: the core lives on one
//! thread everywhere. Time, randomness and names come in through [`Host`], so a run is a function of its seed.

use std::future::Future;

use crate::error::StoreError;
use crate::stamp::Millis;

/// The tables of a device's store. Keys and values are texts; keys sort by their UTF-16 code units or bytes, and the
/// core uses ASCII ranges only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// `head` and other single rows.
    Meta,
    /// One small row per record: what a list shows, and what is pending.
    Index,
    /// Whole records: the server's version by `kind/id`, and pending edits by `op/<op id>`.
    Body,
    /// The queue: one row per operation, by op id, which sorts by age.
    Op,
    /// The conflict inbox.
    Conflict,
    /// The device's log of settled operations, by `kind/id time op`.
    Log,
    /// Checkpoints of running sessions, by session id.
    Draft,
    /// Rows that could not be read, kept as they were, by `table/key`.
    Damaged,
}

impl Table {
    /// Every table, in the order of the declaration. An adapter creates all of them, always.
    pub const ALL: [Table; 8] = [
        Table::Meta,
        Table::Index,
        Table::Body,
        Table::Op,
        Table::Conflict,
        Table::Log,
        Table::Draft,
        Table::Damaged,
    ];
    /// The tables that [`Store::load`] brings whole.
    pub const LOADED: [Table; 4] = [Table::Meta, Table::Index, Table::Op, Table::Conflict];

    /// The name of the table on disk.
    pub fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Index => "index",
            Table::Body => "body",
            Table::Op => "op",
            Table::Conflict => "conflict",
            Table::Log => "log",
            Table::Draft => "draft",
            Table::Damaged => "damaged",
        }
    }

    /// The table with that name.
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }
}

/// The key of the row in [`Table::Meta`] that every commit compares and replaces.
pub const HEAD: &str = "head";

/// One row to write. `value: None` deletes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it goes.
    pub table: Table,
    /// Its key there.
    pub key: String,
    /// The new value.
    pub value: Option<String>,
}

/// How long a commit may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Committed means flushed: a power cut does not undo it. For what exists nowhere else.
    Strict,
    /// Committed means a crash of the program does not undo it. For what can be fetched again.
    Relaxed,
}

/// A set of rows that is written whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The exact text of the `head` row this write was planned on; `None` for a store without one.
    pub expects: Option<String>,
    /// The rows; the new `head` is among them, and its text was never used before, by any tab: by it an adapter knows
    /// whether a commit whose answer was lost had come through. No key occurs twice.
    pub rows: Vec<Row>,
    /// When the write counts as done.
    pub durability: Durability,
}

/// The device's store. Every adapter passes the contract suite in `tests/store_contract.rs`.
pub trait Store {
    /// All rows of [`Table::LOADED`], from one consistent moment, each table sorted by key.
    fn load(&self) -> impl Future<Output = Result<Vec<Row>, StoreError>>;

    /// The values under these keys, in order, from one consistent moment; `None` where there is none.
    fn read(
        &self,
        wanted: &[(Table, String)],
    ) -> impl Future<Output = Result<Vec<Option<String>>, StoreError>>;

    /// Rows of `table` with `from <= key < to`, sorted by key, at most `limit`.
    fn scan(
        &self,
        table: Table,
        from: &str,
        to: &str,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(String, String)>, StoreError>>;

    /// Writes all rows, or nothing and an error.
    ///
    /// Compares the `head` row with [`Write::expects`] inside the same transaction, byte by byte; when they differ the
    /// answer is [`StoreError::Stale`]. Resolves only when the write is as durable as asked.
    fn commit(&self, write: &Write) -> impl Future<Output = Result<(), StoreError>>;

    /// Lets go of the storage; every later call answers [`StoreError::Failed`].
    fn close(&self);
}

/// A request to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// JSON text.
    pub body: Option<String>,
    /// Goes into `authorization: Bearer …`.
    pub token: Option<String>,
    /// The request is aborted after this long, in ms.
    pub deadline: Millis,
}

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The `retry-after` header, as it was.
    pub retry_after: Option<String>,
    /// The body as text.
    pub body: String,
}

/// Carries requests to the one server it was made for.
pub trait Transport {
    /// Answers with a response of any status, or with the reason why there is none (network, deadline).
    fn send(&self, request: &Request) -> impl Future<Output = Result<Response, String>>;
}

/// Now, on two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, epoch ms: may jump.
    pub wall: Millis,
    /// Monotonic clock, ms since some start: for waiting.
    pub mono: Millis,
}

/// What the platform tells the core without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The platform believes there is a network.
    Online,
    /// The platform believes there is none.
    Offline,
    /// The page came back to the user.
    Visible,
    /// Another tab changed the store.
    OtherTab,
}

/// Clock, sleep, randomness, and the other tabs.
pub trait Host {
    /// Held while a sync round runs; dropping it lets another tab go.
    type Guard;

    /// Reads both clocks.
    fn now(&self) -> Now;

    /// Resolves when the monotonic clock reads `mono`; may resolve early.
    fn sleep_until(&self, mono: Millis) -> impl Future<Output = ()>;

    /// 128 random bits.
    fn random(&self) -> u128;

    /// The right to run a round, when no other tab of this store has it. `steal` takes it from a tab that sleeps.
    fn round(&self, steal: bool) -> impl Future<Output = Option<Self::Guard>>;

    /// Calls `listener` for everything heard from now on, until the host is dropped.
    fn listen(&self, listener: Box<dyn Fn(Heard)>);

    /// Tells the other tabs that the store changed.
    fn announce(&self);
}
