//! Real devices against a real server over real HTTP: the whole core, natively, and the specification's scenarios.
#![allow(missing_docs, reason = "a test has no readers of its documentation")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod faults;
mod inbox;
mod practice;
mod scenarios;
mod tabs;
mod world;
