//! Worked cases, one rule each, counted by hand.

use super::*;
use crate::event::ModeKind;
use crate::metrics::{Flag, Metrics};
use crate::text::Separator;

mod checkpoint;
mod clock;
mod numbers;
mod words;

const TEXT: Mode = Mode { kind: ModeKind::Text, value: None };

fn seconds(value: f64) -> Mode {
    Mode { kind: ModeKind::Time, value: Some(value) }
}

fn attempt(target: &str, mode: Mode) -> Attempt {
    Attempt::new(target, mode, "en").unwrap()
}

/// Types `keys` grapheme by grapheme, 100 ms apart, the first at `from`. `⌫` is a backspace, `⌦` a deleteWord.
fn press(attempt: &mut Attempt, from: f64, keys: &str) -> Vec<Step> {
    let mut t = from - 100.0;
    graphemes(keys)
        .map(|key| {
            t += 100.0;
            let event = match key {
                "⌫" => at(t, Op::Backspace),
                "⌦" => at(t, Op::DeleteWord),
                key => Event::insert(t, key),
            };
            attempt.input(&event).unwrap()
        })
        .collect()
}

fn at(t: f64, op: Op) -> Event {
    Event { t, op }
}

fn typed(target: &str, keys: &str) -> Attempt {
    let mut attempt = attempt(target, TEXT);
    press(&mut attempt, 0.0, keys);
    attempt
}

fn metrics(attempt: &mut Attempt) -> Metrics {
    attempt.finish();
    Metrics::of(attempt)
}

fn user_end(attempt: &mut Attempt, t: f64) -> Metrics {
    attempt.input(&at(t, Op::End { reason: EndReason::User })).unwrap();
    Metrics::of(attempt)
}

fn buffer(attempt: &Attempt) -> String {
    attempt.active_word().letters.iter().map(|letter| &*letter.text).collect()
}
