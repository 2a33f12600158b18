//! Push: a batch of offered versions becomes one transaction. Each version is judged by itself, so a bad one never holds
//! up the others; the batch as a whole is committed or not.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use keyflow_sync::error::FieldError;
use keyflow_sync::model::{Key, Kind, MAX_ID_BYTES, Record, Strategy};
use keyflow_sync::stamp::{Millis, Stamp};
use keyflow_sync::wire::{Offer, OpResult, Outcome, PushReply, PushRequest};
use serde_json::{Value, json};

use crate::app::{App, JsonBody, owned};
use crate::error::Problem;
use crate::pull::{Position, cursor, is_known, witness};
use crate::store::{LogRow, Principal, StoreError, UserId, Write, Wrote, outcome_name};
use keyflow_sync::judge::{Judged, clamp, date_plain, judge};

pub async fn sessions(app: State<App>, who: Principal, body: JsonBody) -> Result<Json<PushReply>, Problem> {
    push(app.0, who, Kind::Session, body.0).await
}

pub async fn progress(app: State<App>, who: Principal, body: JsonBody) -> Result<Json<PushReply>, Problem> {
    push(app.0, who, Kind::Progress, body.0).await
}

pub async fn settings(app: State<App>, who: Principal, body: JsonBody) -> Result<Json<PushReply>, Problem> {
    push(app.0, who, Kind::Settings, body.0).await
}

async fn push(app: App, who: Principal, kind: Kind, body: Value) -> Result<Json<PushReply>, Problem> {
    let Envelope { records, strategy, witness } = envelope(kind, body)?;
    let most = app.config.max_batch_records;
    if records.len() > most {
        return Err(Problem::too_large(format!("{} records in one batch; at most {most}", records.len())));
    }
    let attests = is_known(&app, &who.user, &witness).await?;
    let tx = app.store.write(&who).await?;
    // Read under the lock, so that the order of commits is the order of times as well.
    let now = app.config.clock.now();
    let (before, max_record_bytes) = (tx.clock(), app.config.max_record_bytes as usize);
    let mut batch = Batch {
        tx,
        kind,
        strategy,
        now,
        clock: before,
        max_record_bytes,
        heads: BTreeMap::new(),
        reply: PushReply::default(),
    };
    for record in records {
        batch.take(record).await?;
    }
    let after = batch.clock;
    let mut reply = batch.finish(&who.user).await?;
    reply.cursor = reply.cursor.filter(|_| attests);
    tracing::info!(user = %who.user, device = who.device, kind = kind.name(), ops = reply.results.len(),
        conflicts = reply.conflicts.len(), clock = after, "push");
    if after > before {
        app.events.tell(&who.user, after);
    }
    Ok(Json(reply))
}

struct Envelope {
    records: Vec<Value>,
    strategy: Strategy,
    witness: Position,
}

fn envelope(kind: Kind, body: Value) -> Result<Envelope, FieldError> {
    let Value::Object(mut body) = body else { return Err(FieldError::new("body", "must be an object")) };
    let name = PushRequest::list_name(kind);
    let records = match body.remove(name) {
        Some(Value::Array(records)) => records,
        Some(_) => return Err(FieldError::new(name, "must be a list")),
        None => return Err(FieldError::new(name, "is missing")),
    };
    let strategy = match body.remove("strategy") {
        None | Some(Value::Null) => Strategy::default(),
        Some(name) => serde_json::from_value(name)
            .map_err(|_| FieldError::new("strategy", "must be lastWriteWins, fieldLevel or manual"))?,
    };
    let witness = match body.remove("known") {
        None | Some(Value::Null) => witness(None)?,
        Some(known) => witness(Some(known.as_str().unwrap_or_default()))?,
    };
    Ok(Envelope { records, strategy, witness })
}

struct Batch {
    tx: Box<dyn Write>,
    kind: Kind,
    strategy: Strategy,
    now: Millis,
    clock: Millis,
    max_record_bytes: usize,
    /// The current version of every record of this batch.
    heads: BTreeMap<String, Record>,
    reply: PushReply,
}

/// Why an operation can never be accepted as it is.
struct Refusal {
    code: &'static str,
    why: String,
}

impl Batch {
    fn next_tick(&self) -> Millis {
        self.now.max(self.clock + 1)
    }

    fn take_tick(&mut self) -> Millis {
        self.clock = self.next_tick();
        self.clock
    }

    async fn take(&mut self, wire: Value) -> Result<(), StoreError> {
        let echo = |name: &str, most: usize| {
            wire.get(name).and_then(Value::as_str).filter(|text| text.len() <= most).map(str::to_owned)
        };
        let (op, id) = (echo("op", 512), echo("id", MAX_ID_BYTES).unwrap_or_default());
        let result = match self.read(wire) {
            Ok(offer) => self.judge(offer).await?,
            Err(refusal) => Err(refusal),
        };
        let result = match result {
            Ok(result) => result,
            Err(refusal) => self.refuse(op, id, refusal).await?,
        };
        self.reply.results.push(result);
        Ok(())
    }

    fn read(&self, wire: Value) -> Result<Offer, Refusal> {
        let is_object = wire.is_object();
        let offer = Offer::parse(self.kind, wire).map_err(|error| {
            let too_large = is_object && error.field == "record";
            Refusal { code: if too_large { "recordTooLarge" } else { "invalid" }, why: error.to_string() }
        })?;
        let (content, most) = (offer.record.bytes(), self.max_record_bytes);
        // The dates of the registers travel beside the content and are bounded with it.
        let dates: usize = offer.record.modified.keys().map(|name| name.len() + 40).sum();
        if content > most || dates > most {
            let why = format!("record: is {} bytes, over the limit of {most}", content.max(dates));
            return Err(Refusal { code: "recordTooLarge", why });
        }
        Ok(offer)
    }

    async fn judge(&mut self, offer: Offer) -> Result<Result<OpResult, Refusal>, StoreError> {
        let Offer { op, mut record, plain, resolves } = offer;
        let (key, submitted) = (record.key.clone(), record.version);
        if let Some(known) = self.tx.known(&key, submitted).await? {
            if !known.record.same_content(&record) {
                let why = "version: names an edit with other content, which is kept".to_owned();
                return Ok(Err(Refusal { code: "versionReused", why }));
            }
            self.head(&key).await?;
            let detail = json!({ "first": outcome_name(known.outcome) });
            let version = known.record.version;
            self.log(&key, op.clone(), Some(version), Outcome::Duplicate, Wrote::Nothing, detail).await?;
            // The version may have come first in another device's import, which names no choice.
            for id in resolves {
                self.settle(op.clone(), &key, &id, version).await?;
            }
            let mut result = OpResult::taken(op, &key.id, Outcome::Duplicate, version);
            result.first = Some(known.outcome);
            return Ok(Ok(result));
        }
        let head = self.head(&key).await?;
        let skew = clamp(&mut record, self.now, self.next_tick());
        let base = match record.base {
            Some(base) => self.tx.known(&key, base).await?.map(|known| known.record),
            None => None,
        };
        if let Some(base) = &base {
            record.base = Some(base.version);
        }
        if let (true, None, Some(head)) = (plain, record.base, &head) {
            date_plain(&mut record, head);
        }
        let strategy = if plain { Strategy::LastWriteWins } else { self.strategy };
        let judged = if self.tx.has_child(&key, submitted).await? {
            Judged::late()
        } else {
            judge(&record, head.as_ref(), base.as_ref(), strategy, self.now)
        };
        let outcome = judged.outcome;
        self.write(op.clone(), &record, submitted, judged, skew).await?;
        for id in resolves {
            self.settle(op.clone(), &key, &id, record.version).await?;
        }
        let mut result = OpResult::taken(op, &key.id, outcome, record.version);
        result.clock_skew_ms = skew;
        Ok(Ok(result))
    }

    /// The current version, from the first look at it on followed in memory.
    async fn head(&mut self, key: &Key) -> Result<Option<Record>, StoreError> {
        if !self.heads.contains_key(&key.id)
            && let Some(head) = self.tx.head(key).await?
        {
            self.heads.insert(key.id.clone(), head);
        }
        Ok(self.heads.get(&key.id).cloned())
    }

    async fn write(
        &mut self,
        op: Option<String>,
        record: &Record,
        submitted: Stamp,
        judged: Judged,
        skew: Option<Millis>,
    ) -> Result<(), StoreError> {
        let Judged { outcome, head, mixed, conflict, decided } = judged;
        let key = &record.key;
        let mut detail = json!({});
        if let Some((winner, strategy)) = decided {
            detail["winner"] = json!(winner);
            detail["strategy"] = json!(strategy);
        }
        if let Some(skew) = skew {
            detail["clockSkewMs"] = skew.into();
        }
        let untouched = head.is_none() && conflict.is_none();
        let tick = if untouched { self.clock } else { self.take_tick() };
        self.tx.keep(record, submitted, outcome, tick).await?;
        if untouched {
            self.log(key, op.clone(), Some(record.version), outcome, Wrote::Version, detail.clone()).await?;
        }
        let head_changed = head.is_some();
        if let Some(mut head) = head {
            if mixed {
                while self.tx.known(key, head.version).await?.is_some() {
                    head.version = head.version.after(head.version);
                }
                detail["offered"] = json!(record.version);
                self.tx.keep(&head, head.version, outcome, tick).await?;
            }
            self.tx.put_head(&head, tick).await?;
            self.log(key, op.clone(), Some(head.version), outcome, Wrote::Head, detail.clone()).await?;
            self.heads.insert(key.id.clone(), head);
        }
        if let Some(conflict) = conflict {
            let tick = if head_changed { self.take_tick() } else { tick };
            self.tx.put_conflict(&conflict, tick).await?;
            detail["conflict"] = conflict.id.clone().into();
            self.log(key, op, Some(record.version), Outcome::Conflict, Wrote::Inbox, detail).await?;
            self.reply.conflicts.push(conflict.to_wire());
        }
        Ok(())
    }

    /// Marks an open entry of this record's inbox as settled by `version`; any other id is left alone.
    async fn settle(
        &mut self,
        op: Option<String>,
        key: &Key,
        id: &str,
        version: Stamp,
    ) -> Result<(), StoreError> {
        let Some(mut conflict) = self.tx.conflict(id).await? else { return Ok(()) };
        if conflict.key != *key || conflict.resolved_by.is_some() {
            return Ok(());
        }
        conflict.resolved_by = Some(version);
        let tick = self.take_tick();
        self.tx.put_conflict(&conflict, tick).await?;
        let row = LogRow {
            tick,
            op,
            kind: key.kind,
            record: key.id.clone(),
            version: Some(version),
            outcome: "resolved",
            wrote: Wrote::Inbox,
            detail: json!({ "conflict": id }),
        };
        self.tx.log(self.now, row).await
    }

    async fn refuse(
        &mut self,
        op: Option<String>,
        id: String,
        refusal: Refusal,
    ) -> Result<OpResult, StoreError> {
        let why: String = refusal.why.chars().take(300).collect();
        let key = Key { kind: self.kind, id };
        // Only the code: the reason may name a field, and a field's name is content.
        let detail = json!({ "code": refusal.code });
        self.log(&key, op.clone(), None, Outcome::Rejected, Wrote::Nothing, detail).await?;
        Ok(OpResult {
            op,
            id: key.id,
            outcome: Outcome::Rejected,
            first: None,
            version: None,
            code: Some(refusal.code.to_owned()),
            error: Some(why),
            clock_skew_ms: None,
        })
    }

    async fn log(
        &mut self,
        key: &Key,
        op: Option<String>,
        version: Option<Stamp>,
        outcome: Outcome,
        wrote: Wrote,
        detail: Value,
    ) -> Result<(), StoreError> {
        let row = LogRow {
            tick: self.clock,
            op,
            kind: key.kind,
            record: key.id.clone(),
            version,
            outcome: outcome_name(outcome),
            wrote,
            detail,
        };
        self.tx.log(self.now, row).await
    }

    async fn finish(self, user: &UserId) -> Result<PushReply, StoreError> {
        let Batch { tx, now, clock, heads, mut reply, .. } = self;
        let tag = tx.finish(now, clock).await?;
        let clean = |result: &&OpResult| !matches!(result.outcome, Outcome::Rejected | Outcome::Conflict);
        let contested: Vec<&str> =
            reply.conflicts.iter().filter_map(|conflict| conflict["sessionId"].as_str()).collect();
        for result in reply.results.iter().filter(clean) {
            if !contested.contains(&result.id.as_str()) && !reply.synced.contains(&result.id) {
                reply.synced.push(result.id.clone());
            }
        }
        reply.merged =
            heads.into_iter().map(|(id, head)| (id, owned(user, Value::Object(head.to_wire())))).collect();
        for conflict in &mut reply.conflicts {
            for side in ["local", "remote"] {
                conflict[side] = owned(user, conflict[side].take());
            }
        }
        reply.server_timestamp = clock;
        reply.cursor = tag.map(|tag| cursor(clock, &tag));
        reply.server_now = Some(now);
        Ok(reply)
    }
}
