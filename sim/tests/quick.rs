//! Short runs: no promise breaks, every kind of trouble really happens, and a seed repeats itself.
#![allow(missing_docs, reason = "a test has no users")]

use std::collections::BTreeMap;

use keyflow_sim::SOMETIMES;
use keyflow_sim::world::run;

#[test]
fn sixty_seeds_keep_every_promise() {
    let mut counters: BTreeMap<&str, u64> = BTreeMap::new();
    let mut broken = Vec::new();
    for seed in 1..=60 {
        let ran = run(seed, Some(200), false);
        for (what, count) in ran.counters {
            *counters.entry(what).or_default() += count;
        }
        broken.extend(ran.violations.first().map(|what| format!("seed {seed}: {what}")));
    }
    assert_eq!(broken, Vec::<String>::new());
    let missing: Vec<_> = SOMETIMES.iter().filter(|what| !counters.contains_key(*what)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

#[test]
fn a_seed_run_twice_is_the_same_run() {
    for seed in 301..=303 {
        let (first, second) = (run(seed, Some(200), false), run(seed, Some(200), false));
        assert_eq!((first.hash, first.events), (second.hash, second.events), "seed {seed}");
    }
}

#[test]
fn different_seeds_are_different_runs() {
    assert_ne!(run(1, Some(50), false).hash, run(2, Some(50), false).hash);
}
