//! Plain data and what makes it valid: records, their versions, and the conflicts between them.
//!
//! A record is kept as JSON fields, so that a field this version does not know travels and survives unchanged.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::FieldError;
use crate::order::distinct;
use crate::read::read_names;
use crate::stamp::{MAX_MS, Millis, Replica, Stamp};

/// The fields of a record, sorted by name.
pub type Fields = Map<String, Value>;

/// Fields from names and values, the last of each name. Unlike `collect`, it brings no sort of its own.
pub fn fields_of(pairs: impl IntoIterator<Item = (String, Value)>) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in pairs {
        fields.insert(name, value);
    }
    fields
}

/// Greatest size of one record as JSON.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// Deepest nesting of one record.
pub const MAX_DEPTH: usize = 32;
/// Longest id of a record.
pub const MAX_ID_BYTES: usize = 128;
/// The id of the one settings document of a user.
pub const SETTINGS_ID: &str = "settings";
/// The session fields that belong to one attempt and never mix with those of another.
pub const RESULT_FIELDS: [&str; 5] = ["accuracy", "data", "text", "timestamp", "wpm"];
/// Name of the merge group of [`RESULT_FIELDS`].
pub const RESULT: &str = "result";
/// Name of the register that holds the tombstone.
pub const DELETED: &str = "deleted";

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One typing session.
    Session,
    /// Practice time of one device on one day: a counter that only grows.
    Progress,
    /// The settings document.
    Settings,
}

read_names!(Kind { Session: "session", Progress: "progress", Settings: "settings" });

impl Kind {
    /// The name used in keys and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Session => "session",
            Kind::Progress => "progress",
            Kind::Settings => "settings",
        }
    }

    /// The kind with that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        [Kind::Session, Kind::Progress, Kind::Settings].into_iter().find(|kind| kind.name() == name)
    }
}

/// Names one record of one user. Its text form is `kind/id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is about.
    pub kind: Kind,
    /// Made on a device: a UUID, or what another client chose.
    pub id: String,
}

/// The one field of a practice counter: ms.
pub const PRACTICE: &str = "practiceMs";

impl Key {
    /// The key of session `id`.
    pub fn session(id: impl Into<String>) -> Key {
        Key { kind: Kind::Session, id: id.into() }
    }

    /// The key of the settings document.
    pub fn settings() -> Key {
        Key { kind: Kind::Settings, id: SETTINGS_ID.into() }
    }

    /// The key of the counter of practice that left no session, of `replica` on `day` (`YYYY-MM-DD`, the user's local day).
    pub fn progress(replica: Replica, day: &str) -> Key {
        Key { kind: Kind::Progress, id: format!("{replica}:{day}") }
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Key> {
        let (kind, id) = text.split_once('/')?;
        Some(Key { kind: Kind::from_name(kind)?, id: id.to_owned() })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.id)
    }
}

/// One version of one record, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which record this is a version of.
    pub key: Key,
    /// The stamp of the edit that made this version.
    pub version: Stamp,
    /// The version that edit was made on top of; `None` for a new record.
    pub base: Option<Stamp>,
    /// The stamp of the first edit; it dates every register that [`Record::modified`] does not name.
    pub created: Stamp,
    /// A tombstone: the record is deleted, its fields stay for a restore.
    pub deleted: bool,
    /// When each register was edited after creation.
    pub modified: BTreeMap<String, Stamp>,
    /// Everything else, unknown fields included; never a name of [`RESERVED`].
    pub fields: Fields,
}

/// Field names on the wire that are not part of a record's content.
pub const RESERVED: [&str; 10] =
    ["base", "created", "deleted", "id", "lastModified", "modified", "op", "resolves", "userId", "version"];

impl Record {
    /// The first version of a record.
    pub fn new(key: Key, version: Stamp, fields: Fields) -> Record {
        Record {
            key,
            version,
            base: None,
            created: version,
            deleted: false,
            modified: BTreeMap::new(),
            fields,
        }
    }

    /// The register that `field` of this kind of record belongs to.
    pub fn register(kind: Kind, field: &str) -> &str {
        if kind == Kind::Session && RESULT_FIELDS.contains(&field) { RESULT } else { field }
    }

    /// The stamp of the last edit of `register`; [`Stamp::ZERO`] for one that never had a value.
    pub fn edited(&self, register: &str) -> Stamp {
        let untouched = || {
            let known = register == DELETED || !self.value(register).is_empty();
            if known { self.created } else { Stamp::ZERO }
        };
        self.modified.get(register).copied().unwrap_or_else(untouched)
    }

    /// The fields of one register, with their names.
    pub fn value<'a>(&'a self, register: &'a str) -> Vec<(&'a str, &'a Value)> {
        let group = self.key.kind == Kind::Session && register == RESULT;
        let names: &[&str] = if group { &RESULT_FIELDS } else { &[register] };
        names.iter().filter_map(|name| self.fields.get(*name).map(|value| (*name, value))).collect()
    }

    /// The next version: `patch` laid over the fields (`null` removes one), the touched registers stamped `version`.
    ///
    /// A patch that changes nothing still makes a new version.
    pub fn edit(&self, version: Stamp, patch: &Fields, deleted: bool) -> Record {
        let mut next = Record { version, base: Some(self.version), deleted, ..self.clone() };
        for (name, value) in patch {
            let before = if value.is_null() {
                next.fields.remove(name)
            } else {
                next.fields.insert(name.clone(), value.clone())
            };
            if before.as_ref() != Some(value) && !(before.is_none() && value.is_null()) {
                next.modified.insert(Record::register(self.key.kind, name).to_owned(), version);
            }
        }
        if deleted != self.deleted {
            next.modified.insert(DELETED.to_owned(), version);
        }
        next.settle_deletion();
        next
    }

    /// Brings the tombstone's stamp into its one form: newer than every edit while deleted, since who deletes deletes
    /// what this version holds; absent once an edit is newer than the restore.
    pub fn settle_deletion(&mut self) {
        let stamp = self.modified.remove(DELETED);
        let latest = self.modified.values().copied().max().unwrap_or(self.created).max(self.created);
        if self.deleted {
            self.modified.insert(DELETED.to_owned(), stamp.unwrap_or(latest).max(latest));
        } else if let Some(stamp) = stamp.filter(|stamp| *stamp > latest) {
            self.modified.insert(DELETED.to_owned(), stamp);
        }
    }

    /// Whether both hold the same content, whatever their versions.
    pub fn same_content(&self, other: &Record) -> bool {
        self.deleted == other.deleted && self.fields == other.fields
    }

    /// Size of the content as JSON, in bytes.
    pub fn bytes(&self) -> usize {
        serde_json::to_string(&self.fields).map_or(usize::MAX, |text| text.len())
    }
}

/// Why two versions stand in the inbox, and which of them is current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Winner {
    /// The version that arrived.
    Local,
    /// The version that was stored.
    Remote,
    /// A mixture by field.
    Merged,
}

read_names!(Winner { Local: "local", Remote: "remote", Merged: "merged" });

/// How two concurrent versions become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Strategy {
    /// The greater stamp wins, whole.
    #[default]
    LastWriteWins,
    /// Per register the greater stamp wins.
    FieldLevel,
    /// The stored version stays until the user chooses.
    Manual,
}

read_names!(Strategy { LastWriteWins: "lastWriteWins", FieldLevel: "fieldLevel", Manual: "manual" });

/// One entry of the conflict inbox: a pair of concurrent versions, both whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// `kind/id~version` of the version that is not current as it stands: the same on all devices.
    pub id: String,
    /// The record.
    pub key: Key,
    /// The version that arrived.
    pub local: Record,
    /// The version that was stored when it arrived.
    pub remote: Record,
    /// Which fields differ, `lastModified` included.
    pub fields: Vec<String>,
    /// Which one became current.
    pub winner: Winner,
    /// The strategy that decided.
    pub strategy: Strategy,
    /// Server time of the detection, epoch ms.
    pub detected_at: Millis,
    /// The version that settled it: a user's choice.
    pub resolved_by: Option<Stamp>,
}

impl Conflict {
    /// The id of the conflict in which `loser` is the version that is not current as it stands.
    pub fn id_of(key: &Key, loser: Stamp) -> String {
        format!("{key}~{loser}")
    }
}

/// The fields in which two versions differ, sorted by name; `lastModified` and `deleted` count.
pub fn different_fields(a: &Record, b: &Record) -> Vec<String> {
    let names = a.fields.keys().chain(b.fields.keys());
    let mut fields: Vec<String> =
        names.filter(|name| a.fields.get(*name) != b.fields.get(*name)).cloned().collect();
    if a.deleted != b.deleted {
        fields.push(DELETED.to_owned());
    }
    if a.version.ms != b.version.ms {
        fields.push("lastModified".to_owned());
    }
    distinct(fields)
}

/// Checks an id of a record.
pub fn check_id(id: &str) -> Result<(), FieldError> {
    let problem = if id.is_empty() {
        "must not be empty"
    } else if id.len() > MAX_ID_BYTES {
        "must not be longer than 128 bytes"
    } else if id.chars().any(char::is_control) {
        "must not contain control characters"
    } else {
        return Ok(());
    };
    Err(FieldError::new("id", problem))
}

/// Brings `fields` into the one form that compares byte by byte (whole numbers as integers) and checks them.
///
/// Refuses, by name: NUL in a text, nesting over [`MAX_DEPTH`], a record over [`MAX_RECORD_BYTES`], and for sessions,
/// counters and settings any known field of the wrong type or range.
pub fn check_fields(kind: Kind, fields: &mut Fields) -> Result<(), FieldError> {
    for (name, value) in fields.iter_mut() {
        canonical(name, value, 1)?;
    }
    match kind {
        Kind::Session => check_session(fields)?,
        Kind::Progress => whole(fields, PRACTICE, true)?,
        Kind::Settings => {}
    }
    let bytes = serde_json::to_string(fields).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_RECORD_BYTES {
        return Err(FieldError::new(
            "record",
            format!("is {bytes} bytes, over the limit of {MAX_RECORD_BYTES}"),
        ));
    }
    Ok(())
}

fn canonical(path: &str, value: &mut Value, depth: usize) -> Result<(), FieldError> {
    if depth > MAX_DEPTH {
        return Err(FieldError::new(path, format!("is nested deeper than {MAX_DEPTH} levels")));
    }
    if path.contains('\0') {
        return Err(FieldError::new(path.replace('\0', "␀"), "must not have a NUL character in its name"));
    }
    match value {
        Value::String(text) if text.contains('\0') => {
            return Err(FieldError::new(path, "must not contain a NUL character"));
        }
        Value::Number(number) => {
            const EXACT: f64 = 9_007_199_254_740_992.0;
            match number.as_f64() {
                Some(float) if float.fract() == 0.0 && float.abs() < EXACT => {
                    *value = Value::from(float as i64)
                }
                Some(float) if float.fract() != 0.0 => {}
                _ => return Err(FieldError::new(path, "must be a number below 2^53")),
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                canonical(&format!("{path}[{index}]"), item, depth + 1)?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                canonical(&format!("{path}.{name}"), member, depth + 1)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn check_session(fields: &Fields) -> Result<(), FieldError> {
    whole(fields, "timestamp", true)?;
    number(fields, "wpm", f64::MAX, "must be a number, 0 or more")?;
    number(fields, "accuracy", 100.0, "must be a number from 0 to 100")?;
    typed(fields, "text", Value::is_string, "must be a text")?;
    typed(fields, "note", Value::is_string, "must be a text")?;
    typed(fields, "excludedFromStats", Value::is_boolean, "must be true or false")?;
    let texts = |value: &Value| value.as_array().is_some_and(|tags| tags.iter().all(Value::is_string));
    typed(fields, "tags", texts, "must be a list of texts")
}

fn typed(
    fields: &Fields,
    name: &str,
    good: impl Fn(&Value) -> bool,
    problem: &str,
) -> Result<(), FieldError> {
    match fields.get(name) {
        Some(value) if !good(value) => Err(FieldError::new(name, problem)),
        _ => Ok(()),
    }
}

fn number(fields: &Fields, name: &str, most: f64, problem: &str) -> Result<(), FieldError> {
    let good = |value: &Value| value.as_f64().is_some_and(|number| (0.0..=most).contains(&number));
    typed(fields, name, good, problem)
}

fn whole(fields: &Fields, name: &str, required: bool) -> Result<(), FieldError> {
    let good = |value: &Value| value.as_i64().is_some_and(|number| (0..=MAX_MS).contains(&number));
    if required && !fields.contains_key(name) {
        return Err(FieldError::new(name, "is missing"));
    }
    typed(fields, name, good, "must be whole milliseconds, 0 or more")
}

#[cfg(test)]
mod tests;
