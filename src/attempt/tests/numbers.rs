//! What is counted, what is shown, and what is refused.

use super::*;

#[test]
fn only_a_user_or_a_timer_gives_credit_for_a_correct_beginning() {
    assert_eq!(user_end(&mut typed("abc def", "abc de"), 900.0).chars.net_chars, 6);
    assert_eq!(user_end(&mut typed("abc def", "abc dx"), 900.0).chars.net_chars, 4);
    assert_eq!(user_end(&mut typed("abc def", "abc"), 900.0).chars.net_chars, 3);
    assert_eq!(user_end(&mut typed("abc def", "abcd"), 900.0).chars.net_chars, 0);
    assert_eq!(user_end(&mut typed("abc def", "abx de"), 900.0).chars.net_chars, 2);
}

#[test]
fn letters_missing_from_the_word_the_user_stopped_in_are_not_missed() {
    let m = user_end(&mut typed("abc def", "abc d"), 900.0);
    assert_eq!((m.chars.missed, m.errors.uncorrected), (0, 0));
}

#[test]
fn a_key_on_a_boundary_belongs_to_the_second_before_it() {
    let mut a = attempt("abcdefgh", TEXT);
    for (t, key) in [(0.0, "a"), (1000.0, "b"), (1000.5, "c"), (2000.0, "x"), (2400.0, "e")] {
        a.input(&Event::insert(t, key)).unwrap();
    }
    let m = user_end(&mut a, 2500.0);
    assert_eq!(m.per_second.boundaries_ms, [1000.0, 2000.0]);
    assert_eq!((m.per_second.raw, m.per_second.errors), (vec![24, 24], vec![0, 1]));
    assert_eq!(m.per_second.wpm, [24, 0]);
}

#[test]
fn a_tail_of_half_a_second_counts_and_a_shorter_one_does_not() {
    for (end, boundaries) in [(1499.9, vec![1000.0]), (1500.0, vec![1000.0, 1500.0])] {
        let mut a = attempt("abc", TEXT);
        press(&mut a, 0.0, "ab");
        a.input(&Event::insert(end, "c")).unwrap();
        let m = Metrics::of(&a);
        assert_eq!(m.per_second.boundaries_ms, boundaries);
    }
}

#[test]
fn a_delete_keeps_a_second_from_being_idle_and_a_rejected_key_does_not() {
    let mut a = attempt("abc def", TEXT);
    press(&mut a, 0.0, "ab");
    a.input(&at(1500.0, Op::Backspace)).unwrap();
    a.input(&at(2500.0, Op::Paste)).unwrap();
    a.input(&Event::insert(4000.0, "b")).unwrap();
    let m = user_end(&mut a, 4000.0);
    assert_eq!((m.per_second.raw, m.afk_seconds), (vec![24, 0, 0, 12], 1));
}

#[test]
fn five_idle_seconds_at_the_end_are_flagged_and_four_are_not() {
    for (limit, flags) in [(6.0, vec![Flag::Afk]), (5.0, vec![])] {
        let mut a = attempt("aaaaa bbbbb ccccc", seconds(limit));
        press(&mut a, 0.0, "aaaaa bbbb");
        let m = metrics(&mut a);
        assert_eq!((m.afk_seconds as f64, m.flags), (limit - 1.0, flags));
    }
}

#[test]
fn nine_keys_or_less_than_a_second_are_too_short() {
    let ten = |gap: f64| {
        let mut a = attempt("abcdefghij", TEXT);
        for (i, key) in graphemes("abcdefghij").enumerate() {
            a.input(&Event::insert(i as f64 * gap, key)).unwrap();
        }
        Metrics::of(&a).flags
    };
    assert_eq!(ten(1000.0 / 9.0), []);
    assert_eq!(ten(111.0), [Flag::TooShort]);
    let mut nine = attempt("abcdefghi", TEXT);
    press(&mut nine, 0.0, "abcdefgh");
    nine.input(&Event::insert(5000.0, "i")).unwrap();
    assert_eq!(Metrics::of(&nine).flags, [Flag::TooShort]);
}

#[test]
fn a_burst_runs_from_the_first_to_the_last_key_of_its_word() {
    let mut a = attempt("ab c de", TEXT);
    // "ab " 0..=600 with a correction: 3 chars in 600 ms = 60. "c " one gap of 100 ms: 240. "d": no time.
    for (t, key) in [(0.0, "a"), (200.0, "x")] {
        a.input(&Event::insert(t, key)).unwrap();
    }
    a.input(&at(300.0, Op::Backspace)).unwrap();
    for (t, key) in [(400.0, "b"), (600.0, " "), (900.0, "c"), (1000.0, " "), (1500.0, "d")] {
        a.input(&Event::insert(t, key)).unwrap();
    }
    assert_eq!(user_end(&mut a, 2000.0).word_burst_wpm, [Some(60), Some(240), None]);
}

#[test]
fn the_classic_speeds_lose_a_word_for_each_error_left_and_stop_at_zero() {
    // 10 chars in 6 s: 20 wpm gross; one wrong letter costs 10 a minute.
    let mut a = attempt("abcdefghij k", TEXT);
    press(&mut a, 0.0, "abxdefghi");
    a.input(&Event::insert(6000.0, "j")).unwrap();
    let m = user_end(&mut a, 6000.0);
    assert_eq!(
        (m.raw_wpm, m.informative.classic_gross_wpm, m.informative.classic_net_wpm),
        (20.0, 20.0, 10.0)
    );
    assert_eq!(m.informative.accuracy_adjusted_wpm, 18.0);
    let mut a = typed("ab", "xxxxxxxxxx");
    assert_eq!(user_end(&mut a, 1000.0).informative.classic_net_wpm, 0.0);
}

#[test]
fn the_time_of_a_letter_leaves_out_corrections_and_what_arrives_together() {
    let mut a = attempt("abca bcde", TEXT);
    // a first key; b 100; x a miss of c; then a correction: c retyped; a 100; space 100.
    press(&mut a, 0.0, "abx⌫ca ");
    a.input(&Event::insert(2000.0, "bc")).unwrap();
    press(&mut a, 2150.0, "de");
    let m = Metrics::of(&a);
    let stat = |hit, miss, ms, n| KeyStat { hit, miss, ms, n };
    assert_eq!(m.keys["a"], stat(2, 0, 100.0, 1));
    assert_eq!(m.keys["b"], stat(2, 0, 100.0, 1));
    assert_eq!(m.keys["c"], stat(2, 1, 0.0, 0));
    assert_eq!(m.keys[" "], stat(1, 0, 100.0, 1));
    assert_eq!(m.keys["d"], stat(1, 0, 150.0, 1));
    assert_eq!(m.keys["e"], stat(1, 0, 100.0, 1));
}

#[test]
fn no_letter_up_to_the_furthest_one_before_a_correction_is_timed() {
    let m = Metrics::of(&typed("abcd efg", "axcd⌫⌫⌫bcd ⌫ efg"));
    assert_eq!(m.keys["b"].n + m.keys["c"].n, 1);
    // Its first time: exact words are not gone back to, so the separator was pressed once.
    assert_eq!((m.keys["d"].n, m.keys[" "].n), (1, 1));
    assert_eq!((m.keys["e"].n, m.keys["g"].n), (1, 1));
    let back = Metrics::of(&typed("ab cd", "ax ⌫⌫b cd"));
    assert_eq!((back.keys["b"].hit, back.keys["b"].n), (1, 0));
    assert_eq!((back.keys[" "].hit, back.keys[" "].n, back.keys["c"].n), (2, 1, 1));
}

#[test]
fn the_live_numbers_follow_the_clock_and_stand_still_in_a_pause() {
    let mut a = attempt("abcde fghij", seconds(10.0));
    let before = a.live(50_000.0).unwrap();
    assert_eq!((before.wpm, before.accuracy, before.elapsed_ms, before.progress), (0.0, 0.0, 0.0, 0.0));
    for (t, key) in [(1000.0, "a"), (1500.0, "b"), (2000.0, "c"), (2500.0, "d"), (3000.0, "x")] {
        a.input(&Event::insert(t, key)).unwrap();
    }
    let live = a.live(4000.0).unwrap();
    assert_eq!((live.wpm, live.raw_wpm, live.accuracy), (0.0, 20.0, 80.0));
    assert_eq!((live.elapsed_ms, live.remaining_ms, live.progress), (3000.0, Some(7000.0), 0.3));
    a.input(&at(4000.0, Op::Pause)).unwrap();
    let paused = a.live(9000.0).unwrap();
    assert_eq!(Live { paused: false, ..paused }, live);
    a.input(&at(9000.0, Op::Resume)).unwrap();
    assert_eq!(a.live(900_000.0).unwrap().remaining_ms, Some(0.0));
    assert_eq!(a.live(f64::NAN).unwrap_err().field, "now");
}

#[test]
fn progress_through_a_text_is_the_share_of_its_letters_and_separators() {
    let mut a = attempt("ab cd", TEXT);
    press(&mut a, 0.0, "ab cxxxx");
    assert_eq!(a.live(1000.0).unwrap().progress, 1.0);
    press(&mut a, 1000.0, "⌦");
    let live = a.live(1000.0).unwrap();
    assert_eq!((live.progress, live.remaining_ms), (0.6, None));
    assert_eq!(typed("ab cd", "ax ⌫⌫").live(1000.0).unwrap().progress, 0.2);
}

#[test]
fn a_word_shows_what_is_wanted_and_what_is_there() {
    let a = typed("ab cd ef", "ax c");
    let first = a.word(0).unwrap();
    assert_eq!(first.target.separator, Some(Separator::Space));
    let right: Vec<bool> = first.typed.unwrap().letters.iter().map(|letter| letter.correct).collect();
    assert_eq!(right, [true, false]);
    assert_eq!(a.word(1).unwrap().typed.unwrap().letters.len(), 1);
    assert!(a.word(2).unwrap().typed.is_none());
    assert!(a.word(3).is_none());
    assert!(typed("ab cd", "ax ⌫").word(1).unwrap().typed.is_none());
}

#[test]
fn a_bad_event_is_refused_by_field_and_changes_nothing() {
    let mut a = typed("abc", "a");
    for (event, field) in [
        (Event::insert(f64::NAN, "b"), "t"),
        (Event::insert(f64::INFINITY, "b"), "t"),
        (Event::insert(-1.0, "b"), "t"),
        (Event::insert(100.0, "b\0"), "text"),
        (Event::insert(LONGEST_MS + 1.0, "b"), "t"),
    ] {
        assert_eq!(a.input(&event).unwrap_err().field, field);
    }
    assert_eq!((a.events().len(), a.keystrokes.total, a.keystrokes.rejected), (1, 1, 0));
    assert!(press(&mut a, 100.0, "bc")[1].finished);
}

#[test]
fn a_user_can_end_an_attempt_left_open_for_days() {
    let mut a = typed("abc def", "ab");
    assert_eq!(user_end(&mut a, 10.0 * LONGEST_MS).duration_ms, 100.0);
}

#[test]
fn a_new_attempt_refuses_by_field_what_cannot_be_typed() {
    assert_eq!(Attempt::new("", TEXT, "en").unwrap_err().field, "target");
    assert_eq!(Attempt::new("a\0", TEXT, "en").unwrap_err().field, "target");
    assert_eq!(Attempt::new("a", TEXT, "e\0").unwrap_err().field, "language");
    let no_limit = Mode { kind: ModeKind::Time, value: None };
    assert_eq!(Attempt::new("a", no_limit, "en").unwrap_err().field, "mode.value");
}
