//! What a sync round changes on the device, as plans: beginning, sending, confirmations, pulled rows, failures.
//!
//! A round that slept while another tab ran one finds its number changed and changes nothing.

mod reply;

use std::collections::BTreeSet;

use reply::{key_of, pulled, pushed, rows, set_shadow};

use crate::cache::surplus;
use crate::edit::log_line;
use crate::error::{Error, FieldError, TransportError};
use crate::fault::{Fault, on};
use crate::model::{Key, Record};
use crate::plan::Plan;
use crate::queue::{OpStatus, OpType, Operation, expired};
use crate::seam::{Durability, Table};
use crate::stamp::Millis;
use crate::state::{Change, Entry, LastError, State, op_body};
use crate::wire::{Account, PullReply, PushReply};

/// How far a stamp may run ahead of the server's clock before it is brought back, ms.
pub const CLOCK_TOLERANCE_MS: Millis = 60_000;

/// One change made by a sync round.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A round begins; its number is one more than the last one's.
    Begin,
    /// The server said in this round who this device is. For another user than before, everything is offered again.
    Join(Account),
    /// The user joined this device to that account; a round that runs for the old one ends.
    ///
    /// Refused with `notCached` while a session is only in the cloud of the old account, except those named: the old
    /// cloud has lost them.
    Link(Account, BTreeSet<Key>),
    /// These operations are about to be sent: their content is fixed from now on.
    Sending(Vec<String>),
    /// The server answered a push of these operations.
    Pushed {
        /// Operation ids and what was sent, in the order of the request.
        sent: Vec<(String, Record)>,
        /// The answer.
        reply: Box<PushReply>,
        /// When the request left, wall clock.
        sent_at: Millis,
    },
    /// The server answered a pull.
    Pulled {
        /// The answer.
        reply: Box<PullReply>,
        /// When the request left, wall clock.
        sent_at: Millis,
    },
    /// One operation can not go through as it is.
    Park {
        /// Which one.
        op: String,
        /// Stable code of the reason.
        code: String,
        /// The reason.
        message: String,
    },
    /// The round failed and will be tried again.
    Failed {
        /// The operations that were in the request.
        ops: Vec<String>,
        /// Why.
        error: LastError,
        /// No attempt before then, wall clock.
        retry_at: Millis,
        /// Whether a server answered at all.
        answered: bool,
    },
    /// The server refused the token.
    AuthRequired,
    /// The round went through.
    Done,
    /// A record fetched on demand is kept.
    Cache(Record),
}

impl Progress {
    /// The bodies that the plan needs.
    pub fn wants(&self, state: &State) -> Vec<(Table, String)> {
        let pending = |key: &Key| state.ops_of(key).next_back().map(|op| (Table::Body, op_body(op)));
        match self {
            Progress::Pushed { sent, .. } => {
                sent.iter().filter_map(|(_, record)| pending(&record.key)).collect()
            }
            Progress::Pulled { reply, .. } if reply.resync => offerable(state),
            Progress::Pulled { reply, .. } => rows(reply)
                .filter_map(|(kind, wire)| key_of(kind, wire))
                .filter_map(|key| pending(&key))
                .collect(),
            Progress::Join(account) | Progress::Link(account, _) if moves(state, account) => offerable(state),
            _ => Vec::new(),
        }
    }

    /// Fills the plan of round `round`.
    pub fn plan(&self, plan: &mut Plan, round: u64) -> Result<(), Error> {
        if !matches!(self, Progress::Begin | Progress::Cache(_) | Progress::Link(..))
            && plan.state.head.round != round
        {
            return Err(Error::State("fenced", "another tab runs a sync round".into()));
        }
        let wall = plan.now.wall;
        let deadline = plan.rules.options.request_timeout_ms;
        plan.batch.head.lease_until = wall.saturating_add(deadline);
        match self {
            // Another tab signed out after this one had decided to begin: that stands, nobody is registered anew.
            Progress::Begin if plan.state.head.signed_out && plan.state.head.account.is_none() => {
                return Err(Error::State("fenced", "this device was signed out".into()));
            }
            Progress::Begin => plan.batch.head.round += 1,
            Progress::Join(account) => join(plan, account)?,
            Progress::Link(account, gone) => {
                if moves(plan.state, account)
                    && let Some(key) = only_in_cloud(plan.state).find(|key| !gone.contains(key))
                {
                    return Err(Error::State(
                        "notCached",
                        format!("session {} is only in the cloud", key.id),
                    ));
                }
                plan.batch.head.round += 1;
                plan.batch.head.lease_until = 0;
                join(plan, account)?;
            }
            Progress::Sending(ops) => {
                for op in ops.iter().filter_map(|id| plan.state.queue.get(id)) {
                    // M03: an operation leaves the queue when it is sent.
                    if on(Fault::M03) {
                        plan.batch.changes.push(Change::Dequeue(op.clone()));
                        continue;
                    }
                    plan.batch.changes.push(Change::Queue(Operation { sent: true, ..op.clone() }, None));
                }
            }
            Progress::Pushed { sent, reply, sent_at } => {
                anchor(plan, reply.server_now, *sent_at);
                pushed(plan, sent, reply)?;
                if reply.cursor.is_some() {
                    plan.batch.head.witness.clone_from(&reply.cursor);
                }
                evict(plan);
            }
            Progress::Pulled { reply, sent_at } => {
                anchor(plan, reply.server_now, *sent_at);
                pulled(plan, reply)?;
                evict(plan);
            }
            Progress::Park { op, code, message } => park(plan, op, code, message),
            Progress::Failed { ops, error, retry_at, answered } => {
                failed(plan, ops, error, *retry_at, *answered)
            }
            Progress::AuthRequired => {
                plan.batch.head.auth_required = true;
                let message = "the server does not know this device's token".to_owned();
                plan.batch.head.last_error =
                    Some(LastError { code: "authRequired".into(), message, at: wall });
                plan.batch.head.lease_until = 0;
            }
            Progress::Done => {
                let head = &mut plan.batch.head;
                (head.failures, head.retry_at, head.last_error) = (0, None, None);
                (head.last_synced_at, head.lease_until) = (Some(wall), 0);
            }
            Progress::Cache(record) => {
                let entry = plan.state.index.get(&record.key);
                if entry.is_some_and(|entry| entry.version == Some(record.version)) {
                    set_shadow(plan, record, None)?;
                }
            }
        }
        Ok(())
    }
}

/// A reply that does not parse is as no reply.
fn unreadable(error: FieldError) -> Error {
    let why = format!("the reply cannot be read: {error}");
    TransportError::Unreachable { why, retry_after: None, status: Some(200) }.into()
}

fn anchor(plan: &mut Plan, server_now: Option<Millis>, sent_at: Millis) {
    let took = plan.now.wall.saturating_sub(sent_at);
    // After a sleep, or a jump of the wall clock, the answer is of a time that nobody knows.
    let fresh = (0..=plan.rules.options.request_timeout_ms).contains(&took);
    if let Some(server) = server_now.filter(|_| fresh) {
        plan.batch.head.clock.anchor(server, sent_at + took / 2, CLOCK_TOLERANCE_MS);
    }
}

fn moves(state: &State, account: &Account) -> bool {
    state.head.owner.as_ref().is_some_and(|owner| *owner != account.user_id)
}

/// Records whose content is not on this device.
fn only_in_cloud(state: &State) -> impl Iterator<Item = &Key> {
    let bare = |(key, entry): &(&Key, &Entry)| {
        !entry.cached && entry.version.is_some() && state.ops_of(key).next().is_none()
    };
    state.index.iter().filter(bare).map(|(key, _)| key)
}

/// Everything on this device that can be offered to a server that may not have it.
fn offerable(state: &State) -> Vec<(Table, String)> {
    let idle = |key: &Key, entry: &Entry| entry.cached && state.ops_of(key).next().is_none();
    let keys = state.index.iter().filter(|(key, entry)| idle(key, entry));
    keys.map(|(key, _)| (Table::Body, key.to_string())).collect()
}

fn join(plan: &mut Plan, account: &Account) -> Result<(), Error> {
    plan.batch.durability = Durability::Strict;
    if moves(plan.state, account) {
        (plan.batch.head.cursor, plan.batch.head.witness) = (None, None);
        offer_again(plan)?;
    }
    let head = &mut plan.batch.head;
    head.account = Some(account.clone());
    head.owner = Some(account.user_id.clone());
    (head.signed_out, head.auth_required) = (false, false);
    (head.failures, head.retry_at, head.last_error) = (0, None, None);
    Ok(())
}

/// Queues every idle record as it is; a server that has it answers "duplicate".
fn offer_again(plan: &mut Plan) -> Result<(), Error> {
    plan.batch.durability = Durability::Strict;
    for (_, body) in offerable(plan.state) {
        let Some(key) = Key::parse(&body) else { continue };
        let Some(record) = plan.bodies.record(&key, &body)? else { continue };
        let op = Operation {
            id: plan.op_id(),
            kind: OpType::of(key.kind),
            record: body,
            version: record.version,
            base: record.base,
            timestamp: plan.now.wall,
            attempts: 0,
            status: OpStatus::Pending,
            error: None,
            code: None,
            // An edit queues behind it, so that the version the server may lack still travels.
            sent: true,
            failing_since: None,
            bytes: record.bytes(),
            resolves: Vec::new(),
        };
        plan.batch.changes.push(Change::Queue(op, Some(record)));
    }
    Ok(())
}

fn park(plan: &mut Plan, id: &str, code: &str, message: &str) {
    if let Some(op) = plan.state.queue.get(id).cloned() {
        plan.batch.changes.push(log_line(&op, plan.now.wall, "parked", Some(code)));
        let parked = Operation {
            status: OpStatus::Failed,
            attempts: op.attempts + 1,
            code: Some(code.to_owned()),
            error: Some(message.to_owned()),
            ..op
        };
        plan.batch.changes.push(Change::Queue(parked, None));
    }
}

fn failed(plan: &mut Plan, ops: &[String], error: &LastError, retry_at: Millis, answered: bool) {
    let head = &mut plan.batch.head;
    head.failures += 1;
    head.retry_at = Some(retry_at);
    head.last_error = Some(error.clone());
    head.lease_until = 0;
    for id in ops {
        let Some(op) = plan.state.queue.get(id).cloned() else { continue };
        let failing_since =
            if answered { op.failing_since.or(Some(plan.now.wall)) } else { op.failing_since };
        let op =
            Operation { attempts: op.attempts + 1, error: Some(error.message.clone()), failing_since, ..op };
        // M13: an operation has so many attempts and no more.
        if on(Fault::M13) && op.attempts >= 5 {
            plan.batch.changes.push(Change::Dequeue(op));
        } else if expired(&op, &plan.rules.options, plan.now.wall) {
            plan.batch.changes.push(log_line(&op, plan.now.wall, "parked", Some("expired")));
            let parked = Operation { status: OpStatus::Failed, code: Some("expired".into()), ..op };
            plan.batch.changes.push(Change::Queue(parked, None));
        } else {
            plan.batch.changes.push(Change::Queue(op, None));
        }
    }
}

/// Bodies of old sessions go once the server has them; the entry stays.
fn evict(plan: &mut Plan) {
    let touched = |key: &Key| {
        plan.batch.changes.iter().any(|change| match change {
            Change::Shadow(other, _) | Change::Index(other, _) => other == key,
            // A record that this plan offers again is not settled.
            Change::Queue(op, _) => op.key().as_ref() == Some(key),
            _ => false,
        })
    };
    let dropped: Vec<Key> = surplus(plan.state, plan.rules.options.cache_sessions)
        .into_iter()
        .filter(|key| !touched(key))
        .collect();
    for key in dropped {
        if let Some(entry) = plan.state.index.get(&key) {
            let entry = Entry { cached: false, ..entry.clone() };
            plan.batch.changes.push(Change::Shadow(key.clone(), None));
            plan.batch.changes.push(Change::Index(key, Some(entry)));
        }
    }
}

#[cfg(test)]
mod tests;
