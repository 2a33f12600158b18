//! Between a state and the rows of the store: reading all of them, reading what another tab wrote, writing a batch.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Batch, Change, FORMAT, Head, State, json, op_body, to_text};
use crate::clock::HybridClock;
use crate::entry::Entry;
use crate::error::StoreError;
use crate::fault::{Fault, on};
use crate::model::{Conflict, Key};
use crate::queue::Operation;
use crate::read::{FromJson, parse};
use crate::seam::{HEAD, Row, Table, Write};
use crate::stamp::Replica;

/// Commits whose changed rows the head remembers, so that another tab reads only those.
pub(super) const REMEMBERED: usize = 24;
/// A commit that touched more rows than this makes other tabs read everything.
const REMEMBERED_ROWS: usize = 24;

impl State {
    /// Reads what [`crate::seam::Store::load`] brought. Rows that cannot be read come back beside the state, to be set
    /// aside; `replica` names the store when it has no readable head.
    pub fn from_rows(rows: Vec<Row>, replica: Replica) -> Result<(State, Vec<Row>), StoreError> {
        let mut state = State::empty(replica);
        let mut damaged = Vec::new();
        for row in rows {
            if !state.take_row(&row)? {
                damaged.push(row);
            }
        }
        Ok((state, damaged))
    }

    /// Takes one stored row in; `false` when it cannot be read.
    fn take_row(&mut self, row: &Row) -> Result<bool, StoreError> {
        let value = row.value.as_deref();
        Ok(match row.table {
            Table::Meta if row.key == HEAD => self.take_head(value)?,
            Table::Index => {
                let parsed = value.map(parse::<Entry>).transpose();
                match (Key::parse(&row.key), parsed) {
                    (Some(key), Ok(Some(entry))) => {
                        self.index.insert(key, entry);
                        true
                    }
                    (Some(key), Ok(None)) => {
                        self.index.remove(&key);
                        true
                    }
                    _ => false,
                }
            }
            Table::Op => match value.map(parse::<Operation>).transpose() {
                Ok(Some(op)) if op.key().is_some() && op.id == row.key => {
                    self.enqueue(op);
                    true
                }
                Ok(None) => {
                    self.dequeue(&row.key);
                    true
                }
                _ => false,
            },
            Table::Conflict => {
                let parsed = value.map(parse::<Value>).transpose().ok();
                match parsed.map(|wire| wire.map(Conflict::from_wire).transpose()) {
                    Some(Ok(conflict)) => {
                        self.set_conflict(&row.key, conflict);
                        true
                    }
                    _ => false,
                }
            }
            _ => true,
        })
    }

    fn take_head(&mut self, value: Option<&str>) -> Result<bool, StoreError> {
        let Some(text) = value else { return Ok(true) };
        self.head_text = Some(text.to_owned());
        let Ok(head) = parse::<Value>(text) else { return Ok(false) };
        match head.get("format").and_then(Value::as_u64).and_then(|format| u32::try_from(format).ok()) {
            Some(format) if format > FORMAT => return Err(StoreError::Newer(format)),
            _ => {}
        }
        match Head::from_json(head) {
            // M15: the clock starts again with the process.
            Ok(head) if on(Fault::M15) => {
                self.head = Head { clock: HybridClock::new(head.clock.replica), ..head };
            }
            Ok(head) => self.head = head,
            Err(_) => return Ok(false),
        }
        Ok(true)
    }

    /// Whether this is the state of a store whose head has that text.
    pub fn stands_on(&self, head_text: Option<&str>) -> bool {
        self.head_text.as_deref() == head_text
    }

    /// The exact text of the head in the store, when it has one.
    pub fn head_text(&self) -> Option<&str> {
        self.head_text.as_deref()
    }

    /// The keys of the rows to read after another tab committed `head`, or `None` when everything is to be read.
    pub fn missed(&self, head_text: Option<&str>) -> Option<Vec<(Table, String)>> {
        let head: Head = parse(head_text?).ok()?;
        let mine = self.head.generation;
        let covered = head.recent.first().is_some_and(|(first, _)| *first <= mine + 1);
        if head.format != FORMAT || !covered || head.clock.replica != self.head.clock.replica {
            return None;
        }
        let mut rows = vec![(Table::Meta, HEAD.to_owned())];
        for (_, touched) in head.recent.iter().filter(|(generation, _)| *generation > mine) {
            for row in touched.as_ref()? {
                let (table, key) = row.split_once('/')?;
                let row = (Table::from_name(table)?, key.to_owned());
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
        Some(rows)
    }

    /// Takes in rows that another tab wrote. `false` when one of them cannot be read.
    pub fn take_rows(&mut self, rows: &[Row]) -> Result<bool, StoreError> {
        let mut readable = true;
        for row in rows {
            readable &= self.take_row(row)?;
        }
        Ok(readable)
    }

    /// Turns a batch into rows and completes its head. The batch is to be applied when the write has succeeded.
    pub fn write(&self, batch: &mut Batch) -> Write {
        // Of two changes to one row the later counts.
        let mut by_key: BTreeMap<(Table, String), Row> = BTreeMap::new();
        for row in batch.changes.iter().flat_map(rows_of) {
            by_key.insert((row.table, row.key.clone()), row);
        }
        let mut rows: Vec<Row> = by_key.into_values().collect();
        let loaded = |row: &&Row| Table::LOADED.contains(&row.table);
        let touched: Vec<String> =
            rows.iter().filter(loaded).map(|row| format!("{}/{}", row.table.name(), row.key)).collect();
        let head = &mut batch.head;
        head.generation = self.head.generation + 1;
        head.recent.push((head.generation, (touched.len() <= REMEMBERED_ROWS).then_some(touched)));
        let surplus = head.recent.len().saturating_sub(REMEMBERED);
        head.recent.drain(..surplus);
        let text = json(head).unwrap_or_default();
        rows.push(Row { table: Table::Meta, key: HEAD.into(), value: Some(text) });
        Write { expects: self.head_text.clone(), rows, durability: batch.durability }
    }
}

fn rows_of(change: &Change) -> Vec<Row> {
    let row = |table, key: String, value| Row { table, key, value };
    match change {
        Change::Index(key, entry) => vec![row(Table::Index, key.to_string(), entry.as_ref().and_then(json))],
        Change::Shadow(key, record) => vec![row(Table::Body, key.to_string(), record.as_ref().map(to_text))],
        Change::Queue(op, body) => {
            let body = body.as_ref().map(|body| row(Table::Body, op_body(op), Some(to_text(body))));
            body.into_iter().chain([row(Table::Op, op.id.clone(), json(op))]).collect()
        }
        Change::Dequeue(op) => vec![row(Table::Op, op.id.clone(), None), row(Table::Body, op_body(op), None)],
        Change::Conflict(id, conflict) => {
            vec![row(
                Table::Conflict,
                id.clone(),
                conflict.as_ref().map(|conflict| conflict.to_wire().to_string()),
            )]
        }
        Change::Log(key, line) => vec![row(Table::Log, key.clone(), json(line))],
        Change::Draft(id, text) => vec![row(Table::Draft, id.clone(), text.clone())],
        Change::Raw(raw) => vec![raw.clone()],
    }
}
