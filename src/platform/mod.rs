//! The adapters behind the traits of [`crate::seam`]: storage, network, clock and the other tabs.
//!
//! They hold no rules of syncing. What is wrong outside is answered as a value; nothing here panics on it.

#[cfg(target_arch = "wasm32")]
pub mod fetch;
#[cfg(target_arch = "wasm32")]
pub mod host;
#[cfg(target_arch = "wasm32")]
pub mod idb;
#[cfg(target_arch = "wasm32")]
mod js;
pub mod memory;
