//! The browser's store when the browser fails it: lost connections, aborts, lost answers, no room. Runs in real browsers.
//!
//! Every fault happens to a real transaction or connection; what is replaced only decides when.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may")]

mod tab;

use js_sys::{Array, Promise};
use keyflow_sync::error::StoreError;
use keyflow_sync::seam::{Durability, HEAD, Row, Store, Table};
use tab::rows::{head, row, stored, write};
use tab::{Tab, awaited, fresh, patched, script};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

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
    script("for (const db of kfConnections.splice(0)) { db.close(); db.dispatchEvent(new Event('close')); }");
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
