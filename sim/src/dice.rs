//! Randomness as a function of `(seed, stream, actor, n)`: one actor's decisions do not move another's.

use std::cell::Cell;

/// What a decision is about. Streams never influence each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The numbers and fault classes of a run.
    Profile = 1,
    /// What the users do.
    Workload = 2,
    /// Who runs next, and how long things take.
    Schedule = 3,
    /// What goes wrong.
    Faults = 4,
    /// The random bits that the platform gives to the core.
    Platform = 5,
    /// What the world does to the devices.
    Trouble = 6,
    /// What users do seldom.
    Seldom = 7,
}

/// The finalizer of splitmix64: spreads one number over all 64 bits.
pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The decisions of one actor in one stream.
#[derive(Debug)]
pub struct Dice {
    base: u64,
    thrown: Cell<u64>,
}

impl Dice {
    /// The dice of `actor`.
    pub fn new(seed: u64, stream: Stream, actor: u64) -> Dice {
        let base = mix(mix(seed ^ 0x9e37_79b9_7f4a_7c15) ^ (stream as u64) << 56 ^ mix(actor + 1));
        Dice { base, thrown: Cell::new(0) }
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        self.thrown.set(self.thrown.get() + 1);
        mix(self.base.wrapping_add(self.thrown.get().wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number below `end`; 0 for an `end` of 0.
    pub fn below(&self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number of `first..=last`.
    pub fn within(&self, first: i64, last: i64) -> i64 {
        first + self.below((last - first + 1) as u64) as i64
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }
}
