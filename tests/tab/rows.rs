//! Rows and commits as the browser tests write them.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by test files; a failing step fails the test")]

use keyflow_sync::platform::idb::IdbStore;
use keyflow_sync::seam::{Durability, HEAD, Row, Store, Table, Write};

pub fn row(table: Table, key: &str, value: &str) -> Row {
    Row { table, key: key.to_owned(), value: Some(value.to_owned()) }
}

pub fn write(expects: Option<&str>, head: &str, rows: Vec<Row>) -> Write {
    let rows = [row(Table::Meta, HEAD, head)].into_iter().chain(rows).collect();
    Write { expects: expects.map(str::to_owned), rows, durability: Durability::Strict }
}

pub async fn head(store: &IdbStore) -> Option<String> {
    store.read(&[(Table::Meta, HEAD.to_owned())]).await.unwrap().remove(0)
}

/// A store with the head `1` and one body.
pub async fn stored(name: &str) -> IdbStore {
    let store = IdbStore::open(name).await.unwrap();
    store.commit(&write(None, "1", vec![row(Table::Body, "a", "kept")])).await.unwrap();
    store
}
