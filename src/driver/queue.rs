//! The user's calls about the queue and the inbox: operations, retry, discard, conflicts, resolve, timeline.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Driver, http};
use crate::edit::{Choice, Edit};
use crate::error::Error;
use crate::model::{Conflict, Key};
use crate::order::sorted;
use crate::queue::Operation;
use crate::seam::{Host, Store, Table, Transport};
use crate::stamp::Millis;
use crate::state::op_body;

/// One line of the history of a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimelineLine {
    /// Epoch ms of the clock that wrote it.
    pub at: Millis,
    /// `device` or `server`.
    pub source: &'static str,
    /// The operation it is about.
    pub op: Option<String>,
    /// The device that made the edit.
    pub device: Option<String>,
    /// What became of it.
    pub outcome: String,
    /// Anything else.
    pub detail: Option<String>,
}

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    /// The queue, oldest first, parked operations included, each with what it sends.
    pub async fn operations(&self) -> Result<Vec<Value>, Error> {
        self.check_open()?;
        let ops: Vec<Operation> = self.state.borrow().queue.values().cloned().collect();
        let wanted: Vec<_> = ops.iter().map(|op| (Table::Body, op_body(op))).collect();
        let bodies = self.store.read(&wanted).await?;
        let in_flight = self.engine.borrow().in_flight().to_vec();
        let shown = ops.into_iter().zip(bodies).map(|(op, body)| {
            let data: Value = body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
            let status = if in_flight.contains(&op.id) { json!("in_progress") } else { json!(op.status) };
            json!({
                "id": op.id, "type": op.kind, "data": data, "timestamp": op.timestamp, "attempts": op.attempts,
                "status": status, "error": op.error, "recordId": op.key().map(|key| key.id),
                "version": op.version, "parkedReason": op.code,
            })
        });
        Ok(shown.collect())
    }

    /// Queues a parked operation again, or all of them; answers how many there were.
    pub async fn retry(&self, op: Option<String>) -> Result<usize, Error> {
        let parked = {
            let state = self.state.borrow();
            let mine = |other: &&Operation| other.parked() && op.as_ref().is_none_or(|op| *op == other.id);
            state.queue.values().filter(mine).count()
        };
        self.edit(&[Edit::Retry { op }]).await?;
        Ok(parked)
    }

    /// Gives an edit up; the record goes back to what the server has.
    pub async fn discard(&self, op: String) -> Result<(), Error> {
        self.edit(&[Edit::Discard { op }]).await.map(|_| ())
    }

    /// Conflicts waiting for a choice, the newest first.
    pub fn conflicts(&self) -> Result<Vec<Value>, Error> {
        self.check_open()?;
        let state = self.state.borrow();
        let open = sorted(state.open_conflicts().collect(), &|a: &&Conflict, b| {
            (b.detected_at, &b.id).cmp(&(a.detected_at, &a.id))
        });
        Ok(open.into_iter().map(|conflict| conflict.to_wire()).collect())
    }

    /// Settles a conflict with an edit that names it.
    pub async fn resolve(
        &self,
        id: &str,
        choice: Choice,
        fields: BTreeMap<String, Choice>,
    ) -> Result<(), Error> {
        let key = self.state.borrow().conflicts.get(id).map(|conflict| conflict.key.clone());
        let edit = Edit::Resolve { id: id.to_owned(), choice, fields };
        match key {
            Some(key) => self.edit_known(&key, edit).await,
            None => self.edit(&[edit]).await,
        }
        .map(|_| ())
    }

    /// What happened to a session here and, when it can be reached, on the server; oldest first.
    pub async fn timeline(&self, id: &str) -> Result<Vec<TimelineLine>, Error> {
        self.check_open()?;
        let key = Key::session(id).to_string();
        let mut lines = Vec::new();
        let device = self.state.borrow().head.account.as_ref().map(|account| account.device_id.clone());
        let line = |at, op: &str, outcome: &str, detail: Option<String>| TimelineLine {
            at,
            source: "device",
            op: Some(op.to_owned()),
            device: device.clone(),
            outcome: outcome.to_owned(),
            detail,
        };
        for (_, text) in self.store.scan(Table::Log, &format!("{key} "), &format!("{key}!"), 1_000).await? {
            let Ok(logged) = serde_json::from_str::<Value>(&text) else { continue };
            let text = |name: &str| logged.get(name).and_then(Value::as_str).map(str::to_owned);
            let ms = |name: &str| logged.get(name).and_then(Value::as_i64).unwrap_or(0);
            let op = text("op").unwrap_or_default();
            lines.push(line(ms("queuedAt"), &op, "queued", None));
            lines.push(line(ms("at"), &op, &text("outcome").unwrap_or_default(), text("detail")));
        }
        for op in self.state.borrow().ops_of(&Key::session(id)) {
            lines.push(line(op.timestamp, &op.id, "queued", op.error.clone()));
        }
        if device.is_some() {
            let path = format!("/api/sync/log?record={}", http::segment(&key));
            // The server's half is shown when it can be had; the device's own is worth showing without it.
            if let Ok(answer) = self.ask(http::get(path)).await {
                lines.extend(server_lines(&answer));
            }
        }
        let mut lines = sorted(lines, &|a, b| (a.at, a.source).cmp(&(b.at, b.source)));
        lines.dedup();
        Ok(lines)
    }
}

fn server_lines(answer: &Value) -> Vec<TimelineLine> {
    let lines = answer.get("entries").or(Some(answer)).and_then(Value::as_array);
    let line = |entry: &Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(TimelineLine {
            at: entry.get("at")?.as_i64()?,
            source: "server",
            op: text("op"),
            device: text("device"),
            outcome: text("outcome")?,
            detail: text("detail"),
        })
    };
    lines.into_iter().flatten().filter_map(line).collect()
}
