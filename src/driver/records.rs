//! The user's calls about records: save, update, remove, get, list, progress, settings, drafts.

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Builder;

use futures_util::future::{Either, select};
use futures_util::pin_mut;

use super::{Batch, Change, Driver};
use crate::edit::Edit;
use crate::error::{Error, FieldError};
use crate::model::{Fields, Key, Kind, PRACTICE, Record, fields_of};
use crate::plan::Bodies;
use crate::queue::Operation;
use crate::seam::{HEAD, Host, Store, Table, Transport};
use crate::stamp::Millis;
use crate::state::{Entry, State, view};

/// How far a record has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SyncState {
    /// On this device, bound for no server.
    Local,
    /// Waits for a round.
    Queued,
    /// In a request.
    Sending,
    /// Confirmed by the server.
    Synced,
    /// An operation of it is parked.
    Parked,
    /// A conflict of it waits for a choice.
    Conflict,
}

/// Where a page of the list begins: only sessions before this one in the order of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// Start time, epoch ms.
    pub timestamp: Millis,
    /// For sessions that started at that time: only ids before this one; `None` for none of them.
    pub id: Option<String>,
}

/// Totals over what is known here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Mean of their wpm, two decimals; 0 without any.
    #[serde(rename = "averageWPM")]
    pub average_wpm: f64,
    /// How many there are.
    pub total_sessions: usize,
    /// Active time of all sessions, and of practice that left none, ms.
    pub practice_ms: Millis,
    /// The same by the user's local day.
    pub practice_by_day: std::collections::BTreeMap<String, Millis>,
    /// The latest edit of any of them, epoch ms.
    pub last_modified: Millis,
}

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    /// A new id for a session: a UUIDv7 of now.
    pub fn new_id(&self) -> String {
        let random = self.host.random().to_be_bytes();
        let bits: [u8; 10] = std::array::from_fn(|index| random[index]);
        let ms = self.host.now().wall.max(0) as u64;
        Builder::from_unix_timestamp_millis(ms, &bits).into_uuid().to_string()
    }

    /// Both clocks of the platform.
    pub fn now(&self) -> crate::seam::Now {
        self.host.now()
    }

    /// Saves a session whole: durable and queued when it resolves. Saving what is there already changes nothing.
    ///
    /// `ends_draft` drops the checkpoint of the same id in the same commit.
    pub async fn save(&self, id: &str, fields: Fields, ends_draft: bool) -> Result<Value, Error> {
        let key = Key::session(id);
        let edit = Edit::Put { key: key.clone(), fields, ends_draft };
        let written = self.edit_known(&key, edit).await?;
        self.after(id, written).await
    }

    /// The session `id` as it is seen after a change.
    async fn after(&self, id: &str, written: Option<Batch>) -> Result<Value, Error> {
        let key = Key::session(id);
        let contents = written.into_iter().flat_map(|batch| batch.changes);
        let mut mine = contents.filter_map(|change| match change {
            Change::Queue(_, Some(content)) if content.key == key => Some(content),
            _ => None,
        });
        // Without a version of the server beside it, what was written is what is seen.
        let alone = self.state.borrow().index.get(&key).is_some_and(|entry| entry.version.is_none());
        match mine.next().filter(|_| alone) {
            Some(content) => Ok(self.shown(&content)),
            None => self.get(id).await?.ok_or_else(|| Error::NotFound(format!("session {id}"))),
        }
    }

    /// Changes fields of a session; `null` removes one. `deleted: false` restores a removed session.
    pub async fn update(&self, id: &str, mut patch: Fields) -> Result<Value, Error> {
        let key = Key::session(id);
        let edit = match patch.remove("deleted") {
            Some(Value::Bool(false)) => Edit::Restore { key: key.clone(), fields: patch },
            None => Edit::Patch { key: key.clone(), fields: patch },
            Some(_) => return Err(FieldError::new("deleted", "can only be set to false: use remove").into()),
        };
        let written = self.edit_known(&key, edit).await?;
        self.after(id, written).await
    }

    /// Removes a session on all devices. Removing it again does nothing.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let key = Key::session(id);
        self.edit_known(&key, Edit::Remove { key: key.clone() }).await.map(|_| ())
    }

    /// Fetches a record whose body is only in the cloud.
    pub(super) async fn bring(&self, key: &Key) -> Result<Option<Record>, Error> {
        if self.is_bare(key) && self.transport.is_some() { self.fetch(key).await } else { Ok(None) }
    }

    /// Whether nothing of a known record but its entry is here.
    pub(super) fn is_bare(&self, key: &Key) -> bool {
        self.state.borrow().is_bare(key)
    }

    /// One record as it is seen, removed ones included; `None` when there is none.
    pub async fn record(&self, key: &Key) -> Result<Option<Record>, Error> {
        self.check_open()?;
        let bodies = loop {
            if let Some(fetched) = self.bring(key).await? {
                return Ok(Some(fetched));
            }
            let before = self.state.borrow().head_text().map(str::to_owned);
            let mut wanted = self.state.borrow().bodies_of(key);
            wanted.push((Table::Meta, HEAD.to_owned()));
            let mut found = self.store.read(&wanted).await?;
            let head = found.pop().flatten();
            // What was asked for, what was found and what is known now are of the same commit.
            if head == before && self.state.borrow().stands_on(head.as_deref()) {
                break Bodies::new(&wanted, found);
            }
            // A commit came between what is known and what was read; a body may have gone with it.
            self.catch_up().await?;
        };
        let state = self.state.borrow();
        let pending = match state.ops_of(key).next_back() {
            Some(op) => bodies.record(key, &crate::state::op_body(op))?,
            None => None,
        };
        let shadow = bodies.record(key, &key.to_string())?;
        Ok(view(&state, key, pending.as_ref(), shadow.as_ref(), self.setup.rules.strategy)
            .map(|(seen, _)| seen))
    }

    /// One session with its `sync` state, removed ones included; `None` when there is none.
    pub async fn get(&self, id: &str) -> Result<Option<Value>, Error> {
        let key = Key::session(id);
        Ok(self.record(&key).await?.map(|record| self.shown(&record)))
    }

    fn shown(&self, record: &Record) -> Value {
        let mut wire = record.to_wire();
        let state = self.state.borrow();
        if let Some(user) = &state.head.owner {
            wire.insert("userId".into(), user.clone().into());
        }
        wire.insert("sync".into(), json!(self.sync_state(&state, &record.key)));
        Value::Object(wire)
    }

    /// Sessions, the newest start first, without removed ones: their summaries, with their `sync` state.
    pub fn list(&self, limit: usize, before: Option<&Before>) -> Result<Vec<Value>, Error> {
        self.check_open()?;
        let state = self.state.borrow();
        let wanted = |key: &Key, entry: &Entry| match before {
            None => true,
            Some(Before { timestamp, id: None }) => entry.timestamp() < *timestamp,
            Some(Before { timestamp, id: Some(id) }) => (entry.timestamp(), &key.id) < (*timestamp, id),
        };
        let page = state.sessions().into_iter().filter(|(key, entry)| wanted(key, entry)).take(limit);
        Ok(page.map(|(key, entry)| self.summary(&state, key, entry)).collect())
    }

    fn summary(&self, state: &State, key: &Key, entry: &Entry) -> Value {
        let mut summary = fields_of(entry.summary.clone());
        let newest = state.ops_of(key).next_back().map(|op| op.version).or(entry.version);
        summary.insert("id".into(), key.id.clone().into());
        summary.insert("deleted".into(), entry.deleted.into());
        summary.insert("version".into(), json!(newest));
        summary.insert("sync".into(), json!(self.sync_state(state, key)));
        Value::Object(summary)
    }

    /// How far a record has come.
    pub(super) fn sync_state(&self, state: &State, key: &Key) -> SyncState {
        let engine = self.engine.borrow();
        let mut ops = state.ops_of(key).peekable();
        if state.open_conflicts().any(|conflict| conflict.key == *key) {
            return SyncState::Conflict;
        }
        if ops.peek().is_none() {
            let known = state.index.get(key).is_some_and(|entry| entry.version.is_some());
            return if known { SyncState::Synced } else { SyncState::Local };
        }
        let ops: Vec<&Operation> = ops.collect();
        if ops.iter().any(|op| op.parked()) {
            SyncState::Parked
        } else if ops.iter().any(|op| engine.in_flight().contains(&op.id)) {
            SyncState::Sending
        } else if self.transport.is_none() || (state.head.signed_out && state.head.account.is_none()) {
            SyncState::Local
        } else {
            SyncState::Queued
        }
    }

    /// Waits until the server has confirmed every edit of a session, or `timeout` ms passed.
    pub async fn when_synced(&self, id: &str, timeout: Option<Millis>) -> Result<(), Error> {
        let key = Key::session(id);
        let until = timeout.map(|timeout| self.host.now().mono.saturating_add(timeout));
        loop {
            self.check_open()?;
            let (sync, known) = {
                let state = self.state.borrow();
                (self.sync_state(&state, &key), state.index.contains_key(&key))
            };
            match sync {
                _ if !known => return Err(Error::NotFound(format!("session {id}"))),
                SyncState::Synced => return Ok(()),
                SyncState::Conflict if self.state.borrow().ops_of(&key).next().is_none() => return Ok(()),
                SyncState::Parked => {
                    return Err(Error::State("parked", format!("an edit of {id} is parked")));
                }
                SyncState::Local => {
                    return Err(Error::State("localOnly", "there is no server to sync with".into()));
                }
                SyncState::Queued | SyncState::Sending | SyncState::Conflict => {}
            }
            let change = self.next_change();
            let Some(until) = until else {
                change.await;
                continue;
            };
            if self.host.now().mono >= until {
                return Err(Error::State("timeout", format!("session {id} is not synced yet")));
            }
            let sleep = self.host.sleep_until(until);
            pin_mut!(change, sleep);
            match select(change, sleep).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    /// Totals over all sessions known here.
    pub fn progress(&self) -> Totals {
        let state = self.state.borrow();
        let mut totals = Totals {
            average_wpm: 0.0,
            total_sessions: 0,
            practice_ms: 0,
            practice_by_day: Default::default(),
            last_modified: 0,
        };
        let mut sum = 0.0;
        for (_, entry) in state.sessions() {
            let number = |name: &str| entry.summary.get(name).and_then(Value::as_f64);
            let is = |name: &str, value: bool| entry.summary.get(name) == Some(&Value::Bool(value));
            let ms = number("durationMs").unwrap_or(0.0) as Millis;
            totals.practice_ms += ms;
            *totals.practice_by_day.entry(day(entry)).or_default() += ms;
            totals.last_modified = totals.last_modified.max(number("lastModified").unwrap_or(0.0) as Millis);
            if let Some(wpm) = number("wpm").filter(|_| !is("valid", false) && !is("excludedFromStats", true))
            {
                sum += wpm;
                totals.total_sessions += 1;
            }
        }
        let counters = state.index.iter().filter(|(key, entry)| key.kind == Kind::Progress && !entry.deleted);
        for (key, entry) in counters {
            let ms = entry.summary.get(PRACTICE).and_then(Value::as_i64).unwrap_or(0);
            let day = key.id.rsplit(':').next().unwrap_or_default();
            totals.practice_ms += ms;
            *totals.practice_by_day.entry(day.to_owned()).or_default() += ms;
        }
        if totals.total_sessions > 0 {
            totals.average_wpm = (sum / totals.total_sessions as f64 * 100.0 + 0.5).floor() / 100.0;
        }
        totals
    }

    /// The user's settings.
    pub async fn settings(&self) -> Result<Fields, Error> {
        Ok(self.record(&Key::settings()).await?.map_or_else(Fields::new, |record| record.fields))
    }

    /// Changes settings key by key; `null` removes one.
    pub async fn set_settings(&self, patch: Fields) -> Result<Fields, Error> {
        self.edit(&[Edit::Patch { key: Key::settings(), fields: patch }]).await?;
        self.settings().await
    }

    /// Drops the checkpoint of session `id`, which will not be saved, and counts the `practised` ms of it for the local
    /// day of `at`, in one commit.
    pub async fn give_up(
        &self,
        id: &str,
        practised: Millis,
        at: Millis,
        tz_offset_min: i64,
    ) -> Result<(), Error> {
        let drop = Edit::Draft { id: id.to_owned(), text: None };
        let count = Edit::Practise { day: day_of(at, tz_offset_min), ms: practised };
        self.edit(&[drop, count]).await.map(|_| ())
    }

    /// The id of this device on the server, once it has one.
    pub fn device_id(&self) -> Option<String> {
        self.state.borrow().head.account.as_ref().map(|account| account.device_id.clone())
    }

    /// Sets or drops the checkpoint of a running session.
    pub async fn set_draft(&self, id: &str, text: Option<String>) -> Result<(), Error> {
        self.edit(&[Edit::Draft { id: id.to_owned(), text }]).await.map(|_| ())
    }

    /// All checkpoints, by session id.
    pub async fn drafts(&self) -> Result<Vec<(String, String)>, Error> {
        self.check_open()?;
        Ok(self.store.scan(Table::Draft, "", super::END, u32::MAX).await?)
    }

    /// Keys of everything known here.
    pub(super) fn keys(&self, kind: Kind) -> Vec<Key> {
        self.state.borrow().index.keys().filter(|key| key.kind == kind).cloned().collect()
    }
}

/// The user's local day of a session, `YYYY-MM-DD`.
fn day(entry: &Entry) -> String {
    day_of(entry.timestamp(), entry.summary.get("tzOffsetMin").and_then(Value::as_i64).unwrap_or(0))
}

fn day_of(at: Millis, tz_offset_min: i64) -> String {
    let local = at.saturating_add(tz_offset_min.saturating_mul(60_000));
    crate::schedule::date(local.div_euclid(crate::schedule::DAY))
}
