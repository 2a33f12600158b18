//! The server over real HTTP on a real SQLite file: every promise of the protocol that a client can see.
#![allow(missing_docs, reason = "a test has no readers of its documentation")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod accounts;
mod clients;
mod cloud;
mod concurrency;
mod crash;
mod inbox;
mod judge;
mod limits;
mod page;
mod plain;
mod pull;
