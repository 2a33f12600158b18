//! KeyFlow sync: a typing result is saved on the device at once, queued, and synced when there is a network.

pub mod error;
pub mod merge;
pub mod model;
pub mod platform;
pub mod seam;
pub mod stamp;
pub mod wire;
