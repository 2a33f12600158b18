//! The queries of SQLite that change nothing. A page stops at its bound of bytes while rows still stream in.

use futures_util::TryStreamExt;
use keyflow_sync::model::{Key, Kind};
use keyflow_sync::stamp::Millis;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnection, SqliteExecutor, SqlitePool};

use super::body;
use crate::store::{Bounds, Change, Kept, Logged, Page, StoreError, Sums, UserId};

/// Counts what a page holds already.
struct Room {
    bounds: Bounds,
    rows: u32,
    bytes: usize,
}

impl Room {
    fn of(bounds: Bounds) -> Room {
        Room { bounds, rows: 0, bytes: 0 }
    }

    /// Whether one more row of that size fits. The first always does.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.rows < self.bounds.rows && self.bytes + bytes <= self.bounds.bytes;
        if fits || self.rows == 0 {
            self.rows += 1;
            self.bytes += bytes;
            return true;
        }
        false
    }

    /// One row more than fits, to see whether there is one.
    fn limit(&self) -> i64 {
        i64::from(self.bounds.rows) + 1
    }
}

pub(super) async fn clock(readers: &SqlitePool, user: &UserId) -> Result<Millis, StoreError> {
    let row: Option<(Millis,)> = sqlx::query_as("select clock from users where user_id = ?")
        .bind(&user.0)
        .fetch_optional(readers)
        .await?;
    row.map(|(clock,)| clock).ok_or(StoreError::NoUser)
}

pub(super) async fn tag(
    database: impl SqliteExecutor<'_>,
    user: &UserId,
    tick: Millis,
) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> =
        sqlx::query_as("select tag from sync_log where user_id = ? and tick = ? and nth = 0")
            .bind(&user.0)
            .bind(tick)
            .fetch_optional(database)
            .await?;
    Ok(row.map(|(tag,)| tag))
}

/// The connection must be in a transaction, so that clock, rows and totals are of one moment.
pub(super) async fn changes(
    tx: &mut SqliteConnection,
    user: &UserId,
    since: Millis,
    bounds: Bounds,
) -> Result<Page, StoreError> {
    let row: Option<(Millis, f64, i64, Millis, Millis)> = sqlx::query_as(
        "select clock, average_wpm, sessions, practice_ms, totals_tick from users where user_id = ?",
    )
    .bind(&user.0)
    .fetch_optional(&mut *tx)
    .await?;
    let (clock, average_wpm, sessions, practice_ms, tick) = row.ok_or(StoreError::NoUser)?;
    let sums = Sums { average_wpm, sessions: u64::try_from(sessions).unwrap_or(0), practice_ms, tick };

    let mut room = Room::of(bounds);
    let mut changes = Vec::new();
    let mut has_more = false;
    {
        let mut rows = sqlx::query_as::<_, (Millis, bool, String, String)>(
            "select tick, 0 as inbox, kind, body from records where user_id = ?1 and tick > ?2
             union all
             select tick, 1, kind, body from conflicts where user_id = ?1 and tick > ?2
             order by tick limit ?3",
        )
        .bind(&user.0)
        .bind(since)
        .bind(room.limit())
        .fetch(&mut *tx);
        while let Some((tick, inbox, kind, text)) = rows.try_next().await? {
            if !room.take(text.len()) {
                has_more = true;
                break;
            }
            let kind = Kind::from_name(&kind)
                .ok_or_else(|| StoreError::Damaged(format!("a record of unknown kind at tick {tick}")))?;
            let body = body(&text)?;
            changes.push((tick, if inbox { Change::Conflict(body) } else { Change::Head(kind, body) }));
        }
    }
    let reached = match changes.last() {
        Some((tick, _)) if has_more => *tick,
        _ => clock,
    };
    let row: Option<(String,)> =
        sqlx::query_as("select tag from sync_log where user_id = ? and tick = ? and nth = 0")
            .bind(&user.0)
            .bind(reached)
            .fetch_optional(&mut *tx)
            .await?;
    let tag = row.map(|(tag,)| tag).unwrap_or_default();
    Ok(Page { changes, has_more, reached, tag, clock, sums })
}

pub(super) async fn sessions(
    readers: &SqlitePool,
    user: &UserId,
    before: Option<(Millis, String)>,
    bounds: Bounds,
) -> Result<(Vec<Value>, bool), StoreError> {
    let (start, id) = before.unwrap_or((Millis::MAX, String::new()));
    let mut room = Room::of(bounds);
    let mut rows = sqlx::query_as::<_, (String,)>(
        "select body from records
         where user_id = ? and kind = 'session' and deleted = 0 and (started_at, record_id) < (?, ?)
         order by started_at desc, record_id desc limit ?",
    )
    .bind(&user.0)
    .bind(start)
    .bind(id)
    .bind(room.limit())
    .fetch(readers);
    let mut sessions = Vec::new();
    while let Some((text,)) = rows.try_next().await? {
        if !room.take(text.len()) {
            return Ok((sessions, true));
        }
        sessions.push(body(&text)?);
    }
    Ok((sessions, false))
}

pub(super) async fn head(
    readers: &SqlitePool,
    user: &UserId,
    key: &Key,
) -> Result<Option<Value>, StoreError> {
    let row: Option<(String,)> =
        sqlx::query_as("select body from records where user_id = ? and kind = ? and record_id = ?")
            .bind(&user.0)
            .bind(key.kind.name())
            .bind(&key.id)
            .fetch_optional(readers)
            .await?;
    row.map(|(text,)| body(&text)).transpose()
}

pub(super) async fn versions(
    readers: &SqlitePool,
    user: &UserId,
    key: &Key,
    before: Option<(Millis, String)>,
    bounds: Bounds,
) -> Result<(Vec<Kept>, bool), StoreError> {
    let (tick, submitted) = before.unwrap_or((Millis::MAX, String::new()));
    let mut room = Room::of(bounds);
    let mut rows = sqlx::query_as::<_, (Millis, String, String, String, String)>(
        "select tick, submitted, device_id, outcome, body from versions
         where user_id = ? and kind = ? and record_id = ? and (tick, submitted) < (?, ?)
         order by tick desc, submitted desc limit ?",
    )
    .bind(&user.0)
    .bind(key.kind.name())
    .bind(&key.id)
    .bind(tick)
    .bind(submitted)
    .bind(room.limit())
    .fetch(readers);
    let mut kept = Vec::new();
    while let Some((tick, submitted, device, outcome, text)) = rows.try_next().await? {
        if !room.take(text.len()) {
            return Ok((kept, true));
        }
        kept.push(Kept { position: (tick, submitted), device, outcome, body: body(&text)? });
    }
    Ok((kept, false))
}

type LogColumns =
    (Millis, i64, Millis, String, Option<String>, String, String, Option<String>, String, String, String);

pub(super) async fn log(
    readers: &SqlitePool,
    user: &UserId,
    record: Option<&Key>,
    since: (Millis, i64),
    rows: u32,
) -> Result<(Vec<Logged>, bool), StoreError> {
    let query = match record {
        Some(_) => {
            "select tick, nth, at, device_id, op, kind, record_id, version, outcome, wrote, detail from sync_log
             where user_id = ?1 and (tick, nth) > (?2, ?3) and kind = ?5 and record_id = ?6
             order by tick, nth limit ?4"
        }
        None => {
            "select tick, nth, at, device_id, op, kind, record_id, version, outcome, wrote, detail from sync_log
             where user_id = ?1 and (tick, nth) > (?2, ?3) order by tick, nth limit ?4"
        }
    };
    let mut query = sqlx::query_as::<_, LogColumns>(query)
        .bind(&user.0)
        .bind(since.0)
        .bind(since.1)
        .bind(i64::from(rows) + 1);
    if let Some(key) = record {
        query = query.bind(key.kind.name()).bind(&key.id);
    }
    let mut found: Vec<Logged> =
        query.fetch_all(readers).await?.into_iter().map(logged).collect::<Result<_, _>>()?;
    let has_more = found.len() > rows as usize;
    found.truncate(rows as usize);
    Ok((found, has_more))
}

fn logged(columns: LogColumns) -> Result<Logged, StoreError> {
    let (tick, nth, at, device, op, kind, record, version, outcome, wrote, detail) = columns;
    let entry = json!({
        "at": at, "tick": tick, "device": device, "op": op, "kind": kind, "record": record, "version": version,
        "outcome": outcome, "wrote": wrote, "detail": body(&detail)?,
    });
    Ok(Logged { position: (tick, nth), entry })
}
