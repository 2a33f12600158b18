//! Edits about two versions of one record: taking one in from an export, and settling a conflict.

use std::collections::BTreeMap;

use super::{Choice, replacement};
use crate::error::{Error, FieldError};
use crate::merge::join;
use crate::model::{Conflict, DELETED, Kind, RESERVED, Record, Winner, check_fields, check_id};
use crate::plan::Plan;
use crate::seam::Durability;
use crate::state::Change;

/// The version that a record came from is known by its stamp; any other difference is decided by the newer stamp, and
/// the other side goes into the inbox.
pub(super) fn import(plan: &mut Plan, record: &Record) -> Result<bool, Error> {
    check_id(&record.key.id)?;
    let mut fields = record.fields.clone();
    check_fields(record.key.kind, &mut fields)?;
    let key = &record.key;
    let Some(current) = plan.editable(key)? else {
        if plan.state.index.contains_key(key) {
            return Ok(false);
        }
        plan.batch.head.clock.observe(record.version);
        plan.queue(Record { fields, ..record.clone() }, Vec::new());
        return Ok(true);
    };
    if record.base == Some(current.version) {
        plan.batch.head.clock.observe(record.version);
        plan.queue(Record { fields, ..record.clone() }, Vec::new());
        return Ok(true);
    }
    if current.same_content(record)
        || current.version == record.version
        || current.base == Some(record.version)
    {
        return Ok(false);
    }
    // Counters and settings merge, whichever is newer.
    if key.kind != Kind::Session {
        let merged = join(&current, &Record { fields, ..record.clone() });
        if merged.same_content(&current) {
            return Ok(false);
        }
        let version = plan.stamp();
        plan.queue(current.edit(version, &replacement(&current, &merged.fields), merged.deleted), Vec::new());
        return Ok(true);
    }
    let (winner, loser) = if record.version > current.version {
        (Winner::Local, current.version)
    } else {
        (Winner::Remote, record.version)
    };
    let id = Conflict::id_of(key, loser);
    if plan.state.conflicts.contains_key(&id) {
        return Ok(false);
    }
    let conflict = Conflict {
        id: id.clone(),
        key: key.clone(),
        local: record.clone(),
        remote: current.clone(),
        fields: crate::model::different_fields(record, &current),
        winner,
        strategy: plan.rules.strategy,
        detected_at: plan.now.wall,
        resolved_by: None,
    };
    plan.batch.durability = Durability::Strict;
    plan.batch.changes.push(Change::Conflict(id, Some(conflict)));
    if winner == Winner::Local {
        let version = plan.stamp();
        // The version that lost is sent, too, so that every device can find it.
        plan.queue_behind(current.edit(version, &replacement(&current, &fields), record.deleted));
    }
    Ok(true)
}

pub(super) fn resolve(
    plan: &mut Plan,
    id: &str,
    choice: Choice,
    sides: &BTreeMap<String, Choice>,
) -> Result<bool, Error> {
    let open = plan.state.open_conflicts().find(|conflict| conflict.id == id);
    let conflict = open.ok_or_else(|| Error::NotFound(format!("open conflict {id}")))?.clone();
    let chosen = match choice {
        Choice::Local => conflict.local.clone(),
        Choice::Remote => conflict.remote.clone(),
        Choice::Merge => mixture(&conflict, sides)?,
    };
    let mut fields = chosen.fields.clone();
    check_fields(conflict.key.kind, &mut fields)?;
    let version = plan.stamp();
    let next = match plan.editable(&conflict.key)? {
        Some(current) => current.edit(version, &replacement(&current, &fields), chosen.deleted),
        // The current version is only in the cloud: the newer side of the pair stands for it.
        None => {
            let current = if conflict.winner == Winner::Local { &conflict.local } else { &conflict.remote };
            current.edit(version, &replacement(current, &fields), chosen.deleted)
        }
    };
    plan.queue(next, vec![id.to_owned()]);
    Ok(true)
}

fn mixture(conflict: &Conflict, sides: &BTreeMap<String, Choice>) -> Result<Record, Error> {
    let mut mixed = join(&conflict.local, &conflict.remote);
    for (name, side) in sides {
        let from = match side {
            Choice::Local => &conflict.local,
            Choice::Remote => &conflict.remote,
            Choice::Merge => return Err(FieldError::new(name, "must be local or remote").into()),
        };
        if name == DELETED {
            mixed.deleted = from.deleted;
        } else if RESERVED.contains(&name.as_str()) {
            return Err(FieldError::new(name, "cannot be chosen by itself").into());
        } else {
            // A whole group follows the choice of any of its fields, so that two attempts never mix.
            let register = Record::register(conflict.key.kind, name).to_owned();
            let names: Vec<String> =
                mixed.value(&register).iter().map(|(name, _)| (*name).to_owned()).collect();
            for name in names {
                mixed.fields.remove(&name);
            }
            for (name, value) in from.value(&register) {
                mixed.fields.insert(name.to_owned(), value.clone());
            }
        }
    }
    Ok(mixed)
}
