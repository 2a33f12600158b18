//! What travels: request and reply bodies, and the one JSON form of a record on the wire and on disk.
//!
//! A field that this version does not know is kept and sent on.

mod reply;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub use reply::{Account, OpResult, Outcome, PullReply, PushReply, Totals};

use crate::error::FieldError;
use crate::fault::{Fault, on};
use crate::model::{
    Conflict, DELETED, Fields, Key, Kind, RESERVED, Record, Strategy, Winner, check_fields, check_id,
    fields_of,
};
use crate::read::{FromJson, read_struct};
use crate::stamp::{Millis, Replica, Stamp};

/// One edit as a client offers it to the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The id of the queued operation, echoed in the result.
    pub op: Option<String>,
    /// The version offered.
    pub record: Record,
    /// A client of the plain spec: no `version`, so its `lastModified` and content stand in for one.
    pub plain: bool,
    /// The conflicts that this edit settles.
    pub resolves: Vec<String>,
}

/// The body of a push of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct PushRequest {
    /// Which endpoint it goes to.
    pub kind: Kind,
    /// Records with their operation fields, as [`Offer::to_wire`] makes them.
    pub records: Vec<Value>,
    /// The device's wall clock, epoch ms.
    pub client_timestamp: Millis,
    /// How the device wants concurrent edits decided.
    pub strategy: Strategy,
    /// The last commit of an earlier push that no pull has reached yet. A server that does not know it names no commit
    /// in its answer.
    pub known: Option<String>,
}

impl PushRequest {
    /// The path this request is posted to.
    pub fn path(&self) -> &'static str {
        match self.kind {
            Kind::Session => "/api/sync/sessions",
            Kind::Progress => "/api/sync/progress",
            Kind::Settings => "/api/sync/settings",
        }
    }

    /// The name of the list in the body.
    pub fn list_name(kind: Kind) -> &'static str {
        match kind {
            Kind::Session => "sessions",
            Kind::Progress => "progress",
            Kind::Settings => "settings",
        }
    }

    /// The JSON body.
    pub fn to_body(&self) -> Value {
        serde_json::json!({
            PushRequest::list_name(self.kind): self.records,
            "clientTimestamp": self.client_timestamp,
            "strategy": self.strategy,
            "known": self.known,
        })
    }
}

impl Record {
    /// The flat JSON form, with `lastModified`, `version`, `base`, `created`, `deleted` and `modified`.
    pub fn to_wire(&self) -> Map<String, Value> {
        let mut wire = self.fields.clone();
        wire.insert("id".into(), self.key.id.clone().into());
        wire.insert("lastModified".into(), self.version.ms.into());
        wire.insert("version".into(), self.version.to_string().into());
        wire.insert("base".into(), self.base.map_or(Value::Null, |base| base.to_string().into()));
        wire.insert("created".into(), self.created.to_string().into());
        wire.insert("deleted".into(), self.deleted.into());
        let modified = self.modified.iter().map(|(name, stamp)| (name.clone(), stamp.to_string().into()));
        wire.insert("modified".into(), Value::Object(fields_of(modified)));
        wire
    }

    /// Reads the flat JSON form of a record that has a version. What it holds was checked when it was accepted, and is
    /// taken as it is: a rule that became stricter since must not stop a device from reading.
    pub fn from_wire(kind: Kind, mut wire: Value) -> Result<Record, FieldError> {
        // M29: what an older release does not know by name goes.
        if on(Fault::M29)
            && let Some(fields) = wire.as_object_mut()
        {
            fields.retain(|name, _| !name.starts_with('t') || name == "text" || name == "timestamp");
        }
        let offer = parse(kind, wire, |_| Ok(()))?;
        if offer.plain { Err(FieldError::new("version", "is missing")) } else { Ok(offer.record) }
    }
}

impl Offer {
    /// The flat JSON form with the operation's fields.
    pub fn to_wire(&self) -> Value {
        let mut wire = self.record.to_wire();
        if let Some(op) = &self.op {
            wire.insert("op".into(), op.clone().into());
        }
        if !self.resolves.is_empty() {
            wire.insert("resolves".into(), self.resolves.clone().into());
        }
        Value::Object(wire)
    }

    /// Reads and checks one offered record. `userId` is ignored: the user comes from the token.
    ///
    /// A client of the plain spec gives no `version`; it gets one made of `lastModified` and a hash of the content, so
    /// that the same content offered again is the same version.
    pub fn parse(kind: Kind, wire: Value) -> Result<Offer, FieldError> {
        parse(kind, wire, |fields| check_fields(kind, fields))
    }
}

fn parse(
    kind: Kind,
    wire: Value,
    check: impl Fn(&mut Fields) -> Result<(), FieldError>,
) -> Result<Offer, FieldError> {
    let Value::Object(mut fields) = wire else {
        return Err(FieldError::new("record", "must be an object"));
    };
    let id = match fields.remove("id") {
        Some(Value::String(id)) => id,
        Some(_) => return Err(FieldError::new("id", "must be a text")),
        None => return Err(FieldError::new("id", "is missing")),
    };
    check_id(&id)?;
    let mut meta: Fields = Map::new();
    for name in RESERVED {
        if let Some(value) = fields.remove(name).filter(|value| !value.is_null()) {
            meta.insert(name.to_owned(), value);
        }
    }
    check(&mut fields)?;
    let op = text(&meta, "op")?;
    let resolves = texts(&meta, "resolves")?;
    let deleted = match meta.get(DELETED) {
        None => false,
        Some(Value::Bool(deleted)) => *deleted,
        Some(_) => return Err(FieldError::new(DELETED, "must be true or false")),
    };
    let given = stamp(&meta, "version")?;
    let plain = given.is_none();
    let version = match given {
        Some(version) => version,
        None => plain_version(&meta, &fields, deleted)?,
    };
    let base = stamp(&meta, "base")?;
    let created = stamp(&meta, "created")?.unwrap_or(base.unwrap_or(version)).min(version);
    let modified = modified(kind, meta.get("modified"), version)?;
    let key = Key { kind, id };
    let mut record = Record { key, version, base, created, deleted, modified, fields };
    record.settle_deletion();
    Ok(Offer { op, record, plain, resolves })
}

fn plain_version(meta: &Fields, fields: &Fields, deleted: bool) -> Result<Stamp, FieldError> {
    let Some(value) = meta.get("lastModified") else {
        return Err(FieldError::new("lastModified", "is missing, and there is no version either"));
    };
    let whole =
        value.as_f64().filter(|ms| ms.fract() == 0.0 && (0.0..=crate::stamp::MAX_MS as f64).contains(ms));
    let Some(ms) = whole else {
        return Err(FieldError::new("lastModified", "must be whole milliseconds, 0 or more"));
    };
    Ok(Stamp::at(ms as Millis, 0, content_hash(fields, deleted)))
}

/// The first 64 bits of SHA-256 over the canonical JSON of the content.
fn content_hash(fields: &Fields, deleted: bool) -> Replica {
    let text = serde_json::to_string(&(fields, deleted)).unwrap_or_default();
    let digest = Sha256::digest(text.as_bytes());
    Replica(digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte)))
}

fn text(meta: &Fields, name: &str) -> Result<Option<String>, FieldError> {
    match meta.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= 512 && !text.contains('\0') => Ok(Some(text.clone())),
        Some(_) => Err(FieldError::new(name, "must be a text of at most 512 bytes without NUL")),
    }
}

fn texts(meta: &Fields, name: &str) -> Result<Vec<String>, FieldError> {
    let problem = || FieldError::new(name, "must be a list of at most 100 texts");
    match meta.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() <= 100 => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(problem)).collect()
        }
        Some(_) => Err(problem()),
    }
}

fn stamp(meta: &Fields, name: &str) -> Result<Option<Stamp>, FieldError> {
    match meta.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => text
            .parse()
            .map(Some)
            .map_err(|error: crate::stamp::BadStamp| FieldError::new(name, error.to_string())),
        Some(_) => Err(FieldError::new(name, "must be a stamp")),
    }
}

/// No register can be newer than the version that holds it, whatever the client says.
fn modified(
    kind: Kind,
    value: Option<&Value>,
    version: Stamp,
) -> Result<BTreeMap<String, Stamp>, FieldError> {
    let mut stamps = BTreeMap::new();
    match value {
        None => {}
        Some(Value::Object(members)) => {
            for name in members.keys() {
                if let Some(stamp) = stamp(members, name)? {
                    let register = Record::register(kind, name).to_owned();
                    let slot = stamps.entry(register).or_insert(Stamp::ZERO);
                    *slot = stamp.min(version).max(*slot);
                }
            }
        }
        Some(_) => return Err(FieldError::new("modified", "must be an object of stamps")),
    }
    Ok(stamps)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConflictWire {
    id: String,
    session_id: String,
    kind: Kind,
    local: Value,
    remote: Value,
    conflict_fields: Vec<String>,
    winner: Winner,
    strategy: Strategy,
    detected_at: Millis,
    resolved_by: Option<Stamp>,
}

read_struct!(ConflictWire {
    id: "id",
    session_id: "sessionId",
    kind: "kind",
    local: "local",
    remote: "remote",
    conflict_fields: "conflictFields",
    winner: "winner",
    strategy: "strategy",
    detected_at: "detectedAt"
} or default {
    resolved_by: "resolvedBy"
});

impl Conflict {
    /// The spec's `{sessionId, local, remote, conflictFields}` with what the inbox needs beside it.
    pub fn to_wire(&self) -> Value {
        let wire = ConflictWire {
            id: self.id.clone(),
            session_id: self.key.id.clone(),
            kind: self.key.kind,
            local: Value::Object(self.local.to_wire()),
            remote: Value::Object(self.remote.to_wire()),
            conflict_fields: self.fields.clone(),
            winner: self.winner,
            strategy: self.strategy,
            detected_at: self.detected_at,
            resolved_by: self.resolved_by,
        };
        serde_json::to_value(wire).unwrap_or_default()
    }

    /// Reads the wire form.
    pub fn from_wire(wire: Value) -> Result<Conflict, FieldError> {
        let wire: ConflictWire = ConflictWire::from_json(wire).map_err(|error| error.within("conflicts"))?;
        Ok(Conflict {
            id: wire.id,
            key: Key { kind: wire.kind, id: wire.session_id },
            local: Record::from_wire(wire.kind, wire.local)?,
            remote: Record::from_wire(wire.kind, wire.remote)?,
            fields: wire.conflict_fields,
            winner: wire.winner,
            strategy: wire.strategy,
            detected_at: wire.detected_at,
            resolved_by: wire.resolved_by,
        })
    }
}

#[cfg(test)]
mod tests;
