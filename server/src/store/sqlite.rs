//! SQLite: one file, one connection that writes, several that read. This module and those below it hold all SQL.
//!
//! Write-ahead log with `synchronous = full`: what is committed survives a power cut. A write begins `immediate`, so that
//! two processes on one file never find out at commit that they both read the same state.

mod check;
mod read;
mod write;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use keyflow_sync::model::Key;
use keyflow_sync::stamp::Millis;
use serde_json::Value;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use uuid::Uuid;

use super::{
    Bounds, Database, Device, Digest, Findings, Kept, Logged, NewDevice, Page, Principal, StoreError, UserId,
    Write,
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Longest wait for another process that writes to the same file.
const BUSY: Duration = Duration::from_secs(5);
/// Longest wait for a connection of the pool; below the time limit of a request.
const ACQUIRE: Duration = Duration::from_secs(8);

pub(super) struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        const BUSY: i32 = 5;
        const LOCKED: i32 = 6;
        let primary = |code: &str| code.parse::<i32>().map(|code| code & 0xff);
        match &error {
            sqlx::Error::PoolTimedOut => StoreError::Busy,
            sqlx::Error::Database(inner) => match inner.code().as_deref().map(primary) {
                Some(Ok(BUSY | LOCKED)) => StoreError::Busy,
                _ => StoreError::Failed(inner.message().to_owned()),
            },
            other => StoreError::Failed(other.to_string()),
        }
    }
}

impl Sqlite {
    /// With `existing`, the file must be there, and its schema stays as it is.
    pub(super) async fn open(url: &str, read_connections: u32, existing: bool) -> Result<Sqlite, StoreError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| StoreError::Address(format!("the database address cannot be read: {error}")))?
            .create_if_missing(!existing)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let pool = |count| SqlitePoolOptions::new().max_connections(count).acquire_timeout(ACQUIRE);
        let writer = pool(1).connect_with(options.clone()).await?;
        if !existing {
            MIGRATIONS.run(&writer).await.map_err(|error| StoreError::Failed(error.to_string()))?;
        }
        let readers = pool(read_connections).connect_with(options).await?;
        Ok(Sqlite { writer, readers })
    }
}

#[async_trait]
impl Database for Sqlite {
    async fn register(&self, now: Millis, device: NewDevice) -> Result<Principal, StoreError> {
        let user = UserId(Uuid::new_v4().to_string());
        let mut tx = self.writer.begin_with("begin immediate").await?;
        sqlx::query("insert into users (user_id, created_at) values (?, ?)")
            .bind(&user.0)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        let principal = add_device(&mut tx, user, now, device).await?;
        tx.commit().await?;
        Ok(principal)
    }

    async fn principal(&self, token: &Digest) -> Result<Option<Principal>, StoreError> {
        let row: Option<(String, String)> = sqlx::query_as(
            "select user_id, device_id from devices where token_sha256 = ? and revoked_at is null limit 1",
        )
        .bind(&token[..])
        .fetch_optional(&self.readers)
        .await?;
        Ok(row.map(|(user, device)| Principal { user: UserId(user), device }))
    }

    async fn add_link_code(
        &self,
        user: &UserId,
        now: Millis,
        code: &Digest,
        expires: Millis,
    ) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("begin immediate").await?;
        sqlx::query("delete from link_codes where user_id = ? and expires_at <= ?")
            .bind(&user.0)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into link_codes (user_id, code_sha256, expires_at) values (?, ?, ?)")
            .bind(&user.0)
            .bind(&code[..])
            .bind(expires)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn link(
        &self,
        now: Millis,
        code: &Digest,
        device: NewDevice,
    ) -> Result<Option<Principal>, StoreError> {
        let mut tx = self.writer.begin_with("begin immediate").await?;
        let row: Option<(String,)> = sqlx::query_as(
            "update link_codes set used_at = ?1 where code_sha256 = ?2 and used_at is null and expires_at > ?1
             returning user_id",
        )
        .bind(now)
        .bind(&code[..])
        .fetch_optional(&mut *tx)
        .await?;
        let Some((user,)) = row else { return Ok(None) };
        let principal = add_device(&mut tx, UserId(user), now, device).await?;
        tx.commit().await?;
        Ok(Some(principal))
    }

    async fn devices(&self, user: &UserId) -> Result<Vec<Device>, StoreError> {
        let rows: Vec<(String, String, Millis, Millis)> = sqlx::query_as(
            "select device_id, name, created_at, seen_at from devices
             where user_id = ? and revoked_at is null order by created_at, device_id",
        )
        .bind(&user.0)
        .fetch_all(&self.readers)
        .await?;
        let device = |(id, name, created_at, seen_at)| Device { id, name, created_at, seen_at };
        Ok(rows.into_iter().map(device).collect())
    }

    async fn revoke(&self, user: &UserId, device: &str, now: Millis) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update devices set revoked_at = coalesce(revoked_at, ?) where user_id = ? and device_id = ?",
        )
        .bind(now)
        .bind(&user.0)
        .bind(device)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn remove(&self, user: &UserId) -> Result<(), StoreError> {
        // Every other table follows by its foreign key, in the same statement.
        sqlx::query("delete from users where user_id = ?").bind(&user.0).execute(&self.writer).await?;
        Ok(())
    }

    async fn write(&self, by: &Principal) -> Result<Box<dyn Write>, StoreError> {
        let tx = self.writer.begin_with("begin immediate").await?;
        Ok(Box::new(write::Transaction::begin(tx, by).await?))
    }

    async fn clock(&self, user: &UserId) -> Result<Millis, StoreError> {
        read::clock(&self.readers, user).await
    }

    async fn tag(&self, user: &UserId, tick: Millis) -> Result<Option<String>, StoreError> {
        read::tag(&self.readers, user, tick).await
    }

    async fn changes(&self, user: &UserId, since: Millis, bounds: Bounds) -> Result<Page, StoreError> {
        let mut tx = self.readers.begin().await?;
        let page = read::changes(&mut tx, user, since, bounds).await?;
        tx.commit().await?;
        Ok(page)
    }

    async fn sessions(
        &self,
        user: &UserId,
        before: Option<(Millis, String)>,
        bounds: Bounds,
    ) -> Result<(Vec<Value>, bool), StoreError> {
        read::sessions(&self.readers, user, before, bounds).await
    }

    async fn head(&self, user: &UserId, key: &Key) -> Result<Option<Value>, StoreError> {
        read::head(&self.readers, user, key).await
    }

    async fn versions(
        &self,
        user: &UserId,
        key: &Key,
        before: Option<(Millis, String)>,
        bounds: Bounds,
    ) -> Result<(Vec<Kept>, bool), StoreError> {
        read::versions(&self.readers, user, key, before, bounds).await
    }

    async fn log(
        &self,
        user: &UserId,
        record: Option<&Key>,
        since: (Millis, i64),
        rows: u32,
    ) -> Result<(Vec<Logged>, bool), StoreError> {
        read::log(&self.readers, user, record, since, rows).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        sqlx::query("select 1 from users limit 1").fetch_optional(&self.readers).await?;
        Ok(())
    }

    async fn backup(&self, file: &Path) -> Result<(), StoreError> {
        let name = file.to_str().ok_or_else(|| StoreError::Failed("the file name is not UTF-8".into()))?;
        sqlx::query("vacuum into ?").bind(name).execute(&self.readers).await?;
        Ok(())
    }

    async fn check(&self) -> Result<Findings, StoreError> {
        let mut tx = self.readers.begin().await?;
        let findings = check::check(&mut tx).await?;
        tx.commit().await?;
        Ok(findings)
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn add_device(
    tx: &mut sqlx::SqliteConnection,
    user: UserId,
    now: Millis,
    device: NewDevice,
) -> Result<Principal, StoreError> {
    let id = Uuid::new_v4().to_string();
    sqlx::query(
        "insert into devices (user_id, device_id, name, token_sha256, created_at, seen_at) values (?1, ?2, ?3, ?4, ?5, ?5)",
    )
    .bind(&user.0)
    .bind(&id)
    .bind(&device.name)
    .bind(&device.token[..])
    .bind(now)
    .execute(tx)
    .await?;
    Ok(Principal { user, device: id })
}

/// A stored body as JSON.
fn body(text: &str) -> Result<Value, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(format!("a body: {error}")))
}
