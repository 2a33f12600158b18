//! The contract suite over the store in memory, natively. The browser runs the same suite in `idb.rs`.
#![cfg(not(target_arch = "wasm32"))]

mod contract;

use std::cell::RefCell;
use std::collections::HashMap;

use keyflow_sync::platform::memory::MemoryStore;

#[test]
fn the_store_in_memory_keeps_every_promise_of_the_seam() {
    let stores = RefCell::new(HashMap::<String, MemoryStore>::new());
    pollster::block_on(contract::all(async |name: &str| {
        stores.borrow_mut().entry(name.to_owned()).or_default().clone()
    }));
}
