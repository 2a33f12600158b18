//! What an answer of the server changes on the device: confirmations, rows pulled, conflicts.

use serde_json::Value;

use super::{offer_again, park, unreadable};
use crate::edit::log_line;
use crate::error::Error;
use crate::fault::{Fault, on};
use crate::model::{Conflict, Key, Kind, Record};
use crate::plan::Plan;
use crate::queue::Operation;
use crate::stamp::Stamp;
use crate::state::{Change, Entry, op_body, view};
use crate::wire::{OpResult, Outcome, PullReply, PushReply};

pub(super) fn pushed(plan: &mut Plan, sent: &[(String, Record)], reply: &PushReply) -> Result<(), Error> {
    for (id, record) in sent {
        let found = reply.results.iter().find(|result| result.op.as_deref() == Some(id));
        // Gone from the queue: confirmed before, or discarded by the user meanwhile.
        let (Some(result), Some(op)) = (found, plan.state.queue.get(id)) else { continue };
        if result.outcome == Outcome::Rejected {
            let code = result.code.as_deref().unwrap_or("rejected");
            // M23: one refused operation takes its whole batch with it.
            if on(Fault::M23) {
                sent.iter().for_each(|(id, _)| park(plan, id, code, "its batch was rejected"));
                return Ok(());
            }
            park(plan, id, code, result.error.as_deref().unwrap_or("the server rejected it"));
            continue;
        }
        let current = match reply.merged.get(&record.key.id) {
            Some(wire) => Record::from_wire(record.key.kind, wire.clone()).map_err(unreadable)?,
            None => Record { version: result.version.unwrap_or(record.version), ..record.clone() },
        };
        confirm(plan, op, result, current)?;
    }
    // M02: an answer clears the whole queue.
    if on(Fault::M02) {
        plan.batch.changes.extend(plan.state.queue.values().cloned().map(Change::Dequeue));
    }
    for wire in &reply.conflicts {
        take_conflict(plan, wire)?;
    }
    Ok(())
}

fn confirm(plan: &mut Plan, op: &Operation, result: &OpResult, current: Record) -> Result<(), Error> {
    plan.batch.changes.push(Change::Dequeue(op.clone()));
    let settled = op.resolves.iter().filter(|id| plan.state.conflicts.contains_key(*id));
    plan.batch.changes.extend(settled.map(|id| Change::Conflict(id.clone(), None)));
    // M26: a confirmation removes by record, and so an edit that another tab made meanwhile.
    if on(Fault::M26) {
        let others = plan.state.ops_of(&current.key).filter(|other| other.id != op.id);
        plan.batch.changes.extend(others.cloned().map(Change::Dequeue));
    }
    let outcome = match result.outcome {
        Outcome::Applied => "applied",
        Outcome::Duplicate => "duplicate",
        Outcome::Merged => "merged",
        Outcome::Conflict => "conflict",
        Outcome::Rejected => "rejected",
    };
    plan.batch.changes.push(log_line(op, plan.now.wall, outcome, None));
    plan.batch.head.clock.observe(current.version);
    // The server stored the version under another stamp: the next edit was made on top of that one.
    let renamed = result.version.filter(|version| *version != op.version);
    let next = plan.state.ops_of(&current.key).find(|other| other.id != op.id);
    let mut rebased = None;
    if let (Some(version), Some(next)) = (renamed, next)
        && next.base == Some(op.version)
        && let Some(body) = plan.bodies.record(&current.key, &op_body(next))?
    {
        let body = Record { base: Some(version), ..body };
        let next = Operation { base: Some(version), ..next.clone() };
        plan.batch.changes.push(Change::Queue(next, Some(body.clone())));
        rebased = Some(body);
    }
    set_shadow(plan, &current, rebased)
}

/// Makes `record` the server's version of its record; what is seen follows. `pending` is the content of the newest
/// operation when this plan changes it.
pub(super) fn set_shadow(plan: &mut Plan, record: &Record, pending: Option<Record>) -> Result<(), Error> {
    let key = &record.key;
    let pending = match (pending, plan.state.ops_of(key).next_back()) {
        (Some(pending), _) => Some(pending),
        (None, Some(op)) => plan.bodies.record(key, &op_body(op))?,
        (None, None) => None,
    };
    // An operation that this plan confirms is not pending any more.
    let confirmed = |op: &Operation| {
        let mut changes = plan.batch.changes.iter();
        changes.any(|change| matches!(change, Change::Dequeue(other) if other.id == op.id))
    };
    let newest = plan.state.ops_of(key).next_back().filter(|op| !confirmed(op));
    let pending = pending.filter(|_| newest.is_some());
    let seen = view(plan.state, key, pending.as_ref(), Some(record), plan.rules.strategy);
    let seen = seen.map_or_else(|| record.clone(), |(seen, _)| seen);
    plan.batch.changes.push(Change::Shadow(key.clone(), Some(record.clone())));
    plan.batch.changes.push(Change::Index(key.clone(), Some(Entry::of(&seen, Some(record.version), true))));
    Ok(())
}

fn take_conflict(plan: &mut Plan, wire: &Value) -> Result<(), Error> {
    // A plain pair without an id is only an echo of what the results say.
    if wire.get("id").is_none() {
        return Ok(());
    }
    let conflict = Conflict::from_wire(wire.clone()).map_err(unreadable)?;
    let id = conflict.id.clone();
    if conflict.resolved_by.is_some() {
        if plan.state.conflicts.contains_key(&id) {
            plan.batch.changes.push(Change::Conflict(id, None));
        }
    } else {
        plan.batch.changes.push(Change::Conflict(id, Some(conflict)));
    }
    Ok(())
}

pub(super) fn rows(reply: &PullReply) -> impl Iterator<Item = (Kind, &Value)> {
    let sessions = reply.sessions.iter().map(|wire| (Kind::Session, wire));
    let counters = reply.progress.records.iter().map(|wire| (Kind::Progress, wire));
    sessions.chain(counters).chain(reply.settings.iter().map(|wire| (Kind::Settings, wire)))
}

pub(super) fn key_of(kind: Kind, wire: &Value) -> Option<Key> {
    Some(Key { kind, id: wire.get("id")?.as_str()?.to_owned() })
}

pub(super) fn pulled(plan: &mut Plan, reply: &PullReply) -> Result<(), Error> {
    let mut top = Stamp::ZERO;
    for (kind, wire) in rows(reply) {
        let record = Record::from_wire(kind, wire.clone()).map_err(unreadable)?;
        top = top.max(record.version);
        let known =
            plan.state.index.get(&record.key).is_some_and(|entry| entry.version == Some(record.version));
        if !known {
            // M10: what is pulled replaces what waits.
            if on(Fault::M10) {
                plan.batch.changes.extend(plan.state.ops_of(&record.key).cloned().map(Change::Dequeue));
            }
            set_shadow(plan, &record, None)?;
        }
    }
    for wire in &reply.conflicts {
        take_conflict(plan, wire)?;
    }
    plan.batch.head.clock.observe(top);
    plan.batch.head.cursor = reply.cursor.clone().or_else(|| Some(reply.server_timestamp.to_string()));
    // M28: that the server went back goes unnoticed.
    if reply.resync && !on(Fault::M28) {
        offer_again(plan)?;
    }
    if reply.resync || !reply.has_more {
        plan.batch.head.witness = None;
    }
    Ok(())
}
