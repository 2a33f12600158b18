//! What a key does to the words: letters, separators and deletes.
//!
//! Judges only text that arrived; what an input method still composes is never seen here.

use serde::Serialize;

use super::{Attempt, EndReason};
use crate::text::{Separator, same};

/// How many letters past its end a word takes.
pub const EXTRA_LIMIT: usize = 20;

/// One grapheme in a word's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedLetter {
    /// The grapheme as typed, NFC.
    pub text: Box<str>,
    /// Whether it was the expected one.
    pub correct: bool,
}

/// The separator that committed a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PressedSeparator {
    /// Whether it was the expected key.
    pub correct: bool,
    /// Whether as many letters as the word has had been typed.
    pub at_end: bool,
}

/// What was typed for one word.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TypedWord {
    /// The buffer.
    pub letters: Vec<TypedLetter>,
    /// How many of them are wrong.
    pub wrong: usize,
    /// What committed the word.
    pub separator: Option<PressedSeparator>,
    /// Active ms of its first and its last key.
    pub span: Option<(f64, f64)>,
    /// Positions typed at least once; what is typed there again is a correction.
    reached: usize,
}

impl TypedWord {
    fn touch(&mut self, at: f64) {
        self.span = Some((self.span.map_or(at, |(first, _)| first), at));
    }

    /// Whether the letters are exactly those of a word of `len` letters.
    pub fn is_exact(&self, len: usize) -> bool {
        self.wrong == 0 && self.letters.len() == len
    }
}

/// How one grapheme of the target goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct KeyStat {
    /// Times it was expected and typed.
    pub hit: u64,
    /// Times it was expected and something else was typed.
    pub miss: u64,
    /// Active ms from the key before, summed over the `n` hits that tell something about speed.
    pub ms: f64,
    /// Hits timed: first tries of their position that follow another key, typed one by one.
    pub n: u64,
}

impl Attempt {
    /// Types one grapheme at log time `t`. `Some(correct)` when it counts, `None` when it is rejected.
    pub(super) fn insert(&mut self, grapheme: &str, t: f64, one_of_several: bool) -> Option<bool> {
        if self.ended.is_some() || self.clock.paused_since.is_some() {
            return None;
        }
        let separator = Separator::of(grapheme);
        let position = self.active_word().letters.len();
        let word_len = self.word_len();
        let acceptable = match separator {
            Some(_) => position > 0,
            None => position < word_len + EXTRA_LIMIT,
        };
        if !acceptable {
            return None;
        }
        self.clock.started.get_or_insert(t);
        let at = self.clock.active(t);
        self.touch(at);
        let word = &self.target.words()[self.current];
        let (expected, correct) = match word.letters.get(position) {
            Some(letter) => (Some(letter.clone()), separator.is_none() && same(grapheme, letter)),
            None if position == word_len => (
                word.separator.map(|s| s.as_str().into()),
                separator.is_some() && separator == word.separator,
            ),
            None => (None, false),
        };
        if let Some(expected) = expected {
            self.count_key(expected, correct, at, one_of_several);
        }
        self.count_press(correct, at);
        let typed = &mut self.typed[self.current];
        typed.touch(at);
        typed.reached = typed.reached.max(position + 1);
        match separator {
            Some(_) => self.commit(correct, position == word_len, t),
            None => {
                typed.letters.push(TypedLetter { text: grapheme.into(), correct });
                typed.wrong += usize::from(!correct);
                self.raw_chars += 1;
                let exact_last = self.on_last_word() && self.active_word().is_exact(word_len);
                if exact_last && self.mode.limit_ms().is_none() {
                    self.end(EndReason::Completed, t);
                }
            }
        }
        Some(correct)
    }

    /// Deletes one grapheme or a whole word at log time `t`. `false` when there is nothing that may be deleted.
    pub(super) fn delete(&mut self, t: f64, whole_word: bool) -> bool {
        if self.ended.is_some() || self.clock.paused_since.is_some() || self.clock.started.is_none() {
            return false;
        }
        let empty = self.active_word().letters.is_empty();
        if empty && !self.previous_is_wrong() {
            return false;
        }
        let at = self.clock.active(t);
        self.touch(at);
        self.keystrokes.deletes += 1;
        if empty {
            self.go_back();
        }
        self.typed[self.current].touch(at);
        if whole_word {
            while self.pop_letter() {}
        } else if !empty {
            self.pop_letter();
        }
        true
    }

    /// A separator was pressed: on to the next word, or to the end.
    fn commit(&mut self, correct: bool, at_end: bool, t: f64) {
        if self.on_last_word() {
            self.gave_up = true;
            self.end(EndReason::Completed, t);
            return;
        }
        let word_len = self.word_len();
        let typed = &mut self.typed[self.current];
        typed.separator = Some(PressedSeparator { correct, at_end });
        if typed.is_exact(word_len) {
            self.net_committed += word_len + 1;
        }
        self.raw_chars += 1;
        self.passed += word_len + 1;
        self.current += 1;
        if self.typed.len() == self.current {
            self.typed.push(super::TypedWord::default());
        }
    }

    fn previous_is_wrong(&self) -> bool {
        self.current.checked_sub(1).is_some_and(|previous| {
            !self.typed[previous].is_exact(self.target.words()[previous].letters.len())
        })
    }

    /// Only called when the previous word is wrong, so it added nothing to the net characters.
    fn go_back(&mut self) {
        self.current -= 1;
        self.passed -= self.word_len() + 1;
        self.raw_chars -= 1;
        let separator = self.typed[self.current].separator.take();
        self.corrected += u64::from(separator.is_some_and(|s| !s.correct));
    }

    fn pop_letter(&mut self) -> bool {
        let typed = &mut self.typed[self.current];
        let Some(letter) = typed.letters.pop() else { return false };
        self.raw_chars -= 1;
        typed.wrong -= usize::from(!letter.correct);
        self.corrected += u64::from(!letter.correct);
        true
    }

    fn count_press(&mut self, correct: bool, at: f64) {
        self.keystrokes.total += 1;
        self.open.keys += 1;
        if correct {
            self.keystrokes.correct += 1;
        } else {
            self.keystrokes.incorrect += 1;
            self.open.errors += 1;
        }
        self.presses.push(at);
    }

    /// A corrected key comes at once after the delete and would make its letter look fast; so would graphemes that
    /// arrive together. Neither is timed.
    fn count_key(&mut self, expected: Box<str>, correct: bool, at: f64, one_of_several: bool) {
        let typed = &self.typed[self.current];
        let retyped = typed.letters.len() < typed.reached;
        let stat = self.keys.entry(expected).or_default();
        if !correct {
            stat.miss += 1;
            return;
        }
        stat.hit += 1;
        if let Some(before) = self.presses.last()
            && !retyped
            && !one_of_several
            && at > *before
        {
            stat.ms += at - before;
            stat.n += 1;
        }
    }
}
