//! The adapters behind the traits of [`crate::seam`]: storage, network, clock and the other tabs.
//!
//! They hold no rules of syncing. What is wrong outside is answered as a value; nothing here panics on it.

pub mod memory;
