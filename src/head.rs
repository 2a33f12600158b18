//! The small facts of a store: who it is, where its sync stands, and what changed last. Plain data.

use serde::Serialize;

use crate::clock::HybridClock;
use crate::read::read_struct;
use crate::stamp::{Millis, Replica};
use crate::wire::Account;

/// The format of the rows. A store with a greater one is left untouched.
pub const FORMAT: u32 = 1;

/// The small facts of a store; the one row that every commit compares and replaces.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// [`FORMAT`].
    pub format: u32,
    /// Counts commits.
    pub generation: u64,
    /// Random: makes the text of this row one that no other commit ever had.
    pub nonce: u64,
    /// The hybrid logical clock of this store.
    pub clock: HybridClock,
    /// Who this store is at the server.
    pub account: Option<Account>,
    /// The user whose server versions this store holds; outlives a sign-out.
    pub owner: Option<String>,
    /// The user signed out: nothing registers by itself.
    pub signed_out: bool,
    /// The server refused the token.
    pub auth_required: bool,
    /// Where the next pull goes on.
    pub cursor: Option<String>,
    /// The last commit of a push that no pull has reached yet; the next pull asks whether the server still knows it.
    pub witness: Option<String>,
    /// Counts sync rounds; a round that slept finds it changed and stops.
    pub round: u64,
    /// Until when the running round promises to be done or to have said so again; wall clock.
    pub lease_until: Millis,
    /// Failed rounds since the last good one.
    pub failures: u32,
    /// No attempt before this time (wall clock), also after a restart.
    pub retry_at: Option<Millis>,
    /// End of the last complete round, wall clock.
    pub last_synced_at: Option<Millis>,
    /// The last failure, until a round succeeds.
    pub last_error: Option<LastError>,
    /// Rows that could not be read and were set aside.
    pub damaged: usize,
    /// Rows touched by the latest commits: `(generation, table/key…)`, `None` for "many".
    pub recent: Vec<(u64, Option<Vec<String>>)>,
}

read_struct!(Head {
    format: "format",
    generation: "generation",
    clock: "clock"
} or default {
    nonce: "nonce",
    account: "account",
    owner: "owner",
    signed_out: "signedOut",
    auth_required: "authRequired",
    cursor: "cursor",
    witness: "witness",
    round: "round",
    lease_until: "leaseUntil",
    failures: "failures",
    retry_at: "retryAt",
    last_synced_at: "lastSyncedAt",
    last_error: "lastError",
    damaged: "damaged",
    recent: "recent"
});

/// Why the last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// Stable code.
    pub code: String,
    /// Explanation.
    pub message: String,
    /// When, wall clock.
    pub at: Millis,
}

read_struct!(LastError {
    code: "code",
    message: "message",
    at: "at"
} or default {});

impl Head {
    /// The head of a new store.
    pub fn new(replica: Replica) -> Head {
        Head {
            format: FORMAT,
            generation: 0,
            nonce: 0,
            clock: HybridClock::new(replica),
            account: None,
            owner: None,
            signed_out: false,
            auth_required: false,
            cursor: None,
            witness: None,
            round: 0,
            lease_until: 0,
            failures: 0,
            retry_at: None,
            last_synced_at: None,
            last_error: None,
            damaged: 0,
            recent: Vec::new(),
        }
    }
}
