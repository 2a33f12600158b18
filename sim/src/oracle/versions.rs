//! I4 and I18: of everything the server accepted, nothing is out of reach, and no head was moved back.

use std::collections::{BTreeMap, BTreeSet};

use keyflow_sync::model::{Key, Strategy};
use keyflow_sync::stamp::Stamp;
use keyflow_sync::wire::Outcome;

use super::tokens;
use crate::cloud::{Kept, User};
use crate::sim::Sim;

/// Checks the versions of one record.
pub(super) fn check(sim: &Sim, user: &User, key: &Key, kept: &[Kept]) {
    let by_version: BTreeMap<Stamp, &Kept> = kept.iter().map(|kept| (kept.record.version, kept)).collect();
    let parents = |version: Stamp| {
        let kept = by_version.get(&version);
        kept.into_iter().flat_map(|kept| kept.record.base.into_iter().chain(kept.mixed_with))
    };
    let ancestors = |from: Vec<Stamp>| {
        let (mut seen, mut todo) = (BTreeSet::new(), from);
        while let Some(version) = todo.pop() {
            for parent in parents(version) {
                if seen.insert(parent) {
                    todo.push(parent);
                }
            }
        }
        seen
    };
    let Some((head, _)) = user.heads.get(key) else {
        return sim.violation(format!("I4: {key} has versions and no head"));
    };
    let mut roots = vec![head.version];
    for (conflict, _) in user.inbox.values().filter(|(conflict, _)| conflict.key == *key) {
        roots.extend([conflict.local.version, conflict.remote.version]);
    }
    // A version with the content of a reachable one was not overwritten; nor was what it was made of.
    let mut reachable = BTreeSet::new();
    while !roots.is_empty() {
        reachable.extend(ancestors(roots.clone()));
        reachable.append(&mut roots.into_iter().collect());
        roots = by_version
            .values()
            .filter(|kept| !reachable.contains(&kept.record.version))
            .filter(|kept| {
                let other = |version: &Stamp| by_version.get(version);
                reachable.iter().filter_map(other).any(|other| kept.record.same_content(&other.record))
            })
            .map(|kept| kept.record.version)
            .collect();
    }
    // A register that only one side touched is merged without an entry in the inbox.
    let merged = |kept: &Kept| {
        let held: BTreeSet<&str> = by_version
            .iter()
            .filter(|(version, _)| reachable.contains(version))
            .flat_map(|(_, kept)| tokens(&kept.record))
            .collect();
        let decided = kept.outcome != Outcome::Conflict;
        decided && tokens(&kept.record).is_subset(&held)
    };
    for kept in by_version.values().filter(|kept| !reachable.contains(&kept.record.version)) {
        if !merged(kept) {
            sim.violation(format!("I4: version {} of {key} is out of reach", kept.record.version));
        }
    }
    let head_version = head.version;
    // What stands in the inbox, and what that was made of, waits for the user's choice or had it.
    let mut chosen: BTreeSet<Stamp> = BTreeSet::new();
    for (conflict, _) in user.inbox.values().filter(|(conflict, _)| conflict.key == *key) {
        let pair = vec![conflict.local.version, conflict.remote.version];
        chosen.extend(&pair);
        chosen.append(&mut ancestors(pair));
    }
    // Under the manual strategy, or with a stamp brought back, an edit that was refused, and that the user sends again,
    // may come after the one that took its place.
    let faults = sim.profile.faults;
    if faults.poison && (faults.clock || sim.profile.rules.strategy == Strategy::Manual) {
        return;
    }
    // So was what a later version gave up again for the content of the head.
    for (version, _) in by_version.iter().filter(|(_, kept)| kept.record.same_content(head)) {
        chosen.append(&mut ancestors(vec![*version]));
        chosen.insert(*version);
    }
    chosen.remove(&head_version);
    for version in by_version.keys().filter(|version| **version != head_version && !chosen.contains(version))
    {
        if ancestors(vec![*version]).contains(&head_version) {
            sim.violation(format!("I18: the head {head_version} of {key} is an ancestor of {version}"));
        }
    }
}
