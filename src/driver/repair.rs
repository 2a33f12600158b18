//! What happens to rows that cannot be read: they are kept aside as they are, and what they indexed is found again.

use super::{Driver, Error, Head, Intent, Row, State};
use crate::model::Key;
use crate::queue::{OpStatus, OpType, Operation};
use crate::seam::{Host, Store, Table, Transport};
use crate::stamp::Replica;
use crate::state::{Entry, from_text, json};

impl<S: Store, T: Transport, H: Host> Driver<S, T, H> {
    /// Moves `damaged` rows to [`Table::Damaged`] and rebuilds entries and operations from the bodies, which are whole
    /// records. Nothing is deleted.
    pub(super) async fn repair(&self, damaged: Vec<Row>) -> Result<(), Error> {
        let mut rows = Vec::new();
        let count = damaged.len();
        for row in damaged {
            let aside = format!("{}/{}", row.table.name(), row.key);
            rows.push(Row { table: Table::Damaged, key: aside, value: row.value });
            // The head is replaced by the commit itself.
            if row.table != Table::Meta {
                rows.push(Row { table: row.table, key: row.key, value: None });
            }
        }
        let bodies = self.store.scan(Table::Body, "", super::END, u32::MAX).await?;
        {
            let state = self.state.borrow();
            rows.extend(bodies.iter().filter_map(|(body, text)| missing_row(&state, body, text)));
        }
        // An entry without a body, and an open conflict, are only found again on the server.
        let again = |head: &mut Head| (head.damaged, head.cursor) = (head.damaged + count, None);
        // In one commit: a process that ends in between must not leave bodies that nothing names.
        self.commit(Intent::Repair(&rows, &again)).await?;
        let replica = self.state.borrow().head.clock.replica;
        let (state, still) = State::from_rows(self.store.load().await?, Replica(replica.0))?;
        *self.state.borrow_mut() = state;
        match still.first() {
            None => Ok(()),
            Some(row) => {
                let why = format!("{}/{} cannot be read", row.table.name(), row.key);
                Err(crate::error::StoreError::Damaged(why).into())
            }
        }
    }

    /// Rows that were set aside because they could not be read: `table/key` and their text.
    pub async fn damaged(&self) -> Result<Vec<(String, String)>, Error> {
        self.check_open()?;
        Ok(self.store.scan(Table::Damaged, "", super::END, u32::MAX).await?)
    }
}

/// The entry or operation that a body should have and has not.
fn missing_row(state: &State, body: &str, text: &str) -> Option<Row> {
    let Some(rest) = body.strip_prefix("op/") else {
        let key = Key::parse(body)?;
        if state.index.contains_key(&key) {
            return None;
        }
        let record = from_text(key.kind, text).ok()?;
        let entry = Entry::of(&record, Some(record.version), true);
        let value = json(&entry);
        return Some(Row { table: Table::Index, key: body.to_owned(), value });
    };
    let (id, record) = rest.split_once('/')?;
    let key = Key::parse(record)?;
    if state.queue.contains_key(id) {
        return None;
    }
    let content = from_text(key.kind, text).ok()?;
    let op = Operation {
        id: id.to_owned(),
        kind: OpType::of(key.kind),
        record: record.to_owned(),
        version: content.version,
        base: content.base,
        timestamp: content.version.ms,
        attempts: 0,
        status: OpStatus::Pending,
        error: None,
        code: None,
        // It may have been sent before the damage.
        sent: true,
        failing_since: None,
        bytes: content.bytes(),
        resolves: Vec::new(),
    };
    Some(Row { table: Table::Op, key: id.to_owned(), value: json(&op) })
}
