//! KeyFlow sync: a typing result is saved on the device at once, queued, and synced when there is a network.
//!
//! The rooms of this crate; a room uses rooms below it, never above:
//!
//! | room | what is in it |
//! |---|---|
//! | `wasm` | the only code that JavaScript sees |
//! | [`driver`] | the loop: the user's calls, the engine's effects |
//! | [`engine`] | the state machine of sync: event in, effects out |
//! | [`edit`], [`settle`] | every change of local data as a plan: the user's, and a sync round's |
//! | [`plan`], [`queue`], [`cache`], [`schedule`] | what plans share; the outbox; what stays here; every number about time |
//! | [`head`], [`entry`] | the small facts of a store; what a list shows of a record |
//! | [`state`] | all local knowledge as one value, all change as one batch |
//! | [`session`], [`metrics`], [`attempt`], [`event`], [`rate`], [`text`] | typing: from keys to the numbers of profile KF-1 |
//! | [`judge`] | the rows that one offered version leads to, on any server |
//! | [`merge`] | the one function that judges two versions; the server calls it too |
//! | [`wire`], [`http`] | bodies that travel; requests and what answers mean |
//! | [`platform`] | the adapters behind the seam: IndexedDB, memory, fetch, the browser |
//! | [`seam`] | what the platform must give: store, transport, host |
//! | [`model`], [`clock`], [`stamp`] | plain data, the order of edits |
//! | [`read`], `order`, [`error`] | JSON read as types, sorting, errors |
//! | [`fault`] | promises broken on purpose, for the tests of the tests |

pub mod attempt;
pub mod cache;
pub mod clock;
#[cfg(test)]
mod desk;
pub mod driver;
pub mod edit;
pub mod engine;
pub mod entry;
pub mod error;
pub mod event;
pub mod fault;
pub mod head;
pub mod http;
pub mod judge;
pub mod merge;
pub mod metrics;
pub mod model;
mod order;
pub mod plan;
pub mod platform;
pub mod queue;
pub mod rate;
pub mod read;
pub mod schedule;
pub mod seam;
pub mod session;
pub mod settle;
pub mod stamp;
pub mod state;
pub mod text;
#[cfg(target_arch = "wasm32")]
mod wasm;
pub mod wire;
