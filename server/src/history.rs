//! What the cloud keeps beyond a device's cache: old sessions, every version, and the audit trail.

use axum::Json;
use axum::extract::{Path, State};
use keyflow_sync::error::FieldError;
use keyflow_sync::model::Key;
use keyflow_sync::stamp::Millis;
use serde_json::{Value, json};

use crate::app::{App, Params, owned};
use crate::error::Problem;
use crate::pull::PAGE_BYTES;
use crate::store::{Bounds, Kept, Principal};

/// `GET /api/sync/sessions?before=&limit=`: newest start first. `before` is a time in ms, or `next` of the page before.
pub async fn sessions(
    State(app): State<App>,
    who: Principal,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let bounds = bounds(&params)?;
    let before = params.get("before").map(place).transpose()?;
    let (sessions, has_more) = app.store.sessions(&who.user, before, bounds).await?;
    let next = sessions.last().filter(|_| has_more).and_then(|session| {
        Some(format!("{}.{}", session.get("timestamp")?.as_i64()?, session.get("id")?.as_str()?))
    });
    let sessions: Vec<Value> = sessions.into_iter().map(|session| owned(&who.user, session)).collect();
    Ok(Json(json!({ "sessions": sessions, "hasMore": has_more, "next": next })))
}

/// `GET /api/sync/sessions/{id}`: the current version, also of a deleted session.
pub async fn session(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let session = app.store.head(&who.user, &Key::session(id)).await?;
    session.map(|session| Json(owned(&who.user, session))).ok_or_else(|| Problem::not_found("session"))
}

/// `GET /api/sync/sessions/{id}/versions?before=&limit=`: every kept version, newest first.
pub async fn versions(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let bounds = bounds(&params)?;
    let before = params.get("before").map(place).transpose()?;
    let first_page = before.is_none();
    let (kept, has_more) = app.store.versions(&who.user, &Key::session(id), before, bounds).await?;
    if kept.is_empty() && first_page {
        return Err(Problem::not_found("session"));
    }
    let next =
        kept.last().filter(|_| has_more).map(|Kept { position: (tick, name), .. }| format!("{tick}.{name}"));
    let versions: Vec<Value> = kept
        .into_iter()
        .map(|Kept { position: (tick, offered), device, outcome, body }| {
            json!({
                "version": body.get("version"), "offered": offered, "tick": tick, "device": device,
                "outcome": outcome, "record": owned(&who.user, body),
            })
        })
        .collect();
    Ok(Json(json!({ "versions": versions, "hasMore": has_more, "next": next })))
}

/// `GET /api/sync/log?record=&since=&limit=`: oldest first. `record` is `kind/id` or the id of a session; `since` is a
/// tick, or `next` of the page before.
pub async fn log(State(app): State<App>, who: Principal, params: Params) -> Result<Json<Value>, Problem> {
    let rows = params.limit(200, 500)?;
    let record = params.get("record").map(|text| Key::parse(text).unwrap_or_else(|| Key::session(text)));
    let problem = || FieldError::new("since", "must be a server timestamp or `next` of an earlier reply");
    let since = match params.get("since") {
        None => (0, 0),
        Some(text) => match text.split_once('.') {
            // A bare tick stands behind everything that happened at it.
            None => (text.parse().map_err(|_| problem())?, i64::MAX),
            Some((tick, nth)) => (tick.parse().map_err(|_| problem())?, nth.parse().map_err(|_| problem())?),
        },
    };
    let (found, has_more) = app.store.log(&who.user, record.as_ref(), since, rows).await?;
    let next = found.last().map_or(since, |row| row.position);
    let entries: Vec<Value> = found.into_iter().map(|row| row.entry).collect();
    Ok(Json(json!({ "entries": entries, "hasMore": has_more, "next": format!("{}.{}", next.0, next.1) })))
}

fn bounds(params: &Params) -> Result<Bounds, FieldError> {
    Ok(Bounds { rows: params.limit(100, 500)?, bytes: PAGE_BYTES })
}

/// A number, or a number and a name joined by a dot.
fn place(text: &str) -> Result<(Millis, String), FieldError> {
    let (number, name) = text.split_once('.').unwrap_or((text, ""));
    let number = number.parse();
    number
        .map(|number| (number, name.to_owned()))
        .map_err(|_| FieldError::new("before", "must be a number or `next` of an earlier reply"))
}
