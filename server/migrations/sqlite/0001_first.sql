-- Every primary key, unique index and foreign key starts with user_id, no transaction touches two users, and there is no
-- sequence: distributing the tables by user_id is then a matter of configuration.

-- The row of a user is the lock of a user: whoever writes for a user holds it to the commit.
create table users (
    user_id     text    not null primary key,
    created_at  integer not null,
    -- The commit clock: the last tick given to a row of this user, readable as epoch ms.
    clock       integer not null default 0,
    -- Totals over the current sessions and counters, brought up to date by the transaction that changes them.
    average_wpm real    not null default 0,
    sessions    integer not null default 0,
    practice_ms integer not null default 0,
    totals_tick integer not null default 0
) strict, without rowid;

create table devices (
    user_id      text    not null references users (user_id) on delete cascade,
    device_id    text    not null,
    name         text    not null,
    -- The token itself is never stored.
    token_sha256 blob    not null,
    created_at   integer not null,
    seen_at      integer not null,
    revoked_at   integer,
    primary key (user_id, device_id)
) strict, without rowid;

-- A request carries only the token, so this index is not led by the user. It is not unique: 256 random bits are.
create index device_by_token on devices (token_sha256);

create table link_codes (
    user_id     text    not null references users (user_id) on delete cascade,
    code_sha256 blob    not null,
    expires_at  integer not null,
    used_at     integer,
    primary key (user_id, code_sha256)
) strict, without rowid;

create index link_code_by_code on link_codes (code_sha256);

-- The current version of every record.
create table records (
    user_id     text    not null references users (user_id) on delete cascade,
    kind        text    not null,
    record_id   text    not null,
    version     text    not null,
    -- When this version became current, on the user's commit clock. A pull is a range of ticks.
    tick        integer not null,
    deleted     integer not null,
    -- Start of a session, for the history; null for other kinds.
    started_at  integer,
    -- Present only where it counts in the totals.
    wpm         real,
    practice_ms integer,
    -- The flat wire form.
    body        text    not null,
    primary key (user_id, kind, record_id)
) strict, without rowid;

create unique index record_by_tick on records (user_id, tick);
create index session_by_start on records (user_id, started_at, record_id) where kind = 'session' and deleted = 0;
-- The totals are computed from these two indexes alone.
create index record_by_wpm on records (user_id, wpm) where wpm is not null;
create index record_by_practice on records (user_id, practice_ms) where practice_ms is not null;

-- Every version that was ever accepted, current or not. Rows are never changed and never deleted one by one.
create table versions (
    user_id   text    not null references users (user_id) on delete cascade,
    kind      text    not null,
    record_id text    not null,
    -- The version as it was offered. It differs from `version` when the stamp was ahead of time and was clamped.
    submitted text    not null,
    version   text    not null,
    -- The last tick given when this version was written.
    tick      integer not null,
    device_id text    not null,
    -- What the device was told the first time.
    outcome   text    not null,
    body      text    not null,
    primary key (user_id, kind, record_id, submitted)
) strict, without rowid;

-- The few that were clamped, by the name they got.
create index version_by_stored on versions (user_id, kind, record_id, version) where submitted <> version;
create index version_by_tick on versions (user_id, kind, record_id, tick, submitted);

-- The conflict inbox: one row per version that lost.
create table conflicts (
    user_id        text    not null references users (user_id) on delete cascade,
    conflict_id    text    not null,
    kind           text    not null,
    record_id      text    not null,
    -- When the row was written or settled, on the same clock as the records.
    tick           integer not null,
    local_version  text    not null,
    remote_version text    not null,
    resolved_by    text,
    body           text    not null,
    primary key (user_id, conflict_id)
) strict, without rowid;

create unique index conflict_by_tick on conflicts (user_id, tick);

-- The audit trail, written in the transaction of what it tells about. It holds no content.
create table sync_log (
    user_id   text    not null references users (user_id) on delete cascade,
    tick      integer not null,
    -- 0 for the row that took the tick; 1, 2, … for what happened after it without changing anything that is pulled.
    nth       integer not null,
    -- Random name of the commit, so that a cursor notices a database restored from a backup. Only where nth is 0.
    tag       text,
    -- Server time, epoch ms.
    at        integer not null,
    device_id text    not null,
    op        text,
    kind      text    not null,
    record_id text    not null,
    version   text,
    outcome   text    not null,
    -- What was written: head, inbox, version or nothing.
    wrote     text    not null,
    detail    text    not null,
    primary key (user_id, tick, nth)
) strict, without rowid;

create index log_by_record on sync_log (user_id, kind, record_id, tick, nth);
