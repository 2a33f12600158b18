//! One write transaction for one user on SQLite.

use async_trait::async_trait;
use keyflow_sync::model::{Conflict, Key, Record};
use keyflow_sync::stamp::{Millis, Stamp};
use keyflow_sync::wire::Outcome;
use serde_json::Value;
use sqlx::Sqlite;
use uuid::Uuid;

use super::body;
use super::read::tag;
use crate::store::{
    Known, LogRow, Principal, StoreError, UserId, Write, Wrote, counted, outcome_name, outcome_of,
};

pub(super) struct Transaction {
    tx: sqlx::Transaction<'static, Sqlite>,
    user: UserId,
    device: String,
    clock: Millis,
    heads_changed: bool,
}

impl Transaction {
    /// Takes over a transaction that holds the write lock of the file, which is the lock on the user's row here.
    pub(super) async fn begin(
        mut tx: sqlx::Transaction<'static, Sqlite>,
        by: &Principal,
    ) -> Result<Transaction, StoreError> {
        let row: Option<(Millis,)> = sqlx::query_as("select clock from users where user_id = ?")
            .bind(&by.user.0)
            .fetch_optional(&mut *tx)
            .await?;
        let (clock,) = row.ok_or(StoreError::NoUser)?;
        Ok(Transaction { tx, user: by.user.clone(), device: by.device.clone(), clock, heads_changed: false })
    }
}

#[async_trait]
impl Write for Transaction {
    fn clock(&self) -> Millis {
        self.clock
    }

    async fn known(&mut self, key: &Key, version: Stamp) -> Result<Option<Known>, StoreError> {
        // A version is known by the name it was offered under, and by the one it got when that was clamped.
        let row: Option<(String, String)> = sqlx::query_as(
            "select body, outcome from (
                 select body, outcome, 0 as rank from versions
                 where user_id = ?1 and kind = ?2 and record_id = ?3 and submitted = ?4
                 union all
                 select body, outcome, 1 from versions indexed by version_by_stored
                 where user_id = ?1 and kind = ?2 and record_id = ?3 and version = ?4 and submitted <> version
             ) order by rank limit 1",
        )
        .bind(&self.user.0)
        .bind(key.kind.name())
        .bind(&key.id)
        .bind(version.to_string())
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some((text, outcome)) = row else { return Ok(None) };
        let outcome = outcome_of(&outcome)
            .ok_or_else(|| StoreError::Damaged(format!("{key} has a version of unknown outcome")))?;
        Ok(Some(Known { record: record(key, &text)?, outcome }))
    }

    async fn has_child(&mut self, key: &Key, version: Stamp) -> Result<bool, StoreError> {
        let (found,): (bool,) = sqlx::query_as(
            "select exists (select 1 from versions where user_id = ? and kind = ? and record_id = ? and base = ?)",
        )
        .bind(&self.user.0)
        .bind(key.kind.name())
        .bind(&key.id)
        .bind(version.to_string())
        .fetch_one(&mut *self.tx)
        .await?;
        Ok(found)
    }

    async fn head(&mut self, key: &Key) -> Result<Option<Record>, StoreError> {
        let row: Option<(String,)> =
            sqlx::query_as("select body from records where user_id = ? and kind = ? and record_id = ?")
                .bind(&self.user.0)
                .bind(key.kind.name())
                .bind(&key.id)
                .fetch_optional(&mut *self.tx)
                .await?;
        row.map(|(text,)| record(key, &text)).transpose()
    }

    async fn keep(
        &mut self,
        record: &Record,
        submitted: Stamp,
        outcome: Outcome,
        tick: Millis,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into versions (user_id, kind, record_id, submitted, version, base, tick, device_id, outcome, body)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&self.user.0)
        .bind(record.key.kind.name())
        .bind(&record.key.id)
        .bind(submitted.to_string())
        .bind(record.version.to_string())
        .bind(record.base.map(|base| base.to_string()))
        .bind(tick)
        .bind(&self.device)
        .bind(outcome_name(outcome))
        .bind(text(record))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn put_head(&mut self, record: &Record, tick: Millis) -> Result<(), StoreError> {
        let (wpm, practice) = counted(record);
        self.heads_changed = true;
        sqlx::query(
            "insert into records
                 (user_id, kind, record_id, version, tick, deleted, started_at, wpm, practice_ms, body)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             on conflict (user_id, kind, record_id) do update set
                 version = excluded.version, tick = excluded.tick, deleted = excluded.deleted,
                 started_at = excluded.started_at, wpm = excluded.wpm, practice_ms = excluded.practice_ms,
                 body = excluded.body",
        )
        .bind(&self.user.0)
        .bind(record.key.kind.name())
        .bind(&record.key.id)
        .bind(record.version.to_string())
        .bind(tick)
        .bind(record.deleted)
        .bind(record.fields.get("timestamp").and_then(Value::as_i64))
        .bind(wpm)
        .bind(practice)
        .bind(text(record))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn conflict(&mut self, id: &str) -> Result<Option<Conflict>, StoreError> {
        let row: Option<(String,)> =
            sqlx::query_as("select body from conflicts where user_id = ? and conflict_id = ?")
                .bind(&self.user.0)
                .bind(id)
                .fetch_optional(&mut *self.tx)
                .await?;
        let Some((text,)) = row else { return Ok(None) };
        let conflict = Conflict::from_wire(body(&text)?);
        conflict.map(Some).map_err(|error| StoreError::Damaged(format!("a conflict: {error}")))
    }

    async fn put_conflict(&mut self, conflict: &Conflict, tick: Millis) -> Result<(), StoreError> {
        sqlx::query(
            "insert into conflicts
                 (user_id, conflict_id, kind, record_id, tick, local_version, remote_version, resolved_by, body)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?)
             on conflict (user_id, conflict_id) do update set
                 tick = excluded.tick, resolved_by = excluded.resolved_by, body = excluded.body",
        )
        .bind(&self.user.0)
        .bind(&conflict.id)
        .bind(conflict.key.kind.name())
        .bind(&conflict.key.id)
        .bind(tick)
        .bind(conflict.local.version.to_string())
        .bind(conflict.remote.version.to_string())
        .bind(conflict.resolved_by.map(|version| version.to_string()))
        .bind(conflict.to_wire().to_string())
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn log(&mut self, now: Millis, row: LogRow) -> Result<(), StoreError> {
        let took_tick = matches!(row.wrote, Wrote::Head | Wrote::Inbox);
        let tag = took_tick.then(|| Uuid::new_v4().simple().to_string());
        sqlx::query(
            "insert into sync_log
                 (user_id, tick, nth, tag, at, device_id, op, kind, record_id, version, outcome, wrote, detail)
             select ?1, ?2,
                 case when ?3 then 0
                 else (select coalesce(max(nth), 0) + 1 from sync_log where user_id = ?1 and tick = ?2) end,
                 ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13",
        )
        .bind(&self.user.0)
        .bind(row.tick)
        .bind(took_tick)
        .bind(tag)
        .bind(now)
        .bind(&self.device)
        .bind(row.op)
        .bind(row.kind.name())
        .bind(row.record)
        .bind(row.version.map(|version| version.to_string()))
        .bind(row.outcome)
        .bind(row.wrote.name())
        .bind(row.detail.to_string())
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn finish(mut self: Box<Self>, now: Millis, clock: Millis) -> Result<Option<String>, StoreError> {
        let this = &mut *self;
        sqlx::query("update users set clock = ? where user_id = ?")
            .bind(clock)
            .bind(&this.user.0)
            .execute(&mut *this.tx)
            .await?;
        sqlx::query("update devices set seen_at = ? where user_id = ? and device_id = ?")
            .bind(now)
            .bind(&this.user.0)
            .bind(&this.device)
            .execute(&mut *this.tx)
            .await?;
        if this.heads_changed {
            this.total(clock).await?;
        }
        let tag = tag(&mut *this.tx, &this.user, clock).await?;
        self.tx.commit().await?;
        Ok(tag)
    }
}

impl Transaction {
    async fn total(&mut self, clock: Millis) -> Result<(), StoreError> {
        let (sessions, wpm): (i64, f64) =
            sqlx::query_as("select count(*), total(wpm) from records where user_id = ? and wpm is not null")
                .bind(&self.user.0)
                .fetch_one(&mut *self.tx)
                .await?;
        // `total` never overflows; the bound keeps the result an exact integer for every reader of JSON.
        let (practice,): (Millis,) = sqlx::query_as(
            "select cast(min(total(practice_ms), 9007199254740991.0) as integer) from records
             where user_id = ? and practice_ms is not null",
        )
        .bind(&self.user.0)
        .fetch_one(&mut *self.tx)
        .await?;
        sqlx::query(
            "update users set average_wpm = ?2, sessions = ?3, practice_ms = ?4, totals_tick = ?5
             where user_id = ?1 and (average_wpm, sessions, practice_ms) is not (?2, ?3, ?4)",
        )
        .bind(&self.user.0)
        .bind(average(wpm, sessions))
        .bind(sessions)
        .bind(practice)
        .bind(clock)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }
}

/// The mean with two decimals; 0 of nothing.
fn average(sum: f64, count: i64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    let mean = (sum / count as f64).min(f64::MAX);
    let rounded = (mean * 100.0).round() / 100.0;
    if rounded.is_finite() { rounded } else { mean }
}

fn record(key: &Key, text: &str) -> Result<Record, StoreError> {
    Record::from_wire(key.kind, body(text)?)
        .map_err(|error| StoreError::Damaged(format!("a version of {key}: {error}")))
}

fn text(record: &Record) -> String {
    Value::Object(record.to_wire()).to_string()
}
