//! What of a finished attempt goes into the session record.
//!
//! Pure: the id, the user and the stamps are added by whoever saves it. Raw key times never go in here.
//! Promise kept here: a user's own text leaves only as a hash unless the user chose to share it.

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::attempt::{Attempt, PROFILE};
use crate::event::{ModeKind, number};
use crate::metrics::Metrics;
use crate::model::fields_of;
use crate::read::{read_names, read_struct};
use crate::text::graphemes;

/// Version of the shape of `data`.
const SCHEMA: u32 = 1;

/// How the text was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum InputKind {
    /// A keyboard with keys.
    Hardware,
    /// A keyboard on the screen.
    Touch,
}

read_names!(InputKind { Hardware: "hardware", Touch: "touch" });

/// Where the text came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TextInfo {
    /// `words`, `quote`, `custom` or whatever else the app offers.
    pub kind: String,
    /// The list or collection, if it has an id.
    pub source_id: Option<String>,
    /// The text within it, if it has an id.
    pub text_id: Option<String>,
    /// Whether the user agreed to store a custom text itself and not only its hash.
    pub share_custom_text: bool,
}

read_struct!(TextInfo {
    kind: "kind"
} or default {
    source_id: "sourceId",
    text_id: "textId",
    share_custom_text: "shareCustomText"
});

/// A finished attempt and its circumstances.
#[derive(Debug, Clone)]
pub struct Finished<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    /// Its numbers.
    pub metrics: &'a Metrics,
    /// Epoch ms of the first key.
    pub started_at_ms: f64,
    /// Minutes to add to UTC for the user's local time at the start.
    pub tz_offset_min: i32,
    /// Keyboard layout, for example `qwerty`.
    pub layout: &'a str,
    /// How it was typed.
    pub input_kind: InputKind,
    /// Where the text came from.
    pub text_info: &'a TextInfo,
    /// Settings that changed the test, for example `punctuation`; stored as they are.
    pub options: &'a Map<String, Value>,
    /// The device, if it has an id yet.
    pub device_id: Option<&'a str>,
}

/// The flat record: `text`, `wpm`, `accuracy`, `timestamp` (epoch ms of the start) and everything else in `data`.
///
/// `text` is the target in NFC, or `sha256:` and the hash for a custom text the user did not share. Cannot fail.
pub fn session_fields(finished: &Finished<'_>) -> Map<String, Value> {
    let Finished { attempt, metrics, text_info, .. } = finished;
    let text = attempt.target().text();
    let hash = sha256_hex(text);
    let custom = text_info.kind == "custom" || attempt.mode().kind == ModeKind::Custom;
    let shown =
        if custom && !text_info.share_custom_text { format!("sha256:{hash}") } else { text.to_owned() };
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| data.insert(key.to_owned(), value);
    put("schema", json!(SCHEMA));
    put("profile", json!(PROFILE));
    if let Some(device) = finished.device_id {
        put("deviceId", json!(device));
    }
    put("tzOffsetMin", json!(finished.tz_offset_min));
    put(
        "text",
        json!({
            "kind": text_info.kind,
            "sourceId": text_info.source_id,
            "textId": text_info.text_id,
            "language": attempt.language(),
            "lengthGraphemes": graphemes(text).count(),
            "sha256": hash,
        }),
    );
    put("mode", json!(attempt.mode()));
    put("options", json!(finished.options));
    put("layout", json!(finished.layout));
    put("inputKind", json!(finished.input_kind));
    put("durationMs", number(metrics.duration_ms));
    put("pausedMs", number(metrics.paused_ms));
    put(
        "metrics",
        json!({
            "wpm": number(metrics.wpm),
            "rawWpm": number(metrics.raw_wpm),
            "accuracy": number(metrics.accuracy),
            "consistency": number(metrics.consistency),
        }),
    );
    // What the result is stored with is what the metrics themselves say in JSON, so they say it once.
    let mut said = serde_json::to_value(metrics).unwrap_or_default();
    let mut part = |name: &str| said.get_mut(name).map(Value::take).unwrap_or_default();
    for name in ["endReason", "keystrokes", "chars", "errors", "afkSeconds", "keys", "flags", "valid"] {
        put(name, part(name));
    }
    let mut course = part("perSecond");
    if let Some(course) = course.as_object_mut() {
        course.remove("boundariesMs");
    }
    put("perSecond", course);
    let fields = [
        ("text", Value::from(shown)),
        ("wpm", number(metrics.wpm)),
        ("accuracy", number(metrics.accuracy)),
        ("timestamp", number(finished.started_at_ms)),
        ("data", Value::Object(data)),
    ];
    fields_of(fields.map(|(key, value)| (key.to_owned(), value)))
}

fn sha256_hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EndReason, Event, Mode, Op};

    const OF_HI: &str = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";

    fn record(text_info: &TextInfo) -> Value {
        let mode = Mode::new(ModeKind::Text, None).unwrap();
        let mut attempt = Attempt::new("hi", mode, "en").unwrap();
        attempt.input(&Event::insert(1000.0, "h")).unwrap();
        attempt.input(&Event::insert(1100.0, "x")).unwrap();
        attempt.input(&Event { t: 1600.0, op: Op::Pause }).unwrap();
        attempt.input(&Event { t: 3600.0, op: Op::End { reason: EndReason::User } }).unwrap();
        let metrics = Metrics::of(&attempt);
        let options = Map::from_iter([("punctuation".to_owned(), json!(false))]);
        Value::Object(session_fields(&Finished {
            attempt: &attempt,
            metrics: &metrics,
            started_at_ms: 1_704_067_200_000.0,
            tz_offset_min: -90,
            layout: "qwerty",
            input_kind: InputKind::Touch,
            text_info,
            options: &options,
            device_id: Some("device-1"),
        }))
    }

    fn text_of_kind(kind: &str, share_custom_text: bool) -> TextInfo {
        TextInfo {
            kind: kind.to_owned(),
            source_id: Some("list".to_owned()),
            text_id: None,
            share_custom_text,
        }
    }

    #[test]
    fn the_record_is_flat_outside_and_complete_inside() {
        assert_eq!(
            record(&text_of_kind("quote", false)),
            json!({
                "text": "hi",
                "wpm": 0,
                "accuracy": 50,
                "timestamp": 1_704_067_200_000_i64,
                "data": {
                    "schema": 1,
                    "profile": "KF-1",
                    "deviceId": "device-1",
                    "tzOffsetMin": -90,
                    "text": {
                        "kind": "quote", "sourceId": "list", "textId": null, "language": "en",
                        "lengthGraphemes": 2, "sha256": OF_HI,
                    },
                    "mode": {"kind": "text"},
                    "options": {"punctuation": false},
                    "layout": "qwerty",
                    "inputKind": "touch",
                    "endReason": "user",
                    "durationMs": 100,
                    "pausedMs": 2000,
                    "metrics": {"wpm": 0, "rawWpm": 240, "accuracy": 50, "consistency": 0},
                    "keystrokes": {"total": 2, "correct": 1, "incorrect": 1, "deletes": 0, "rejected": 0},
                    "chars": {
                        "netChars": 0, "rawChars": 2, "correct": 1, "incorrect": 1, "extra": 0, "missed": 0,
                    },
                    "errors": {"made": 1, "corrected": 0, "uncorrected": 1},
                    "afkSeconds": 0,
                    "perSecond": {"raw": [], "wpm": [], "errors": []},
                    "keys": {
                        "h": {"hit": 1, "miss": 0, "ms": 0.0, "n": 0},
                        "i": {"hit": 0, "miss": 1, "ms": 0.0, "n": 0},
                    },
                    "flags": ["too_short"],
                    "valid": false,
                },
            })
        );
    }

    #[test]
    fn a_custom_text_leaves_only_as_its_hash() {
        let record = record(&text_of_kind("custom", false));
        assert_eq!(record["text"], format!("sha256:{OF_HI}"));
        assert!(!record.to_string().contains("\"hi\""));
    }

    #[test]
    fn a_custom_text_the_user_shares_is_stored_itself() {
        assert_eq!(record(&text_of_kind("custom", true))["text"], "hi");
    }
}
