//! The browser's store: the contract suite, and what only IndexedDB can do to us. Runs in real browsers.
//!
//! The other side of every quarrel is a second connection through `web_sys`, as another tab would have it.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may")]

mod contract;
mod tab;

use std::cell::RefCell;
use std::collections::HashMap;

use futures_util::future::join;
use js_sys::{Array, Date, Promise};
use keyflow_sync::error::StoreError;
use keyflow_sync::platform::idb::{IdbStore, VERSION};
use keyflow_sync::platform::memory::MemoryStore;
use keyflow_sync::seam::{Durability, HEAD, Row, Store, Table, Write};
use tab::{Tab, awaited, patched, script};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

fn row(table: Table, key: &str, value: &str) -> Row {
    Row { table, key: key.to_owned(), value: Some(value.to_owned()) }
}

fn write(expects: Option<&str>, head: &str, rows: Vec<Row>) -> Write {
    let rows = [row(Table::Meta, HEAD, head)].into_iter().chain(rows).collect();
    Write { expects: expects.map(str::to_owned), rows, durability: Durability::Strict }
}

/// A name that no other test and no earlier run used.
fn fresh(name: &str) -> String {
    format!("{name} {}", uuid::Uuid::new_v4())
}

async fn head(store: &IdbStore) -> Option<String> {
    store.read(&[(Table::Meta, HEAD.to_owned())]).await.unwrap().remove(0)
}

async fn stored(name: &str) -> IdbStore {
    let store = IdbStore::open(name).await.unwrap();
    store.commit(&write(None, "1", vec![row(Table::Body, "a", "kept")])).await.unwrap();
    store
}

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

/// Collects every connection that is opened while the returned guard lives, so that a test can close them from outside.
fn collecting() -> tab::Patch {
    patched(
        "globalThis.kfConnections = [];
         const original = IDBFactory.prototype.open;
         IDBFactory.prototype.open = function (...a) {
           const request = original.apply(this, a);
           request.addEventListener('success', () => kfConnections.push(request.result));
           return request;
         };
         return () => { IDBFactory.prototype.open = original; };",
    )
}

#[wasm_bindgen_test]
async fn every_operation_survives_a_connection_that_was_closed_behind_our_back() {
    let name = fresh("closed");
    let _collecting = collecting();
    let store = stored(&name).await;
    // Both the connection that reads and the one that writes, without any event: what a resumed page finds.
    let close_all = || script("for (const db of kfConnections.splice(0)) db.close();");
    close_all();
    store.commit(&write(Some("1"), "2", vec![])).await.unwrap();
    close_all();
    assert_eq!(store.load().await.unwrap(), [row(Table::Meta, HEAD, "2")]);
    close_all();
    assert_eq!(store.scan(Table::Body, "", "z", 9).await.unwrap(), [("a".to_owned(), "kept".to_owned())]);
    close_all();
    assert_eq!(head(&store).await.as_deref(), Some("2"));
}

#[wasm_bindgen_test]
async fn a_close_event_of_the_browser_makes_the_next_call_open_again() {
    let name = fresh("close event");
    let _collecting = collecting();
    let store = stored(&name).await;
    script(
        "globalThis.kfOpened = 0;
         for (const db of kfConnections.splice(0)) { db.close(); db.dispatchEvent(new Event('close')); }",
    );
    store.commit(&write(Some("1"), "2", vec![])).await.unwrap();
    assert_eq!(head(&store).await.as_deref(), Some("2"));
    assert!(script("return kfConnections.length").as_f64().unwrap() >= 2.0);
}

#[wasm_bindgen_test]
async fn a_connection_that_stays_lost_is_answered_with_failed_after_one_retry() {
    let name = fresh("lost");
    let store = stored(&name).await;
    let patch = patched(
        "const original = IDBDatabase.prototype.transaction;
         globalThis.kfTried = 0;
         IDBDatabase.prototype.transaction = function () {
           kfTried += 1;
           throw new DOMException('Connection to Indexed Database server lost. Refresh the page to try again', 'UnknownError');
         };
         return () => { IDBDatabase.prototype.transaction = original; };",
    );
    let answer = store.commit(&write(Some("1"), "2", vec![])).await;
    let tried = script("return kfTried").as_f64();
    let loaded = store.load().await;
    drop(patch);
    let Err(StoreError::Failed(why)) = answer else { panic!("{answer:?}") };
    assert!(why.starts_with("UnknownError: Connection to"), "{why}");
    assert_eq!(tried, Some(2.0));
    assert!(matches!(&loaded, Err(StoreError::Failed(why)) if why.contains("server lost")), "{loaded:?}");
    assert_eq!(head(&store).await.as_deref(), Some("1"));
}

/// Makes `IDBTransaction.commit` do `script` instead, `times` times.
fn instead_of_commit(times: u32, script: &str) -> tab::Patch {
    patched(&format!(
        "const original = IDBTransaction.prototype.commit;
         let left = {times};
         IDBTransaction.prototype.commit = function () {{
           if (left-- <= 0) return original.call(this);
           {script}
         }};
         return () => {{ IDBTransaction.prototype.commit = original; }};"
    ))
}

#[wasm_bindgen_test]
async fn a_transaction_aborted_after_every_request_succeeded_writes_nothing_and_says_failed() {
    let name = fresh("late abort");
    let store = stored(&name).await;
    // The last put's success comes before the abort, as with a quota that is found exceeded at the end.
    let patch = instead_of_commit(
        2,
        "const probe = this.objectStore('meta').get('head');
         probe.onsuccess = () => { globalThis.kfSeen = probe.result; this.abort(); };",
    );
    let answer = store.commit(&write(Some("1"), "2", vec![row(Table::Body, "a", "lost")])).await;
    drop(patch);
    assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
    assert_eq!(script("return kfSeen").as_string().as_deref(), Some("2"), "the put had succeeded");
    assert_eq!(head(&store).await.as_deref(), Some("1"));
    let body = store.read(&[(Table::Body, "a".to_owned())]).await;
    assert_eq!(body, Ok(vec![Some("kept".to_owned())]));
}

#[wasm_bindgen_test]
async fn a_transaction_aborted_once_is_tried_again_and_written() {
    let name = fresh("one abort");
    let store = stored(&name).await;
    let patch = instead_of_commit(1, "this.abort();");
    let answer = store.commit(&write(Some("1"), "2", vec![])).await;
    drop(patch);
    assert_eq!(answer, Ok(()));
    assert_eq!(head(&store).await.as_deref(), Some("2"));
}

#[wasm_bindgen_test]
async fn a_commit_whose_answer_was_lost_is_recognised_and_not_called_stale() {
    let name = fresh("lost answer");
    let store = stored(&name).await;
    // The transaction completes, and its connection reports an abort instead.
    let patch = instead_of_commit(
        1,
        "const lie = this.onabort;
         this.oncomplete = () => lie.call(this, new Event('abort'));
         return original.call(this);",
    );
    let answer = store.commit(&write(Some("1"), "2", vec![row(Table::Body, "a", "new")])).await;
    drop(patch);
    assert_eq!(answer, Ok(()));
    assert_eq!(head(&store).await.as_deref(), Some("2"));
}

#[wasm_bindgen_test]
async fn after_a_lost_answer_another_tabs_commit_is_still_stale() {
    let name = fresh("lost answer, other tab");
    let store = stored(&name).await;
    let patch = instead_of_commit(
        1,
        "const lie = this.onabort;
         this.oncomplete = () => {
           const other = this.db.transaction('meta', 'readwrite');
           other.objectStore('meta').put('from another tab', 'head');
           other.oncomplete = () => lie.call(this, new Event('abort'));
         };
         return original.call(this);",
    );
    let answer = store.commit(&write(Some("1"), "2", vec![])).await;
    drop(patch);
    assert_eq!(answer, Err(StoreError::Stale));
    assert_eq!(head(&store).await.as_deref(), Some("from another tab"));
}

#[wasm_bindgen_test]
async fn a_request_that_fails_takes_the_whole_commit_with_it_wherever_it_stands() {
    let name = fresh("constraint");
    let store = stored(&name).await;
    // `add` of a key that exists is a real constraint error.
    let patch = patched(
        "const original = IDBObjectStore.prototype.put;
         IDBObjectStore.prototype.put = function (...a) {
           return a[1] === 'a' ? this.add(...a) : original.apply(this, a);
         };
         return () => { IDBObjectStore.prototype.put = original; };",
    );
    for at in 0..3 {
        let mut edit = write(Some("1"), "2", vec![row(Table::Op, "o", "x")]);
        edit.rows.insert(at, row(Table::Body, "a", "twice"));
        let answer = store.commit(&edit).await;
        let left = (store.load().await, store.scan(Table::Body, "", "z", 9).await);
        let Err(StoreError::Failed(why)) = answer else { panic!("at {at}: {answer:?}, left {left:?}") };
        assert!(why.starts_with("ConstraintError: "), "at {at}: {why}");
        let kept = vec![("a".to_owned(), "kept".to_owned())];
        assert_eq!(left, (Ok(vec![row(Table::Meta, HEAD, "1")]), Ok(kept)), "at {at}");
    }
    drop(patch);
}

#[wasm_bindgen_test]
async fn a_put_that_throws_takes_the_whole_commit_with_it() {
    let name = fresh("throws");
    let store = stored(&name).await;
    let patch = patched(
        "const original = IDBObjectStore.prototype.put;
         IDBObjectStore.prototype.put = function (...a) {
           if (a[1] === 'a') throw new DOMException('no room for the value', 'DataError');
           return original.apply(this, a);
         };
         return () => { IDBObjectStore.prototype.put = original; };",
    );
    let answer = store.commit(&write(Some("1"), "2", vec![row(Table::Body, "a", "x")])).await;
    drop(patch);
    assert_eq!(answer, Err(StoreError::Failed("DataError: no room for the value".to_owned())));
    assert_eq!(head(&store).await.as_deref(), Some("1"));
}

#[wasm_bindgen_test]
async fn a_transaction_that_ends_for_want_of_room_is_full_and_writes_nothing() {
    let name = fresh("full");
    let store = stored(&name).await;
    let patch = instead_of_commit(
        1,
        "const reason = new DOMException('the quota is used up', 'QuotaExceededError');
         Object.defineProperty(this, 'error', { get: () => reason });
         this.abort();",
    );
    let answer = store.commit(&write(Some("1"), "2", vec![])).await;
    drop(patch);
    assert_eq!(answer, Err(StoreError::Full("QuotaExceededError: the quota is used up".to_owned())));
    assert_eq!(head(&store).await.as_deref(), Some("1"));
}

#[wasm_bindgen_test]
async fn durability_reaches_the_browser() {
    let name = fresh("durability");
    let store = stored(&name).await;
    let patch = patched(
        "const original = IDBDatabase.prototype.transaction;
         globalThis.kfAsked = [];
         IDBDatabase.prototype.transaction = function (...a) {
           const tx = original.apply(this, a);
           if (tx.mode === 'readwrite') kfAsked.push(`${tx.durability} ${[...a[0]].join()}`);
           return tx;
         };
         return () => { IDBDatabase.prototype.transaction = original; };",
    );
    let mut edit = write(Some("1"), "2", vec![row(Table::Op, "o", "x")]);
    store.commit(&edit).await.unwrap();
    edit = write(Some("2"), "3", vec![]);
    edit.durability = Durability::Relaxed;
    store.commit(&edit).await.unwrap();
    drop(patch);
    assert_eq!(
        script("return kfAsked.join('; ')").as_string().as_deref(),
        Some("strict meta,op; relaxed meta")
    );
}

#[wasm_bindgen_test]
async fn a_commit_nobody_waits_for_any_more_is_still_written_whole() {
    let name = fresh("dropped");
    let store = stored(&name).await;
    {
        let edit = write(Some("1"), "2", vec![row(Table::Body, "a", "new")]);
        let commit = std::pin::pin!(store.commit(&edit));
        let turn = wasm_bindgen_futures::JsFuture::from(Promise::resolve(&JsValue::NULL));
        // Begun, then dropped before the disk answers; so is a read.
        futures_util::future::select(commit, turn).await;
        let turn = wasm_bindgen_futures::JsFuture::from(Promise::resolve(&JsValue::NULL));
        futures_util::future::select(std::pin::pin!(store.load()), turn).await;
    }
    assert_eq!(head(&store).await.as_deref(), Some("2"));
    assert_eq!(store.read(&[(Table::Body, "a".to_owned())]).await, Ok(vec![Some("new".to_owned())]));
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

#[wasm_bindgen_test]
async fn when_the_room_is_really_used_up_a_commit_is_full_and_deleting_makes_room_again() {
    // Only where the browser grants little (Firefox here, by its settings): nobody fills a disk to see a test pass.
    let quota = awaited("return navigator.storage.estimate().then(it => it.quota)", Array::new()).await;
    if quota.as_f64().unwrap() > 64.0 * 1024.0 * 1024.0 {
        return;
    }
    let name = fresh("quota");
    let store = stored(&name).await;
    let noise = |seed: u32| {
        // Text that no engine compresses away, 1 MiB of it.
        let mut state = u64::from(seed) + 1;
        let next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(33 + (state % 90) as u8)
        };
        std::iter::repeat_with(next).take(1 << 20).collect::<String>()
    };
    let mut head_now = "1".to_owned();
    let mut written = 0;
    let full = loop {
        let next = format!("head {written}");
        let rows =
            vec![row(Table::Body, &format!("big {written:03}"), &noise(written)), row(Table::Op, "o", &next)];
        match store.commit(&write(Some(&head_now), &next, rows)).await {
            Ok(()) => head_now = next,
            other => break other,
        }
        written += 1;
        assert!(written < 100, "the quota never ended");
    };
    let Err(StoreError::Full(why)) = full else { panic!("{full:?}") };
    assert!(why.starts_with("QuotaExceededError"), "{why}");
    assert_eq!(head(&store).await.as_ref(), Some(&head_now));
    assert_eq!(store.scan(Table::Body, "big", "bih", 999).await.unwrap().len() as u32, written);
    let gone =
        (0..written).map(|at| Row { table: Table::Body, key: format!("big {at:03}"), value: None }).collect();
    store.commit(&write(Some(&head_now), "freed", gone)).await.unwrap();
    store.commit(&write(Some("freed"), "again", vec![row(Table::Body, "b", &noise(7))])).await.unwrap();
    store.close();
    Tab::delete(&name).await;
}
