//! The one store type of the page: which storage is behind it is chosen when it is opened.
//!
//! Holds no rule of the storage; each call goes to the adapter.

use std::cell::RefCell;
use std::collections::BTreeMap;

use js_sys::Reflect;
use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::platform::idb::IdbStore;
use crate::platform::memory::MemoryStore;
use crate::read::read_names;
use crate::seam::{Row, Store, Table, Write};

/// What the caller wants the store to be kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// What the platform has.
    #[default]
    Auto,
    /// The browser's database.
    IndexedDb,
    /// The file of the desktop window.
    Tauri,
    /// Nothing that outlives the process.
    Memory,
}

read_names!(Storage { Auto: "auto", IndexedDb: "indexeddb", Tauri: "tauri", Memory: "memory" });

/// A store on this platform.
pub enum AnyStore {
    /// In the browser's database.
    Idb(IdbStore),
    /// In memory.
    Memory(MemoryStore),
}

thread_local! {
    /// Stores in memory by name, so that opening one again finds what was saved.
    static IN_MEMORY: RefCell<BTreeMap<String, MemoryStore>> = RefCell::default();
}

impl AnyStore {
    /// Opens the store called `name`. Never falls back to memory where the platform should have a storage: what is saved
    /// would be gone with the page.
    pub async fn open(storage: Storage, name: &str) -> Result<AnyStore, StoreError> {
        match storage {
            Storage::Auto if has("indexedDB") || !is_node() => Ok(AnyStore::Idb(IdbStore::open(name).await?)),
            Storage::IndexedDb => Ok(AnyStore::Idb(IdbStore::open(name).await?)),
            Storage::Tauri => Err(StoreError::Failed("this build has no storage for Tauri".into())),
            Storage::Auto | Storage::Memory => {
                let store =
                    IN_MEMORY.with_borrow_mut(|stores| stores.entry(name.to_owned()).or_default().clone());
                Ok(AnyStore::Memory(store))
            }
        }
    }
}

fn property(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &JsValue::from_str(name))
        .ok()
        .filter(|value| !value.is_undefined() && !value.is_null())
}

fn has(name: &str) -> bool {
    property(&js_sys::global(), name).is_some()
}

fn is_node() -> bool {
    let versions = property(&js_sys::global(), "process").and_then(|process| property(&process, "versions"));
    versions.is_some_and(|versions| property(&versions, "node").is_some())
}

impl Store for AnyStore {
    async fn load(&self) -> Result<Vec<Row>, StoreError> {
        match self {
            AnyStore::Idb(store) => store.load().await,
            AnyStore::Memory(store) => store.load().await,
        }
    }

    async fn read(&self, wanted: &[(Table, String)]) -> Result<Vec<Option<String>>, StoreError> {
        match self {
            AnyStore::Idb(store) => store.read(wanted).await,
            AnyStore::Memory(store) => store.read(wanted).await,
        }
    }

    async fn scan(
        &self,
        table: Table,
        from: &str,
        to: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        match self {
            AnyStore::Idb(store) => store.scan(table, from, to, limit).await,
            AnyStore::Memory(store) => store.scan(table, from, to, limit).await,
        }
    }

    async fn commit(&self, write: &Write) -> Result<(), StoreError> {
        match self {
            AnyStore::Idb(store) => store.commit(write).await,
            AnyStore::Memory(store) => store.commit(write).await,
        }
    }

    fn close(&self) {
        match self {
            AnyStore::Idb(store) => store.close(),
            AnyStore::Memory(store) => store.close(),
        }
    }
}
