//! The sync engine as a state machine: [`Event`] in, [`Effect`]s out. It never waits, reads or writes by itself.
//!
//! ```text
//! Idle -> Waiting -> (round) Pushing … Pulling … -> Idle
//!                       \-> failure -> Waiting (back-off)
//! ```
//!
//! Nothing is sent before the batch it depends on is on disk. A hint of the platform only changes when to try.

mod events;
mod outcome;

pub use events::{Effect, Event, FENCED, Phase, Report};

use crate::fault::{Fault, on};
use crate::plan::Rules;
use crate::queue::{counts, take};
use crate::seam::Now;
use crate::settle::Progress;
use crate::stamp::Millis;
use crate::state::{LastError, State};

/// Least wait of a round that was ended by another, ms: what a short round takes.
const FENCED_WAIT_MS: Millis = 200;
/// How much longer it may be, ms.
const FENCED_SPREAD_MS: u64 = 1_000;

/// What the engine waits for in a round.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Locking,
    Beginning,
    Registering,
    Joining,
    Marking(Vec<String>),
    Pushing(Vec<String>),
    Settling,
    Pulling,
    Storing { more: bool },
    Finishing,
    Failing,
}

/// The machine. One lives in each tab.
#[derive(Clone, Debug)]
pub struct Engine {
    rules: Rules,
    has_server: bool,
    phase: Phase,
    step: Option<Step>,
    report: Report,
    /// Batch size after the server found one too large.
    limit: usize,
    /// Earliest start by hints, monotonic.
    due: Option<Millis>,
    last_start: Option<Millis>,
    offline: bool,
    urgent: bool,
    wake: Option<Millis>,
    last_pull: Option<Millis>,
    resynced: bool,
}

impl Engine {
    /// A machine at rest. `has_server` says whether there is a server to talk to.
    pub fn new(rules: Rules, has_server: bool, online: bool) -> Engine {
        let limit = rules.options.batch_size;
        Engine {
            rules,
            has_server,
            phase: Phase::LocalOnly,
            step: None,
            report: Report::default(),
            limit,
            due: None,
            last_start: None,
            offline: !online,
            urgent: false,
            wake: None,
            last_pull: None,
            resynced: false,
        }
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the platform believes there is a network.
    pub fn online(&self) -> bool {
        !self.offline
    }

    /// When it will try next, monotonic.
    pub fn wake(&self) -> Option<Millis> {
        self.wake
    }

    /// The operations in a request right now.
    pub fn in_flight(&self) -> &[String] {
        match &self.step {
            Some(Step::Marking(ops) | Step::Pushing(ops)) => ops,
            _ => &[],
        }
    }

    /// Moves on. `random` spreads a back-off.
    pub fn step(&mut self, state: &State, now: Now, random: u64, event: Event) -> Vec<Effect> {
        let options = &self.rules.options;
        match event {
            Event::Closed => {
                self.phase = Phase::Closed;
                self.step = None;
                return vec![Effect::Unlock, Effect::WakeAt(None)];
            }
            _ if self.phase == Phase::Closed => return Vec::new(),
            Event::Ready | Event::Woke | Event::OtherTab => {}
            // The round that ran meanwhile may have sent it already.
            Event::Saved if counts(&state.queue).0 == 0 => {}
            Event::Saved => self.due = Some(earlier(self.due, now.mono + options.debounce_ms)),
            Event::Online => {
                self.offline = false;
                self.due = Some(now.mono + options.settle_ms);
            }
            Event::Offline => self.offline = true,
            Event::Visible => self.due = Some(earlier(self.due, now.mono)),
            Event::SyncNow => self.urgent = true,
            event => return self.go_on(state, now, random, event),
        }
        if self.step.is_some() { Vec::new() } else { self.rest(state, now) }
    }

    /// Between rounds: starts one that is due, or says when it will be.
    fn rest(&mut self, state: &State, now: Now) -> Vec<Effect> {
        let head = &state.head;
        self.wake = None;
        if !self.has_server || (head.signed_out && head.account.is_none()) {
            self.phase = Phase::LocalOnly;
            return self.refuse("localOnly", "there is no server to sync with", now);
        }
        if head.auth_required {
            self.phase = Phase::AuthRequired;
            return self.refuse("authRequired", "a new token is needed", now);
        }
        let at = if self.urgent { now.mono } else { self.next_start(state, now) };
        if at <= now.mono {
            self.phase = Phase::Syncing;
            self.step = Some(Step::Locking);
            self.report = Report::default();
            let steal = head.lease_until > 0
                && now.wall > head.lease_until.saturating_add(4 * self.rules.options.request_timeout_ms);
            return vec![Effect::WakeAt(None), Effect::Lock { steal }];
        }
        let busy = self.due.is_some() || head.retry_at.is_some() || counts(&state.queue).0 > 0;
        self.phase = if busy { Phase::Waiting } else { Phase::Idle };
        self.wake = Some(at);
        vec![Effect::WakeAt(Some(at))]
    }

    fn refuse(&mut self, code: &str, message: &str, now: Now) -> Vec<Effect> {
        let mut effects = vec![Effect::WakeAt(None)];
        if std::mem::take(&mut self.urgent) {
            let error = LastError { code: code.into(), message: message.into(), at: now.wall };
            effects.push(Effect::Report(Report { error: Some(error), ..Report::default() }));
        }
        effects
    }

    /// When the next round may start, monotonic.
    fn next_start(&self, state: &State, now: Now) -> Millis {
        let options = &self.rules.options;
        // M14: nobody comes back to what failed before the process was started.
        if on(Fault::M14) && self.last_start.is_none() && state.head.failures > 0 {
            return now.mono + crate::schedule::DAY;
        }
        let pending = counts(&state.queue).0 > 0;
        let poll = self.last_pull.map_or(now.mono, |last| last + options.poll_ms);
        let wanted = match self.due {
            Some(due) => due,
            None if pending => now.mono,
            None => poll,
        };
        let throttle = self.last_start.map_or(now.mono, |last| last + options.round_gap_ms);
        // A wall clock that went back behind the failure says nothing about how long ago that was.
        let failed_at = state.head.last_error.as_ref().map_or(Millis::MIN, |error| error.at);
        let retry = match state.head.retry_at {
            Some(at) if failed_at <= now.wall => (at - now.wall).clamp(0, crate::schedule::DAY),
            _ => 0,
        };
        let probe = match (self.offline, self.last_start) {
            (true, Some(last)) => last + options.backoff_max_ms,
            _ => 0,
        };
        wanted.max(throttle).max(now.mono + retry).max(probe)
    }

    fn go_on(&mut self, state: &State, now: Now, random: u64, event: Event) -> Vec<Effect> {
        let Some(step) = self.step.take() else { return Vec::new() };
        match (step, event) {
            (Step::Locking, Event::Locked(true)) => {
                self.last_start = Some(now.mono);
                self.due = None;
                self.urgent = false;
                self.limit = self.rules.options.batch_size;
                self.resynced = false;
                self.commit(Step::Beginning, Progress::Begin)
            }
            (Step::Locking, Event::Locked(false)) => {
                // The tab that has the right works for this one, too.
                self.phase = Phase::Waiting;
                let again = now.mono + (self.rules.options.round_gap_ms / 5).max(50);
                self.due = Some(again);
                self.wake = Some(again);
                if std::mem::take(&mut self.urgent) {
                    self.due = Some(now.mono);
                    self.urgent = true;
                }
                vec![Effect::WakeAt(Some(again))]
            }
            (Step::Beginning, Event::Committed) if needs_account(state) => {
                self.step = Some(Step::Registering);
                vec![Effect::Register]
            }
            (Step::Registering, Event::Registered(Ok(account))) => {
                self.commit(Step::Joining, Progress::Join(account))
            }
            (Step::Marking(ops), Event::Committed) => {
                self.step = Some(Step::Pushing(ops.clone()));
                vec![Effect::Push(ops)]
            }
            (Step::Marking(_) | Step::Pushing(_), Event::Unreadable { op, message }) => {
                self.report.failed += 1;
                let code = "storageDamaged".to_owned();
                self.commit(Step::Settling, Progress::Park { op, code, message })
            }
            (Step::Pushing(ops), Event::Pushed(Ok(progress))) => {
                self.pushed(state, now, random, ops, progress)
            }
            (Step::Pulling, Event::Pulled(Ok((reply, sent_at)))) => {
                self.report.pulled +=
                    reply.sessions.len() + reply.settings.len() + reply.progress.records.len();
                // A second "start again" in one round would go on for ever.
                let more = reply.has_more || (reply.resync && !std::mem::replace(&mut self.resynced, true));
                self.commit(Step::Storing { more }, Progress::Pulled { reply, sent_at })
            }
            (Step::Beginning | Step::Joining | Step::Settling, Event::Committed) => self.advance(state),
            (Step::Storing { more: true }, Event::Committed) => {
                self.step = Some(Step::Pulling);
                vec![Effect::Pull]
            }
            (Step::Storing { more: false }, Event::Committed) => {
                self.last_pull = Some(now.mono);
                if take(&state.queue, &self.rules.options, 1).is_empty() {
                    self.commit(Step::Finishing, Progress::Done)
                } else {
                    self.advance(state)
                }
            }
            (Step::Finishing | Step::Failing, Event::Committed) => self.end(state, now),
            (step, Event::Pushed(Err(error)) | Event::Registered(Err(error)) | Event::Pulled(Err(error))) => {
                self.failed(now, random, state, step, error)
            }
            (_, Event::StoreFailed(error)) => {
                // Nothing more is sent until the device can save again.
                let wait = self.rules.options.backoff(state.head.failures + 1, random);
                self.due = Some(now.mono + wait);
                self.report.error = Some(error);
                self.end(state, now)
            }
            (_, Event::Fenced) => {
                // Spread, so that two tabs that cannot lock each other out do not meet again.
                self.due = Some(now.mono + FENCED_WAIT_MS + (random % FENCED_SPREAD_MS) as Millis);
                let message = "the account changed, or another tab took over".to_owned();
                self.report.error = Some(LastError { code: FENCED.into(), message, at: now.wall });
                self.end(state, now)
            }
            (step, _) => {
                self.step = Some(step);
                Vec::new()
            }
        }
    }

    fn commit(&mut self, step: Step, progress: Progress) -> Vec<Effect> {
        self.step = Some(step);
        vec![Effect::Commit(progress)]
    }

    /// The next request of the round: a push while there is something to push, then pulls.
    fn advance(&mut self, state: &State) -> Vec<Effect> {
        let ops = take(&state.queue, &self.rules.options, self.limit);
        if ops.is_empty() {
            self.step = Some(Step::Pulling);
            return vec![Effect::Pull];
        }
        let fresh: Vec<String> =
            ops.iter().filter(|id| state.queue.get(*id).is_some_and(|op| !op.sent)).cloned().collect();
        if fresh.is_empty() {
            self.step = Some(Step::Pushing(ops.clone()));
            return vec![Effect::Push(ops)];
        }
        self.commit(Step::Marking(ops), Progress::Sending(fresh))
    }

    fn end(&mut self, state: &State, now: Now) -> Vec<Effect> {
        self.step = None;
        let report = std::mem::take(&mut self.report);
        let mut effects = vec![Effect::Unlock, Effect::Report(report)];
        effects.extend(self.rest(state, now));
        effects
    }
}

/// A device that never registered, or whose token nobody has asked about yet.
fn needs_account(state: &State) -> bool {
    state.head.account.as_ref().is_none_or(|account| account.user_id.is_empty())
}

fn earlier(due: Option<Millis>, at: Millis) -> Millis {
    due.map_or(at, |due| due.min(at))
}

#[cfg(test)]
mod tests;
