//! Pull: what changed after a position on the user's commit clock, in the order of commits, page by page.
//!
//! A position is the plain clock, as in the spec, or an opaque cursor that also names the commit it stands on, so that a
//! database restored from a backup is noticed.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyflow_sync::error::FieldError;
use keyflow_sync::model::Kind;
use keyflow_sync::stamp::Millis;
use keyflow_sync::wire::{PullReply, Totals};
use serde_json::Value;

use crate::app::{App, Params, owned};
use crate::error::Problem;
use crate::store::{Bounds, Change, Page, Principal, UserId};

/// Most bytes of bodies in one page.
pub const PAGE_BYTES: usize = 1 << 20;

/// A point on the user's commit clock, as a client names it.
#[derive(Debug, PartialEq, Eq)]
pub enum Position {
    Plain(Millis),
    Commit { tick: Millis, tag: String },
}

/// The position behind the commit at `tick`.
pub fn cursor(tick: Millis, tag: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1|{tick}|{tag}"))
}

impl Position {
    fn tick(&self) -> Millis {
        match self {
            Position::Plain(tick) | Position::Commit { tick, .. } => *tick,
        }
    }
}

/// The commit that a device saw an answer of; the beginning when it names none.
pub fn witness(known: Option<&str>) -> Result<Position, FieldError> {
    let wrong = || FieldError::new("known", "must be a cursor of an earlier reply");
    known.map_or(Ok(Position::Plain(0)), |text| position(text).ok_or_else(wrong))
}

/// Whether the user's clock went through that point.
pub async fn is_known(app: &App, user: &UserId, position: &Position) -> Result<bool, Problem> {
    match position {
        Position::Plain(_) | Position::Commit { tick: 0, .. } => Ok(true),
        Position::Commit { tick, tag } => Ok(app.store.tag(user, *tick).await?.as_ref() == Some(tag)),
    }
}

fn position(text: &str) -> Option<Position> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Position::Plain);
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (tick, tag) = text.strip_prefix("1|")?.split_once('|')?;
    let tick = tick.parse().ok().filter(|tick| *tick >= 0)?;
    Some(Position::Commit { tick, tag: tag.to_owned() })
}

/// `GET /api/sync/changes?since=&limit=&known=`: `known` is the last commit the device saw an answer of, if it has not
/// pulled it yet.
pub async fn changes(
    State(app): State<App>,
    who: Principal,
    params: Params,
) -> Result<Json<PullReply>, Problem> {
    let bounds = Bounds { rows: params.limit(200, 500)?, bytes: PAGE_BYTES };
    let problem = || FieldError::new("since", "must be a server timestamp or a cursor of an earlier reply");
    let since = position(params.get("since").unwrap_or("0")).ok_or_else(problem)?;
    let witness = witness(params.get("known"))?;
    let known = is_known(&app, &who.user, &since).await? && is_known(&app, &who.user, &witness).await?;
    let since = since.tick();
    // Without the commit the device's position means nothing here: it starts again, and offers what it has.
    let page = app.store.changes(&who.user, if known { since } else { Millis::MAX }, bounds).await?;
    let mut reply = reply(&who.user, page);
    if !known {
        (reply.resync, reply.has_more, reply.server_timestamp) = (true, true, 0);
        reply.cursor = Some(cursor(0, ""));
    } else if since > reply.server_timestamp {
        reply.resync = true;
        reply.cursor = Some(cursor(0, ""));
    }
    reply.server_now = Some(app.config.clock.now());
    Ok(Json(reply))
}

fn reply(user: &UserId, page: Page) -> PullReply {
    let mut reply = PullReply {
        progress: Totals {
            average_wpm: page.sums.average_wpm,
            total_sessions: page.sums.sessions,
            practice_ms: page.sums.practice_ms,
            last_modified: page.sums.tick,
            records: Vec::new(),
        },
        server_timestamp: page.reached,
        cursor: Some(cursor(page.reached, &page.tag)),
        has_more: page.has_more,
        ..PullReply::default()
    };
    for (_, change) in page.changes {
        match change {
            Change::Head(Kind::Session, record) => reply.sessions.push(owned(user, record)),
            Change::Head(Kind::Progress, record) => reply.progress.records.push(owned(user, record)),
            Change::Head(Kind::Settings, record) => reply.settings.push(owned(user, record)),
            Change::Conflict(mut conflict) => {
                for side in ["local", "remote"] {
                    conflict[side] = owned(user, conflict.get_mut(side).map(Value::take).unwrap_or_default());
                }
                reply.conflicts.push(conflict);
            }
        }
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_a_forged_one_is_refused() {
        let good = Position::Commit { tick: 17, tag: "ab".into() };
        assert_eq!(position(&cursor(17, "ab")), Some(good));
        assert_eq!(position("17"), Some(Position::Plain(17)));
        let forged = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for bad in [
            "",
            "-1",
            "1.5",
            "x y",
            "99999999999999999999",
            &forged("2|1|a"),
            &forged("1|-1|a"),
            &forged("1|x|a"),
            &forged("1|5"),
        ] {
            assert_eq!(position(bad), None, "{bad}");
        }
    }
}
