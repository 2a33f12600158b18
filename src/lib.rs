//! KeyFlow sync: a typing result is saved on the device at once, queued, and synced when there is a network.

pub mod cache;
pub mod driver;
pub mod edit;
pub mod engine;
pub mod error;
pub mod http;
pub mod merge;
pub mod model;
pub mod plan;
pub mod queue;
pub mod schedule;
pub mod seam;
pub mod settle;
pub mod stamp;
pub mod state;
pub mod wire;
