//! What a key means and what it does to the words.

use super::*;

#[test]
fn letters_are_compared_in_nfc_by_whole_cluster() {
    let mut a = attempt("cafe\u{301} 👨‍👩‍👧", TEXT);
    for (i, key) in ["c", "a", "f", "e\u{301}", " ", "👨‍👩‍👧"].iter().enumerate() {
        assert!(a.input(&Event::insert(i as f64 * 100.0, *key)).unwrap().correct, "{key}");
    }
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.chars.raw_chars, m.duration_ms), (EndReason::Completed, 6, 500.0));
}

#[test]
fn a_thumb_of_another_skin_tone_is_another_letter() {
    let mut a = attempt("👍🏽", TEXT);
    assert!(!a.input(&Event::insert(0.0, "👍")).unwrap().correct);
    assert_eq!(a.active_word().letters.len(), 1);
    press(&mut a, 100.0, "⌫");
    assert_eq!(a.active_word().letters.len(), 0);
    assert!(a.input(&Event::insert(200.0, "👍🏽")).unwrap().finished);
}

#[test]
fn an_insert_of_several_graphemes_is_split_and_shares_its_time() {
    let mut a = attempt("one two", TEXT);
    let step = a.input(&Event::insert(0.0, "onx two")).unwrap();
    assert_eq!((step.accepted, step.correct, step.word, step.caret), (7, false, 1, 3));
    let m = Metrics::of(&a);
    assert_eq!((m.keystrokes.total, m.keystrokes.incorrect), (7, 1));
    assert_eq!((m.duration_ms, m.wpm, m.raw_wpm), (0.0, 0.0, 0.0));
    assert_eq!(m.flags, [Flag::TooShort, Flag::Implausible]);
    assert_eq!(m.word_burst_wpm, [None, None]);
}

#[test]
fn what_arrives_after_the_finishing_letter_of_the_same_insert_is_rejected() {
    let mut a = attempt("ab", TEXT);
    let step = a.input(&Event::insert(0.0, "ab ")).unwrap();
    assert_eq!((step.accepted, step.rejected, step.finished), (2, 1, true));
}

#[test]
fn an_empty_insert_is_no_key() {
    let mut a = attempt("ab", TEXT);
    let step = a.input(&Event::insert(0.0, "")).unwrap();
    assert_eq!((step.accepted, step.rejected, step.correct), (0, 0, false));
    press(&mut a, 1000.0, "ab");
    assert_eq!(Metrics::of(&a).duration_ms, 100.0);
}

#[test]
fn lookalike_quotes_dashes_commas_and_spaces_are_right() {
    let mut a = attempt("it’s “so”\u{a0}x – y‚", TEXT);
    press(&mut a, 0.0, "it's \"so\"\u{3000}x - y,");
    let m = Metrics::of(&a);
    assert_eq!((m.accuracy, m.end_reason), (100.0, EndReason::Completed));
}

#[test]
fn a_line_break_is_expected_where_the_text_has_one() {
    let mut a = attempt("ab\ncd", TEXT);
    press(&mut a, 0.0, "ab\ncd");
    assert_eq!(Metrics::of(&a).accuracy, 100.0);
}

#[test]
fn a_space_for_a_line_break_is_a_wrong_key_that_commits_at_the_words_end() {
    let mut a = attempt("ab\ncd", TEXT);
    press(&mut a, 0.0, "ab cd");
    let m = Metrics::of(&a);
    assert_eq!((m.keystrokes.incorrect, m.errors.made), (1, 1));
    assert_eq!((m.chars.correct, m.chars.incorrect, m.chars.net_chars), (5, 0, 5));
}

#[test]
fn a_separator_on_an_empty_buffer_is_rejected() {
    let a = typed("ab cd", "ab   c");
    assert_eq!((a.keystrokes.rejected, a.keystrokes.total, a.current), (2, 4, 1));
}

#[test]
fn twenty_letters_past_the_end_are_taken_and_the_next_is_rejected() {
    let mut a = attempt("ab cd", TEXT);
    press(&mut a, 0.0, "ab");
    let steps = press(&mut a, 200.0, &"x".repeat(25));
    assert!(steps[19].accepted == 1 && steps[20].accepted == 0);
    press(&mut a, 5000.0, " cd");
    let m = Metrics::of(&a);
    // Everything but the five rejected: 2 letters, 20 extras, a separator pressed past the word's end, 2 letters.
    assert_eq!((m.keystrokes.total, m.keystrokes.rejected, m.keystrokes.incorrect), (25, 5, 21));
    assert_eq!((m.chars.correct, m.chars.incorrect, m.chars.extra, m.chars.raw_chars), (4, 1, 20, 25));
    assert_eq!((m.chars.net_chars, m.errors.uncorrected), (2, 21));
}

#[test]
fn a_separator_commits_an_unfinished_word_and_its_rest_is_missed() {
    let a = typed("hello you", "he you");
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.keystrokes.incorrect), (EndReason::Completed, 1));
    assert_eq!((m.chars.correct, m.chars.incorrect, m.chars.missed, m.chars.raw_chars), (5, 1, 3, 6));
    assert_eq!((m.chars.net_chars, m.errors.uncorrected, m.errors.corrected), (3, 4, 0));
}

#[test]
fn a_separator_on_the_last_word_ends_and_is_a_wrong_key_but_no_char() {
    let a = typed("ab cde", "ab cx ");
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.duration_ms), (EndReason::Completed, 500.0));
    assert_eq!((m.keystrokes.total, m.keystrokes.correct, m.keystrokes.incorrect), (6, 4, 2));
    // "ab " and "c" right, "x" wrong, "e" missed.
    assert_eq!((m.chars.raw_chars, m.chars.correct, m.chars.incorrect, m.chars.missed), (5, 4, 1, 1));
    assert_eq!((m.chars.net_chars, m.errors.made, m.errors.uncorrected), (3, 2, 2));
}

#[test]
fn a_completed_attempt_gives_no_credit_for_an_unfinished_last_word() {
    let m = Metrics::of(&typed("ab cde", "ab cd "));
    assert_eq!((m.chars.net_chars, m.chars.raw_chars), (3, 5));
}

#[test]
fn a_last_word_made_exact_by_a_delete_waits_for_a_separator() {
    let mut a = typed("ab", "axb⌫⌫b");
    assert_eq!(a.end_reason(), Some(EndReason::Completed));
    a = typed("ab", "ax⌫bx⌫");
    assert_eq!(a.end_reason(), Some(EndReason::Completed));
    a = typed("abc", "abx⌫");
    assert_eq!(a.end_reason(), None);
    a = typed("ab", "abb");
    assert_eq!(a.keystrokes.rejected, 1);
}

#[test]
fn a_wrong_last_word_waits_and_ends_when_corrected() {
    let mut a = typed("abc", "abx");
    assert_eq!(a.end_reason(), None);
    press(&mut a, 300.0, "⌫c");
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.duration_ms), (EndReason::Completed, 400.0));
    assert_eq!((m.errors.made, m.errors.corrected, m.errors.uncorrected), (1, 1, 0));
}

#[test]
fn a_time_test_goes_on_past_its_last_letter_and_takes_more_words() {
    let mut a = attempt("ab cd", seconds(30.0));
    let steps = press(&mut a, 0.0, "ab cd");
    assert!(!steps[4].finished);
    assert_eq!(a.live(400.0).unwrap().words_left, 0);
    a.append("ef gh").unwrap();
    assert_eq!(a.live(400.0).unwrap().words_left, 2);
    assert!(a.input(&Event::insert(500.0, " ")).unwrap().correct);
    press(&mut a, 600.0, "ef");
    let m = metrics(&mut a);
    assert_eq!((m.end_reason, m.chars.net_chars, m.keystrokes.incorrect), (EndReason::Timeout, 8, 0));
}

#[test]
fn a_separator_on_the_last_word_ends_a_time_test_too() {
    let mut a = attempt("ab cd", seconds(30.0));
    press(&mut a, 0.0, "ab cd ");
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.duration_ms, m.chars.net_chars), (EndReason::Completed, 500.0, 5));
    let mut short = attempt("ab cde", seconds(30.0));
    press(&mut short, 0.0, "ab cd ");
    assert_eq!((Metrics::of(&short).chars.net_chars, Metrics::of(&short).chars.missed), (3, 1));
    assert_eq!(a.append("ef").unwrap_err().field, "text");
    assert_eq!(typed("ab", "a").append("ef").unwrap_err().field, "mode");
}

#[test]
fn backspace_goes_back_only_to_a_wrong_word_and_takes_its_separator() {
    let mut a = typed("ab cd", "ab ");
    assert_eq!(press(&mut a, 300.0, "⌫")[0].rejected, 1);
    let mut a = typed("ab cd", "ax ");
    let step = press(&mut a, 300.0, "⌫")[0];
    assert_eq!((step.accepted, step.word, step.caret), (1, 0, 2));
    press(&mut a, 400.0, "⌫b cd");
    let m = Metrics::of(&a);
    assert_eq!((m.end_reason, m.keystrokes.deletes, m.keystrokes.total), (EndReason::Completed, 2, 7));
    assert_eq!((m.errors.made, m.errors.corrected, m.errors.uncorrected), (1, 1, 0));
    assert_eq!((m.chars.net_chars, m.chars.raw_chars), (5, 5));
}

#[test]
fn going_back_over_an_early_separator_corrects_it() {
    let a = typed("abc d", "ab ⌫c d");
    let m = Metrics::of(&a);
    assert_eq!((m.errors.made, m.errors.corrected, m.errors.uncorrected), (1, 1, 0));
    assert_eq!((m.keystrokes.deletes, m.chars.net_chars, m.chars.missed), (1, 5, 0));
}

#[test]
fn on_the_first_word_there_is_nothing_to_go_back_to() {
    let a = typed("abc d", "a⌫⌫⌦");
    assert_eq!((a.keystrokes.deletes, a.keystrokes.rejected), (1, 2));
}

#[test]
fn delete_word_clears_the_buffer_as_one_delete() {
    let a = typed("abcd e", "axxd⌦");
    assert_eq!(buffer(&a), "");
    assert_eq!((a.keystrokes.deletes, a.corrected, a.raw_chars), (1, 2, 0));
}

#[test]
fn delete_word_on_an_empty_buffer_goes_back_to_a_wrong_word_and_clears_it() {
    let mut a = typed("abc d", "xb ⌦");
    assert_eq!((a.current, buffer(&a).as_str()), (0, ""));
    // x and the early separator were wrong.
    assert_eq!((a.keystrokes.deletes, a.corrected, a.raw_chars), (1, 2, 0));
    press(&mut a, 1000.0, "abc ");
    assert_eq!(press(&mut a, 2000.0, "⌦")[0].rejected, 1);
}

#[test]
fn letters_deleted_without_need_are_not_corrected_errors() {
    let m = Metrics::of(&typed("abc", "ab⌫⌫abc"));
    assert_eq!((m.keystrokes.total, m.keystrokes.deletes, m.accuracy), (5, 2, 100.0));
    assert_eq!((m.errors.made, m.errors.corrected), (0, 0));
}
