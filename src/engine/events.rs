//! What the engine hears and what it asks for. Plain data.

use serde::Serialize;

use crate::error::TransportError;
use crate::settle::Progress;
use crate::stamp::Millis;
use crate::state::LastError;
use crate::wire::{Account, PullReply};

/// What the engine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// No server is set, or the user signed out.
    LocalOnly,
    /// Nothing to do.
    Idle,
    /// The next round is due at a known time.
    Waiting,
    /// A round runs.
    Syncing,
    /// The server refused the token; a new one is needed.
    AuthRequired,
    /// Closed for good.
    Closed,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The store is open, or the server or token was changed.
    Ready,
    /// An edit is on disk.
    Saved,
    /// The platform believes there is a network.
    Online,
    /// The platform believes there is none.
    Offline,
    /// The user came back to the page.
    Visible,
    /// Another tab changed the store; the state has been read anew.
    OtherTab,
    /// The user wants a round now.
    SyncNow,
    /// The time of the last [`Effect::WakeAt`] may have come.
    Woke,
    /// The answer to [`Effect::Lock`].
    Locked(bool),
    /// The change is on disk.
    Committed,
    /// The change could not be saved.
    StoreFailed(LastError),
    /// Another tab runs a round with a newer number.
    Fenced,
    /// The answer to [`Effect::Register`].
    Registered(Result<Account, TransportError>),
    /// The answer to [`Effect::Push`].
    Pushed(Result<Progress, TransportError>),
    /// The answer to [`Effect::Pull`].
    Pulled(Result<(Box<PullReply>, Millis), TransportError>),
    /// The content of an operation on disk cannot be read.
    Unreadable {
        /// Which operation.
        op: String,
        /// Why.
        message: String,
    },
    /// The user closed the store.
    Closed,
}

/// What is to be done. At most the last of a list brings an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send [`Event::Woke`] when the monotonic clock reads this; replaces the wake before.
    WakeAt(Option<Millis>),
    /// Try to get the right to run a round; from a tab that sleeps, if its lease lapsed.
    Lock {
        /// Take it from the tab that holds it.
        steal: bool,
    },
    /// Let other tabs run rounds.
    Unlock,
    /// Save this, then answer.
    Commit(Progress),
    /// Register this device.
    Register,
    /// Send these operations.
    Push(Vec<String>),
    /// Ask for changes.
    Pull,
    /// A round ended; whoever waits for it is told.
    Report(Report),
}

/// The code of a report about a round that was ended by another one.
pub const FENCED: &str = "fenced";

/// What a round did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Operations the server confirmed.
    pub pushed: usize,
    /// Records that came from the server.
    pub pulled: usize,
    /// Conflicts met.
    pub conflicts: usize,
    /// Operations that were parked, or that failed with the round.
    pub failed: usize,
    /// Why the round did not go through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<LastError>,
}
