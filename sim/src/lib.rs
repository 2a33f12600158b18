//! The sync engine in a made-up world: real drivers, real rules, simulated disk, network, clock and server.
//!
//! A run is a function of its seed: nothing here reads a clock, a file or the operating system's randomness.

pub mod cloud;
pub mod crash;
pub mod device;
pub mod dice;
pub mod exec;
mod faulty;
pub mod net;
pub mod oracle;
pub mod profile;
pub mod sim;
pub mod store;
pub mod tape;
pub mod world;

/// What must happen at least once in many runs; otherwise they prove nothing about it.
pub const SOMETIMES: [&str; 54] = [
    "401",
    "clamp",
    "clock jump",
    "coalesced",
    "concurrent, incoming wins",
    "concurrent, stored wins",
    "conflict",
    "crash",
    "crash in a commit",
    "cut answer",
    "cut off",
    "damaged row",
    "deadline",
    "device shut out",
    "discard",
    "doubled request",
    "draft ended",
    "duplicate",
    "eviction",
    "failed round",
    "freeze",
    "hint",
    "import",
    "late ancestor",
    "link",
    "lock held",
    "lost by the restore",
    "lost reply",
    "lost request",
    "mixture",
    "new token",
    "parked",
    "parked edit retried",
    "power cut",
    "practice without a session",
    "refused commit",
    "rejected",
    "relaxed commit lost",
    "remove",
    "resolve",
    "resolved",
    "restart",
    "restore",
    "resync",
    "retry",
    "round",
    "server fault",
    "sign in",
    "sign out",
    "slow",
    "stale",
    "tab hand-over",
    "too large",
    "unreadable store",
];
