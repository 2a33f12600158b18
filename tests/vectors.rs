//! Runs every worked case of `vectors/typing.json` and compares every number in it, natively and in wasm alike.
//!
//! Nothing in the file is passed over: a field this runner does not know is a failure.

// Everything in this file is test code, also what is called from both the native and the wasm test.
#![allow(clippy::unwrap_used)]

use keyflow_sync::attempt::{EXTRA_LIMIT, PROFILE};
use keyflow_sync::metrics::{
    AFK_TAIL_SECONDS, MAX_PLAUSIBLE_WPM, MIN_DURATION_MS, MIN_KEYSTROKES, MeasureInput, measure,
};
use keyflow_sync::rate::{CHARS_PER_WORD, kogasa, round2};
use serde_json::{Map, Value, json};

const FILE: &str = include_str!("vectors/typing.json");

/// Far below the last digit that is compared, and far above what adding up floats costs.
const FLOAT_NOISE: f64 = 1e-9;

/// How many single values were compared, or every difference found.
fn check_all_vectors(json: &str) -> Result<usize, String> {
    let file: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let file =
        only_known(&file, &["profile", "about", "constants", "tolerance", "kogasa", "vectors"], "file")?;
    let tolerance = only_known(&file["tolerance"], &["rounded2", "integers"], "tolerance")?;
    let mut checker = Checker {
        rounded: number(&tolerance["rounded2"])?,
        whole: number(&tolerance["integers"])?,
        compared: 0,
        differences: Vec::new(),
    };
    checker.value("profile", &file["profile"], &json!(PROFILE));
    let constants = json!({
        "charsPerWord": CHARS_PER_WORD,
        "extraLimit": EXTRA_LIMIT,
        "maxPlausibleWpm": MAX_PLAUSIBLE_WPM,
        "minDurationMs": MIN_DURATION_MS,
        "minInserts": MIN_KEYSTROKES,
        "afkTailSeconds": AFK_TAIL_SECONDS,
    });
    checker.value("constants", &file["constants"], &constants);
    for row in list(&file["kogasa"])? {
        let row = only_known(row, &["cov", "value"], "kogasa")?;
        let cov = number(&row["cov"])?;
        checker.value(&format!("kogasa({cov})"), &row["value"], &json!(round2(kogasa(cov))));
    }
    let known = ["id", "title", "covers", "language", "target", "mode", "events", "expect"];
    for vector in list(&file["vectors"])? {
        let fields = only_known(vector, &known, "vector")?;
        let id = fields["id"].as_str().ok_or("a vector without an id")?;
        let metrics = MeasureInput::from_json(vector).and_then(|input| measure(&input));
        let metrics = metrics.map_err(|error| format!("{id}: {error}"))?;
        let metrics = serde_json::to_value(metrics).map_err(|error| error.to_string())?;
        checker.value(id, &fields["expect"], &metrics);
    }
    if checker.differences.is_empty() { Ok(checker.compared) } else { Err(checker.differences.join("\n")) }
}

fn only_known<'a>(value: &'a Value, known: &[&str], at: &str) -> Result<&'a Map<String, Value>, String> {
    let fields = value.as_object().ok_or_else(|| format!("{at} is no object"))?;
    for key in fields.keys() {
        if !known.contains(&key.as_str()) {
            return Err(format!("{at} has a field this runner does not compare: {key}"));
        }
    }
    match known.iter().find(|key| !fields.contains_key(**key)) {
        Some(missing) => Err(format!("{at} lacks {missing}")),
        None => Ok(fields),
    }
}

fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("{value} is no number"))
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| "a list is missing".to_owned())
}

struct Checker {
    rounded: f64,
    whole: f64,
    compared: usize,
    differences: Vec<String>,
}

impl Checker {
    fn value(&mut self, at: &str, expected: &Value, actual: &Value) {
        match (expected, actual) {
            (Value::Object(expected), Value::Object(actual)) => {
                for (key, expected) in expected {
                    let at = format!("{at}.{key}");
                    match actual.get(key) {
                        Some(actual) => self.value(&at, expected, actual),
                        None => self.differences.push(format!("{at}: not computed")),
                    }
                }
            }
            (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
                for (i, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                    self.value(&format!("{at}[{i}]"), expected, actual);
                }
                self.compared += usize::from(expected.is_empty());
            }
            _ => {
                self.compared += 1;
                let equal = match (expected.as_f64(), actual.as_f64()) {
                    (Some(e), Some(a)) => {
                        let tolerance =
                            if expected.is_f64() { self.rounded + FLOAT_NOISE } else { self.whole };
                        (e - a).abs() <= tolerance
                    }
                    _ => expected == actual,
                };
                if !equal {
                    self.differences.push(format!("{at}: expected {expected}, computed {actual}"));
                }
            }
        }
    }
}

/// What stands in the file by another count, so that a comparison passed over would show.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(leaves).sum(),
        Value::Array(items) if items.is_empty() => 1,
        Value::Array(items) => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

fn every_number_of_every_vector_is_met() {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    let expected = 1
        + leaves(&file["constants"])
        + file["kogasa"].as_array().unwrap().len()
        + vectors.iter().map(|vector| leaves(&vector["expect"])).sum::<usize>();
    assert_eq!(check_all_vectors(FILE), Ok(expected));
}

fn a_wrong_number_or_an_unknown_field_fails_the_run() {
    for (from, to) in [
        ("\"wpm\": 81.9,", "\"wpm\": 81.91,"),
        ("\"netChars\": 43,", "\"netChars\": 44,"),
        ("\"afkSeconds\": 1,", "\"afkSeconds\": 1, \"novel\": 1,"),
        ("\"language\": \"en\",", "\"language\": \"en\", \"novel\": 1,"),
        ("\"value\": 26.57", "\"value\": 26.58"),
        ("\"extraLimit\": 20", "\"extraLimit\": 21"),
    ] {
        assert!(FILE.contains(from), "{from}");
        assert!(check_all_vectors(&FILE.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    #[test]
    fn every_number_of_every_vector_is_met() {
        super::every_number_of_every_vector_is_met();
    }

    #[test]
    fn a_wrong_number_or_an_unknown_field_fails_the_run() {
        super::a_wrong_number_or_an_unknown_field_fails_the_run();
    }
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    #[wasm_bindgen_test::wasm_bindgen_test]
    fn every_number_of_every_vector_is_met() {
        super::every_number_of_every_vector_is_met();
    }

    #[wasm_bindgen_test::wasm_bindgen_test]
    fn a_wrong_number_or_an_unknown_field_fails_the_run() {
        super::a_wrong_number_or_an_unknown_field_fails_the_run();
    }
}
