//! One push: each record judged, and what comes of it written down.

use keyflow_sync::fault::{Fault, on};
use keyflow_sync::judge::{Judged, TOLERANCE, clamp, judge};
use keyflow_sync::model::{Conflict, Key, Kind, Record, Strategy};
use keyflow_sync::stamp::{Millis, Stamp};
use keyflow_sync::wire::{Offer, OpResult, Outcome, PushReply};
use serde_json::Value;

use super::{Cloud, Kept, POISON, User};

/// A push under way.
pub(super) struct Batch<'a> {
    pub cloud: &'a Cloud,
    pub user: &'a mut User,
    pub strategy: Strategy,
    pub now: Millis,
    pub reply: PushReply,
}

impl Batch<'_> {
    fn saw(&self, what: &'static str) {
        self.cloud.seen.borrow_mut().push(what);
    }

    fn next_tick(&self) -> Millis {
        self.now.max(self.user.clock + 1)
    }

    fn take_tick(&mut self) -> Millis {
        self.user.clock = self.next_tick();
        self.user.tags.insert(self.user.clock, self.cloud.dice.next() >> 12);
        if on(Fault::M11) && self.cloud.dice.chance(300) {
            self.user.hidden.insert(self.user.clock, self.now + self.cloud.dice.within(0, 3_000));
        }
        self.user.clock
    }

    pub fn take(&mut self, kind: Kind, wire: Value) {
        let echo = |name: &str| wire.get(name).and_then(Value::as_str).map(str::to_owned);
        let (op, id) = (echo("op"), echo("id").unwrap_or_default());
        let offer = Offer::parse(kind, wire).map_err(|error| ("invalid", error.to_string()));
        let result = match offer.and_then(|offer| self.judge(offer)) {
            Ok(result) => result,
            Err((code, why)) => {
                self.saw("rejected");
                OpResult {
                    op,
                    id,
                    outcome: Outcome::Rejected,
                    first: None,
                    version: None,
                    code: Some(code.to_owned()),
                    error: Some(why),
                    clock_skew_ms: None,
                }
            }
        };
        self.reply.results.push(result);
    }

    fn judge(&mut self, offer: Offer) -> Result<OpResult, (&'static str, String)> {
        let Offer { op, mut record, resolves, .. } = offer;
        let (key, submitted) = (record.key.clone(), record.version);
        let answer = |outcome, version| OpResult::taken(op, &key.id, outcome, version);
        if self.cloud.strict.get() && record.fields.contains_key(POISON) {
            return Err(("invalid", "poison: is refused".into()));
        }
        if let Some(known) = self.user.known(&key, submitted).filter(|_| !on(Fault::M05)) {
            if !known.record.same_content(&record) {
                self.saw("version reused");
                return Err(("versionReused", "version: names an edit with other content".into()));
            }
            let mut result = answer(Outcome::Duplicate, known.record.version);
            let version = known.record.version;
            result.first = Some(known.outcome);
            self.saw("duplicate");
            for id in resolves {
                self.settle(&key, &id, version);
            }
            self.touch(&key);
            return Ok(result);
        }
        // M12: a stamp of the future stays.
        let skew = if on(Fault::M12) { None } else { clamp(&mut record, self.now, self.next_tick()) };
        if record.version.ms > self.now + TOLERANCE {
            self.cloud.breaks(format!("I9: {} of {key} was accepted ahead of time", record.version));
        }
        if skew.is_some() {
            self.saw("clamp");
        }
        let base = record.base.and_then(|base| self.user.known(&key, base)).map(|known| known.record.clone());
        if let Some(base) = &base {
            record.base = Some(base.version);
        }
        let stored = self.user.heads.get(&key).map(|(head, _)| head.clone());
        let mut kept = self.user.kept.get(&key).into_iter().flatten();
        let judged = if kept.any(|kept| kept.record.base == Some(submitted)) {
            self.saw("late ancestor");
            Judged::late()
        } else {
            judge(&record, stored.as_ref(), base.as_ref(), self.strategy, self.now)
        };
        let untouched = judged.head.is_none() && judged.conflict.is_none();
        let tick = if untouched { self.user.clock } else { self.take_tick() };
        let outcome = judged.outcome;
        let kept = |offered, record: &Record, mixed_with| Kept {
            offered,
            record: record.clone(),
            outcome,
            mixed_with,
        };
        let list = self.user.kept.entry(key.clone()).or_default();
        // M07: only what wins is kept; M19: nothing but what is current.
        if on(Fault::M19) {
            list.clear();
        }
        if judged.head.is_some() || !(on(Fault::M07) || on(Fault::M19)) {
            list.push(kept(submitted, &record, None));
        }
        let changed = judged.head.is_some();
        if let Some(mut head) = judged.head {
            if judged.mixed {
                while self.user.known(&key, head.version).is_some() {
                    head.version = head.version.after(head.version);
                }
                let list = self.user.kept.entry(key.clone()).or_default();
                list.push(kept(head.version, &head, Some(record.version)));
                self.saw("mixture");
            }
            self.user.heads.insert(key.clone(), (head, tick));
        }
        if let Some((_, Strategy::LastWriteWins)) = judged.decided {
            self.newest_wins(&key, &record, stored.as_ref());
        }
        if judged.decided.is_some() {
            self.saw(if changed { "concurrent, incoming wins" } else { "concurrent, stored wins" });
        }
        if let Some(conflict) = judged.conflict {
            let tick = if changed { self.take_tick() } else { tick };
            self.saw("conflict");
            self.reply.conflicts.push(conflict.to_wire());
            self.user.inbox.insert(conflict.id.clone(), (conflict, tick));
        }
        for id in resolves {
            self.settle(&key, &id, record.version);
        }
        self.touch(&key);
        let mut result = answer(outcome, record.version);
        result.clock_skew_ms = skew;
        Ok(result)
    }

    /// I23: of two concurrent versions the one with the greater stamp is current.
    fn newest_wins(&self, key: &Key, incoming: &Record, stored: Option<&Record>) {
        let order = |version: Stamp| (version.ms, version.counter, version.replica);
        let versions = [Some(incoming), stored].into_iter().flatten().map(|record| record.version);
        let newest = versions.max_by_key(|version| order(*version));
        let current = self.user.heads.get(key).map(|(head, _)| head.version);
        if current != newest {
            self.cloud.breaks(format!("I23: {current:?} of {key} is current, not {newest:?}"));
        }
    }

    fn settle(&mut self, key: &Key, id: &str, version: Stamp) {
        let open =
            |(conflict, _): &&(Conflict, Millis)| conflict.key == *key && conflict.resolved_by.is_none();
        let Some((mut conflict, _)) = self.user.inbox.get(id).filter(open).cloned() else { return };
        conflict.resolved_by = Some(version);
        let tick = self.take_tick();
        self.user.inbox.insert(id.to_owned(), (conflict, tick));
        self.saw("resolved");
    }

    /// The reply names the current version of every record it is about.
    fn touch(&mut self, key: &Key) {
        if let Some((head, _)) = self.user.heads.get(key) {
            self.reply.merged.insert(key.id.clone(), Value::Object(head.to_wire()));
        }
    }

    pub fn finish(mut self) -> PushReply {
        let clean = |result: &&OpResult| !matches!(result.outcome, Outcome::Rejected | Outcome::Conflict);
        self.reply.synced = self.reply.results.iter().filter(clean).map(|result| result.id.clone()).collect();
        self.reply.server_timestamp = self.user.clock;
        self.reply.cursor = self.user.cursor(self.user.clock);
        self.reply.server_now = Some(self.now);
        self.reply
    }
}
