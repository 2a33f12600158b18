//! What many runs come to.

use std::collections::BTreeMap;
use std::fmt::Write;

use keyflow_sim::SOMETIMES;
use keyflow_sim::world::Ran;

/// So many seeds see everything that can happen.
const ENOUGH: u64 = 500;

/// The sum of runs.
#[derive(Default)]
pub struct Report {
    seeds: u64,
    actions: u64,
    events: u64,
    acked: u64,
    virtual_ms: i64,
    counters: BTreeMap<&'static str, u64>,
    /// For each promise: seeds that broke it, the least of them with its actions, and what it said.
    broken: BTreeMap<String, (u64, u64, u64, String)>,
}

impl Report {
    /// Adds a run.
    pub fn add(&mut self, ran: Ran) {
        self.seeds += 1;
        self.actions += ran.actions;
        self.events += ran.events;
        self.acked += ran.acked;
        self.virtual_ms += ran.virtual_ms;
        for (what, count) in ran.counters {
            *self.counters.entry(what).or_default() += count;
        }
        if let Some(first) = ran.violations.into_iter().next() {
            let promise = first.split(' ').next().unwrap_or_default().to_owned();
            let (count, seed, actions, what) =
                self.broken.entry(promise).or_insert_with(|| (0, u64::MAX, 0, String::new()));
            *count += 1;
            if ran.seed < *seed {
                (*seed, *actions, *what) = (ran.seed, ran.actions, first);
            }
        }
    }

    /// Whether every promise was kept, by runs that prove something.
    pub fn good(&self) -> bool {
        self.broken.is_empty() && self.missing().is_empty()
    }

    /// What never happened in runs that are enough for everything to happen.
    fn missing(&self) -> Vec<&'static str> {
        let absent = SOMETIMES.into_iter().filter(|what| !self.counters.contains_key(what));
        if self.seeds >= ENOUGH { absent.collect() } else { Vec::new() }
    }

    /// The report as text.
    pub fn text(&self, seconds: f64, threads: usize) -> String {
        let mut text = String::new();
        let rate = |amount: u64| amount as f64 / seconds;
        for (what, count) in &self.counters {
            let _ = writeln!(text, "  {what}: {count}");
        }
        let _ = writeln!(
            text,
            "seeds {}, actions {}, events {} ({} for each seed), edits acknowledged {}\n\
             {seconds:.1} s on {threads} threads: {:.0} events/s, {:.0} actions/s, {:.0} times real time",
            self.seeds,
            self.actions,
            self.events,
            self.events / self.seeds.max(1),
            self.acked,
            rate(self.events),
            rate(self.actions),
            self.virtual_ms as f64 / 1000.0 / seconds,
        );
        let _ = writeln!(text, "violations: {}", self.broken.values().map(|(count, ..)| count).sum::<u64>());
        for what in self.missing() {
            let _ = writeln!(text, "never happened: {what}");
        }
        for (count, seed, actions, what) in self.broken.values() {
            let _ =
                writeln!(text, "{count} x {what}\n  replay: sim --seed {seed} --actions {actions} --loud");
        }
        text
    }
}
