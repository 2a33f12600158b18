//! Reads by range through rexie, each in one transaction, so that it shows one moment.
//!
//! All requests of a read are issued at once and all of them are awaited; nothing is written here.

use futures_util::future::{join, join_all};
use rexie::{KeyRange, Rexie, Transaction, TransactionMode};
use wasm_bindgen::JsValue;

use super::open::refused;
use crate::error::StoreError;
use crate::seam::{Row, Table};

/// All rows of the tables that are loaded at start.
pub(super) async fn load(rexie: &Rexie) -> Result<Vec<Row>, StoreError> {
    let transaction = begin(rexie, &Table::LOADED)?;
    let tables = Table::LOADED.map(|table| rows_of(&transaction, table, None, None));
    let mut loaded = Vec::new();
    for (table, rows) in Table::LOADED.into_iter().zip(join_all(tables).await) {
        loaded.extend(rows?.into_iter().map(|(key, value)| Row { table, key, value: Some(value) }));
    }
    Ok(loaded)
}

/// The values under these keys, in order.
pub(super) async fn read(
    rexie: &Rexie,
    wanted: &[(Table, String)],
) -> Result<Vec<Option<String>>, StoreError> {
    let tables: Vec<Table> =
        Table::ALL.into_iter().filter(|t| wanted.iter().any(|(table, _)| table == t)).collect();
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = begin(rexie, &tables)?;
    let values = join_all(wanted.iter().map(|(table, key)| {
        let transaction = &transaction;
        async move {
            let store = transaction.store(table.name()).map_err(|error| refused(&error))?;
            let value = store.get(JsValue::from_str(key)).await.map_err(|error| refused(&error))?;
            value.map(|value| text(*table, &value)).transpose()
        }
    }));
    values.await.into_iter().collect()
}

/// Rows with `from <= key < to`, at most `limit`.
pub(super) async fn scan(
    rexie: &Rexie,
    table: Table,
    from: &str,
    to: &str,
    limit: u32,
) -> Result<Vec<(String, String)>, StoreError> {
    // IndexedDB throws on a range that ends before it begins, and takes a limit of 0 for none.
    if limit == 0 || from >= to {
        return Ok(Vec::new());
    }
    let range = KeyRange::bound(&JsValue::from_str(from), &JsValue::from_str(to), Some(false), Some(true));
    let range = range.map_err(|error| refused(&error.into()))?;
    rows_of(&begin(rexie, &[table])?, table, Some(range), Some(limit)).await
}

fn begin(rexie: &Rexie, tables: &[Table]) -> Result<Transaction, StoreError> {
    let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
    rexie.transaction(&names, TransactionMode::ReadOnly).map_err(|error| refused(&error))
}

async fn rows_of(
    transaction: &Transaction,
    table: Table,
    range: Option<KeyRange>,
    limit: Option<u32>,
) -> Result<Vec<(String, String)>, StoreError> {
    let store = transaction.store(table.name()).map_err(|error| refused(&error))?;
    let (keys, values) = join(store.get_all_keys(range.clone(), limit), store.get_all(range, limit)).await;
    let keys = keys.map_err(|error| refused(&error))?;
    let values = values.map_err(|error| refused(&error))?;
    keys.iter().zip(&values).map(|(key, value)| Ok((text(table, key)?, text(table, value)?))).collect()
}

fn text(table: Table, value: &JsValue) -> Result<String, StoreError> {
    value.as_string().ok_or_else(|| {
        StoreError::Damaged(["something that is no text is stored in the table ", table.name()].concat())
    })
}
