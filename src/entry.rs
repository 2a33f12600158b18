//! What a list shows of a record. Plain data, made from the view of the record.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::model::Record;
use crate::read::read_struct;
use crate::stamp::{Millis, Stamp};

/// What a list shows of a record: one small row, kept for every record for ever.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The server's version; `None` while the server has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Stamp>,
    /// Whether the body of that version is on this device.
    pub cached: bool,
    /// The view is a tombstone.
    pub deleted: bool,
    /// The view's fields that a list needs: `timestamp`, `wpm`, `accuracy`, `lastModified`, and some of `data`;
    /// of a counter its `practiceMs`.
    pub summary: BTreeMap<String, Value>,
}

read_struct!(Entry {
    summary: "summary"
} or default {
    version: "version",
    cached: "cached",
    deleted: "deleted"
});

const SUMMARY_FIELDS: [&str; 7] =
    ["timestamp", "wpm", "accuracy", "excludedFromStats", "tags", "note", "practiceMs"];
const SUMMARY_DATA: [&str; 6] = ["durationMs", "mode", "valid", "flags", "language", "tzOffsetMin"];
/// A longer text (a note) is cut in the summary; the record has it whole.
pub(crate) const SUMMARY_TEXT: usize = 80;

impl Entry {
    /// The entry of a record whose view is `view`.
    pub fn of(view: &Record, version: Option<Stamp>, cached: bool) -> Entry {
        let data = view.fields.get("data").and_then(Value::as_object);
        let top = SUMMARY_FIELDS.iter().filter_map(|name| Some((*name, view.fields.get(*name)?)));
        let inner = SUMMARY_DATA.iter().filter_map(|name| Some((*name, data?.get(*name)?)));
        let short = |value: &Value| match value {
            Value::String(text) => Value::from(text.chars().take(SUMMARY_TEXT).collect::<String>()),
            other => other.clone(),
        };
        let mut summary = BTreeMap::new();
        for (name, value) in top.chain(inner) {
            summary.insert(name.to_owned(), short(value));
        }
        summary.insert("lastModified".into(), view.version.ms.into());
        Entry { version, cached, deleted: view.deleted, summary }
    }

    /// Start of the session, epoch ms; 0 for other records.
    pub fn timestamp(&self) -> Millis {
        self.summary.get("timestamp").and_then(Value::as_i64).unwrap_or(0)
    }
}
