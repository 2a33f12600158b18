//! A run as data: what of a seed's faults and steps takes place. A tape still means the same when code has changed what the
//! seed would do next, and it can be made smaller.

use serde::{Deserialize, Serialize};

use crate::profile::{Faults, Profile};

/// Everything that a run depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tape {
    /// Decides everything that is not said here.
    pub seed: u64,
    /// The fault classes that exist.
    pub faults: Faults,
    /// Devices of the user.
    pub devices: u64,
    /// Most tabs of one device.
    pub tabs: u64,
    /// The steps that take place, by number; each decides for itself what happens in it.
    pub steps: Vec<u64>,
}

impl Tape {
    /// All of a profile.
    pub fn whole(profile: Profile) -> Tape {
        let Profile { seed, faults, devices, tabs, actions, .. } = profile;
        Tape { seed, faults, devices, tabs, steps: (0..actions).collect() }
    }

    /// The profile of the run.
    pub fn profile(&self) -> Profile {
        let Tape { seed, faults, devices, tabs, steps } = self;
        let actions = steps.len() as u64;
        Profile { faults: *faults, devices: *devices, tabs: *tabs, actions, ..Profile::of(*seed) }
    }

    /// A smaller tape that is still bad: fewer fault classes, then fewer devices and tabs, then fewer steps. Asks `bad`
    /// at most `tries` times; this tape itself must be bad.
    ///
    /// Steps go by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
    pub fn shrink(&self, tries: usize, bad: impl Fn(&Tape) -> bool) -> Tape {
        let mut search = Search { best: self.clone(), left: tries, bad };
        for off in Faults::EACH {
            search.offer(|tape| off(&mut tape.faults));
        }
        while search.best.devices > 1 && search.offer(|tape| tape.devices -= 1) {}
        while search.best.tabs > 1 && search.offer(|tape| tape.tabs -= 1) {}
        let mut size = search.best.steps.len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            let before = search.best.steps.len();
            while from < search.best.steps.len() {
                let to = (from + size).min(search.best.steps.len());
                if !search.offer(|tape| drop(tape.steps.drain(from..to))) {
                    from = to;
                }
            }
            // At single steps, goes round until nothing more can go.
            size = if size == 1 && search.best.steps.len() < before { 1 } else { size / 2 };
        }
        search.best
    }
}

struct Search<B> {
    best: Tape,
    left: usize,
    bad: B,
}

impl<B: Fn(&Tape) -> bool> Search<B> {
    fn offer(&mut self, change: impl FnOnce(&mut Tape)) -> bool {
        let mut tape = self.best.clone();
        change(&mut tape);
        if tape == self.best || self.left == 0 {
            return false;
        }
        self.left -= 1;
        let kept = (self.bad)(&tape);
        if kept {
            self.best = tape;
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_shrinks_to_what_it_takes_and_keeps_its_place_in_the_seed() {
        let whole = Tape::whole(Profile { actions: 300, devices: 3, ..Profile::of(7) });
        let bad = |tape: &Tape| tape.devices >= 2 && [17, 250].iter().all(|step| tape.steps.contains(step));
        let least = whole.shrink(2_000, bad);
        assert_eq!((least.devices, least.steps), (2, vec![17, 250]));
        assert_eq!(least.faults, Faults::default());
    }

    #[test]
    fn a_search_that_is_out_of_tries_answers_the_best_so_far() {
        let whole = Tape::whole(Profile { actions: 300, ..Profile::of(7) });
        let some = whole.shrink(40, |tape| tape.steps.contains(&17));
        assert!(some.steps.contains(&17) && some.steps.len() < 300);
        assert_eq!(whole.shrink(0, |_| true), whole);
    }

    #[test]
    fn a_tape_is_the_same_after_a_round_trip_as_text() {
        let tape = Tape::whole(Profile::of(9));
        let text = serde_json::to_string(&tape).unwrap();
        assert_eq!(serde_json::from_str::<Tape>(&text).unwrap(), tape);
    }
}
