//! Every number of a finished attempt, under profile KF-1.
//!
//! Computed from the attempt alone, once, with each stored number rounded once; never recomputed from rounded ones.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::attempt::{Attempt, KeyStat, Keystrokes, TypedWord};
use crate::error::FieldError;
use crate::event::{EndReason, Event, Mode, required_text};
use crate::rate::{CHARS_PER_WORD, consistency, half_up, mean_and_sd, round2, words_a_minute};
use crate::read::{FromJson, read_names, serde_through_json};

/// Below this many active ms a session tells too little.
pub const MIN_DURATION_MS: f64 = 1000.0;
/// Below this many keystrokes a session tells too little.
pub const MIN_KEYSTROKES: u64 = 10;
/// Above this a session was not typed by hands.
pub const MAX_PLAUSIBLE_WPM: f64 = 350.0;
/// So many empty seconds at the end mean nobody was there.
pub const AFK_TAIL_SECONDS: usize = 5;

/// Why a session is left out of averages and bests. It is stored and listed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Under a second or under ten keystrokes.
    TooShort,
    /// Nothing happened in the last five seconds.
    Afk,
    /// Faster than hands.
    Implausible,
}

read_names!(Flag { TooShort: "too_short", Afk: "afk", Implausible: "implausible" });

/// Characters of the final state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chars {
    /// What words a minute are counted from.
    pub net_chars: usize,
    /// What is in the buffers, with committed separators; the sum of `correct`, `incorrect` and `extra`.
    pub raw_chars: usize,
    /// Letters in their place, and separators pressed at the end of their word.
    pub correct: usize,
    /// Other letters within the word, and separators pressed elsewhere.
    pub incorrect: usize,
    /// Letters past the end of their word.
    pub extra: usize,
    /// Letters that committed words lack.
    pub missed: usize,
}

/// Errors by their fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Errors {
    /// Incorrect keystrokes.
    pub made: u64,
    /// Incorrect graphemes and separators that were deleted again.
    pub corrected: u64,
    /// Incorrect, extra and missed characters of the final state.
    pub uncorrected: usize,
}

/// The course of the attempt; entry i is the span that ends at `boundaries_ms[i]` of active time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerSecond {
    /// Whole seconds, and in an untimed attempt the rest if it is half a second or more.
    pub boundaries_ms: Vec<f64>,
    /// Words a minute of the keys pressed in the span.
    pub raw: Vec<u64>,
    /// Net words a minute from the start to the end of the span.
    pub wpm: Vec<u64>,
    /// Incorrect keystrokes in the span.
    pub errors: Vec<u32>,
}

/// Gaps between accepted keys in active ms; population standard deviation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterKey {
    /// Mean gap, 0 without one.
    pub mean: f64,
    /// Its standard deviation.
    pub sd: f64,
}

/// Speeds as other programs define them, to compare with; nothing is ranked by them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Informative {
    /// Everything in the buffers.
    pub classic_gross_wpm: f64,
    /// The same less one word for each uncorrected error, not below 0.
    pub classic_net_wpm: f64,
    /// Gross times accuracy.
    pub accuracy_adjusted_wpm: f64,
}

/// The result of an attempt. Rates and times are rounded half up to two decimals; no number is NaN or infinite.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Why it ended.
    pub end_reason: EndReason,
    /// Active ms from the first key to the end.
    pub duration_ms: f64,
    /// Ms of pauses.
    pub paused_ms: f64,
    /// Net words a minute.
    pub wpm: f64,
    /// Words a minute over all characters left.
    pub raw_wpm: f64,
    /// Characters a minute over all characters left.
    pub cpm: f64,
    /// Percent of correct keystrokes.
    pub accuracy: f64,
    /// 0 to 100: how even the seconds are.
    pub consistency: f64,
    /// Key presses.
    pub keystrokes: Keystrokes,
    /// Characters.
    pub chars: Chars,
    /// Errors.
    pub errors: Errors,
    /// Seconds without an insert or a delete.
    pub afk_seconds: usize,
    /// The course.
    pub per_second: PerSecond,
    /// Speed of each word reached, from its first to its last key; `None` when no time lies between.
    pub word_burst_wpm: Vec<Option<u64>>,
    /// The fastest second.
    pub peak_raw_wpm: u64,
    /// Gaps between keys.
    pub inter_key_ms: InterKey,
    /// Why it is left out of averages, in a fixed order.
    pub flags: Vec<Flag>,
    /// Whether there is no flag.
    pub valid: bool,
    /// Other definitions.
    pub informative: Informative,
    /// By grapheme of the target: how often it was hit and missed, and how fast.
    pub keys: BTreeMap<String, KeyStat>,
}

impl Metrics {
    /// The numbers of `attempt`, which is treated as ended (see [`Attempt::finish`]) if it is not.
    pub fn of(attempt: &Attempt) -> Metrics {
        let mut finished;
        let attempt = if attempt.end_reason().is_some() {
            attempt
        } else {
            finished = attempt.clone();
            finished.finish();
            &finished
        };
        let (end_reason, duration) =
            attempt.ended().map_or((EndReason::User, 0.0), |ended| (ended.reason, ended.duration_ms));
        let keystrokes = attempt.keystrokes();
        let chars = chars(attempt);
        let wpm = words_a_minute(chars.net_chars as f64, duration);
        let raw_wpm = words_a_minute(chars.raw_chars as f64, duration);
        let uncorrected = chars.incorrect + chars.extra + chars.missed;
        let net_loss = if duration > 0.0 { uncorrected as f64 / (duration / 60_000.0) } else { 0.0 };
        let (per_second, activity) = per_second(attempt, duration);
        let gaps: Vec<f64> = attempt.presses().windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (mean, sd) = mean_and_sd(&gaps);
        let mut flags = Vec::new();
        if duration < MIN_DURATION_MS || keystrokes.total < MIN_KEYSTROKES {
            flags.push(Flag::TooShort);
        }
        let mut tail = activity.iter().rev().take(AFK_TAIL_SECONDS);
        if activity.len() >= AFK_TAIL_SECONDS && !tail.any(|active| *active) {
            flags.push(Flag::Afk);
        }
        let at_once = duration <= 0.0 && keystrokes.total > 1;
        if wpm > MAX_PLAUSIBLE_WPM || raw_wpm > MAX_PLAUSIBLE_WPM || at_once {
            flags.push(Flag::Implausible);
        }
        Metrics {
            end_reason,
            duration_ms: round2(duration),
            paused_ms: round2(attempt.paused_ms()),
            wpm: round2(wpm),
            raw_wpm: round2(raw_wpm),
            cpm: round2(raw_wpm * CHARS_PER_WORD),
            accuracy: round2(attempt.accuracy()),
            consistency: round2(consistency(&per_second.raw)),
            keystrokes,
            chars,
            errors: Errors { made: keystrokes.incorrect, corrected: attempt.corrected(), uncorrected },
            afk_seconds: activity.iter().filter(|active| !**active).count(),
            peak_raw_wpm: per_second.raw.iter().copied().max().unwrap_or(0),
            per_second,
            word_burst_wpm: bursts(attempt),
            inter_key_ms: InterKey { mean: round2(mean), sd: round2(sd) },
            valid: flags.is_empty(),
            flags,
            informative: Informative {
                classic_gross_wpm: round2(raw_wpm),
                classic_net_wpm: round2((raw_wpm - net_loss).max(0.0)),
                accuracy_adjusted_wpm: round2(raw_wpm * attempt.accuracy() / 100.0),
            },
            keys: keys(attempt),
        }
    }
}

fn keys(attempt: &Attempt) -> BTreeMap<String, KeyStat> {
    let mut keys = BTreeMap::new();
    for (grapheme, stat) in attempt.key_stats() {
        keys.insert(grapheme.to_owned(), KeyStat { ms: round2(stat.ms), ..*stat });
    }
    keys
}

fn chars(attempt: &Attempt) -> Chars {
    let mut chars =
        Chars { net_chars: attempt.final_net(), raw_chars: attempt.raw_chars(), ..Chars::default() };
    for (word, typed, committed) in attempt.reached() {
        let len = word.letters.len();
        let within = typed.letters.len().min(len);
        let right = typed.letters[..within].iter().filter(|letter| letter.correct).count();
        chars.correct += right;
        chars.incorrect += within - right;
        chars.extra += typed.letters.len() - within;
        if committed {
            chars.missed += len - within;
        }
        match typed.separator {
            Some(separator) if separator.at_end => chars.correct += 1,
            Some(_) => chars.incorrect += 1,
            None => {}
        }
    }
    chars
}

/// The course, and for each of its spans whether anything was inserted or deleted.
fn per_second(attempt: &Attempt, duration: f64) -> (PerSecond, Vec<bool>) {
    let mut out = PerSecond::default();
    let mut activity = Vec::new();
    let tail = attempt.ended().and_then(|ended| ended.tail);
    let whole = attempt.seconds().iter().zip((1_u32..).map(|second| f64::from(second) * 1000.0));
    let mut from = 0.0;
    for (second, boundary) in whole.chain(tail.as_ref().map(|tail| (tail, duration))) {
        out.boundaries_ms.push(round2(boundary));
        out.raw.push(half_up(words_a_minute(f64::from(second.keys), boundary - from)));
        out.wpm.push(half_up(words_a_minute(second.net as f64, boundary)));
        out.errors.push(second.errors);
        activity.push(second.active);
        from = boundary;
    }
    (out, activity)
}

fn bursts(attempt: &Attempt) -> Vec<Option<u64>> {
    let burst = |typed: &TypedWord| {
        let (first, last) = typed.span?;
        let chars = typed.letters.len() + usize::from(typed.separator.is_some());
        (last > first).then(|| half_up(words_a_minute(chars as f64, last - first)))
    };
    attempt.reached().map(|(_, typed, _)| burst(typed)).collect()
}

/// A whole attempt as a log: what [`measure`] takes.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureInput {
    /// The text to type.
    pub target: String,
    /// The kind of test.
    pub mode: Mode,
    /// The language of the text.
    pub language: String,
    /// What happened, in order.
    pub events: Vec<Event>,
}

impl MeasureInput {
    /// Reads `{target, mode, language?, events}`; other fields are ignored.
    ///
    /// # Errors
    /// The path of the first bad field, for example `events[3].op`.
    pub fn from_json(json: &Value) -> Result<MeasureInput, FieldError> {
        let Value::Object(fields) = json else { return Err(FieldError::new("", "must be an object")) };
        let Some(Value::Array(events)) = fields.get("events") else {
            return Err(FieldError::new("events", "must be a list"));
        };
        let event =
            |(index, json)| Event::from_json(json).map_err(|error| error.within(&format!("events[{index}]")));
        Ok(MeasureInput {
            target: required_text(fields, "target")?.to_owned(),
            mode: Mode::from_json(fields.get("mode").unwrap_or(&Value::Null))?,
            language: match fields.get("language") {
                None | Some(Value::Null) => String::new(),
                Some(_) => required_text(fields, "language")?.to_owned(),
            },
            events: events.iter().enumerate().map(event).collect::<Result<_, _>>()?,
        })
    }
}

impl FromJson for MeasureInput {
    fn from_json(value: Value) -> Result<MeasureInput, FieldError> {
        MeasureInput::from_json(&value)
    }
}

serde_through_json!(MeasureInput);

/// The numbers of a whole log. A log without an end is ended as [`Attempt::finish`] says.
///
/// ```
/// use keyflow_sync::metrics::{MeasureInput, measure};
///
/// let input = MeasureInput::from_json(&serde_json::json!({
///     "target": "hi", "mode": {"kind": "text"}, "language": "en",
///     "events": [{"t": 0, "op": "insert", "text": "h"}, {"t": 240, "op": "insert", "text": "i"}],
/// }))?;
/// assert_eq!(measure(&input)?.wpm, 100.0);
/// # Ok::<(), keyflow_sync::error::FieldError>(())
/// ```
///
/// # Errors
/// The path of the field that is bad, for example `events[3].t`.
pub fn measure(input: &MeasureInput) -> Result<Metrics, FieldError> {
    let mut attempt = Attempt::new(&input.target, input.mode, &input.language)?;
    for (index, event) in input.events.iter().enumerate() {
        attempt.input(event).map_err(|error| error.within(&format!("events[{index}]")))?;
    }
    attempt.finish();
    Ok(Metrics::of(&attempt))
}
