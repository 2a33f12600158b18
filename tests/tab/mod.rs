//! The other side in browser tests: a second tab's connection, and browser functions that misbehave for a while.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by test files; a failing step fails the test")]

pub mod rows;

use js_sys::{Array, Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomStringList, IdbDatabase};

/// A name that no other test and no earlier run used.
pub fn fresh(name: &str) -> String {
    format!("{name} {}", uuid::Uuid::new_v4())
}

/// Runs a piece of JavaScript and gives what it returns.
pub fn script(source: &str) -> JsValue {
    Function::new_no_args(source).call0(&JsValue::NULL).unwrap()
}

/// Awaits a piece of JavaScript that returns a promise; `a` is its argument.
pub async fn awaited(source: &str, a: Array) -> JsValue {
    let promise: Promise =
        Function::new_with_args("a", source).call1(&JsValue::NULL, &a).unwrap().unchecked_into();
    JsFuture::from(promise).await.unwrap()
}

/// Undoes, when dropped, what [`patched`] did.
pub struct Patch(Function);

impl Drop for Patch {
    fn drop(&mut self) {
        self.0.call0(&JsValue::NULL).unwrap();
    }
}

/// Runs a script that changes the browser and returns a function that changes it back.
pub fn patched(source: &str) -> Patch {
    Patch(script(source).unchecked_into())
}

/// A connection as another tab has it. It does not listen to `versionchange`: it holds on until it is closed.
pub struct Tab(IdbDatabase);

impl Tab {
    /// Opens at `version`, making the tables that are not there.
    pub async fn open(name: &str, version: u32, tables: &[&str]) -> Tab {
        let tables: Array = tables.iter().map(|table| JsValue::from_str(table)).collect();
        let arguments = Array::of3(&JsValue::from_str(name), &JsValue::from_f64(f64::from(version)), &tables);
        let database = awaited(
            "return new Promise((resolve, reject) => {
               const request = indexedDB.open(a[0], a[1]);
               request.onupgradeneeded = () => {
                 for (const table of a[2])
                   if (!request.result.objectStoreNames.contains(table)) request.result.createObjectStore(table);
               };
               request.onblocked = () => reject(new Error('the other tab is blocked'));
               request.onerror = () => reject(request.error);
               request.onsuccess = () => resolve(request.result);
             });",
            arguments,
        );
        Tab(database.await.unchecked_into())
    }

    /// Opens whatever is there.
    pub async fn open_existing(name: &str) -> Tab {
        let database = awaited(
            "return new Promise((resolve, reject) => {
               const request = indexedDB.open(a[0]);
               request.onerror = () => reject(request.error);
               request.onsuccess = () => resolve(request.result);
             });",
            Array::of1(&JsValue::from_str(name)),
        );
        Tab(database.await.unchecked_into())
    }

    /// Deletes the whole database; fails when someone does not let go.
    pub async fn delete(name: &str) {
        awaited(
            "return new Promise((resolve, reject) => {
               const request = indexedDB.deleteDatabase(a[0]);
               request.onblocked = () => reject(new Error('the other tab is blocked'));
               request.onerror = () => reject(request.error);
               request.onsuccess = () => resolve();
             });",
            Array::of1(&JsValue::from_str(name)),
        )
        .await;
    }

    pub async fn put(&self, table: &str, key: &str, value: &str) {
        self.put_value(table, key, &JsValue::from_str(value)).await;
    }

    pub async fn put_value(&self, table: &str, key: &str, value: &JsValue) {
        awaited(
            "return new Promise((resolve, reject) => {
               const tx = a[0].transaction(a[1], 'readwrite');
               tx.objectStore(a[1]).put(a[3], a[2]);
               tx.oncomplete = () => resolve();
               tx.onabort = () => reject(tx.error);
             });",
            Array::of4(&self.0, &JsValue::from_str(table), &JsValue::from_str(key), value),
        )
        .await;
    }

    pub async fn get(&self, table: &str, key: &str) -> JsValue {
        awaited(
            "return new Promise((resolve, reject) => {
               const request = a[0].transaction(a[1]).objectStore(a[1]).get(a[2]);
               request.onsuccess = () => resolve(request.result);
               request.onerror = () => reject(request.error);
             });",
            Array::of3(&self.0, &JsValue::from_str(table), &JsValue::from_str(key)),
        )
        .await
    }

    pub fn version(&self) -> u32 {
        self.0.version() as u32
    }

    pub fn tables(&self) -> Vec<String> {
        let names: DomStringList = self.0.object_store_names();
        (0..names.length()).filter_map(|at| names.get(at)).collect()
    }

    pub fn close(self) {}
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.0.close();
    }
}
