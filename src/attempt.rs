//! One running typing attempt under profile KF-1: events in, what became of them out.
//!
//! Every event costs constant time on average. Nothing here reads a clock, waits or saves; the caller gives the
//! time and stores the checkpoint (an [`Attempt`] serialises as one).
//! Promise kept here: the state is a function of the target and the log alone, so replaying the log rebuilds it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::FieldError;
use crate::event::{EndReason, Event, LONGEST_MS, Mode, Op, check_time};
use crate::text::{Target, graphemes, normalised};

mod checkpoint;
mod keys;
#[cfg(test)]
mod tests;
mod view;

pub use keys::{EXTRA_LIMIT, KeyStat, PressedSeparator, TypedLetter, TypedWord};
pub use view::{Live, Step, WordView};

/// The name of the rules every number of an attempt follows.
pub const PROFILE: &str = "KF-1";

/// Counts of key presses so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Keystrokes {
    /// Accepted graphemes.
    pub total: u64,
    /// Those that were the expected one.
    pub correct: u64,
    /// Those that were not.
    pub incorrect: u64,
    /// Accepted deletes; never part of `total`.
    pub deletes: u64,
    /// Graphemes, deletes and pastes without effect.
    pub rejected: u64,
}

/// What happened within one second of active time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Second {
    /// Accepted graphemes.
    pub keys: u32,
    /// Those that were wrong.
    pub errors: u32,
    /// Whether anything was inserted or deleted.
    pub active: bool,
    /// Net characters when the second was over.
    pub net: usize,
}

/// The span between two times that pauses are taken out of.
#[derive(Debug, Clone, Default)]
struct Clock {
    /// Added to the caller's times: a page that starts anew counts from another zero.
    shift: f64,
    last: Option<f64>,
    started: Option<f64>,
    paused_since: Option<f64>,
    paused_ms: f64,
    /// Active ms when the last pause began: after a pause so long that sums of it are rounded, time still goes on from there.
    reached: f64,
}

impl Clock {
    /// Active ms at log time `t`; 0 before the start. Stands still during a pause.
    fn active(&self, t: f64) -> f64 {
        let until = self.paused_since.unwrap_or(t);
        self.started.map_or(0.0, |started| (until - started - self.paused_ms).max(self.reached))
    }

    /// A pause before the start stops the keys but is no part of the attempt's time.
    fn close_pause(&mut self, t: f64) {
        if let (Some(since), Some(_)) = (self.paused_since, self.started) {
            self.reached = self.active(since);
            self.paused_ms += t - since;
        }
        self.paused_since = None;
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ended {
    pub reason: EndReason,
    /// Active ms.
    pub duration_ms: f64,
    /// The seconds closed, plus possibly one shorter tail.
    pub tail: Option<Second>,
}

#[derive(Debug, Clone)]
enum Entry {
    Event(Event),
    Append(String),
}

/// A typing attempt, from before its first key to after its last.
#[derive(Debug, Clone)]
pub struct Attempt {
    first_text: String,
    target: Target,
    mode: Mode,
    language: String,
    log: Vec<Entry>,
    clock: Clock,
    typed: Vec<TypedWord>,
    current: usize,
    gave_up: bool,
    keystrokes: Keystrokes,
    corrected: u64,
    /// Letters and separators of exact committed words.
    net_committed: usize,
    /// Letters in all buffers plus committed separators.
    raw_chars: usize,
    /// Graphemes of the target before the current word.
    passed: usize,
    seconds: Vec<Second>,
    open: Second,
    /// Active time of every accepted grapheme.
    presses: Vec<f64>,
    /// Active time of the last accepted key, deletes included.
    last_key: Option<f64>,
    keys: BTreeMap<Box<str>, KeyStat>,
    ended: Option<Ended>,
}

impl Attempt {
    /// A new attempt at `target`. Its clock starts with the first accepted key.
    ///
    /// # Errors
    /// Fields `target` (nothing to type, NUL) and `language` (NUL).
    pub fn new(target: &str, mode: Mode, language: &str) -> Result<Attempt, FieldError> {
        let mode = Mode::new(mode.kind, mode.value)?;
        if language.contains('\0') {
            return Err(FieldError::new("language", "must not contain a NUL character"));
        }
        Ok(Attempt {
            target: Target::parse(target)?,
            first_text: target.to_owned(),
            mode,
            language: language.to_owned(),
            log: Vec::new(),
            clock: Clock::default(),
            typed: vec![TypedWord::default()],
            current: 0,
            gave_up: false,
            keystrokes: Keystrokes::default(),
            corrected: 0,
            net_committed: 0,
            raw_chars: 0,
            passed: 0,
            seconds: Vec::new(),
            open: Second::default(),
            presses: Vec::new(),
            last_key: None,
            keys: BTreeMap::new(),
            ended: None,
        })
    }

    /// Takes one event. A time before the last one counts as the last one.
    ///
    /// # Errors
    /// `t` (not finite, negative, or more than a day of active time), `text` (NUL), `reason` (a timeout without a
    /// limit). The attempt is then unchanged.
    pub fn input(&mut self, event: &Event) -> Result<Step, FieldError> {
        check_time("t", event.t)?;
        let t = self.log_time(event.t);
        check_time("t", t)?;
        let event = Event { t, op: event.op.clone() };
        self.apply(event)
    }

    /// Adds words to a running time test, after a space.
    ///
    /// # Errors
    /// `mode` when it is no time test, `text` when it has no word or the attempt is over. Nothing is then changed.
    pub fn append(&mut self, text: &str) -> Result<(), FieldError> {
        if self.mode.limit_ms().is_none() {
            return Err(FieldError::new("mode", "must be time for words to be added"));
        }
        if self.ended.is_some() {
            return Err(FieldError::new("text", "cannot be added after the end"));
        }
        self.target.append(text)?;
        self.log.push(Entry::Append(text.to_owned()));
        Ok(())
    }

    /// Ends an attempt whose log stops without saying why: a running time test ran into its limit, anything else
    /// was left by the user. Does nothing to an attempt that is over.
    pub fn finish(&mut self) {
        let running = self.clock.started.is_some() && self.clock.paused_since.is_none();
        let reason = match self.mode.limit_ms() {
            Some(_) if running => EndReason::Timeout,
            _ => EndReason::User,
        };
        let t = self.clock.last.unwrap_or(0.0);
        if self.ended.is_none() {
            self.log.push(Entry::Event(Event { t, op: Op::End { reason } }));
            self.end(reason, t);
        }
    }

    /// The caller's time on the log's clock, never before the last entry.
    fn log_time(&self, t: f64) -> f64 {
        let t = t + self.clock.shift;
        self.clock.last.map_or(t, |last| t.max(last))
    }

    /// Carries one event on the log's clock out and remembers it.
    fn apply(&mut self, event: Event) -> Result<Step, FieldError> {
        self.check(&event)?;
        let t = event.t;
        self.clock.last = Some(t);
        self.expire(t);
        let mut step = Step { accepted: 0, rejected: 0, correct: true, word: 0, caret: 0, finished: false };
        match &event.op {
            Op::Insert { text } => {
                let text = normalised(text);
                let several = graphemes(&text).nth(1).is_some();
                for grapheme in graphemes(&text) {
                    match self.insert(grapheme, t, several) {
                        Some(correct) => {
                            step.accepted += 1;
                            step.correct &= correct;
                        }
                        None => step.rejected += 1,
                    }
                }
            }
            Op::Backspace | Op::DeleteWord => {
                let whole_word = event.op == Op::DeleteWord;
                if self.delete(t, whole_word) { step.accepted = 1 } else { step.rejected = 1 }
            }
            Op::Paste => step.rejected = 1,
            _ if self.ended.is_some() => {}
            Op::ComposeStart => {
                if self.clock.paused_since.is_none() {
                    self.clock.started.get_or_insert(t);
                }
            }
            Op::Pause => {
                self.clock.paused_since.get_or_insert(t);
            }
            Op::Resume => self.clock.close_pause(t),
            Op::End { reason } => self.end(*reason, t),
        }
        self.keystrokes.rejected += u64::from(step.rejected);
        self.log.push(Entry::Event(event));
        step.correct &= step.accepted > 0;
        step.word = self.current;
        step.caret = self.active_word().letters.len();
        step.finished = self.ended.is_some();
        Ok(step)
    }

    /// Everything that can be refused is refused here, before anything changes.
    fn check(&self, event: &Event) -> Result<(), FieldError> {
        match &event.op {
            Op::Insert { text } if text.contains('\0') => {
                return Err(FieldError::new("text", "must not contain a NUL character"));
            }
            Op::End { reason: EndReason::Timeout }
                if self.mode.limit_ms().is_none() && self.ended.is_none() =>
            {
                return Err(FieldError::new("reason", "must not be timeout without a time limit"));
            }
            _ => {}
        }
        let key = matches!(event.op, Op::Insert { .. } | Op::Backspace | Op::DeleteWord);
        if key
            && self.ended.is_none()
            && self.clock.active(event.t) > LONGEST_MS
            && self.mode.limit_ms().is_none()
        {
            return Err(FieldError::new("t", "must be within a day of active time from the first key"));
        }
        Ok(())
    }

    /// Ends a time test whose limit lies before `t`.
    fn expire(&mut self, t: f64) {
        if self.ended.is_none() && self.mode.limit_ms().is_some_and(|limit| self.clock.active(t) > limit) {
            self.end(EndReason::Timeout, t);
        }
    }

    fn end(&mut self, reason: EndReason, t: f64) {
        self.clock.close_pause(t);
        let duration_ms = match (reason, self.mode.limit_ms(), self.clock.started) {
            (EndReason::Timeout, Some(limit), Some(_)) => limit,
            _ => self.last_key.unwrap_or(0.0),
        };
        while self.next_boundary() <= duration_ms {
            self.close_second();
        }
        let rest = duration_ms - self.seconds_ms();
        let tail = (self.mode.limit_ms().is_none() && rest >= 500.0)
            .then(|| Second { net: self.live_net(), ..self.open });
        self.ended = Some(Ended { reason, duration_ms, tail });
    }

    fn seconds_ms(&self) -> f64 {
        self.seconds.len() as f64 * 1000.0
    }

    fn next_boundary(&self) -> f64 {
        self.seconds_ms() + 1000.0
    }

    fn close_second(&mut self) {
        let net = self.live_net();
        self.seconds.push(Second { net, ..std::mem::take(&mut self.open) });
    }

    /// Active ms from the first key to the last one accepted; 0 before.
    pub fn practised_ms(&self) -> f64 {
        self.last_key.unwrap_or(0.0)
    }

    /// Notes an accepted key at active time `at`. Rejected keys never come here, so they cannot open a second.
    fn touch(&mut self, at: f64) {
        while self.next_boundary() < at {
            self.close_second();
        }
        self.open.active = true;
        self.last_key = Some(at);
    }
}
