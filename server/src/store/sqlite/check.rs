//! Looks for broken promises in the data of SQLite. Each query lists what must not exist.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use crate::store::{Findings, StoreError};

/// Most lines per promise; the first ones tell what is wrong.
const LINES: i64 = 100;

const COUNTS: [(&str, &str); 7] = [
    ("users", "select count(*) from users"),
    ("devices", "select count(*) from devices"),
    ("records", "select count(*) from records"),
    ("versions", "select count(*) from versions"),
    ("conflicts", "select count(*) from conflicts"),
    ("conflicts open", "select count(*) from conflicts where resolved_by is null"),
    ("log rows", "select count(*) from sync_log"),
];

/// What is promised, and a query for the ids that break it.
const PROMISES: [(&str, &str); 13] = [
    (
        "I1 every current version is kept, byte by byte",
        "select user_id || ' ' || kind || '/' || record_id from records r where not exists (
             select 1 from versions v where v.user_id = r.user_id and v.kind = r.kind and v.record_id = r.record_id
                 and v.version = r.version and v.body = r.body) limit ?",
    ),
    (
        "I1 every kept version has a current one",
        "select user_id || ' ' || kind || '/' || record_id from versions v where not exists (
             select 1 from records r where r.user_id = v.user_id and r.kind = v.kind and r.record_id = v.record_id)
         limit ?",
    ),
    (
        "I2 a version takes effect once",
        "select user_id || ' ' || kind || '/' || record_id || ' ' || version from sync_log
         where wrote in ('head', 'version') group by user_id, kind, record_id, version having count(*) > 1 limit ?",
    ),
    (
        "I3 the totals are those of the current sessions and counters",
        "select user_id from users u where sessions <> (
             select count(*) from records r where r.user_id = u.user_id and r.wpm is not null)
         or practice_ms <> (
             select cast(min(total(practice_ms), 9007199254740991.0) as integer) from records r
             where r.user_id = u.user_id and r.practice_ms is not null)
         or abs(average_wpm - coalesce((
             select total(wpm) / count(*) from records r where r.user_id = u.user_id and r.wpm is not null), 0)) > 0.0051
         limit ?",
    ),
    (
        "I4 both versions of a conflict are kept",
        "select user_id || ' ' || conflict_id from conflicts c where (
             select count(distinct version) from versions v where v.user_id = c.user_id and v.kind = c.kind
                 and v.record_id = c.record_id and v.version in (c.local_version, c.remote_version)) < 2 limit ?",
    ),
    (
        "I4 a version that lost to another is in the inbox",
        "select l.user_id || ' ' || l.kind || '/' || l.record_id || ' ' || l.version from sync_log l
         where l.outcome = 'conflict' and l.wrote in ('head', 'version') and not exists (
             select 1 from conflicts c where c.user_id = l.user_id and c.kind = l.kind and c.record_id = l.record_id
                 and c.local_version = l.version) limit ?",
    ),
    (
        "I4 a current version follows the one before it, or a decision about both",
        "select user_id || ' ' || kind || '/' || record_id || ' ' || version from (
             select l.*, lag(version) over (partition by user_id, kind, record_id order by tick) as before
             from sync_log l where wrote = 'head') l
         where before is not null and json_extract(detail, '$.winner') is null and not exists (
             select 1 from versions v where v.user_id = l.user_id and v.kind = l.kind and v.record_id = l.record_id
                 and v.version = l.version and json_extract(v.body, '$.base') = l.before) limit ?",
    ),
    (
        "I4 a conflict is settled by a version that is kept",
        "select user_id || ' ' || conflict_id from conflicts c where resolved_by is not null and not exists (
             select 1 from versions v where v.user_id = c.user_id and v.kind = c.kind and v.record_id = c.record_id
                 and v.version = c.resolved_by) limit ?",
    ),
    (
        "I5 no two rows of a user have the same tick",
        "select user_id || ' ' || tick from (
             select user_id, tick from records union all select user_id, tick from conflicts)
         group by user_id, tick having count(*) > 1 limit ?",
    ),
    (
        "I5 no tick is ahead of its user's clock",
        "select t.user_id || ' ' || t.tick from (
             select user_id, tick from records union all select user_id, tick from conflicts
             union all select user_id, tick from versions union all select user_id, tick from sync_log) t
         join users u on u.user_id = t.user_id where t.tick > u.clock limit ?",
    ),
    (
        "I5 the last commit of a user has a name",
        "select user_id from users u where clock > 0 and not exists (
             select 1 from sync_log l where l.user_id = u.user_id and l.tick = u.clock and l.nth = 0
                 and l.tag is not null) limit ?",
    ),
    (
        "I14 a row and its line in the log are written together",
        "select user_id || ' ' || kind || '/' || record_id from records r where not exists (
             select 1 from sync_log l where l.user_id = r.user_id and l.tick = r.tick and l.nth = 0
                 and l.kind = r.kind and l.record_id = r.record_id and l.version = r.version and l.wrote = 'head')
         union all
         select user_id || ' ' || conflict_id from conflicts c where not exists (
             select 1 from sync_log l where l.user_id = c.user_id and l.tick = c.tick and l.nth = 0
                 and l.kind = c.kind and l.record_id = c.record_id and l.wrote = 'inbox') limit ?",
    ),
    (
        "I17 every kept version is in the log, and the log leads to the current one",
        "select user_id || ' ' || kind || '/' || record_id || ' ' || version from versions v where not exists (
             select 1 from sync_log l where l.user_id = v.user_id and l.kind = v.kind and l.record_id = v.record_id
                 and (l.version = v.version or json_extract(l.detail, '$.offered') = v.version)
                 and l.wrote <> 'nothing')
         union all
         select user_id || ' ' || kind || '/' || record_id || ' ' || version from records r where r.version <> (
             select l.version from sync_log l where l.user_id = r.user_id and l.kind = r.kind
                 and l.record_id = r.record_id and l.wrote = 'head' order by l.tick desc limit 1) limit ?",
    ),
];

/// The connection must be in a transaction, so that everything is of one moment.
pub(super) async fn check(tx: &mut SqliteConnection) -> Result<Findings, StoreError> {
    let mut counts = BTreeMap::new();
    for (table, query) in COUNTS {
        let (count,): (i64,) = sqlx::query_as(query).fetch_one(&mut *tx).await?;
        counts.insert(table, count);
    }
    let mut violations = Vec::new();
    for (promise, query) in PROMISES {
        let broken: Vec<(String,)> = sqlx::query_as(query).bind(LINES).fetch_all(&mut *tx).await?;
        violations.extend(broken.into_iter().map(|(ids,)| format!("{promise}: {ids}")));
    }
    let sound: Vec<(String,)> = sqlx::query_as("pragma integrity_check").fetch_all(&mut *tx).await?;
    violations
        .extend(sound.into_iter().filter(|(line,)| line != "ok").map(|(line,)| format!("file: {line}")));
    let orphans = sqlx::query("pragma foreign_key_check").fetch_all(&mut *tx).await?;
    if !orphans.is_empty() {
        violations.push(format!("file: {} rows belong to nobody", orphans.len()));
    }
    Ok(Findings { counts, violations })
}
