//! When time starts, stands still and ends.

use super::*;

#[test]
fn a_time_before_its_predecessor_counts_as_the_predecessor() {
    let mut a = attempt("abc", TEXT);
    for (t, key) in [(1000.0, "a"), (400.0, "b"), (1500.0, "c")] {
        a.input(&Event::insert(t, key)).unwrap();
    }
    let m = Metrics::of(&a);
    assert_eq!(m.duration_ms, 500.0);
    assert_eq!((m.inter_key_ms.mean, m.inter_key_ms.sd), (250.0, 250.0));
}

#[test]
fn a_rejected_event_is_a_predecessor_too() {
    let mut a = attempt("ab", TEXT);
    a.input(&at(2000.0, Op::Paste)).unwrap();
    a.input(&Event::insert(1000.0, "a")).unwrap();
    a.input(&Event::insert(2600.0, "b")).unwrap();
    assert_eq!(Metrics::of(&a).duration_ms, 600.0);
}

#[test]
fn separators_deletes_and_pastes_before_the_first_letter_start_nothing() {
    let mut a = attempt("ab cd", TEXT);
    for op in [
        Op::Insert { text: " ".into() },
        Op::Backspace,
        Op::DeleteWord,
        Op::Paste,
        Op::Insert { text: "\n".into() },
    ] {
        assert_eq!(a.input(&at(0.0, op)).unwrap().accepted, 0);
    }
    press(&mut a, 5000.0, "ab cd");
    let m = Metrics::of(&a);
    assert_eq!((m.keystrokes.rejected, m.keystrokes.total, m.duration_ms), (5, 5, 400.0));
}

#[test]
fn a_composition_that_begins_first_starts_the_clock() {
    let mut a = attempt("你好", TEXT);
    a.input(&at(1000.0, Op::ComposeStart)).unwrap();
    a.input(&Event::insert(2000.0, "你好")).unwrap();
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.duration_ms, m.keystrokes.total), (EndReason::Completed, 1000.0, 2));
    assert_eq!((m.wpm, m.raw_wpm, m.inter_key_ms.mean), (24.0, 24.0, 0.0));
}

#[test]
fn a_composition_without_text_that_the_user_ends_lasts_no_time() {
    let mut a = attempt("ab", TEXT);
    a.input(&at(1000.0, Op::ComposeStart)).unwrap();
    let m = user_end(&mut a, 4000.0);
    assert_eq!((m.duration_ms, m.wpm, m.afk_seconds), (0.0, 0.0, 0));
}

#[test]
fn a_composition_after_the_first_key_does_not_move_the_clock() {
    let mut a = attempt("abc", TEXT);
    a.input(&Event::insert(0.0, "a")).unwrap();
    a.input(&at(500.0, Op::ComposeStart)).unwrap();
    a.input(&Event::insert(900.0, "bc")).unwrap();
    assert_eq!(Metrics::of(&a).duration_ms, 900.0);
}

#[test]
fn while_paused_inserts_deletes_and_pastes_are_counted_and_do_nothing() {
    let mut a = attempt("abcd", TEXT);
    press(&mut a, 0.0, "ab");
    a.input(&at(200.0, Op::Pause)).unwrap();
    for op in [Op::Insert { text: "c".into() }, Op::Backspace, Op::DeleteWord, Op::Paste] {
        let step = a.input(&at(300.0, op)).unwrap();
        assert_eq!((step.accepted, step.rejected, step.correct, step.caret), (0, 1, false, 2));
    }
    a.input(&at(700.0, Op::Resume)).unwrap();
    press(&mut a, 800.0, "cd");
    let m = Metrics::of(&a);
    assert_eq!((m.keystrokes.rejected, m.paused_ms, m.duration_ms), (4, 500.0, 400.0));
    assert_eq!(m.inter_key_ms.mean, 133.33);
}

#[test]
fn a_second_pause_or_a_resume_without_one_changes_nothing() {
    let mut a = attempt("abc", TEXT);
    a.input(&Event::insert(0.0, "a")).unwrap();
    a.input(&at(50.0, Op::Resume)).unwrap();
    a.input(&at(100.0, Op::Pause)).unwrap();
    a.input(&at(150.0, Op::Pause)).unwrap();
    a.input(&at(300.0, Op::Resume)).unwrap();
    press(&mut a, 400.0, "bc");
    let m = Metrics::of(&a);
    assert_eq!((m.paused_ms, m.duration_ms), (200.0, 300.0));
}

#[test]
fn a_pause_before_the_first_key_is_no_part_of_the_time() {
    let mut a = attempt("abc", TEXT);
    a.input(&at(0.0, Op::Pause)).unwrap();
    assert_eq!(a.input(&Event::insert(10.0, "a")).unwrap().rejected, 1);
    a.input(&at(20.0, Op::ComposeStart)).unwrap();
    a.input(&at(1000.0, Op::Resume)).unwrap();
    press(&mut a, 2000.0, "abc");
    let m = Metrics::of(&a);
    assert_eq!((m.paused_ms, m.duration_ms), (0.0, 200.0));
}

#[test]
fn a_pause_open_at_the_end_counts_up_to_it() {
    let mut a = typed("abc def", "ab");
    a.input(&at(500.0, Op::Pause)).unwrap();
    let m = user_end(&mut a, 2500.0);
    assert_eq!((m.paused_ms, m.duration_ms), (2000.0, 100.0));
}

#[test]
fn a_user_end_lasts_to_the_last_accepted_key_a_delete_included() {
    let mut a = typed("abc def", "abx⌫");
    a.input(&at(350.0, Op::Paste)).unwrap();
    let m = user_end(&mut a, 60_000.0);
    assert_eq!((m.end_reason, m.duration_ms, m.afk_seconds), (EndReason::User, 300.0, 0));
}

#[test]
fn a_key_at_exactly_the_limit_counts_and_later_ones_are_rejected() {
    let mut a = attempt("aaaa bbbb cccc", seconds(2.0));
    a.input(&Event::insert(500.0, "a")).unwrap();
    a.input(&Event::insert(2500.0, "a")).unwrap();
    assert!(!a.input(&at(2500.0, Op::Pause)).unwrap().finished);
    a.input(&at(3500.0, Op::Resume)).unwrap();
    let late = a.input(&Event::insert(3500.5, "a")).unwrap();
    assert_eq!((late.rejected, late.finished), (1, true));
    assert_eq!(a.input(&at(3501.0, Op::Backspace)).unwrap().rejected, 1);
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.duration_ms, m.paused_ms), (EndReason::Timeout, 2000.0, 1000.0));
    assert_eq!((m.keystrokes.total, m.keystrokes.rejected), (2, 2));
    // 2 letters, a correct beginning of the active word: (2 / 5) / (2 s / 60 s) = 12.
    assert_eq!((m.wpm, m.raw_wpm), (12.0, 12.0));
}

#[test]
fn a_timeout_lasts_exactly_the_limit_whenever_it_is_told() {
    for t in [1999.0, 2000.0, 2004.0, 90_000.0] {
        let mut a = attempt("aaaa bbbb", seconds(2.0));
        press(&mut a, 0.0, "aaaa b");
        a.input(&at(t, Op::End { reason: EndReason::Timeout })).unwrap();
        let m = Metrics::of(&a);
        assert_eq!((m.end_reason, m.duration_ms), (EndReason::Timeout, 2000.0));
        assert_eq!((m.chars.net_chars, m.wpm), (6, 36.0));
        assert_eq!(m.per_second.boundaries_ms, [1000.0, 2000.0]);
        assert_eq!(m.per_second.raw, [72, 0]);
        assert_eq!(m.per_second.wpm, [72, 36]);
        assert_eq!(m.afk_seconds, 1);
    }
}

#[test]
fn a_user_end_after_the_limit_is_a_timeout() {
    let mut a = attempt("aaaa bbbb", seconds(2.0));
    press(&mut a, 0.0, "aa");
    let m = user_end(&mut a, 2001.0);
    assert_eq!((m.end_reason, m.duration_ms), (EndReason::Timeout, 2000.0));
}

#[test]
fn a_time_log_that_just_stops_ran_into_its_limit_unless_it_is_paused() {
    let mut a = attempt("aaaa bbbb", seconds(2.0));
    press(&mut a, 0.0, "aa");
    let mut paused = a.clone();
    paused.input(&at(500.0, Op::Pause)).unwrap();
    assert_eq!(metrics(&mut a).end_reason, EndReason::Timeout);
    assert_eq!(metrics(&mut paused).end_reason, EndReason::User);
}

#[test]
fn a_time_test_has_no_fractional_last_second() {
    let mut a = attempt("aaaa bbbb", seconds(1.7));
    press(&mut a, 0.0, "aa");
    assert_eq!(metrics(&mut a).per_second.boundaries_ms, [1000.0]);
    let mut a = attempt("aaaa bbbb", seconds(5.0));
    press(&mut a, 0.0, "aaaa bbbb");
    a.input(&at(1600.0, Op::Backspace)).unwrap();
    let m = user_end(&mut a, 1700.0);
    assert_eq!((m.duration_ms, m.per_second.boundaries_ms), (1600.0, vec![1000.0]));
}

#[test]
fn a_timeout_without_a_limit_is_refused_and_changes_nothing() {
    let mut a = typed("abc", "a");
    let error = a.input(&at(500.0, Op::End { reason: EndReason::Timeout })).unwrap_err();
    assert_eq!(error.field, "reason");
    assert_eq!(a.end_reason(), None);
    assert_eq!(a.events().len(), 1);
}

#[test]
fn after_the_end_keys_are_only_counted_as_rejected() {
    let mut a = typed("ab", "ab");
    let before = Metrics::of(&a);
    press(&mut a, 5000.0, "x⌫⌦");
    a.input(&at(6000.0, Op::Pause)).unwrap();
    a.input(&at(7000.0, Op::Resume)).unwrap();
    let m = user_end(&mut a, 8000.0);
    assert_eq!(m.keystrokes.rejected, 3);
    assert_eq!(Metrics { keystrokes: before.keystrokes, ..m }, before);
}

#[test]
fn a_pause_too_long_for_exact_sums_does_not_turn_the_clock_back() {
    let mut a = attempt("abc", TEXT);
    a.input(&Event::insert(0.0, "a")).unwrap();
    a.input(&Event::insert(94_171.327_592_205_5, "b")).unwrap();
    a.input(&at(94_171.327_592_205_5, Op::Pause)).unwrap();
    a.input(&at(2_198_964_859_382_232.3, Op::Resume)).unwrap();
    a.input(&Event::insert(2_198_964_859_382_232.3, "c")).unwrap();
    assert!(a.presses().windows(2).all(|pair| pair[0] <= pair[1]), "{:?}", a.presses());
}
