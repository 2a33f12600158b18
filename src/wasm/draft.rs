//! The checkpoint of a running session, as it is stored.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::attempt::Attempt;
use crate::read::{parse, read_struct};
use crate::session::{InputKind, TextInfo};
use crate::stamp::Millis;

/// What of a session is not in its keys.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    /// Epoch ms of the first key.
    pub(super) started_at: Option<Millis>,
    pub(super) tz_offset_min: i32,
    pub(super) layout: String,
    pub(super) input_kind: InputKind,
    pub(super) source: TextInfo,
    pub(super) options: Map<String, Value>,
    pub(super) tags: Vec<String>,
}

read_struct!(About {
    started_at: "startedAt",
    tz_offset_min: "tzOffsetMin",
    layout: "layout",
    input_kind: "inputKind",
    source: "source",
    options: "options",
    tags: "tags"
} or default {});

/// A checkpoint as it is stored.
pub(super) struct Draft {
    pub(super) saved_at: Millis,
    pub(super) about: About,
    pub(super) attempt: Attempt,
}

read_struct!(Draft {
    saved_at: "savedAt",
    about: "about",
    attempt: "attempt"
} or default {});

/// What a list of checkpoints shows of one; `None` when it cannot be read.
pub(super) fn describe(id: &str, stored: &str) -> Option<(Millis, Value)> {
    let Draft { saved_at, about, attempt } = parse(stored).ok()?;
    let shown = json!({
        "id": id,
        "text": attempt.target().text(),
        "mode": attempt.mode(),
        "language": attempt.language(),
        "startedAt": about.started_at.unwrap_or(saved_at),
        "savedAt": saved_at,
    });
    Some((saved_at, shown))
}
