//! Reads by range through rexie, each in one transaction, so that it shows one moment.
//!
//! All requests of a read are issued at once and all of them are awaited; nothing is written here.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::future::{LocalBoxFuture, join};
use rexie::{KeyRange, Rexie, Transaction, TransactionMode};
use wasm_bindgen::JsValue;

use super::open::refused;
use crate::error::StoreError;
use crate::seam::{Row, Table};

/// All rows of the tables that are loaded at start.
pub(super) async fn load(rexie: &Rexie) -> Result<Vec<Row>, StoreError> {
    let transaction = begin(rexie, &Table::LOADED)?;
    let reads = Table::LOADED.iter().map(|table| rows_of(&transaction, *table, None, None));
    all(reads.collect()).await
}

/// One row for each of these keys, in order.
pub(super) async fn read(rexie: &Rexie, wanted: &[(Table, String)]) -> Result<Vec<Row>, StoreError> {
    let tables: Vec<Table> =
        Table::ALL.into_iter().filter(|t| wanted.iter().any(|(table, _)| table == t)).collect();
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = begin(rexie, &tables)?;
    all(wanted.iter().map(|(table, key)| row_of(&transaction, *table, key)).collect()).await
}

type Rows<'a> = LocalBoxFuture<'a, Result<Vec<Row>, StoreError>>;

/// Issues all reads at once and puts their rows together.
async fn all(mut reads: Vec<Rows<'_>>) -> Result<Vec<Row>, StoreError> {
    let mut answers = Vec::new();
    poll_fn(|task| {
        // The first look at each issues its request; the answers are kept until they are asked for again.
        for read in &mut reads {
            answers.push(match read.as_mut().poll(task) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            });
        }
        Poll::Ready(())
    })
    .await;
    for (read, answer) in reads.into_iter().zip(&mut answers) {
        if answer.is_none() {
            *answer = Some(read.await);
        }
    }
    let mut all = Vec::new();
    for rows in answers.into_iter().flatten() {
        all.append(&mut rows?);
    }
    Ok(all)
}

fn row_of<'a>(transaction: &'a Transaction, table: Table, key: &'a str) -> Rows<'a> {
    Box::pin(async move {
        let store = transaction.store(table.name()).map_err(|error| refused(&error))?;
        let value = store.get(JsValue::from_str(key)).await.map_err(|error| refused(&error))?;
        let value = value.map(|value| text(table, &value)).transpose()?;
        Ok(vec![Row { table, key: key.to_owned(), value }])
    })
}

/// Rows with `from <= key < to`, at most `limit`.
pub(super) async fn scan(
    rexie: &Rexie,
    table: Table,
    from: &str,
    to: &str,
    limit: u32,
) -> Result<Vec<Row>, StoreError> {
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

fn rows_of(transaction: &Transaction, table: Table, range: Option<KeyRange>, limit: Option<u32>) -> Rows<'_> {
    Box::pin(async move {
        let store = transaction.store(table.name()).map_err(|error| refused(&error))?;
        let (keys, values) =
            join(store.get_all_keys(range.clone(), limit), store.get_all(range, limit)).await;
        let (keys, values) =
            (keys.map_err(|error| refused(&error))?, values.map_err(|error| refused(&error))?);
        let mut rows = Vec::new();
        for (key, value) in keys.iter().zip(&values) {
            rows.push(Row { table, key: text(table, key)?, value: Some(text(table, value)?) });
        }
        Ok(rows)
    })
}

fn text(table: Table, value: &JsValue) -> Result<String, StoreError> {
    value.as_string().ok_or_else(|| {
        StoreError::Damaged(["something that is no text is stored in the table ", table.name()].concat())
    })
}
