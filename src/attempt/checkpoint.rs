//! An attempt as it is saved and read back: the text and the log, from which everything else is rebuilt.
//!
//! Reading never trusts: each entry goes through the same rules as a fresh key, so a damaged checkpoint is an
//! error and never a state that could not have been typed.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Attempt, Entry, PROFILE};
use crate::error::FieldError;
use crate::event::{EndReason, Event, Mode, Op, check_time, number};
use crate::read::{FromJson, read_struct, serde_through_json, wrong};

const SCHEMA: u32 = 1;

/// `[t, text]` is an insert, `[t, code]` any other event, a bare text are appended words.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line {
    Key(#[serde(serialize_with = "short")] f64, String),
    Other(#[serde(serialize_with = "short")] f64, u8),
    Append(String),
}

impl FromJson for Line {
    fn from_json(value: Value) -> Result<Line, FieldError> {
        let items = match value {
            Value::String(text) => return Ok(Line::Append(text)),
            Value::Array(items) => items,
            _ => return Err(wrong("must be a text or a pair")),
        };
        match (items.as_slice(), items.first().and_then(Value::as_f64)) {
            ([_, Value::String(text)], Some(t)) => Ok(Line::Key(t, text.clone())),
            ([_, code], Some(t)) => {
                let code = code.as_u64().and_then(|code| u8::try_from(code).ok());
                Ok(Line::Other(t, code.ok_or_else(|| wrong("must be a time and a text or a code"))?))
            }
            _ => Err(wrong("must be a time and a text or a code")),
        }
    }
}

fn short<S: Serializer>(t: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    number(*t).serialize(serializer)
}

/// The ops without text; their place in this list is their code.
const CODES: [Op; 9] = [
    Op::Backspace,
    Op::DeleteWord,
    Op::Paste,
    Op::ComposeStart,
    Op::Pause,
    Op::Resume,
    Op::End { reason: EndReason::Completed },
    Op::End { reason: EndReason::Timeout },
    Op::End { reason: EndReason::User },
];

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Line {
        match entry {
            Entry::Append(text) => Line::Append(text.clone()),
            Entry::Event(Event { t, op: Op::Insert { text } }) => Line::Key(*t, text.clone()),
            Entry::Event(Event { t, op }) => {
                let code =
                    (0_u8..).zip(&CODES).find(|(_, known)| *known == op).map_or(u8::MAX, |(code, _)| code);
                Line::Other(*t, code)
            }
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    schema: u32,
    profile: String,
    target: String,
    mode: Mode,
    language: String,
    clock_shift: f64,
    log: Vec<Line>,
}

read_struct!(Checkpoint {
    schema: "schema",
    profile: "profile",
    target: "target",
    mode: "mode",
    language: "language",
    clock_shift: "clockShift",
    log: "log"
} or default {});

impl Serialize for Attempt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Checkpoint {
            schema: SCHEMA,
            profile: PROFILE.to_owned(),
            target: self.first_text.clone(),
            mode: self.mode,
            language: self.language.clone(),
            clock_shift: self.clock.shift,
            log: self.log.iter().map(Line::from).collect(),
        }
        .serialize(serializer)
    }
}

impl FromJson for Attempt {
    fn from_json(value: Value) -> Result<Attempt, FieldError> {
        Attempt::rebuild(Checkpoint::from_json(value)?)
    }
}

serde_through_json!(Attempt);

impl Attempt {
    /// Goes on with an attempt read from a checkpoint, on a clock that shows `now` at this moment.
    ///
    /// `away_ms` is how long the attempt lay still, by any clock that outlived the crash; 0 if unknown. It counts as a
    /// pause from the last entry on, so active time goes on where that entry left it. Unless it is over, the attempt
    /// runs afterwards, also when it was paused before.
    ///
    /// # Errors
    /// Fields `now` and `awayMs` when not finite or negative. The attempt is lost only to this call: read it again.
    pub fn resume_at(mut self, now: f64, away_ms: f64) -> Result<Attempt, FieldError> {
        check_time("now", now)?;
        check_time("awayMs", away_ms)?;
        let last = self.clock.last.unwrap_or(now);
        let back = last + away_ms;
        check_time("awayMs", back)?;
        if self.end_reason().is_none() && self.clock.last.is_some() {
            self.apply(Event { t: last, op: Op::Pause })?;
            self.apply(Event { t: back, op: Op::Resume })?;
        }
        self.clock.shift = if self.clock.last.is_some() { back - now } else { 0.0 };
        Ok(self)
    }

    fn rebuild(checkpoint: Checkpoint) -> Result<Attempt, FieldError> {
        if checkpoint.schema != SCHEMA {
            return Err(FieldError::new("schema", "must be 1"));
        }
        if checkpoint.profile != PROFILE {
            return Err(FieldError::new("profile", "must be KF-1"));
        }
        let mut attempt = Attempt::new(&checkpoint.target, checkpoint.mode, &checkpoint.language)?;
        for (index, line) in checkpoint.log.into_iter().enumerate() {
            attempt.replay(line).map_err(|error| error.within(&format!("log[{index}]")))?;
        }
        if !checkpoint.clock_shift.is_finite() {
            return Err(FieldError::new("clockShift", "must be a finite number"));
        }
        attempt.clock.shift = checkpoint.clock_shift;
        Ok(attempt)
    }

    fn replay(&mut self, line: Line) -> Result<(), FieldError> {
        let event = match line {
            Line::Append(text) => return self.append(&text),
            Line::Key(t, text) => Event::insert(t, text),
            Line::Other(t, code) => {
                let op = CODES
                    .get(usize::from(code))
                    .ok_or_else(|| FieldError::new("op", "must be a known code"))?;
                Event { t, op: op.clone() }
            }
        };
        self.input(&event).map(|_| ())
    }

    /// The events so far on one clock, as a log that [`crate::metrics::measure`] takes.
    pub fn events(&self) -> Vec<Event> {
        let events = self.log.iter().filter_map(|entry| match entry {
            Entry::Event(event) => Some(event.clone()),
            Entry::Append(_) => None,
        });
        events.collect()
    }

    /// The compact log for storage beside the session: `[t, text]` inserts, `[t, code]` others, appended text bare.
    pub fn compact_log(&self) -> Value {
        let line = |entry| match Line::from(entry) {
            Line::Key(t, text) => Value::from(vec![number(t), Value::from(text)]),
            Line::Other(t, code) => Value::from(vec![number(t), Value::from(code)]),
            Line::Append(text) => Value::from(text),
        };
        self.log.iter().map(line).collect()
    }
}
