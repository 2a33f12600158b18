//! Saving an attempt, reading it back, and going on after a crash.

use serde_json::{Value, json};

use super::*;

fn reread(attempt: &Attempt) -> Attempt {
    serde_json::from_str(&serde_json::to_string(attempt).unwrap()).unwrap()
}

#[test]
fn a_checkpoint_is_the_text_and_a_compact_log() {
    let mut a = attempt("ab cd", seconds(30.0));
    press(&mut a, 0.0, "ax⌫");
    a.append("ef").unwrap();
    a.input(&at(250.5, Op::Pause)).unwrap();
    assert_eq!(
        serde_json::to_value(&a).unwrap(),
        json!({
            "schema": 1, "profile": "KF-1", "target": "ab cd", "mode": {"kind": "time", "value": 30},
            "language": "en", "clockShift": 0.0,
            "log": [[0, "a"], [100, "x"], [200, 0], "ef", [250.5, 4]],
        })
    );
    assert_eq!(a.compact_log(), serde_json::to_value(&a).unwrap()["log"]);
}

#[test]
fn every_op_survives_a_checkpoint() {
    let mut a = attempt("abc def", seconds(30.0));
    let ops = [
        Op::ComposeStart,
        Op::Insert { text: "abx".into() },
        Op::Backspace,
        Op::DeleteWord,
        Op::Paste,
        Op::Pause,
        Op::Resume,
        Op::End { reason: EndReason::Completed },
        Op::End { reason: EndReason::Timeout },
        Op::End { reason: EndReason::User },
    ];
    for (i, op) in ops.into_iter().enumerate() {
        a.input(&at(i as f64, op)).unwrap();
    }
    assert_eq!(reread(&a).events(), a.events());
}

#[test]
fn times_with_any_fraction_survive_to_the_last_bit() {
    let mut a = attempt("abcdefgh", TEXT);
    let mut t = 1.0e9 + 1.0 / 3.0;
    for key in graphemes("abcdefg") {
        t += 100.1 / 3.0;
        a.input(&Event::insert(t, key)).unwrap();
    }
    assert_eq!(reread(&a).events(), a.events());
}

#[test]
fn after_a_crash_time_goes_on_at_the_last_key_on_the_new_clock() {
    let mut a = typed("abc def", "abc ");
    a = reread(&a).resume_at(20.0, 3_600_000.0).unwrap();
    assert_eq!(a.live(20.0).unwrap().elapsed_ms, 300.0);
    press(&mut a, 120.0, "def");
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.duration_ms, m.paused_ms), (EndReason::Completed, 600.0, 3_600_000.0));
    assert_eq!(m.inter_key_ms, crate::metrics::InterKey { mean: 100.0, sd: 0.0 });
}

#[test]
fn a_clock_that_starts_over_twice_is_followed_twice() {
    let mut a = attempt("abcdef", TEXT);
    press(&mut a, 7000.0, "ab");
    a = reread(&a).resume_at(50.0, 0.0).unwrap();
    press(&mut a, 150.0, "cd");
    a = reread(&a).resume_at(900_000.0, 0.0).unwrap();
    press(&mut a, 900_100.0, "ef");
    assert_eq!(Metrics::of(&a), Metrics::of(&typed("abcdef", "abcdef")));
}

#[test]
fn a_checkpoint_read_on_the_same_page_after_a_crash_keeps_its_clock() {
    let mut a = typed("abcd", "ab");
    a = reread(&a).resume_at(5000.0, 0.0).unwrap();
    a = reread(&a);
    press(&mut a, 5100.0, "cd");
    assert_eq!(Metrics::of(&a).duration_ms, 300.0);
}

#[test]
fn an_attempt_that_was_paused_when_it_crashed_runs_again() {
    let mut a = typed("abcd", "ab");
    a.input(&at(600.0, Op::Pause)).unwrap();
    a = reread(&a).resume_at(0.0, 1000.0).unwrap();
    press(&mut a, 100.0, "cd");
    let m = Metrics::of(&a);
    // Paused at active 600; the two keys come 100 and 200 ms after the resume.
    assert_eq!((m.paused_ms, m.duration_ms), (1000.0, 800.0));
}

#[test]
fn a_crash_before_the_first_key_or_after_the_end_changes_no_number() {
    let mut fresh = reread(&attempt("ab", TEXT)).resume_at(9000.0, 5000.0).unwrap();
    press(&mut fresh, 9000.0, "ab");
    assert_eq!(Metrics::of(&fresh).duration_ms, 100.0);
    let over = typed("ab", "ab");
    assert_eq!(Metrics::of(&reread(&over).resume_at(3.0, 5.0).unwrap()), Metrics::of(&over));
}

#[test]
fn a_damaged_checkpoint_is_an_error_that_names_the_place() {
    let good = serde_json::to_value(typed("abc", "ab")).unwrap();
    for (pointer, value, place) in [
        ("/schema", json!(2), "schema"),
        ("/profile", json!("KF-2"), "profile"),
        ("/target", json!(""), "target"),
        ("/mode", json!({"kind": "zen"}), "mode.kind"),
        ("/log/1", json!([-5, "b"]), "log[1].t"),
        ("/log/1", json!([5, 99]), "log[1].op"),
        ("/log/1", json!("more words"), "log[1].mode"),
        ("/log/0", json!([0, "a\0"]), "log[0].text"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let error = serde_json::from_value::<Attempt>(bad).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
    for json in [Value::Null, json!({}), json!({"log": 5})] {
        assert!(serde_json::from_value::<Attempt>(json).is_err());
    }
}

#[test]
fn resuming_on_a_clock_that_shows_no_time_is_refused() {
    assert_eq!(typed("ab", "a").resume_at(f64::NAN, 0.0).unwrap_err().field, "now");
    assert_eq!(typed("ab", "a").resume_at(0.0, -1.0).unwrap_err().field, "awayMs");
}
