//! What a screen needs to know about a running attempt. Reading never changes it.

use serde::Serialize;

use super::{Attempt, Ended, Keystrokes, Second, TypedWord};
use crate::attempt::keys::KeyStat;
use crate::error::FieldError;
use crate::event::{EndReason, Mode, check_time};
use crate::rate::words_a_minute;
use crate::text::{Target, Word};

/// What one event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Graphemes or deletes that counted.
    pub accepted: u32,
    /// Graphemes, deletes or pastes without effect.
    pub rejected: u32,
    /// Whether something was accepted and all of it was expected. True for an accepted delete.
    pub correct: bool,
    /// The word the caret is in now.
    pub word: usize,
    /// Graphemes before the caret in that word's buffer.
    pub caret: usize,
    /// Whether the attempt is over.
    pub finished: bool,
}

/// The numbers shown while typing. Rates are not rounded and never NaN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// Net words a minute, the correct beginning of the current word included.
    pub wpm: f64,
    /// Words a minute over everything in the buffers.
    pub raw_wpm: f64,
    /// Percent of correct key presses; 0 before the first.
    pub accuracy: f64,
    /// Active ms.
    pub elapsed_ms: f64,
    /// Active ms left; `None` unless it is a time test.
    pub remaining_ms: Option<f64>,
    /// 0 to 1: of the limit in a time test, of the text otherwise.
    pub progress: f64,
    /// Words after the current one, to know when a time test needs more.
    pub words_left: usize,
    /// Whether the clock stands still.
    pub paused: bool,
}

/// One word as target and as typed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WordView<'a> {
    /// What should be there.
    pub target: &'a Word,
    /// What is there; `None` for a word not reached yet.
    pub typed: Option<&'a TypedWord>,
}

impl Attempt {
    /// The numbers at the caller's time `now`. Constant time. Past the end they stand still.
    ///
    /// # Errors
    /// Field `now` when it is not finite or negative.
    pub fn live(&self, now: f64) -> Result<Live, FieldError> {
        check_time("now", now)?;
        let limit = self.mode.limit_ms();
        let elapsed_ms = match &self.ended {
            Some(ended) => ended.duration_ms,
            None => self.clock.active(self.log_time(now)).min(limit.unwrap_or(f64::INFINITY)),
        };
        let word_len = self.word_len();
        let done = self.passed + self.active_word().letters.len().min(word_len);
        Ok(Live {
            wpm: words_a_minute(self.live_net() as f64, elapsed_ms),
            raw_wpm: words_a_minute(self.raw_chars as f64, elapsed_ms),
            accuracy: self.accuracy(),
            elapsed_ms,
            remaining_ms: limit.map(|limit| limit - elapsed_ms),
            progress: match limit {
                Some(limit) => elapsed_ms / limit,
                None => done as f64 / self.target.graphemes() as f64,
            },
            words_left: self.target.words().len() - 1 - self.current,
            paused: self.clock.paused_since.is_some(),
        })
    }

    /// Word `index` as target and as typed; `None` past the last.
    pub fn word(&self, index: usize) -> Option<WordView<'_>> {
        let target = self.target.words().get(index)?;
        Some(WordView { target, typed: self.typed.get(index).filter(|_| index <= self.current) })
    }

    /// The text with everything appended so far.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The kind of test.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The language of the text as the caller named it.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Why it ended; `None` while it runs.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.ended.map(|ended| ended.reason)
    }

    /// The counts of keys so far.
    pub fn keystrokes(&self) -> Keystrokes {
        self.keystrokes
    }

    /// Percent of correct key presses; 0 before the first.
    pub(crate) fn accuracy(&self) -> f64 {
        match self.keystrokes.total {
            0 => 0.0,
            total => 100.0 * self.keystrokes.correct as f64 / total as f64,
        }
    }

    /// Net characters, the correct beginning of the current word included.
    pub(crate) fn live_net(&self) -> usize {
        let word = self.active_word();
        self.net_committed + if word.wrong == 0 { word.letters.len() } else { 0 }
    }

    /// Net characters of the result: an unfinished last word counts only where time or the user cut it off.
    pub(crate) fn final_net(&self) -> usize {
        let cut_off =
            !self.gave_up && (self.mode.limit_ms().is_some() || self.end_reason() == Some(EndReason::User));
        if cut_off || self.active_word().is_exact(self.word_len()) {
            self.live_net()
        } else {
            self.net_committed
        }
    }

    pub(crate) fn raw_chars(&self) -> usize {
        self.raw_chars
    }

    pub(crate) fn corrected(&self) -> u64 {
        self.corrected
    }

    pub(crate) fn paused_ms(&self) -> f64 {
        self.clock.paused_ms
    }

    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    pub(crate) fn seconds(&self) -> &[Second] {
        &self.seconds
    }

    pub(crate) fn presses(&self) -> &[f64] {
        &self.presses
    }

    pub(crate) fn key_stats(&self) -> impl Iterator<Item = (&str, &KeyStat)> {
        self.keys.iter().map(|(grapheme, stat)| (&**grapheme, stat))
    }

    /// The words reached, with what was typed for them; true for those that are committed.
    pub(crate) fn reached(&self) -> impl Iterator<Item = (&Word, &TypedWord, bool)> {
        let words = self.target.words().iter().zip(&self.typed).take(self.current + 1);
        words.enumerate().map(|(i, (word, typed))| (word, typed, i < self.current || self.gave_up))
    }

    pub(super) fn active_word(&self) -> &TypedWord {
        &self.typed[self.current]
    }

    pub(super) fn word_len(&self) -> usize {
        self.target.words()[self.current].letters.len()
    }

    pub(super) fn on_last_word(&self) -> bool {
        self.current + 1 == self.target.words().len()
    }
}
