//! A few scenarios ended at every point, and the proof that this can fail.
#![allow(missing_docs, reason = "a test has no users")]

use keyflow_sim::crash::scenarios;
use keyflow_sim::world::script::Ends;

#[test]
fn a_process_may_end_anywhere_in_a_conflict_and_its_choice() {
    let all = scenarios();
    let scenario =
        all.iter().find(|known| known.name == "both change it and one mixes them, last write wins");
    let scenario = scenario.expect("the scenario is there");
    let (whole, points) = scenario.run(&Ends::default(), false);
    assert_eq!(whole.violations, Vec::<String>::new());
    assert!(points > 100);
    assert_eq!(whole.acked, scenario.edits());
    for at in (1..=points).step_by(5) {
        for power in [false, true] {
            let ends = Ends { at: vec![at], power };
            let (ran, _) = scenario.run(&ends, false);
            assert_eq!(ran.violations, Vec::<String>::new(), "{ends:?}");
        }
    }
}

#[test]
fn there_are_fifty_scenarios_of_different_names() {
    let mut names: Vec<_> = scenarios().into_iter().map(|scenario| scenario.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert!(count >= 50 && names.len() == count, "{count} scenarios, {} names", names.len());
}

/// An end moves what follows: with an end at every point, the runs differ.
#[test]
fn an_end_is_felt() {
    let all = scenarios();
    let (whole, _) = all[0].run(&Ends::default(), false);
    let (ended, _) = all[0].run(&Ends { at: vec![20], power: false }, false);
    assert_ne!(whole.hash, ended.hash);
}
