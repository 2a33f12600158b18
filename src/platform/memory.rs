//! A store that lives as long as the process: for Node, for browsers without storage, and for tests.
//!
//! Clones are further handles on the same data, as tabs are on one database. Nothing reaches a disk.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use crate::error::StoreError;
use crate::seam::{HEAD, Row, Store, Table, Write};

type Rows = BTreeMap<String, String>;

/// Rows in memory. Every promise of [`Store`] holds, except that the data ends with the last handle.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Rc<RefCell<BTreeMap<Table, Rows>>>,
    closed: Cell<bool>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn with_tables<T>(&self, work: impl FnOnce(&BTreeMap<Table, Rows>) -> T) -> Result<T, StoreError> {
        self.ensure_open()?;
        Ok(work(&self.tables.borrow()))
    }

    fn ensure_open(&self) -> Result<(), StoreError> {
        if self.closed.get() { Err(StoreError::Failed("the store is closed".to_owned())) } else { Ok(()) }
    }
}

impl Clone for MemoryStore {
    /// An open handle on the same data, also when this one is closed.
    fn clone(&self) -> MemoryStore {
        MemoryStore { tables: Rc::clone(&self.tables), closed: Cell::new(false) }
    }
}

impl Store for MemoryStore {
    async fn load(&self) -> Result<Vec<Row>, StoreError> {
        self.with_tables(|tables| {
            Table::LOADED
                .into_iter()
                .filter_map(|table| tables.get(&table).map(|rows| (table, rows)))
                .flat_map(|(table, rows)| {
                    rows.iter().map(move |(key, value)| Row {
                        table,
                        key: key.clone(),
                        value: Some(value.clone()),
                    })
                })
                .collect()
        })
    }

    async fn read(&self, wanted: &[(Table, String)]) -> Result<Vec<Option<String>>, StoreError> {
        self.with_tables(|tables| {
            wanted.iter().map(|(table, key)| tables.get(table)?.get(key).cloned()).collect()
        })
    }

    async fn scan(
        &self,
        table: Table,
        from: &str,
        to: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        // A BTreeMap panics on a range that ends before it begins; here that is an empty answer.
        let limit = if from < to { usize::try_from(limit).unwrap_or(usize::MAX) } else { 0 };
        self.with_tables(|tables| {
            let rows = tables.get(&table).filter(|_| limit > 0);
            rows.into_iter()
                .flat_map(|rows| rows.range::<str, _>((Bound::Included(from), Bound::Excluded(to))))
                .take(limit)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        })
    }

    async fn commit(&self, write: &Write) -> Result<(), StoreError> {
        self.ensure_open()?;
        let mut tables = self.tables.borrow_mut();
        let head = tables.get(&Table::Meta).and_then(|rows| rows.get(HEAD));
        if head != write.expects.as_ref() {
            return Err(StoreError::Stale);
        }
        for row in &write.rows {
            let rows = tables.entry(row.table).or_default();
            match &row.value {
                Some(value) => rows.insert(row.key.clone(), value.clone()),
                None => rows.remove(&row.key),
            };
        }
        Ok(())
    }

    fn close(&self) {
        self.closed.set(true);
    }
}
