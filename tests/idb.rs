//! The browser's store: the contract suite, and every state a database can be found in. Runs in real browsers.
//!
//! The other side of every quarrel is a second connection through `web_sys`, as another tab would have it.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may")]

mod contract;
mod tab;

use std::cell::RefCell;
use std::collections::HashMap;

use futures_util::future::join;
use js_sys::Date;
use keyflow_sync::error::StoreError;
use keyflow_sync::platform::idb::{IdbStore, VERSION};
use keyflow_sync::platform::memory::MemoryStore;
use keyflow_sync::seam::{HEAD, Store, Table};
use tab::rows::{head, row, stored, write};
use tab::{Tab, fresh, patched, script};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn the_store_in_memory_keeps_every_promise_in_the_browser_too() {
    let stores = RefCell::new(HashMap::<String, MemoryStore>::new());
    contract::all(async |name: &str| stores.borrow_mut().entry(name.to_owned()).or_default().clone()).await;
}

#[wasm_bindgen_test]
async fn the_store_in_indexeddb_keeps_every_promise_of_the_seam() {
    let run = fresh("contract");
    contract::all(async |name: &str| IdbStore::open(&format!("{run} {name}")).await.unwrap()).await;
}

#[wasm_bindgen_test]
async fn looking_for_a_database_that_is_newer_leaves_it_as_it_is() {
    let name = fresh("newer");
    let tab = Tab::open(&name, VERSION + 7, &["body", "future"]).await;
    tab.put("future", "k", "from tomorrow").await;
    tab.close();
    assert_eq!(IdbStore::open(&name).await.err(), Some(StoreError::Newer(VERSION + 7)));
    let tab = Tab::open_existing(&name).await;
    assert_eq!(tab.version(), VERSION + 7);
    assert_eq!(tab.get("future", "k").await.as_string().as_deref(), Some("from tomorrow"));
}

#[wasm_bindgen_test]
async fn an_older_database_is_upgraded_and_keeps_every_row_and_every_table() {
    let name = fresh("older");
    let tab = Tab::open(&name, VERSION - 1, &["meta", "body", "forgotten"]).await;
    tab.put("meta", HEAD, "old head").await;
    tab.put("body", "a", "old body").await;
    tab.put("forgotten", "b", "still ours").await;
    tab.close();
    let store = IdbStore::open(&name).await.unwrap();
    assert_eq!(store.load().await.unwrap(), [row(Table::Meta, HEAD, "old head")]);
    store.commit(&write(Some("old head"), "2", vec![row(Table::Log, "l", "new table")])).await.unwrap();
    store.close();
    let tab = Tab::open_existing(&name).await;
    assert_eq!(tab.version(), VERSION);
    assert_eq!(tab.get("body", "a").await.as_string().as_deref(), Some("old body"));
    assert_eq!(tab.get("forgotten", "b").await.as_string().as_deref(), Some("still ours"));
    assert_eq!(tab.get("log", "l").await.as_string().as_deref(), Some("new table"));
}

#[wasm_bindgen_test]
async fn an_upgrade_that_another_tab_blocks_settles_within_five_seconds() {
    let name = fresh("blocked");
    let stubborn = Tab::open(&name, VERSION - 1, &["meta"]).await;
    let start = Date::now();
    assert_eq!(IdbStore::open(&name).await.err(), Some(StoreError::Blocked));
    assert!(Date::now() - start < 5_000.0, "took {} ms", Date::now() - start);
    // When the other tab lets go, the late upgrade goes through and does not block anybody in turn.
    stubborn.close();
    let store = IdbStore::open(&name).await.unwrap();
    store.commit(&write(None, "1", vec![])).await.unwrap();
    store.close();
    Tab::open(&name, VERSION + 1, &["meta"]).await.close();
}

/// Makes the first `times` calls of `indexedDB.open` never answer, and the timers ten times as fast.
fn silent(times: u32) -> tab::Patch {
    patched(&format!(
        "const [open, wait] = [IDBFactory.prototype.open, globalThis.setTimeout];
         globalThis.kfOpens = 0;
         IDBFactory.prototype.open = function (...a) {{
           return ++kfOpens > {times} ? open.apply(this, a) : {{}};
         }};
         globalThis.setTimeout = (work, ms, ...a) => wait(work, ms / 10, ...a);
         return () => {{ IDBFactory.prototype.open = open; globalThis.setTimeout = wait; }};"
    ))
}

#[wasm_bindgen_test]
async fn a_browser_that_does_not_answer_the_first_time_is_asked_again() {
    let name = fresh("silent once");
    stored(&name).await.close();
    let patch = silent(1);
    let store = IdbStore::open(&name).await;
    drop(patch);
    assert_eq!(head(&store.unwrap()).await.as_deref(), Some("1"));
}

#[wasm_bindgen_test]
async fn a_browser_that_never_answers_is_blocked_after_the_second_time() {
    let patch = silent(9);
    let answer = IdbStore::open(&fresh("silent")).await.map(|_| ());
    let opens = script("return kfOpens").as_f64();
    drop(patch);
    assert_eq!((answer, opens), (Err(StoreError::Blocked), Some(2.0)));
}

#[wasm_bindgen_test]
async fn a_database_of_our_version_without_a_table_is_damaged_and_stays_as_it_is() {
    let name = fresh("holes");
    let tab = Tab::open(&name, VERSION, &["meta", "body"]).await;
    tab.put("body", "a", "kept").await;
    tab.close();
    let Err(StoreError::Damaged(why)) = IdbStore::open(&name).await.map(|_| ()) else { panic!("opened") };
    assert!(why.contains("index"), "{why}");
    let tab = Tab::open_existing(&name).await;
    assert_eq!(tab.get("body", "a").await.as_string().as_deref(), Some("kept"));
}

#[wasm_bindgen_test]
async fn a_value_that_is_no_text_is_damaged_and_not_dropped() {
    let name = fresh("foreign");
    let store = stored(&name).await;
    let tab = Tab::open_existing(&name).await;
    tab.put_value("index", "n", &JsValue::from_f64(5.0)).await;
    assert!(matches!(store.load().await, Err(StoreError::Damaged(_))));
    assert!(matches!(store.scan(Table::Index, "", "z", 9).await, Err(StoreError::Damaged(_))));
    assert!(matches!(store.read(&[(Table::Index, "n".to_owned())]).await, Err(StoreError::Damaged(_))));
    assert_eq!(head(&store).await.as_deref(), Some("1"));
    assert_eq!(tab.get("index", "n").await.as_f64(), Some(5.0));
}

#[wasm_bindgen_test]
async fn opening_what_does_not_exist_makes_version_and_tables_and_nothing_else() {
    let name = fresh("made");
    let (one, two) = join(IdbStore::open(&name), IdbStore::open(&name)).await;
    let (one, two) = (one.unwrap(), two.unwrap());
    one.commit(&write(None, "1", vec![])).await.unwrap();
    assert_eq!(head(&two).await.as_deref(), Some("1"));
    let tab = Tab::open_existing(&name).await;
    let mut expected = Table::ALL.map(|table| table.name().to_owned());
    expected.sort();
    assert_eq!(tab.tables(), expected);
    assert_eq!(tab.version(), VERSION);
}

#[wasm_bindgen_test]
async fn another_tab_can_upgrade_while_we_are_open_and_we_then_say_newer() {
    let name = fresh("versionchange");
    let store = stored(&name).await;
    let tab = Tab::open(&name, VERSION + 1, &["body"]).await;
    assert_eq!(store.load().await, Err(StoreError::Newer(VERSION + 1)));
    assert_eq!(store.commit(&write(Some("1"), "2", vec![])).await, Err(StoreError::Newer(VERSION + 1)));
    assert_eq!(tab.get("body", "a").await.as_string().as_deref(), Some("kept"));
}

#[wasm_bindgen_test]
async fn a_database_deleted_under_us_is_not_made_anew_and_empty() {
    let name = fresh("deleted");
    let store = stored(&name).await;
    Tab::delete(&name).await;
    assert!(matches!(store.load().await, Err(StoreError::Damaged(_))));
    assert!(matches!(store.commit(&write(Some("1"), "2", vec![])).await, Err(StoreError::Damaged(_))));
    assert!(matches!(store.commit(&write(None, "2", vec![])).await, Err(StoreError::Damaged(_))));
    // Opening is a decision of its own, and makes a new database.
    assert_eq!(IdbStore::open(&name).await.unwrap().load().await, Ok(vec![]));
}

#[wasm_bindgen_test]
async fn a_browser_that_cannot_read_the_database_is_damaged_and_nothing_is_made_in_its_place() {
    let name = fresh("unreadable");
    stored(&name).await.close();
    let patch = patched(
        "const original = IDBFactory.prototype.open;
         globalThis.kfOpens = [];
         IDBFactory.prototype.open = function (...a) {
           kfOpens.push(a.length);
           throw new DOMException('Internal error opening backing store', 'UnknownError');
         };
         return () => { IDBFactory.prototype.open = original; };",
    );
    let answer = IdbStore::open(&name).await.map(|_| ());
    let opens = script("return kfOpens.join()").as_string();
    drop(patch);
    let why = "UnknownError: Internal error opening backing store".to_owned();
    assert_eq!(answer, Err(StoreError::Damaged(why)));
    assert_eq!(opens.as_deref(), Some("1,1"), "twice, and never with a version");
    assert_eq!(head(&IdbStore::open(&name).await.unwrap()).await.as_deref(), Some("1"));
}

#[wasm_bindgen_test]
async fn a_platform_without_indexeddb_says_failed() {
    let patch = patched(
        "const original = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB');
         Object.defineProperty(globalThis, 'indexedDB', { configurable: true, value: undefined });
         // A worker has it from its prototype.
         return () => {
           if (original) Object.defineProperty(globalThis, 'indexedDB', original);
           else delete globalThis.indexedDB;
         };",
    );
    let answer = IdbStore::open("nowhere").await.map(|_| ());
    drop(patch);
    assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
}
