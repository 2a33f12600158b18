//! Telling: the state of the sync at once, and listeners after every change.

use futures_channel::oneshot;
use serde::Serialize;

use super::{Driver, Listener};
use crate::engine::Phase;
use crate::order::distinct;
use crate::queue::counts;
use crate::seam::{Host, Store, Transport};
use crate::stamp::Millis;
use crate::state::LastError;

/// The state of the sync, of all tabs of this store together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `localOnly`, `offline`, `idle`, `waiting`, `syncing`, `stalled`, `authRequired` or `closed`.
    pub phase: &'static str,
    /// What the platform believes.
    pub online: bool,
    /// Unconfirmed operations that are not parked.
    pub pending: usize,
    /// Parked operations.
    pub parked: usize,
    /// Unsettled conflicts.
    pub conflicts: usize,
    /// Rows of this store that could not be read and were set aside.
    pub damaged: usize,
    /// Age of the oldest pending operation, ms.
    pub oldest_pending_ms: Option<Millis>,
    /// End of the last round that went through, epoch ms.
    pub last_synced_at: Option<Millis>,
    /// When the next round is due, epoch ms.
    pub next_attempt_at: Option<Millis>,
    /// The last failure, until a round goes through.
    pub last_error: Option<LastError>,
}

/// What a listener is told after a change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The state of the sync now.
    pub status: Status,
    /// Ids of the records that changed.
    pub records: Vec<String>,
}

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    /// Calls `listener` after every change, until [`Driver::unsubscribe`] with the number returned.
    pub fn subscribe(&self, listener: Listener) -> u32 {
        let id = self.next_listener.get();
        self.next_listener.set(id.wrapping_add(1));
        self.listeners.borrow_mut().push((id, listener));
        id
    }

    /// Stops calling that listener.
    pub fn unsubscribe(&self, id: u32) {
        self.listeners.borrow_mut().retain(|(other, _)| *other != id);
    }

    pub(super) fn tell(&self, records: Vec<String>) {
        let records = distinct(records);
        for waiter in self.waiters.borrow_mut().drain(..) {
            // Whoever waited may have given up.
            let _ = waiter.send(());
        }
        let listeners: Vec<Listener> =
            self.listeners.borrow().iter().map(|(_, listener)| listener.clone()).collect();
        if listeners.is_empty() {
            return;
        }
        let notice = Notice { status: self.status(), records };
        for listener in listeners {
            listener(&notice);
        }
    }

    /// Resolves at the next change, or when the store is closed.
    pub(super) async fn next_change(&self) {
        let (sender, receiver) = oneshot::channel();
        self.waiters.borrow_mut().push(sender);
        // A dropped sender means closed; the caller looks for itself.
        let _ = receiver.await;
    }

    /// The state of the sync, at once.
    pub fn status(&self) -> Status {
        let (state, engine, now) = (self.state.borrow(), self.engine.borrow(), self.host.now());
        let (pending, parked, oldest) = counts(&state.queue);
        let head = &state.head;
        let oldest_pending_ms = oldest.map(|oldest| (now.wall - oldest).max(0));
        let stalled = pending > 0
            && head.last_error.is_some()
            && oldest_pending_ms.is_some_and(|age| age > self.setup.rules.options.stalled_ms);
        let phase = match engine.phase() {
            Phase::LocalOnly => "localOnly",
            Phase::Closed => "closed",
            Phase::AuthRequired => "authRequired",
            Phase::Syncing => "syncing",
            _ if !engine.online() => "offline",
            _ if stalled => "stalled",
            Phase::Idle if pending > 0 => "waiting",
            Phase::Idle => "idle",
            Phase::Waiting => "waiting",
        };
        let next_attempt_at = engine.wake().map(|at| now.wall + (at - now.mono).max(0));
        Status {
            phase,
            online: engine.online(),
            pending,
            parked,
            conflicts: state.open_conflicts().count(),
            damaged: head.damaged,
            oldest_pending_ms,
            last_synced_at: head.last_synced_at,
            next_attempt_at,
            last_error: head.last_error.clone(),
        }
    }
}
