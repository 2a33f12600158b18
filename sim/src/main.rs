//! `sim`: runs seeds and says what broke. Exit code 1 on a broken promise, 2 on a wrong argument.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use keyflow_sim::world::run;

const USAGE: &str = "sim [--seed FIRST] [--seeds COUNT] [--steps STEPS] [--minutes MINUTES] [--loud]
  --seed     the first seed (default 1); alone, exactly that seed
  --seeds    how many seeds, one after the other
  --steps    steps of users and faults per seed (default 400)
  --minutes  goes on with further seeds for so long
  --loud     prints the profile and every event";

struct Wanted {
    first: u64,
    seeds: u64,
    steps: u64,
    minutes: f64,
    loud: bool,
}

fn wanted() -> Option<Wanted> {
    let mut wanted = Wanted { first: 1, seeds: 1, steps: 400, minutes: 0.0, loud: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--loud" {
            wanted.loud = true;
            continue;
        }
        let value = arguments.next()?;
        match name.as_str() {
            "--seed" => wanted.first = value.parse().ok()?,
            "--seeds" => wanted.seeds = value.parse().ok()?,
            "--steps" => wanted.steps = value.parse().ok()?,
            "--minutes" => wanted.minutes = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(wanted)
}

#[allow(clippy::disallowed_methods, reason = "only the report knows real time")]
fn main() -> ExitCode {
    let Some(wanted) = wanted() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    let (mut seeds, mut polls, mut acked, mut virtual_ms) = (0_u64, 0_u64, 0_u64, 0_i64);
    let mut counters: BTreeMap<&str, u64> = BTreeMap::new();
    let mut broken: BTreeMap<String, (u64, u64, String)> = BTreeMap::new();
    while seeds < wanted.seeds || begun.elapsed().as_secs_f64() < wanted.minutes * 60.0 {
        let ran = run(wanted.first + seeds, wanted.steps, wanted.loud);
        seeds += 1;
        polls += ran.polls;
        acked += ran.acked;
        virtual_ms += ran.virtual_ms;
        for (what, count) in ran.counters {
            *counters.entry(what).or_default() += count;
        }
        if let Some(first) = ran.violations.first() {
            let class = first.split(' ').next().unwrap_or_default().to_owned();
            broken.entry(class).or_insert_with(|| (0, ran.seed, first.clone())).0 += 1;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("seeds {seeds}, steps {}, {polls} polls, {acked} edits acknowledged", seeds * wanted.steps);
    println!(
        "{seconds:.1} s: {:.0} steps/s, {:.0} polls/s, {:.0} times real time",
        (seeds * wanted.steps) as f64 / seconds,
        polls as f64 / seconds,
        virtual_ms as f64 / 1000.0 / seconds
    );
    for (what, count) in &counters {
        println!("  {what}: {count}");
    }
    println!("seeds with a broken promise: {}", broken.values().map(|(count, ..)| count).sum::<u64>());
    for (count, seed, what) in broken.values() {
        println!("{count} x {what}\n  replay: sim --seed {seed} --steps {} --loud", wanted.steps);
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
