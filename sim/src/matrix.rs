//! Faults times seeds: whether each deliberate fault breaks a promise that a run checks, and how soon.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use keyflow_sim::world::run;
use keyflow_sync::fault::{Fault, choose};

/// The faults that a run can have, with what each does.
const FAULTS: [(Fault, &str); 27] = [
    (Fault::M01, "record and queue entry in two transactions"),
    (Fault::M02, "an answer clears the whole queue"),
    (Fault::M03, "dequeued before the answer"),
    (Fault::M04, "cursor committed before the data"),
    (Fault::M05, "the server takes a version twice"),
    (Fault::M06, "equal times: the later arrival wins"),
    (Fault::M07, "the losing version is not kept"),
    (Fault::M08, "eviction of what waits"),
    (Fault::M09, "a full queue drops its oldest"),
    (Fault::M10, "a pull replaces what waits"),
    (Fault::M11, "ticks visible out of order"),
    (Fault::M12, "stamps of the future stay"),
    (Fault::M13, "operations expire after five attempts"),
    (Fault::M14, "no retry after a restart"),
    (Fault::M15, "the clock is not stored"),
    (Fault::M16, "no fast-forward"),
    (Fault::M17, "confirmation committed before the merged record"),
    (Fault::M18, "changes by time of the edit"),
    (Fault::M19, "last write wins without versions"),
    (Fault::M20, "an unreadable store is an empty one"),
    (Fault::M22, "acknowledged before the commit"),
    (Fault::M23, "one refused operation parks its batch"),
    (Fault::M24, "a session of any user by its id"),
    (Fault::M26, "a confirmation removes by record"),
    (Fault::M27, "tombstones live for a minute"),
    (Fault::M28, "a restored server goes unnoticed"),
    (Fault::M29, "unknown fields are dropped"),
];

/// Seeds that every fault is tried with, for the share that finds it.
const SAMPLE: u64 = 200;

/// Has the fault of that name in what this thread runs from now on.
pub fn have(name: Option<&str>) {
    choose(FAULTS.iter().map(|(fault, _)| *fault).find(|fault| Some(format!("{fault:?}").as_str()) == name));
}

#[derive(Default)]
struct Found {
    seeds: u64,
    /// The least seed that broke a promise, and what it said.
    first: Option<(u64, String)>,
}

fn broken(fault: Fault, seed: u64) -> Option<String> {
    choose(Some(fault));
    let done = catch_unwind(AssertUnwindSafe(|| run(seed, None, false)));
    choose(None);
    match done {
        Ok(ran) => ran.violations.into_iter().next(),
        Err(_) => Some("panic: an assertion of the engine".into()),
    }
}

/// Tries `seeds` after one another, on all threads, until enough of them ran.
fn hunt(fault: Fault, most: u64, threads: usize) -> Found {
    let (next, found) = (AtomicU64::new(1), Mutex::new(Found::default()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let enough = found.lock().unwrap_or_else(PoisonError::into_inner).first.is_some();
                    if seed > most || (seed > SAMPLE && enough) {
                        break;
                    }
                    let Some(what) = broken(fault, seed) else { continue };
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.seeds += u64::from(seed <= SAMPLE);
                    if found.first.as_ref().is_none_or(|(first, _)| seed < *first) {
                        found.first = Some((seed, what));
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the faults whose names match (`all` for every one), each with at most `most` seeds, and prints a table. False
/// when one was not caught, or none has that name.
pub fn survey(wanted: &str, most: u64, threads: usize) -> bool {
    // A panic is a find here, and said in the table.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut caught, mut tried) = (0, 0);
    println!("| fault | what it does | share of {SAMPLE} seeds | first seed | broken promise |");
    println!("|---|---|---|---|---|");
    for (fault, does) in FAULTS.iter().filter(|(fault, _)| wanted == "all" || format!("{fault:?}") == wanted)
    {
        tried += 1;
        let found = hunt(*fault, most, threads);
        let share = found.seeds as f64 * 100.0 / SAMPLE as f64;
        match found.first {
            Some((seed, what)) => {
                caught += 1;
                let promise = what.split([':', ' ']).next().unwrap_or_default();
                println!("| {fault:?} | {does} | {share:.1} % | {seed} | {promise} |");
            }
            None => println!("| {fault:?} | {does} | 0 % | none of {most} | **survives** |"),
        }
    }
    println!("{caught} of {tried} faults caught");
    tried > 0 && caught == tried
}
