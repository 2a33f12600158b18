//! `sim`: runs seeds and says what broke. Exit code 1 on a broken promise or a run that proves nothing, 2 on a wrong argument.

#[cfg(feature = "faults")]
mod matrix;
mod report;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use keyflow_sim::profile::Profile;
use keyflow_sim::tape::Tape;
use keyflow_sim::world::{replay, run};

use crate::report::Report;

/// A run allocates a great deal; this makes it a quarter faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str =
    "sim [--seed FIRST] [--seeds COUNT] [--actions ACTIONS] [--minutes MINUTES] [--threads THREADS]
    [--faults NAME|all] [--shrink] [--tape FILE] [--loud]
  --seed     the first seed (default 1); alone, exactly that seed
  --seeds    how many seeds, one after the other
  --minutes  goes on with further seeds for so long
  --actions  actions of users and troubles per seed, instead of what the seed says
  --threads  how many seeds run at once (default: one for each core)
  --faults   breaks the engine or the server on purpose, by name or all, each with at most COUNT seeds (default 3000);
             with --shrink or --tape, has that fault in the run; needs the feature `faults`
  --shrink   makes a seed that breaks a promise as small as it can, and prints it as a tape
  --tape     runs the tape of that file
  --loud     prints the profile and every event";

/// Seeds that a deliberate fault is given to be found.
const MOST_SEEDS: u64 = 3_000;

/// Runs that making a tape smaller may take.
const TRIES: usize = 2_000;

struct Wanted {
    first: u64,
    seeds: u64,
    actions: Option<u64>,
    minutes: f64,
    threads: usize,
    faults: Option<String>,
    tape: Option<Tape>,
    shrink: bool,
    loud: bool,
}

fn wanted() -> Option<Wanted> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut wanted = Wanted {
        first: 1,
        seeds: 1,
        actions: None,
        minutes: 0.0,
        threads,
        faults: None,
        tape: None,
        shrink: false,
        loud: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--loud" => wanted.loud = true,
            "--shrink" => wanted.shrink = true,
            _ => {}
        }
        if name == "--loud" || name == "--shrink" {
            continue;
        }
        let value = arguments.next()?;
        match name.as_str() {
            "--seed" => wanted.first = value.parse().ok()?,
            "--seeds" => wanted.seeds = value.parse().ok()?,
            "--actions" => wanted.actions = Some(value.parse().ok()?),
            "--tape" => {
                let text = std::fs::read_to_string(value).ok()?;
                wanted.tape = Some(serde_json::from_str(&text).ok()?);
            }
            "--faults" => {
                wanted.faults = Some(value);
                wanted.seeds = wanted.seeds.max(MOST_SEEDS);
            }
            "--minutes" => wanted.minutes = value.parse().ok()?,
            "--threads" => wanted.threads = value.parse().ok().filter(|threads| *threads > 0)?,
            _ => return None,
        }
    }
    Some(wanted)
}

/// Runs a tape, or makes a seed's one smaller.
fn one(wanted: &Wanted) -> ExitCode {
    #[cfg(feature = "faults")]
    matrix::have(wanted.faults.as_deref());
    let profile = Profile::of(wanted.first);
    let actions = wanted.actions.unwrap_or(profile.actions);
    let whole = wanted.tape.clone().unwrap_or_else(|| Tape::whole(Profile { actions, ..profile }));
    let ran = replay(&whole, wanted.loud);
    let Some(what) = ran.violations.first() else {
        println!("no promise breaks in {} steps and {} events", ran.actions, ran.events);
        return ExitCode::SUCCESS;
    };
    println!("{what}");
    if wanted.shrink {
        let promise = what.split(':').next();
        let same = |what: &String| what.split(':').next() == promise;
        let least = whole.shrink(TRIES, |tape| replay(tape, false).violations.first().is_some_and(same));
        println!("{}", serde_json::to_string(&least).unwrap_or_default());
    }
    ExitCode::from(1)
}

#[cfg(feature = "faults")]
fn survey(name: &str, most: u64, threads: usize) -> ExitCode {
    if matrix::survey(name, most, threads) { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

#[cfg(not(feature = "faults"))]
fn survey(_: &str, _: u64, _: usize) -> ExitCode {
    eprintln!("this build cannot break anything on purpose: build with --features faults");
    ExitCode::from(2)
}

#[allow(clippy::disallowed_methods, reason = "only the report knows real time")]
fn main() -> ExitCode {
    let Some(wanted) = wanted() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if wanted.shrink || wanted.tape.is_some() {
        return one(&wanted);
    }
    if let Some(name) = &wanted.faults {
        return survey(name, wanted.seeds, wanted.threads);
    }
    let begun = Instant::now();
    let (next, report) = (AtomicU64::new(0), Mutex::new(Report::default()));
    thread::scope(|scope| {
        for _ in 0..wanted.threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= wanted.seeds && begun.elapsed().as_secs_f64() >= wanted.minutes * 60.0 {
                        break;
                    }
                    let ran = run(wanted.first + index, wanted.actions, wanted.loud);
                    report.lock().unwrap_or_else(PoisonError::into_inner).add(ran);
                }
            });
        }
    });
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    print!("{}", report.text(begun.elapsed().as_secs_f64(), wanted.threads));
    if report.good() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
