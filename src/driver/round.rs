//! The engine's side of the driver: events in, effects carried out one after another.

use serde_json::{Value, json};

use super::{Driver, Effect, Event, Intent, Now, http};
use crate::engine::FENCED;
use crate::error::{Error, TransportError};
use crate::model::{Key, Record};
use crate::queue::Operation;
use crate::read::FromJson;
use crate::seam::{Host, Store, Table, Transport};
use crate::settle::Progress;
use crate::state::{LastError, from_text, op_body};
use crate::wire::{Account, Offer, PullReply, PushReply, PushRequest};

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    /// Feeds one event to the engine and carries out what follows, until it rests.
    pub(super) async fn handle(&self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            if matches!(event, Event::OtherTab) {
                self.hear_other_tab().await;
                continue;
            }
            if matches!(event, Event::SyncNow) && self.asked.borrow().is_empty() {
                // The round it asked for has begun, and may have ended, already.
                continue;
            }
            let before = self.engine.borrow().phase();
            let effects = {
                let (state, now, random) = (self.state.borrow(), self.host.now(), self.host.random() as u64);
                self.engine.borrow_mut().step(&state, now, random, event)
            };
            for effect in effects {
                if let Some(answer) = self.carry(effect).await {
                    next = Some(answer);
                }
            }
            if self.engine.borrow().phase() != before {
                self.tell(Vec::new());
            }
        }
    }

    async fn hear_other_tab(&self) {
        let refreshed = {
            let _lane = self.lane.lock().await;
            if self.closed.get() { Ok(()) } else { self.refresh().await }
        };
        // A failure shows itself at the next change; the hint alone loses nothing.
        if refreshed.is_ok() {
            self.post(Event::Ready);
        }
    }

    async fn carry(&self, effect: Effect) -> Option<Event> {
        match effect {
            // The loop reads the time from the engine.
            Effect::WakeAt(_) => None,
            Effect::Unlock => {
                self.guard.borrow_mut().take();
                None
            }
            Effect::Report(report) => {
                if report.error.as_ref().is_some_and(|error| error.code == FENCED) {
                    // Those who waited get a round that is not ended by another.
                    self.in_round.set(false);
                    self.asked.borrow_mut().append(&mut self.joined.borrow_mut());
                    return None;
                }
                // Without a round, the report is the answer to those who asked for one.
                let list = if self.in_round.replace(false) { &self.joined } else { &self.asked };
                for waiting in list.borrow_mut().drain(..) {
                    // Whoever waited may have given up.
                    let _ = waiting.send(report.clone());
                }
                self.tell(Vec::new());
                None
            }
            Effect::Lock { steal } => {
                let guard = self.host.round(steal).await;
                let held = guard.is_some();
                if held {
                    self.in_round.set(true);
                    self.joined.borrow_mut().append(&mut self.asked.borrow_mut());
                }
                *self.guard.borrow_mut() = guard;
                Some(Event::Locked(held))
            }
            Effect::Commit(progress) => Some(self.save_progress(&progress).await),
            Effect::Register => Some(Event::Registered(self.identify().await)),
            Effect::Push(ops) => Some(self.push(ops).await),
            Effect::Pull => Some(Event::Pulled(self.pull().await)),
        }
    }

    async fn save_progress(&self, progress: &Progress) -> Event {
        let begins = matches!(progress, Progress::Begin);
        let round = self.round.get();
        match self.commit(Intent::Round(progress, round)).await {
            Ok(_) => {
                if begins {
                    self.round.set(self.state.borrow().head.round);
                }
                Event::Committed
            }
            Err(Error::State("fenced", _)) => Event::Fenced,
            Err(Error::Transport(error)) => Event::Pulled(Err(error)),
            Err(error) => {
                let at = self.host.now().wall;
                Event::StoreFailed(LastError {
                    code: error.code().to_owned(),
                    message: error.to_string(),
                    at,
                })
            }
        }
    }

    /// Registers this device; with a token given by the caller, asks whose it is.
    pub(super) async fn identify(&self) -> Result<Account, TransportError> {
        let known = self.state.borrow().head.account.clone();
        let Some(account) = known else {
            let body = json!({ "name": self.setup.device_name });
            return read_as(self.ask(http::post("/api/devices", &body)).await?);
        };
        let answer = self.ask(http::get("/api/devices".into())).await?;
        let devices = answer.get("devices").and_then(Value::as_array);
        let mine =
            devices.into_iter().flatten().find(|device| device.get("current") == Some(&Value::Bool(true)));
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        match (text(answer.get("userId")), text(mine.and_then(|device| device.get("id")))) {
            (Some(user_id), Some(device_id)) => Ok(Account { user_id, device_id, token: account.token }),
            _ => Err(unreadable("the list of devices does not name this one")),
        }
    }

    async fn push(&self, ids: Vec<String>) -> Event {
        let ops: Vec<Operation> = {
            let state = self.state.borrow();
            ids.iter().filter_map(|id| state.queue.get(id)).cloned().collect()
        };
        let wanted: Vec<_> = ops.iter().map(|op| (Table::Body, op_body(op))).collect();
        let bodies = match self.store.read(&wanted).await {
            Ok(bodies) => bodies,
            Err(error) => {
                let at = self.host.now().wall;
                return Event::StoreFailed(LastError {
                    code: error.code().into(),
                    message: error.to_string(),
                    at,
                });
            }
        };
        let mut sent: Vec<(String, Record)> = Vec::new();
        let mut records = Vec::new();
        for (op, body) in ops.iter().zip(bodies) {
            let Some(key) = op.key() else { continue };
            let record = match body.as_deref().map(|text| from_text(key.kind, text)) {
                Some(Ok(record)) if record.version == op.version => record,
                Some(Err(error)) => {
                    return Event::Unreadable { op: op.id.clone(), message: error.to_string() };
                }
                None => {
                    return Event::Unreadable { op: op.id.clone(), message: "its content is missing".into() };
                }
                // Another tab replaced the edit; it goes with the next round.
                Some(Ok(_)) => continue,
            };
            let offer = Offer {
                op: Some(op.id.clone()),
                record: record.clone(),
                plain: false,
                resolves: op.resolves.clone(),
            };
            records.push(offer.to_wire());
            sent.push((op.id.clone(), record));
        }
        let Some(Key { kind, .. }) = sent.first().map(|(_, record)| record.key.clone()) else {
            return Event::Fenced;
        };
        let sent_at = self.host.now().wall;
        let strategy = self.setup.rules.strategy;
        let known = self.state.borrow().head.witness.clone();
        let request = PushRequest { kind, records, client_timestamp: sent_at, strategy, known };
        let answer = self.ask(http::post(request.path(), &request.to_body())).await;
        let reply: Result<PushReply, TransportError> = answer.and_then(read_as);
        Event::Pushed(reply.map(|reply| Progress::Pushed { sent, reply: Box::new(reply), sent_at }))
    }

    async fn pull(&self) -> Result<(Box<PullReply>, i64), TransportError> {
        let Now { wall: sent_at, .. } = self.host.now();
        let (cursor, witness) = {
            let head = &self.state.borrow().head;
            (head.cursor.clone().unwrap_or_else(|| "0".into()), head.witness.clone())
        };
        let limit = self.setup.rules.options.pull_limit;
        let mut path = format!("/api/sync/changes?since={}&limit={limit}", http::segment(&cursor));
        if let Some(witness) = witness {
            path += &format!("&known={}", http::segment(&witness));
        }
        let reply: PullReply = read_as(self.ask(http::get(path)).await?)?;
        Ok((Box::new(reply), sent_at))
    }

    /// Brings the server's version of a record that is only in the cloud to this device.
    pub(super) async fn fetch(&self, key: &Key) -> Result<Option<Record>, Error> {
        let path = format!("/api/sync/sessions/{}", http::segment(&key.id));
        let wire = match self.ask(http::get(path)).await {
            Err(TransportError::Refused { status: 404, .. }) => return Ok(None),
            other => other?,
        };
        let record = Record::from_wire(key.kind, wire).map_err(|error| unreadable(&error.to_string()))?;
        self.commit(Intent::Round(&Progress::Cache(record.clone()), 0)).await?;
        Ok(Some(record))
    }
}

fn unreadable(why: &str) -> TransportError {
    let why = format!("the reply cannot be read: {why}");
    TransportError::Unreachable { why, retry_after: None, status: Some(200) }
}

/// Reads an answer as the type it should be.
pub(super) fn read_as<R: FromJson>(answer: Value) -> Result<R, TransportError> {
    R::from_json(answer).map_err(|error| unreadable(&error.to_string()))
}
