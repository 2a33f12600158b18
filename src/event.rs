//! What can happen to a typing attempt: keys, pauses, the end, and the kind of test it is.
//!
//! Only shapes and their validity; what an event *does* is decided in [`crate::attempt`].
//! Times are milliseconds of one monotonic clock whose zero is arbitrary; nothing here reads a clock.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::FieldError;
use crate::read::{FromJson, read_names, serde_through_json};

/// The longest a time test may last, and the longest any attempt may stay unpaused: one day, in ms.
///
/// Per-second results hold one entry for each second, so a bound on time is a bound on memory.
pub const LONGEST_MS: f64 = 86_400_000.0;

/// 2^53: past it an `f64` no longer tells one millisecond from the next.
const LATEST_MS: f64 = 9_007_199_254_740_992.0;

/// Why an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndReason {
    /// The text was typed to its end.
    Completed,
    /// The time of a time test was up.
    Timeout,
    /// The user stopped.
    User,
}

read_names!(EndReason { Completed: "completed", Timeout: "timeout", User: "user" });

/// The kind of test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ModeKind {
    /// As much as possible within `value` seconds.
    Time,
    /// A list of `value` words.
    Words,
    /// A given text or quote.
    Text,
    /// A text of the user's own.
    Custom,
}

read_names!(ModeKind { Time: "time", Words: "words", Text: "text", Custom: "custom" });

/// The kind of test and its size: seconds for `time`, number of words for `words`, otherwise informative.
///
/// Only the limit of a time test changes how an attempt runs; every other kind ends with its target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mode {
    /// The kind.
    pub kind: ModeKind,
    /// Seconds or words; `None` where the kind needs no size.
    #[serde(serialize_with = "optional_number", skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl Mode {
    /// A checked mode.
    ///
    /// # Errors
    /// Field `mode.value`: not a positive number, missing for a time test, longer than a day, or a fraction of a word.
    pub fn new(kind: ModeKind, value: Option<f64>) -> Result<Mode, FieldError> {
        let bad = |problem: &str| Err(FieldError::new("mode.value", problem));
        match (kind, value) {
            (_, Some(v)) if !(v.is_finite() && v > 0.0) => bad("must be a positive number"),
            (ModeKind::Time, None) => bad("must be the limit in seconds"),
            (ModeKind::Time, Some(v)) if v * 1000.0 > LONGEST_MS => bad("must be at most 86400 seconds"),
            (ModeKind::Words, Some(v)) if v.fract() != 0.0 => bad("must be a whole number of words"),
            _ => Ok(Mode { kind, value }),
        }
    }

    /// The limit of a time test in ms; `None` for every other kind.
    pub fn limit_ms(&self) -> Option<f64> {
        match self.kind {
            ModeKind::Time => self.value.map(|seconds| seconds * 1000.0),
            _ => None,
        }
    }

    /// Reads `{kind, value?}`.
    ///
    /// # Errors
    /// Fields `mode`, `mode.kind`, `mode.value`.
    pub fn from_json(json: &Value) -> Result<Mode, FieldError> {
        let Value::Object(fields) = json else { return Err(FieldError::new("mode", "must be an object")) };
        let kind = ModeKind::from_json(fields.get("kind").cloned().unwrap_or_default())
            .map_err(|_| FieldError::new("mode.kind", "must be time, words, text or custom"))?;
        let value = match fields.get("value") {
            None | Some(Value::Null) => None,
            Some(value) => {
                Some(value.as_f64().ok_or_else(|| FieldError::new("mode.value", "must be a number"))?)
            }
        };
        Mode::new(kind, value)
    }
}

impl FromJson for Mode {
    fn from_json(value: Value) -> Result<Mode, FieldError> {
        // Whoever holds the mode names the field it is in.
        Mode::from_json(&value).map_err(|error| {
            let within = error.field.split_once('.').map_or("", |(_, inner)| inner);
            FieldError::new(within, error.problem)
        })
    }
}

serde_through_json!(Mode);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Text arrived: one key, or several graphemes at once from an input method or a swipe keyboard.
    Insert {
        /// What was typed, in any normal form.
        text: String,
    },
    /// Delete one grapheme backwards.
    Backspace,
    /// Delete the word backwards.
    DeleteWord,
    /// Something was pasted or dropped; its text is of no interest, it is never accepted.
    Paste,
    /// An input method began composing.
    ComposeStart,
    /// The clock stops.
    Pause,
    /// The clock goes on.
    Resume,
    /// The attempt is over.
    End {
        /// Why.
        reason: EndReason,
    },
}

/// One entry of a keystroke log: what happened, and when in ms.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Milliseconds on a monotonic clock, not negative.
    pub t: f64,
    /// What happened.
    pub op: Op,
}

impl Event {
    /// An insert of `text` at `t`.
    pub fn insert(t: f64, text: impl Into<String>) -> Event {
        Event { t, op: Op::Insert { text: text.into() } }
    }

    /// Reads `{t, op, text?, reason?}`. The text of a paste is not kept.
    ///
    /// # Errors
    /// Fields `t`, `op`, `text`, `reason`; an empty field name when `json` is no object.
    pub fn from_json(json: &Value) -> Result<Event, FieldError> {
        let Value::Object(fields) = json else { return Err(FieldError::new("", "must be an object")) };
        let t = fields.get("t").and_then(Value::as_f64).unwrap_or(f64::NAN);
        check_time("t", t)?;
        let op = match fields.get("op").and_then(Value::as_str) {
            Some("insert") => Op::Insert { text: required_text(fields, "text")?.to_owned() },
            Some("backspace") => Op::Backspace,
            Some("deleteWord") => Op::DeleteWord,
            Some("paste") => Op::Paste,
            Some("composeStart") => Op::ComposeStart,
            Some("pause") => Op::Pause,
            Some("resume") => Op::Resume,
            Some("end") => Op::End {
                reason: EndReason::from_json(fields.get("reason").cloned().unwrap_or_default())
                    .map_err(|_| FieldError::new("reason", "must be completed, timeout or user"))?,
            },
            _ => {
                let known = "insert, backspace, deleteWord, paste, composeStart, pause, resume or end";
                return Err(FieldError::new("op", format!("must be {known}")));
            }
        };
        Ok(Event { t, op })
    }
}

impl FromJson for Event {
    fn from_json(value: Value) -> Result<Event, FieldError> {
        Event::from_json(&value)
    }
}

serde_through_json!(Event);

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Map::new();
        fields.insert("t".to_owned(), number(self.t));
        let op = match &self.op {
            Op::Insert { text } => {
                fields.insert("text".to_owned(), Value::from(text.as_str()));
                "insert"
            }
            Op::Backspace => "backspace",
            Op::DeleteWord => "deleteWord",
            Op::Paste => "paste",
            Op::ComposeStart => "composeStart",
            Op::Pause => "pause",
            Op::Resume => "resume",
            Op::End { reason } => {
                let reason = serde_json::to_value(reason).map_err(serde::ser::Error::custom)?;
                fields.insert("reason".to_owned(), reason);
                "end"
            }
        };
        fields.insert("op".to_owned(), Value::from(op));
        fields.serialize(serializer)
    }
}

/// Refuses a time no monotonic clock can show.
pub(crate) fn check_time(field: &str, t: f64) -> Result<(), FieldError> {
    if (0.0..=LATEST_MS).contains(&t) {
        Ok(())
    } else {
        Err(FieldError::new(field, "must be a number of milliseconds from 0 to 2^53"))
    }
}

/// The string at `key`.
pub(crate) fn required_text<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a str, FieldError> {
    fields.get(key).and_then(Value::as_str).ok_or_else(|| FieldError::new(key, "must be a string"))
}

/// `x` as a JSON number, whole numbers without a fraction so that they read and hash alike everywhere.
pub(crate) fn number(x: f64) -> Value {
    if x.fract() == 0.0 && x.abs() < LATEST_MS { Value::from(x as i64) } else { Value::from(x) }
}

fn optional_number<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(number).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_op_is_written_as_it_is_read() {
        for json in [
            json!({"t": 1, "op": "insert", "text": "a"}),
            json!({"t": 1.5, "op": "backspace"}),
            json!({"t": 2, "op": "deleteWord"}),
            json!({"t": 2, "op": "paste"}),
            json!({"t": 2, "op": "composeStart"}),
            json!({"t": 2, "op": "pause"}),
            json!({"t": 2, "op": "resume"}),
            json!({"t": 2, "op": "end", "reason": "user"}),
            json!({"t": 2, "op": "end", "reason": "timeout"}),
        ] {
            let event: Event = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(&event).unwrap(), json);
        }
    }

    #[test]
    fn a_bad_event_names_the_field_that_is_bad() {
        for (json, field) in [
            (json!({"op": "backspace"}), "t"),
            (json!({"t": null, "op": "backspace"}), "t"),
            (json!({"t": "1", "op": "backspace"}), "t"),
            (json!({"t": -1, "op": "backspace"}), "t"),
            (json!({"t": 1e300, "op": "backspace"}), "t"),
            (json!({"t": 1}), "op"),
            (json!({"t": 1, "op": "INSERT", "text": "a"}), "op"),
            (json!({"t": 1, "op": "insert"}), "text"),
            (json!({"t": 1, "op": "insert", "text": 5}), "text"),
            (json!({"t": 1, "op": "end"}), "reason"),
            (json!({"t": 1, "op": "end", "reason": "bored"}), "reason"),
        ] {
            assert_eq!(Event::from_json(&json).unwrap_err().field, field, "{json}");
        }
    }

    #[test]
    fn a_bad_mode_names_the_field_that_is_bad() {
        for (json, field) in [
            (json!("time"), "mode"),
            (json!({"kind": "zen"}), "mode.kind"),
            (json!({"value": 15}), "mode.kind"),
            (json!({"kind": "time"}), "mode.value"),
            (json!({"kind": "time", "value": 0}), "mode.value"),
            (json!({"kind": "time", "value": -5}), "mode.value"),
            (json!({"kind": "time", "value": "15"}), "mode.value"),
            (json!({"kind": "time", "value": 86_401}), "mode.value"),
            (json!({"kind": "words", "value": 2.5}), "mode.value"),
        ] {
            assert_eq!(Mode::from_json(&json).unwrap_err().field, field, "{json}");
        }
    }

    #[test]
    fn a_mode_is_written_as_it_is_read() {
        for json in [
            json!({"kind": "time", "value": 15}),
            json!({"kind": "text"}),
            json!({"kind": "words", "value": 10}),
        ] {
            assert_eq!(serde_json::to_value(Mode::from_json(&json).unwrap()).unwrap(), json);
        }
    }
}
