//! The device's hybrid logical clock, which gives every edit its stamp. Nothing here reads a clock; the time comes in.

use serde::Serialize;

use crate::read::read_struct;
use crate::stamp::{Millis, Replica, Stamp};

/// The device's hybrid logical clock: it never goes back, and stays near the server's time once it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HybridClock {
    /// Replica written into every stamp of this clock.
    pub replica: Replica,
    /// The last stamp given or seen; the next one is greater.
    pub last: Stamp,
    /// Server time minus this device's wall clock, in ms; 0 until a server was heard.
    pub offset: Millis,
}

read_struct!(HybridClock {
    replica: "replica",
    last: "last"
} or default {
    offset: "offset"
});

impl HybridClock {
    /// A clock that has given no stamp yet.
    pub fn new(replica: Replica) -> HybridClock {
        HybridClock { replica, last: Stamp::ZERO, offset: 0 }
    }

    /// The stamp for an edit made when the wall clock reads `wall` ms. Greater than every stamp given or observed.
    pub fn tick(&mut self, wall: Millis) -> Stamp {
        let now = Stamp::at(wall.saturating_add(self.offset), 0, self.replica);
        self.last = if now.ms > self.last.ms { now } else { now.after(self.last) };
        self.last
    }

    /// Takes notice of a stamp made elsewhere, so that the next edit here sorts after it.
    pub fn observe(&mut self, seen: Stamp) {
        self.last = self.last.max(seen);
    }

    /// Anchors this clock: the server's clock read `server` ms when the wall clock here read `wall` ms.
    ///
    /// A clock that ran more than `tolerance` ms ahead is brought back, because the server clamps such stamps.
    pub fn anchor(&mut self, server: Millis, wall: Millis, tolerance: Millis) {
        self.offset = server.saturating_sub(wall);
        if self.last.ms > server.saturating_add(tolerance) {
            self.last = Stamp::at(server, 0, self.replica);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back_when_the_wall_clock_does() {
        let mut clock = HybridClock::new(Replica(1));
        let first = clock.tick(5_000);
        let second = clock.tick(1_000);
        assert!(second > first);
        assert_eq!(second.ms, 5_000);
    }

    #[test]
    fn an_edit_sorts_after_everything_it_has_seen() {
        let mut clock = HybridClock::new(Replica(1));
        let seen = Stamp::at(9_000, 4, Replica(2));
        clock.observe(seen);
        assert!(clock.tick(1_000) > seen);
    }

    #[test]
    fn a_full_counter_moves_to_the_next_millisecond() {
        let mut clock = HybridClock::new(Replica(1));
        clock.observe(Stamp::at(7, u16::MAX, Replica(9)));
        assert_eq!(clock.tick(0), Stamp::at(8, 0, Replica(1)));
    }

    #[test]
    fn a_clock_from_the_future_is_brought_back_to_the_server() {
        let mut clock = HybridClock::new(Replica(1));
        clock.tick(4_000_000_000_000);
        clock.anchor(1_000_000, 4_000_000_000_000, 60_000);
        let next = clock.tick(4_000_000_000_500);
        assert_eq!(next.ms, 1_000_500);
    }

    #[test]
    fn a_wall_clock_before_1970_gives_a_valid_stamp() {
        let stamp = HybridClock::new(Replica(1)).tick(-5);
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
    }
}
