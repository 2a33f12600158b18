//! What the machine makes of an answer, and of none: take it in, halve the batch, park, back off.

use super::{Effect, Engine, Step};
use crate::error::TransportError;
use crate::seam::Now;
use crate::settle::Progress;
use crate::state::{LastError, State};
use crate::wire::PushReply;

impl Engine {
    pub(super) fn pushed(
        &mut self,
        state: &State,
        now: Now,
        random: u64,
        ops: Vec<String>,
        progress: Progress,
    ) -> Vec<Effect> {
        let Progress::Pushed { reply, .. } = &progress else { return Vec::new() };
        let (answered, rejected) = answers(reply, &ops);
        if answered == 0 {
            // An answer that settles nothing would be asked for again at once, for ever.
            let why = "the reply names none of the operations sent".to_owned();
            let error = TransportError::Unreachable { why, retry_after: None, status: Some(200) };
            return self.failed(now, random, state, Step::Pushing(ops), error);
        }
        self.report.pushed += answered - rejected;
        self.report.failed += rejected;
        self.report.conflicts += reply.conflicts.len();
        self.commit(Step::Settling, progress)
    }

    pub(super) fn failed(
        &mut self,
        now: Now,
        random: u64,
        state: &State,
        step: Step,
        error: TransportError,
    ) -> Vec<Effect> {
        let ops = match &step {
            Step::Pushing(ops) => ops.clone(),
            _ => Vec::new(),
        };
        let message = error.to_string();
        let (code, retry_after, answered) = match &error {
            // Who has no token yet was refused by something between here and the server.
            TransportError::NotSignedIn if state.head.account.is_some() => {
                self.report.error = Some(LastError { code: "authRequired".into(), message, at: now.wall });
                return self.commit(Step::Failing, Progress::AuthRequired);
            }
            TransportError::TooLarge(_) | TransportError::Refused { status: 400 | 422, .. }
                if ops.len() > 1 =>
            {
                // Halving finds the one that cannot pass, and lets the others through.
                self.limit = ops.len() / 2;
                return self.advance(state);
            }
            TransportError::TooLarge(_) if !ops.is_empty() => {
                let bytes = state.queue.get(&ops[0]).map_or(0, |op| op.bytes);
                return self.park(
                    ops,
                    "tooLarge",
                    format!("{bytes} bytes are more than the server takes: {message}"),
                );
            }
            TransportError::Refused { code, status: 400 | 422, .. } if !ops.is_empty() => {
                let code = code.clone();
                return self.park(ops, &code, message);
            }
            TransportError::NotSignedIn => ("unreachable", None, false),
            TransportError::TooLarge(_) => ("tooLarge", None, true),
            TransportError::Refused { code, .. } => (code.as_str(), None, true),
            TransportError::Unreachable { retry_after, status, .. } => {
                ("unreachable", *retry_after, status.is_some())
            }
        };
        let backoff = self.rules.options.backoff(state.head.failures + 1, random);
        let wait = backoff.max(retry_after.unwrap_or(0));
        let error = LastError { code: code.to_owned(), message, at: now.wall };
        self.report.failed += ops.len();
        self.report.error = Some(error.clone());
        self.commit(Step::Failing, Progress::Failed { ops, error, retry_at: now.wall + wait, answered })
    }

    fn park(&mut self, ops: Vec<String>, code: &str, message: String) -> Vec<Effect> {
        self.report.failed += 1;
        self.limit = self.rules.options.batch_size;
        let op = ops.into_iter().next().unwrap_or_default();
        self.commit(Step::Settling, Progress::Park { op, code: code.to_owned(), message })
    }
}

/// How many of `ops` a reply settles, and how many of those it rejects.
fn answers(reply: &PushReply, ops: &[String]) -> (usize, usize) {
    let mine = reply.results.iter().filter(|result| result.op.as_ref().is_some_and(|op| ops.contains(op)));
    let rejected = mine.clone().filter(|result| result.outcome == crate::wire::Outcome::Rejected).count();
    (mine.count(), rejected)
}
