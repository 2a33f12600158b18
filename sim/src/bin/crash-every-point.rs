//! `crash-every-point`: every scenario, ended at every point.
//!
//! ```text
//! crash-every-point [--only TEXT]                    scenarios whose name contains TEXT
//! crash-every-point --fault M01 [--only TEXT]         with the engine broken on purpose; --features faults
//! crash-every-point --scenario NAME --crash 7[,9] [--power]   one run, printed
//! ```
#![allow(clippy::print_stdout, reason = "a program talks to its user")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyflow_sim::crash::{Scenario, scenarios};
use keyflow_sim::world::script::Ends;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What came of one scenario.
struct Outcome {
    points: u64,
    runs: u64,
    acked: u64,
    broken: Vec<String>,
}

fn replay_line(scenario: &Scenario, ends: &Ends) -> String {
    let at: Vec<String> = ends.at.iter().map(u64::to_string).collect();
    let power = if ends.power { " --power" } else { "" };
    format!("crash-every-point --scenario {:?} --crash {}{power}", scenario.name, at.join(","))
}

fn examine(scenario: &Scenario) -> Outcome {
    let (whole, points) = scenario.run(&Ends::default(), false);
    let mut outcome = Outcome { points, runs: 1, acked: whole.acked, broken: Vec::new() };
    outcome.broken.extend(whole.violations.first().map(|what| format!("{what}\n  without an end")));
    if whole.acked != scenario.edits() {
        let (acked, edits) = (whole.acked, scenario.edits());
        outcome
            .broken
            .push(format!("{acked} of {edits} edits were acknowledged without an end: the script is wrong"));
    }
    for ends in scenario.ends(points) {
        let (ran, _) = scenario.run(&ends, false);
        (outcome.runs, outcome.acked) = (outcome.runs + 1, outcome.acked + ran.acked);
        if let Some(what) = ran.violations.first() {
            outcome.broken.push(format!("{what}\n  replay: {}", replay_line(scenario, &ends)));
        }
    }
    outcome
}

/// Breaks the engine on purpose in this thread.
#[cfg(feature = "faults")]
fn have(fault: &str) {
    use keyflow_sync::fault::{Fault, choose};
    let known = [Fault::M01, Fault::M03, Fault::M22];
    choose(known.into_iter().find(|known| format!("{known:?}") == fault));
}

#[cfg(not(feature = "faults"))]
fn have(_: &str) {}

fn every(wanted: &[Scenario], fault: &str) -> ExitCode {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                have(fault);
                while let Some(scenario) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = examine(scenario);
                    println!("{:>4} points {:>5} runs  {}", outcome.points, outcome.runs, scenario.name);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(outcome);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sum = |of: fn(&Outcome) -> u64| done.iter().map(of).sum::<u64>();
    let broken: Vec<&String> = done.iter().flat_map(|outcome| &outcome.broken).collect();
    println!(
        "scenarios {}, points {}, runs {}, edits acknowledged {}",
        done.len(),
        sum(|outcome| outcome.points),
        sum(|outcome| outcome.runs),
        sum(|outcome| outcome.acked)
    );
    println!("runs that break a promise: {}", broken.len());
    broken.iter().take(10).for_each(|what| println!("{what}"));
    if broken.is_empty() && !done.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(name: &str, ends: &Ends) -> ExitCode {
    let Some(scenario) = scenarios().into_iter().find(|scenario| scenario.name == name) else {
        println!("there is no scenario {name:?}");
        return ExitCode::FAILURE;
    };
    let (ran, points) = scenario.run(ends, true);
    println!("{points} points, {} edits acknowledged", ran.acked);
    ran.violations.iter().for_each(|what| println!("{what}"));
    if ran.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    let (mut only, mut fault, mut scenario, mut ends) = (String::new(), String::new(), None, Ends::default());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.as_str() {
            "--only" => only = value(),
            "--fault" => fault = value(),
            "--scenario" => scenario = Some(value()),
            "--crash" => ends.at = value().split(',').filter_map(|at| at.parse().ok()).collect(),
            "--power" => ends.power = true,
            _ => {
                println!("unknown option {word}: see the first lines of sim/src/bin/crash-every-point.rs");
                return ExitCode::FAILURE;
            }
        }
    }
    match scenario {
        Some(name) => one(&name, &ends),
        None => {
            let wanted: Vec<_> = scenarios().into_iter().filter(|known| known.name.contains(&only)).collect();
            every(&wanted, &fault)
        }
    }
}
