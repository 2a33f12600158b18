//! KeyFlow sync: a typing result is saved on the device at once, queued, and synced when there is a network.
//!
//! The rooms of this crate, lower ones never use upper ones:
//!
//! ```text
//! wasm        the only code JavaScript sees
//! driver      the loop that carries effects out
//! engine      the state machine: event in, effects out
//! ```

pub mod attempt;
pub mod error;
pub mod event;
pub mod metrics;
pub mod rate;
pub mod session;
pub mod text;
