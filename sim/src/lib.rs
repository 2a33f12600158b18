//! The sync engine in a made-up world: real drivers, real rules, simulated disk, network, clock and server.
//!
//! A run is a function of its seed: nothing here reads a clock, a file or the operating system's randomness.

pub mod cloud;
pub mod device;
pub mod dice;
pub mod exec;
pub mod net;
pub mod oracle;
pub mod profile;
pub mod sim;
pub mod store;
pub mod world;
