//! The user's own edits as plans: save, update, remove, resolve, retry, discard. Each is durable before anyone is told.

mod conflict;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use conflict::{import, resolve};

use crate::error::{Error, FieldError};
use crate::model::{Conflict, Fields, Key, PRACTICE, RESERVED, Record, check_fields, check_id, fields_of};
use crate::plan::Plan;
use crate::queue::{OpStatus, Operation};
use crate::read::read_names;
use crate::seam::Durability;
use crate::seam::Table;
use crate::stamp::Millis;
use crate::state::{Change, Entry, State};

/// One edit asked for by the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Saves a record whole. Saving what is there already changes nothing.
    Put {
        /// Which record.
        key: Key,
        /// All its fields.
        fields: Fields,
        /// The checkpoint of the running session that this ends.
        ends_draft: bool,
    },
    /// Lays fields over a record; `null` removes one.
    Patch {
        /// Which record.
        key: Key,
        /// The fields to set.
        fields: Fields,
    },
    /// Brings a deleted record back, with a patch.
    Restore {
        /// Which record.
        key: Key,
        /// The fields to set.
        fields: Fields,
    },
    /// Deletes a record: it becomes a tombstone. Deleting it again changes nothing.
    Remove {
        /// Which record.
        key: Key,
    },
    /// Takes in a version from an export.
    Import {
        /// That version.
        record: Record,
    },
    /// Takes in an open conflict from an export.
    ImportConflict {
        /// That conflict.
        conflict: Box<Conflict>,
    },
    /// Settles a conflict.
    Resolve {
        /// Which conflict.
        id: String,
        /// Whose content becomes current.
        choice: Choice,
        /// For [`Choice::Merge`]: the side to take, field by field; without it the newer register wins.
        fields: BTreeMap<String, Choice>,
    },
    /// Notes that the content of what waits leaves this device by another way than a round: it may come to the server
    /// from elsewhere, and edits that follow are versions of their own.
    Expose,
    /// Makes one parked operation, or all of them, pending again.
    Retry {
        /// Which operation.
        op: Option<String>,
    },
    /// Gives up one operation for good, at the user's word.
    Discard {
        /// Which operation.
        op: String,
    },
    /// Adds to the practice time of this device that no session tells of.
    Practise {
        /// The user's local day, `YYYY-MM-DD`.
        day: String,
        /// The time, ms; nothing changes when it is not positive.
        ms: Millis,
    },
    /// Sets or drops the checkpoint of a running session.
    Draft {
        /// The session.
        id: String,
        /// Its checkpoint.
        text: Option<String>,
    },
}

/// The user's choice in a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Choice {
    /// The version that arrived later.
    Local,
    /// The version that was stored first.
    Remote,
    /// A mixture.
    Merge,
}

read_names!(Choice { Local: "local", Remote: "remote", Merge: "merge" });

impl Edit {
    /// The bodies that the plan needs.
    pub fn wants(&self, state: &State) -> Vec<(Table, String)> {
        match self {
            Edit::Put { key, .. }
            | Edit::Patch { key, .. }
            | Edit::Restore { key, .. }
            | Edit::Remove { key } => state.bodies_of(key),
            Edit::Import { record } => state.bodies_of(&record.key),
            Edit::Resolve { id, .. } => {
                state.conflicts.get(id).map_or_else(Vec::new, |conflict| state.bodies_of(&conflict.key))
            }
            Edit::Discard { op } => {
                let key = state.queue.get(op).and_then(Operation::key);
                let behind = state.queue.get(op).and_then(|op| behind(state, op));
                let behind = behind.map(|next| (Table::Body, crate::state::op_body(next)));
                key.map_or_else(Vec::new, |key| state.bodies_without(&key, op))
                    .into_iter()
                    .chain(behind)
                    .collect()
            }
            Edit::Practise { day, .. } => state.bodies_of(&Key::progress(state.head.clock.replica, day)),
            Edit::Expose | Edit::Retry { .. } | Edit::Draft { .. } | Edit::ImportConflict { .. } => {
                Vec::new()
            }
        }
    }

    /// Fills the plan. `false` when there is nothing to change.
    pub fn plan(&self, plan: &mut Plan) -> Result<bool, Error> {
        match self {
            Edit::Put { key, fields, ends_draft } => {
                let changed = put(plan, key, fields)?;
                if *ends_draft {
                    plan.batch.changes.push(Change::Draft(key.id.clone(), None));
                }
                Ok(changed || *ends_draft)
            }
            Edit::Patch { key, fields } => patch(plan, key, fields),
            Edit::Restore { key, fields } => restore(plan, key, fields),
            Edit::Remove { key } => remove(plan, key),
            Edit::ImportConflict { conflict } => {
                let Conflict { id, key, .. } = conflict.as_ref();
                let known = plan.state.conflicts.contains_key(id) || !plan.state.index.contains_key(key);
                if !known && conflict.resolved_by.is_none() {
                    plan.batch.durability = Durability::Strict;
                    plan.batch.changes.push(Change::Conflict(id.clone(), Some(conflict.as_ref().clone())));
                    return Ok(true);
                }
                Ok(false)
            }
            Edit::Import { record } => import(plan, record),
            Edit::Resolve { id, choice, fields } => resolve(plan, id, *choice, fields),
            Edit::Expose => {
                let unsent = plan.state.queue.values().filter(|op| !op.sent);
                let sent = unsent.map(|op| Change::Queue(Operation { sent: true, ..op.clone() }, None));
                plan.batch.changes.extend(sent);
                Ok(!plan.batch.changes.is_empty())
            }
            Edit::Retry { op } => retry(plan, op.as_deref()),
            Edit::Discard { op } => discard(plan, op),
            Edit::Practise { day, ms } => practise(plan, day, *ms),
            Edit::Draft { id, text } => {
                plan.batch.durability = Durability::Relaxed;
                plan.batch.changes.push(Change::Draft(id.clone(), text.clone()));
                Ok(true)
            }
        }
    }
}

/// The patch that turns the fields of `from` into `to`.
fn replacement(from: &Record, to: &Fields) -> Fields {
    let gone =
        from.fields.keys().filter(|name| !to.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    fields_of(gone.chain(to.clone()))
}

fn put(plan: &mut Plan, key: &Key, fields: &Fields) -> Result<bool, Error> {
    check_id(&key.id)?;
    let mut fields = fields.clone();
    check_fields(key.kind, &mut fields)?;
    let current = plan.editable(key)?;
    let next = match current {
        None if plan.state.index.get(key).is_some_and(|entry| !entry.deleted) => {
            return Err(Error::State(
                "notCached",
                format!("session {} is only in the cloud: fetch it first", key.id),
            ));
        }
        None => {
            let version = plan.stamp();
            Record::new(key.clone(), version, fields)
        }
        Some(current) if !current.deleted && current.fields == fields => return Ok(false),
        Some(current) => {
            let version = plan.stamp();
            current.edit(version, &replacement(&current, &fields), false)
        }
    };
    plan.queue(next, Vec::new());
    Ok(true)
}

fn existing(plan: &Plan, key: &Key) -> Result<Record, Error> {
    let gone = || Error::NotFound(format!("{} {}", key.kind.name(), key.id));
    plan.editable(key)?.filter(|record| !record.deleted).ok_or_else(gone)
}

fn patch(plan: &mut Plan, key: &Key, fields: &Fields) -> Result<bool, Error> {
    if let Some(name) = fields.keys().find(|name| RESERVED.contains(&name.as_str())) {
        return Err(FieldError::new(name, "cannot be set by an update").into());
    }
    let settings = *key == Key::settings();
    let current = match existing(plan, key) {
        Err(Error::NotFound(_)) if settings => {
            let mut fields = fields.clone();
            fields.retain(|_, value| !value.is_null());
            check_fields(key.kind, &mut fields)?;
            let version = plan.stamp();
            plan.queue(Record::new(key.clone(), version, fields), Vec::new());
            return Ok(true);
        }
        other => other?,
    };
    let mut next = current.edit(current.version, fields, false);
    check_fields(key.kind, &mut next.fields)?;
    if next.same_content(&current) {
        return Ok(false);
    }
    let version = plan.stamp();
    let canonical =
        fields.iter().map(|(name, _)| (name.clone(), next.fields.get(name).cloned().unwrap_or(Value::Null)));
    plan.queue(current.edit(version, &fields_of(canonical), false), Vec::new());
    Ok(true)
}

fn restore(plan: &mut Plan, key: &Key, fields: &Fields) -> Result<bool, Error> {
    let gone = || Error::NotFound(format!("{} {}", key.kind.name(), key.id));
    let current = plan.editable(key)?.ok_or_else(gone)?;
    if !current.deleted {
        return if fields.is_empty() { Ok(false) } else { patch(plan, key, fields) };
    }
    let mut next = current.edit(current.version, fields, false);
    check_fields(key.kind, &mut next.fields)?;
    let version = plan.stamp();
    plan.queue(current.edit(version, &replacement(&current, &next.fields), false), Vec::new());
    Ok(true)
}

fn remove(plan: &mut Plan, key: &Key) -> Result<bool, Error> {
    let gone = || Error::NotFound(format!("{} {}", key.kind.name(), key.id));
    let current = plan.editable(key)?.ok_or_else(gone)?;
    if current.deleted {
        return Ok(false);
    }
    let version = plan.stamp();
    plan.queue(current.edit(version, &Fields::new(), true), Vec::new());
    Ok(true)
}

fn practise(plan: &mut Plan, day: &str, ms: Millis) -> Result<bool, Error> {
    if ms <= 0 {
        return Ok(false);
    }
    let key = Key::progress(plan.state.head.clock.replica, day);
    let current = plan.editable(&key)?;
    let counted = |record: &Record| record.fields.get(PRACTICE).and_then(Value::as_i64);
    let sum = current.as_ref().and_then(counted).unwrap_or(0).saturating_add(ms);
    let fields = fields_of([(PRACTICE.to_owned(), json!(sum))]);
    let version = plan.stamp();
    let next = match current {
        Some(current) => current.edit(version, &fields, false),
        None => Record::new(key, version, fields),
    };
    plan.queue(next, Vec::new());
    Ok(true)
}

fn retry(plan: &mut Plan, id: Option<&str>) -> Result<bool, Error> {
    let wanted = |op: &&Operation| op.parked() && id.is_none_or(|id| id == op.id);
    let parked: Vec<Operation> = plan.state.queue.values().filter(wanted).cloned().collect();
    match id {
        Some(id) if !plan.state.queue.contains_key(id) => {
            return Err(Error::NotFound(format!("operation {id}")));
        }
        _ => {}
    }
    plan.batch.durability = Durability::Strict;
    plan.batch.head.retry_at = None;
    for op in parked {
        let fresh = Operation {
            status: OpStatus::Pending,
            attempts: 0,
            failing_since: None,
            error: None,
            code: None,
            ..op
        };
        plan.batch.changes.push(Change::Queue(fresh, None));
    }
    Ok(true)
}

/// The operation made on top of `op`, which itself was never sent.
fn behind<'a>(state: &'a State, op: &Operation) -> Option<&'a Operation> {
    let key = op.key().filter(|_| !op.sent)?;
    state.ops_of(&key).find(|other| other.base == Some(op.version))
}

fn discard(plan: &mut Plan, id: &str) -> Result<bool, Error> {
    let op = plan.state.queue.get(id).ok_or_else(|| Error::NotFound(format!("operation {id}")))?.clone();
    plan.batch.durability = Durability::Strict;
    plan.batch.changes.push(Change::Dequeue(op.clone()));
    plan.batch.changes.push(log_line(&op, plan.now.wall, "discarded", op.code.as_deref()));
    if let Some(key) = op.key() {
        let entry = plan.state.index.get(&key);
        let newest = plan.state.ops_of(&key).rev().find(|other| other.id != id);
        let mut pending = match newest {
            Some(other) => plan.bodies.record(&key, &crate::state::op_body(other))?,
            None => None,
        };
        // Nobody will know the version that the next edit was made on.
        if let Some(next) = behind(plan.state, &op)
            && let Some(body) = plan.bodies.record(&key, &crate::state::op_body(next))?
        {
            let body = Record { base: op.base, ..body };
            if newest.is_some_and(|newest| newest.id == next.id) {
                pending = Some(body.clone());
            }
            let next = Operation { base: op.base, ..next.clone() };
            plan.batch.changes.push(Change::Queue(next, Some(body)));
        }
        let shadow = plan.bodies.record(&key, &key.to_string())?;
        let (version, cached) = entry.map_or((None, false), |entry| (entry.version, entry.cached));
        match crate::state::view(plan.state, &key, pending.as_ref(), shadow.as_ref(), plan.rules.strategy) {
            Some((seen, _)) => {
                plan.batch.changes.push(Change::Index(key, Some(Entry::of(&seen, version, cached))))
            }
            None if version.is_none() => plan.batch.changes.push(Change::Index(key, None)),
            None => {}
        }
    }
    Ok(true)
}

/// A line of the device's log about `op`, keyed so that the lines of one record lie together in order.
pub fn log_line(op: &Operation, wall: Millis, outcome: &str, detail: Option<&str>) -> Change {
    let line = json!({
        "at": wall, "op": op.id, "record": op.record, "version": op.version, "outcome": outcome,
        "queuedAt": op.timestamp, "attempts": op.attempts, "detail": detail,
    });
    Change::Log(format!("{} {:013} {}", op.record, wall.max(0), op.id), line)
}

#[cfg(test)]
mod tests;
