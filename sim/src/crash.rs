//! Crash at every point: short scripts, run once whole and then once for every point at which a process can end.

use keyflow_sync::edit::Choice;
use keyflow_sync::model::Strategy;
use keyflow_sync::plan::Rules;
use keyflow_sync::schedule::Options;

use crate::profile::{Faults, Profile};
use crate::world::Ran;
use crate::world::script::Act::{self, *};
use crate::world::script::{Ends, play};

/// Scripts with at most so many points are also run with two ends.
pub const PAIRS: u64 = 40;

/// A script and the rules it runs under.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What happens, and the strategy.
    pub name: String,
    profile: Profile,
    script: &'static [Act],
}

const STRATEGIES: [(&str, Strategy); 3] = [
    ("last write wins", Strategy::LastWriteWins),
    ("field level", Strategy::FieldLevel),
    ("manual", Strategy::Manual),
];

/// Two devices of one user that both have session `x`.
const PAIR: [Act; 4] = [Save(0, "x"), Wait(2), Link(1), Wait(2)];

/// Name, devices, whether the strategy matters, script. [`PAIR`] comes first where there are two devices.
const SCRIPTS: [(&str, u64, bool, &[Act]); 28] = [
    ("a session is saved", 1, false, &[Save(0, "a"), Wait(3)]),
    ("a session is saved without a network", 1, false, &[Cut(0, 4), Save(0, "a"), Wait(8)]),
    ("a session is typed to its end", 1, false, &[Draft(0, "a"), Wait(3)]),
    (
        "edits wait and become one",
        1,
        false,
        &[Cut(0, 5), Save(0, "a"), Update(0, "a"), Update(0, "a"), Wait(8)],
    ),
    (
        "an edit is made while the last one is sent",
        1,
        false,
        &[Save(0, "a"), Sync(0), Update(0, "a"), Wait(3)],
    ),
    ("a session is removed", 1, false, &[Save(0, "a"), Wait(2), Remove(0, "a"), Wait(3)]),
    ("a removed session is restored", 1, false, &[Save(0, "a"), Remove(0, "a"), Restore(0, "a"), Wait(3)]),
    ("settings change twice", 1, false, &[Settings(0), Wait(2), Settings(0), Wait(3)]),
    ("practice leaves no session", 1, false, &[Practise(0), Practise(0), Wait(3)]),
    (
        "a batch has twelve",
        1,
        false,
        &[
            Cut(0, 20),
            Save(0, "a"),
            Save(0, "b"),
            Save(0, "c"),
            Save(0, "d"),
            Save(0, "e"),
            Save(0, "f"),
            Save(0, "g"),
            Save(0, "h"),
            Save(0, "i"),
            Save(0, "j"),
            Save(0, "k"),
            Save(0, "l"),
            Wait(12),
        ],
    ),
    (
        "bodies go and are fetched",
        1,
        false,
        &[
            Save(0, "a"),
            Save(0, "b"),
            Save(0, "c"),
            Save(0, "d"),
            Wait(8),
            Get(0, "a"),
            Update(0, "b"),
            Wait(4),
        ],
    ),
    (
        "a refused edit is parked and sent again",
        1,
        false,
        &[Strict(true), SavePoisoned(0, "a"), Save(0, "b"), Wait(3), Strict(false), Retry(0), Wait(3)],
    ),
    (
        "a refused edit is given up",
        1,
        false,
        &[Strict(true), SavePoisoned(0, "a"), Wait(3), Discard(0), Wait(3)],
    ),
    ("two tabs save", 1, false, &[Open(0), Wait(1), Save(0, "a"), Update(0, "a"), Wait(3)]),
    (
        "a device signs out and in",
        1,
        false,
        &[Save(0, "a"), Wait(2), SignOut(0), Save(0, "b"), SignIn(0), Wait(3)],
    ),
    (
        "a clock is a day ahead and comes back",
        1,
        false,
        &[Clock(0, 86_400), Save(0, "a"), Wait(3), Clock(0, 0), Update(0, "a"), Wait(3)],
    ),
    (
        "the server goes back to a copy",
        1,
        false,
        &[Save(0, "a"), Wait(2), BackUp, Update(0, "a"), Save(0, "b"), Wait(3), GoBack, Wait(8)],
    ),
    ("a second device joins", 2, false, &[Save(1, "y"), Wait(3)]),
    (
        "a device is shut out and joins again",
        2,
        false,
        &[ShutOut(1), Save(1, "y"), Wait(3), SignIn(1), Wait(4)],
    ),
    ("an export is carried over", 2, false, &[Cut(0, 6), Update(0, "x"), Export(0, 1), Wait(8)]),
    ("both change the same session", 2, true, &[Cut(1, 5), Update(0, "x"), Update(1, "x"), Wait(8)]),
    (
        "both change it and one chooses the local side",
        2,
        true,
        &[Cut(1, 4), Update(0, "x"), Update(1, "x"), Wait(8), Resolve(1, Choice::Local), Wait(4)],
    ),
    (
        "both change it and one chooses the remote side",
        2,
        true,
        &[Cut(1, 4), Update(0, "x"), Update(1, "x"), Wait(8), Resolve(0, Choice::Remote), Wait(4)],
    ),
    (
        "both change it and one mixes them",
        2,
        true,
        &[Cut(1, 4), Update(0, "x"), Update(1, "x"), Wait(8), Resolve(1, Choice::Merge), Wait(4)],
    ),
    (
        "both choose",
        2,
        true,
        &[
            Cut(1, 4),
            Update(0, "x"),
            Update(1, "x"),
            Wait(8),
            Resolve(0, Choice::Local),
            Resolve(1, Choice::Remote),
            Wait(6),
        ],
    ),
    ("one removes what the other changes", 2, true, &[Cut(1, 5), Remove(0, "x"), Update(1, "x"), Wait(8)]),
    (
        "both save the same new session",
        2,
        true,
        &[Cut(1, 5), Save(0, "shared-y"), Save(1, "shared-y"), Wait(8)],
    ),
    (
        "both change the settings and each other's session",
        2,
        true,
        &[
            Save(1, "y"),
            Wait(6),
            Cut(0, 4),
            Settings(0),
            Settings(1),
            Update(0, "y"),
            Update(1, "x"),
            Wait(8),
        ],
    ),
];

/// More for two devices, under each strategy.
const LONG: [(&str, &[Act]); 4] = [
    (
        "both change it again after a conflict",
        &[Cut(1, 4), Update(0, "x"), Update(1, "x"), Wait(8), Update(0, "x"), Update(1, "x"), Wait(6)],
    ),
    (
        "a choice is given up",
        &[
            Cut(1, 4),
            Update(0, "x"),
            Update(1, "x"),
            Wait(8),
            Cut(1, 6),
            Resolve(1, Choice::Local),
            Discard(1),
            Wait(8),
        ],
    ),
    (
        "a conflict meets a restored server",
        &[BackUp, Cut(1, 4), Update(0, "x"), Update(1, "x"), Wait(8), GoBack, Wait(9)],
    ),
    (
        "a removed session is restored by the other",
        &[Remove(0, "x"), Wait(4), Restore(1, "x"), Cut(0, 3), Update(0, "x"), Wait(8)],
    ),
];

fn profile(devices: u64, strategy: Strategy) -> Profile {
    let options = Options {
        batch_size: 5,
        cache_sessions: 2,
        debounce_ms: 200,
        settle_ms: 100,
        round_gap_ms: 300,
        backoff_first_ms: 300,
        backoff_max_ms: 2_000,
        poll_ms: 2_000,
        ..Options::default()
    };
    Profile {
        seed: 1,
        faults: Faults::default(),
        devices,
        tabs: 2,
        records: 0,
        rules: Rules { options, strategy },
        server_batch: 500,
        actions: 0,
        pause_ms: 0,
        skew_ms: 0,
        grain_ms: 1,
    }
}

/// Every scenario.
pub fn scenarios() -> Vec<Scenario> {
    let long = LONG.iter().map(|(name, script)| (*name, 2, true, *script));
    let all = SCRIPTS.iter().copied().chain(long);
    all.flat_map(|(name, devices, each, script)| {
        let strategies = if each { &STRATEGIES[..] } else { &STRATEGIES[..1] };
        strategies.iter().map(move |(strategy, rule)| Scenario {
            name: if each { format!("{name}, {strategy}") } else { name.to_owned() },
            profile: profile(devices, *rule),
            script,
        })
    })
    .collect()
}

impl Scenario {
    fn script(&self) -> Vec<Act> {
        match self.profile.devices {
            1 => self.script.to_vec(),
            _ => PAIR.iter().chain(self.script).copied().collect(),
        }
    }

    /// How many edits are acknowledged when nothing ends.
    pub fn edits(&self) -> u64 {
        let edits = |act: &&Act| {
            matches!(act, Save(..) | SavePoisoned(..) | Update(..) | Restore(..) | Settings(_) | Draft(..))
        };
        self.script().iter().filter(edits).count() as u64
    }

    /// Runs it with these ends; answers also how many points it passed.
    pub fn run(&self, ends: &Ends, loud: bool) -> (Ran, u64) {
        let script = self.script();
        let mut profile = self.profile.clone();
        // What an oracle may not expect of the world these actions make.
        profile.faults = Faults {
            power: ends.power,
            restore: script.iter().any(|act| matches!(act, GoBack)),
            poison: script.iter().any(|act| matches!(act, Strict(_))),
            clock: script.iter().any(|act| matches!(act, Clock(..))),
            ..Faults::default()
        };
        play(profile, &script, ends, loud)
    }

    /// Every way to end processes once, with and without power, and twice where the script is short.
    pub fn ends(&self, points: u64) -> Vec<Ends> {
        let single = |power: bool| (1..=points).map(move |at| Ends { at: vec![at], power });
        let mut all: Vec<Ends> = single(false).chain(single(true)).collect();
        if points <= PAIRS {
            all.extend((1..=points).flat_map(|first| {
                (first + 1..=points + 4).map(move |second| Ends { at: vec![first, second], power: false })
            }));
        }
        all
    }
}
