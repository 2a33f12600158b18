//! What every part of a run shares: executor, server, oracle, and the switch that stops all faults.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use keyflow_sync::stamp::Millis;

use crate::cloud::Cloud;
use crate::exec::Exec;
use crate::oracle::Oracle;
use crate::profile::{Faults, Profile};
use crate::world::script::Ends;

/// The server's wall clock at virtual time 0, epoch ms.
pub const EPOCH: Millis = 1_704_067_200_000;

/// One run.
pub struct Sim {
    /// Runs everything.
    pub exec: Rc<Exec>,
    /// The server.
    pub cloud: Cloud,
    /// What was promised, by the harness's own record.
    pub oracle: Oracle,
    /// The run's numbers.
    pub profile: Profile,
    /// Whether faults still happen.
    pub faulty: Cell<bool>,
    counters: RefCell<BTreeMap<&'static str, u64>>,
    violations: RefCell<Vec<String>>,
    /// Points passed at which a process may end.
    pub points: Cell<u64>,
    /// Where they end.
    pub ends: RefCell<Ends>,
    /// Prints what happens.
    pub loud: bool,
}

impl Sim {
    /// A run that has not begun.
    pub fn new(profile: Profile, loud: bool) -> Rc<Sim> {
        Rc::new(Sim {
            exec: Exec::new(profile.seed),
            cloud: Cloud::new(profile.seed, profile.server_batch),
            oracle: Oracle::default(),
            profile,
            faulty: Cell::new(true),
            counters: RefCell::default(),
            violations: RefCell::default(),
            points: Cell::new(0),
            ends: RefCell::default(),
            loud,
        })
    }

    /// The fault classes that exist now.
    pub fn faults(&self) -> Faults {
        if self.faulty.get() { self.profile.faults } else { Faults::default() }
    }

    /// Counts that something happened.
    pub fn saw(&self, what: &'static str) {
        *self.counters.borrow_mut().entry(what).or_default() += 1;
    }

    /// Takes over what the server noticed since the last call.
    pub fn hear_cloud(&self) {
        self.cloud.seen().into_iter().for_each(|what| self.saw(what));
        self.cloud.broken().into_iter().for_each(|what| self.violation(what));
    }

    /// What happened, and how often.
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.counters.borrow().clone()
    }

    /// Notes a fact for the comparison of runs.
    pub fn note(&self, fact: &str) {
        self.exec.note(fact);
        if self.loud {
            println!("{:>9} {fact}", self.exec.now());
        }
    }

    /// Notes a broken promise, once for each text.
    pub fn violation(&self, what: String) {
        let mut violations = self.violations.borrow_mut();
        if !violations.contains(&what) {
            if self.loud {
                println!("{:>9} VIOLATION {what}", self.exec.now());
            }
            violations.push(what);
        }
    }

    /// The broken promises so far.
    pub fn violations(&self) -> Vec<String> {
        self.violations.borrow().clone()
    }
}
