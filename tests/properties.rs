//! What must hold for every log, tried on random ones.
//!
//! Native only: the rules are the same code in wasm, and the vectors already run there.
#![cfg(not(target_arch = "wasm32"))]
// Everything in this file is test code, also the functions the tests share.
#![allow(clippy::unwrap_used)]

use keyflow_sync::attempt::Attempt;
use keyflow_sync::event::{EndReason, Event, Mode, ModeKind, Op};
use keyflow_sync::metrics::{MeasureInput, Metrics, measure};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// Few letters, so that random keys often are the right ones and words get finished.
fn target() -> impl Strategy<Value = String> {
    let word =
        prop::collection::vec(select(vec!["a", "b", "é", "👍🏽"]), 1..4).prop_map(|letters| letters.concat());
    let separated = (word.clone(), select(vec![" ", "\n"])).prop_map(|(word, separator)| word + separator);
    (prop::collection::vec(separated, 0..6), word).prop_map(|(words, last)| words.concat() + &last)
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just((ModeKind::Text, None)),
        Just((ModeKind::Words, Some(3.0))),
        Just((ModeKind::Custom, None)),
        (1_u32..20).prop_map(|seconds| (ModeKind::Time, Some(f64::from(seconds)))),
        Just((ModeKind::Time, Some(2.75))),
    ]
    .prop_map(|(kind, value)| Mode::new(kind, value).unwrap())
}

fn key() -> impl Strategy<Value = Op> {
    let text = select(vec!["a", "b", "é", "e\u{301}", "👍🏽", " ", "\n", "x", "ab", "a b", "", "\u{a0}"]);
    prop_oneof![
        12 => text.prop_map(|text| Op::Insert { text: text.to_owned() }),
        3 => Just(Op::Backspace),
        1 => Just(Op::DeleteWord),
        1 => Just(Op::Paste),
        1 => Just(Op::ComposeStart),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![16 => key(), 1 => Just(Op::Pause), 2 => Just(Op::Resume)]
}

/// Right keys most of the time: a walk through the target with slips, which reaches its end.
fn typist(target: &str) -> Vec<Op> {
    target.chars().map(|c| Op::Insert { text: c.to_string() }).collect()
}

/// Whole milliseconds, so that shifting a log is exact; now and then a hesitation, a tie or a step back.
fn timed(op: impl Strategy<Value = Op>, len: usize) -> impl Strategy<Value = Vec<Event>> {
    let gap = prop_oneof![20 => 0_i32..400, 2 => 400_i32..3000, 1 => Just(9000), 1 => -300_i32..0];
    prop::collection::vec((gap, op), 0..len).prop_map(|steps| {
        let mut t = 5000;
        let event = |(gap, op): (i32, Op)| {
            t = (t + gap).max(0);
            Event { t: f64::from(t), op }
        };
        steps.into_iter().map(event).collect()
    })
}

fn with_end(mut events: Vec<Event>, end: Option<EndReason>, mode: Mode) -> Vec<Event> {
    let end = end.filter(|reason| *reason != EndReason::Timeout || mode.limit_ms().is_some());
    if let Some(reason) = end {
        let t = events.last().map_or(0.0, |event| event.t) + 700.0;
        events.push(Event { t, op: Op::End { reason } });
    }
    events
}

fn log(op: impl Strategy<Value = Op> + Clone) -> impl Strategy<Value = MeasureInput> {
    let end = select(vec![None, Some(EndReason::User), Some(EndReason::Timeout)]);
    (target(), mode(), end, timed(op, 60), any::<bool>()).prop_map(|(target, mode, end, slips, follow)| {
        let mut events = slips;
        if follow {
            let start = events.last().map_or(0.0, |event| event.t);
            let keys = typist(&target).into_iter().zip(1_u32..);
            events.truncate(12);
            events.extend(keys.map(|(op, i)| Event { t: start + f64::from(i) * 130.0, op }));
        }
        MeasureInput { events: with_end(events, end, mode), target, mode, language: "en".to_owned() }
    })
}

fn any_log() -> impl Strategy<Value = MeasureInput> {
    log(any_op().boxed())
}

fn log_without_pauses() -> impl Strategy<Value = MeasureInput> {
    log(key().boxed())
}

fn numbers(value: &Value, visit: &mut impl FnMut(f64)) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| numbers(value, visit)),
        Value::Array(items) => items.iter().for_each(|value| numbers(value, visit)),
        Value::Number(number) => visit(number.as_f64().unwrap()),
        _ => {}
    }
}

fn reread(attempt: &Attempt) -> Attempt {
    serde_json::from_str(&serde_json::to_string(attempt).unwrap()).unwrap()
}

fn finished(mut attempt: Attempt) -> Metrics {
    attempt.finish();
    Metrics::of(&attempt)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn net_speed_never_exceeds_raw_and_accuracy_is_a_percentage(input in any_log()) {
        let m = measure(&input).unwrap();
        prop_assert!(m.wpm <= m.raw_wpm);
        prop_assert!((0.0..=100.0).contains(&m.accuracy));
        prop_assert!((0.0..=100.0).contains(&m.consistency));
        prop_assert!(m.informative.classic_net_wpm <= m.informative.classic_gross_wpm);
    }

    #[test]
    fn no_number_is_nan_infinite_or_negative(
        input in any_log(),
        times in prop::collection::vec(prop_oneof![200 => 0.0..1e5, 20 => Just(0.0), 20 => Just(1e-310), 1 => 0.0..9e15], 60),
    ) {
        let mut input = input;
        for (event, t) in input.events.iter_mut().zip(times) {
            event.t = t;
        }
        // A day or more of active time is the one thing that may be refused here.
        let m = match measure(&input) {
            Ok(metrics) => metrics,
            Err(error) => {
                prop_assert!(error.field.ends_with("].t"), "{}", error);
                return Ok(());
            }
        };
        prop_assert!(m.wpm.is_finite() && m.raw_wpm.is_finite() && m.cpm.is_finite());
        // serde_json writes NaN and infinity as null, which only an undefined burst may be.
        let mut json = serde_json::to_value(&m).unwrap();
        json.as_object_mut().unwrap().remove("wordBurstWpm");
        prop_assert!(!json.to_string().contains("null"));
        let mut lowest = 0.0_f64;
        numbers(&json, &mut |number| lowest = lowest.min(number));
        prop_assert_eq!(lowest, 0.0);
    }

    #[test]
    fn every_character_and_every_key_is_in_exactly_one_class(input in any_log()) {
        let m = measure(&input).unwrap();
        prop_assert_eq!(m.chars.correct + m.chars.incorrect + m.chars.extra, m.chars.raw_chars);
        prop_assert_eq!(m.keystrokes.correct + m.keystrokes.incorrect, m.keystrokes.total);
        prop_assert_eq!(m.errors.made, m.keystrokes.incorrect);
        prop_assert!(m.errors.corrected <= m.errors.made);
        let timed: u64 = m.keys.values().map(|key| key.n).sum();
        let hits: u64 = m.keys.values().map(|key| key.hit).sum();
        prop_assert_eq!(hits, m.keystrokes.correct);
        prop_assert!(timed <= hits);
    }

    #[test]
    fn all_lists_of_the_course_have_one_entry_for_each_span(input in any_log()) {
        let m = measure(&input).unwrap();
        let course = &m.per_second;
        let spans = course.boundaries_ms.len();
        prop_assert_eq!([course.raw.len(), course.wpm.len(), course.errors.len()], [spans; 3]);
        prop_assert!(course.boundaries_ms.iter().all(|boundary| *boundary <= m.duration_ms));
        prop_assert!(m.afk_seconds <= spans);
        prop_assert!(course.errors.iter().sum::<u32>() as u64 <= m.errors.made);
    }

    #[test]
    fn a_checkpoint_after_every_key_gives_the_same_numbers(input in any_log()) {
        let mut attempt = Attempt::new(&input.target, input.mode, &input.language).unwrap();
        for event in &input.events {
            attempt.input(event).unwrap();
            attempt = reread(&attempt);
        }
        prop_assert_eq!(finished(attempt), measure(&input).unwrap());
    }

    #[test]
    fn a_crash_anywhere_gives_the_same_numbers_as_never_having_crashed(
        input in log_without_pauses(), at in any::<prop::sample::Index>(), now in 0_u32..10_000_000, away in 0_u32..100_000,
    ) {
        prop_assume!(!input.events.is_empty());
        let at = at.index(input.events.len());
        let (now, away) = (f64::from(now), f64::from(away));
        let mut attempt = Attempt::new(&input.target, input.mode, &input.language).unwrap();
        let mut last = 0.0_f64;
        for event in &input.events[..=at] {
            attempt.input(event).unwrap();
            last = last.max(event.t);
        }
        let was_over = attempt.end_reason().is_some();
        let was_started = attempt.live(last).unwrap().elapsed_ms > 0.0 || attempt.keystrokes().total > 0;
        attempt = reread(&attempt).resume_at(now, away).unwrap();
        for event in &input.events[at + 1..] {
            let t = now + (event.t - last).max(0.0);
            attempt.input(&Event { t, op: event.op.clone() }).unwrap();
        }
        let expected = measure(&input).unwrap();
        let m = finished(attempt);
        if was_started && !was_over {
            prop_assert_eq!(m.paused_ms, expected.paused_ms + away);
        }
        prop_assert_eq!(Metrics { paused_ms: expected.paused_ms, ..m }, expected);
    }

    #[test]
    fn the_log_an_attempt_keeps_measures_like_the_attempt(input in any_log()) {
        let mut attempt = Attempt::new(&input.target, input.mode, &input.language).unwrap();
        for event in &input.events {
            attempt.input(event).unwrap();
        }
        attempt.finish();
        let kept = MeasureInput { events: attempt.events(), ..input };
        prop_assert_eq!(measure(&kept).unwrap(), Metrics::of(&attempt));
    }

    #[test]
    fn a_pause_put_between_two_keys_changes_nothing_but_the_paused_time(
        input in log_without_pauses(), at in any::<prop::sample::Index>(), length in 0_u32..100_000,
    ) {
        prop_assume!(!input.events.is_empty());
        let at = at.index(input.events.len());
        let length = f64::from(length);
        let expected = measure(&input).unwrap();
        let mut changed = input.clone();
        let latest = input.events[..=at].iter().fold(0.0_f64, |latest, event| latest.max(event.t));
        let rest = changed.events.split_off(at + 1);
        changed.events.push(Event { t: latest, op: Op::Pause });
        changed.events.push(Event { t: latest + length, op: Op::Resume });
        changed.events.extend(rest.into_iter().map(|event| Event { t: event.t + length, ..event }));
        let m = measure(&changed).unwrap();
        prop_assert!(m.paused_ms == 0.0 || m.paused_ms == length);
        prop_assert_eq!(Metrics { paused_ms: expected.paused_ms, ..m }, expected);
    }

    #[test]
    fn more_rejected_keys_change_nothing_but_their_count(
        input in any_log(), places in prop::collection::vec(any::<prop::sample::Index>(), 1..10),
    ) {
        let expected = measure(&input).unwrap();
        let mut changed = input.clone();
        for place in &places {
            let at = place.index(changed.events.len() + 1);
            let t = at.checked_sub(1).map_or(0.0, |before| changed.events[before].t);
            changed.events.insert(at, Event { t, op: Op::Paste });
        }
        let mut m = measure(&changed).unwrap();
        m.keystrokes.rejected -= places.len() as u64;
        prop_assert_eq!(m, expected);
    }

    #[test]
    fn graphemes_arriving_together_count_like_graphemes_arriving_at_once(input in any_log()) {
        let mut split = input.clone();
        split.events = input.events.iter().flat_map(|event| match &event.op {
            Op::Insert { text } if text == "ab" || text == "a b" => {
                text.chars().map(|c| Event::insert(event.t, c)).collect()
            }
            _ => vec![event.clone()],
        }).collect();
        // How long a single key took is only known when it came alone.
        let untimed = |input: &MeasureInput| Metrics { keys: Default::default(), ..measure(input).unwrap() };
        prop_assert_eq!(untimed(&split), untimed(&input));
    }

    #[test]
    fn words_appended_before_they_are_needed_make_no_difference(input in any_log(), early in 0_usize..20) {
        prop_assume!(input.mode.limit_ms().is_some());
        let whole = MeasureInput { target: format!("{} ab ab", input.target), ..input.clone() };
        let mut attempt = Attempt::new(&input.target, input.mode, &input.language).unwrap();
        let mut appended = false;
        for (i, event) in input.events.iter().enumerate() {
            let needed = i == early || attempt.live(0.0).unwrap().words_left == 0;
            if needed && !appended && attempt.end_reason().is_none() {
                attempt.append("ab ab").unwrap();
                appended = true;
            }
            attempt.input(event).unwrap();
            attempt = reread(&attempt);
        }
        prop_assert_eq!(finished(attempt), measure(&whole).unwrap());
    }
}
