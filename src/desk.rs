//! For unit tests: one device without a platform. Plans are made, written to a map and applied, as the driver does.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::edit::Edit;
use crate::error::Error;
use crate::model::{Fields, Key, Record};
use crate::plan::{Bodies, Plan, Rules};
use crate::queue::Operation;
use crate::seam::{Now, Row, Table};
use crate::settle::Progress;
use crate::stamp::{Millis, Replica};
use crate::state::{State, view};
use crate::wire::{OpResult, Outcome, PushReply};

/// One device on a table.
pub struct Desk {
    pub state: State,
    pub rows: BTreeMap<(Table, String), String>,
    pub rules: Rules,
    pub wall: Millis,
    random: Cell<u128>,
}

pub fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

pub fn session(wpm: u32) -> Fields {
    fields(json!({"text": "abc", "wpm": wpm, "accuracy": 95, "timestamp": 1_000}))
}

impl Desk {
    pub fn new(replica: u64) -> Desk {
        let state = State::empty(Replica(replica));
        Desk { state, rows: BTreeMap::new(), rules: Rules::default(), wall: 1_000_000, random: Cell::new(1) }
    }

    fn run(
        &mut self,
        wanted: Vec<(Table, String)>,
        fill: impl FnOnce(&mut Plan) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let found = wanted.iter().map(|key| self.rows.get(key).cloned()).collect();
        let random = || {
            self.random.set(self.random.get() + 1);
            self.random.get() << 96
        };
        let now = Now { wall: self.wall, mono: self.wall };
        let mut plan = Plan::new(&self.state, &self.rules, now, Bodies::new(&wanted, found), &random);
        if !fill(&mut plan)? {
            return Ok(false);
        }
        let mut batch = plan.batch;
        let write = self.state.write(&mut batch);
        for Row { table, key, value } in write.rows.clone() {
            match value {
                Some(value) => self.rows.insert((table, key), value),
                None => self.rows.remove(&(table, key)),
            };
        }
        self.state.apply(batch, &write);
        self.assert_reopens_as_it_is();
        Ok(true)
    }

    /// What is in memory is what a fresh process would read.
    fn assert_reopens_as_it_is(&self) {
        let rows = self.rows.iter().filter(|((table, _), _)| Table::LOADED.contains(table));
        let rows = rows.map(|((table, key), value)| Row {
            table: *table,
            key: key.clone(),
            value: Some(value.clone()),
        });
        let (fresh, damaged) = State::from_rows(rows.collect(), Replica(0)).unwrap();
        assert!(damaged.is_empty());
        assert_eq!(
            (fresh.head, fresh.index, fresh.queue),
            (self.state.head.clone(), self.state.index.clone(), self.state.queue.clone())
        );
        assert_eq!(fresh.conflicts, self.state.conflicts);
    }

    pub fn edit(&mut self, edit: Edit) -> Result<bool, Error> {
        let wanted = edit.wants(&self.state);
        self.run(wanted, |plan| edit.plan(plan))
    }

    pub fn put(&mut self, id: &str, fields: Fields) -> Result<bool, Error> {
        self.edit(Edit::Put { key: Key::session(id), fields, ends_draft: false })
    }

    pub fn patch(&mut self, id: &str, patch: Value) -> Result<bool, Error> {
        self.edit(Edit::Patch { key: Key::session(id), fields: fields(patch) })
    }

    pub fn round(&mut self, progress: Progress) -> Result<bool, Error> {
        let round = self.state.head.round;
        self.round_of(progress, round)
    }

    pub fn round_of(&mut self, progress: Progress, round: u64) -> Result<bool, Error> {
        let wanted = progress.wants(&self.state);
        self.run(wanted, |plan| progress.plan(plan, round).map(|()| true))
    }

    /// What the user sees of a session.
    pub fn seen(&self, id: &str) -> Option<Record> {
        let key = Key::session(id);
        let read = |name: String| {
            let text = self.rows.get(&(Table::Body, name))?;
            Some(crate::state::from_text(key.kind, text).unwrap())
        };
        let pending = self.state.ops_of(&key).next_back().and_then(|op| read(crate::state::op_body(op)));
        view(&self.state, &key, pending.as_ref(), read(key.to_string()).as_ref(), self.rules.strategy)
            .map(|(seen, _)| seen)
    }

    pub fn ops(&self) -> Vec<Operation> {
        self.state.queue.values().cloned().collect()
    }

    /// The content of an operation.
    pub fn content(&self, op: &Operation) -> Record {
        let text = &self.rows[&(Table::Body, crate::state::op_body(op))];
        crate::state::from_text(op.key().unwrap().kind, text).unwrap()
    }

    /// Marks everything that may go as sent, and answers what a push of it would carry.
    pub fn send(&mut self) -> Vec<(String, Record)> {
        let ids = crate::queue::take(&self.state.queue, &self.rules.options, 10);
        self.round(Progress::Sending(ids.clone())).unwrap();
        ids.into_iter().map(|id| (id.clone(), self.content(&self.state.queue[&id]))).collect()
    }

    /// The server's answer to a push of `sent`, every operation with the same outcome.
    pub fn answered(
        &mut self,
        sent: Vec<(String, Record)>,
        outcome: Outcome,
        current: &[Record],
    ) -> Result<bool, Error> {
        let result = |(op, record): &(String, Record)| OpResult {
            op: Some(op.clone()),
            id: record.key.id.clone(),
            outcome,
            first: None,
            version: (outcome != Outcome::Rejected).then_some(record.version),
            code: (outcome == Outcome::Rejected).then(|| "invalid".to_owned()),
            error: None,
            clock_skew_ms: None,
        };
        let merged = current.iter().map(|record| (record.key.id.clone(), Value::Object(record.to_wire())));
        let reply = PushReply {
            results: sent.iter().map(result).collect(),
            merged: merged.collect(),
            ..PushReply::default()
        };
        self.round(Progress::Pushed { sent, reply: Box::new(reply), sent_at: self.wall })
    }

    /// A push that the server takes as it is.
    pub fn confirm(&mut self) {
        let sent = self.send();
        self.answered(sent, Outcome::Applied, &[]).unwrap();
    }
}
