//! The KeyFlow server: the cloud copy of every record, the judge of concurrent edits, and the web page, in one program.
//!
//! All state is in the database, so any number of processes can serve it. What two versions become is decided by
//! `keyflow_sync::merge` and nowhere else; what travels is defined by `keyflow_sync::wire`.
//!
//! [`serve`] starts a server inside a test or another program.

mod accounts;
mod address;
mod app;
mod assets;
mod auth;
pub mod config;
pub mod error;
mod events;
mod history;
mod limits;
mod pull;
mod push;
mod serve;
pub mod store;

pub use config::Config;
pub use serve::{Server, StartError, serve};
