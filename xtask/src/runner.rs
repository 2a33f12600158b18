//! Runs a table of steps to its end and sums up: which failed, how long each took, how many tests ran.
//!
//! A step is never left out silently: one that cannot run, or whose tests were none, has failed.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::counts::Counts;
use crate::shell::Run;

/// One line of a table.
pub struct Step {
    /// What the summary calls it.
    pub name: &'static str,
    /// What it does; an error stands for what kept the command from being put together.
    pub run: Result<Run>,
    /// Whether it runs tests, and must therefore report at least one.
    pub tests: bool,
    /// The earlier steps without whose success it makes no sense.
    pub needs: &'static [&'static str],
}

impl Step {
    /// A step that succeeds or fails as a whole.
    pub fn check(name: &'static str, run: Result<Run>) -> Step {
        Step { name, run, tests: false, needs: &[] }
    }

    /// A step that runs tests.
    pub fn tests(name: &'static str, run: Result<Run>) -> Step {
        Step { tests: true, ..Step::check(name, run) }
    }

    /// The same step, run only after the success of these.
    pub fn after(self, needs: &'static [&'static str]) -> Step {
        Step { needs, ..self }
    }
}

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    name: &'static str,
    counts: Counts,
    /// Why it failed, if it did.
    failure: Option<String>,
    took: Duration,
}

/// How all steps so far have ended.
#[derive(Default)]
pub struct Report {
    ended: Vec<Ended>,
}

impl Report {
    /// Runs the steps in order; those that need a failed one fail as well.
    pub fn run(&mut self, steps: Vec<Step>) {
        for step in steps {
            println!("\n=== {}", step.name);
            let started = now();
            let (counts, failure) = match self.missing_for(&step) {
                Some(needed) => (Counts::default(), Some(format!("not run: needs \"{needed}\""))),
                None => match step.run.as_ref().map(Run::stream) {
                    Ok(Ok(heard)) => judge(step.tests, heard.ok, &heard.text),
                    Ok(Err(error)) => (Counts::default(), Some(format!("{error:#}"))),
                    Err(error) => (Counts::default(), Some(format!("{error:#}"))),
                },
            };
            if let Some(failure) = &failure {
                println!("=== {} FAILED: {failure}", step.name);
            }
            self.ended.push(Ended { name: step.name, counts, failure, took: started.elapsed() });
        }
    }

    /// The first step that `step` needs and that has not succeeded.
    fn missing_for(&self, step: &Step) -> Option<&'static str> {
        let succeeded =
            |needed: &str| self.ended.iter().any(|ended| ended.name == needed && ended.failure.is_none());
        step.needs.iter().copied().find(|needed| !succeeded(needed))
    }

    /// Whether every step succeeded.
    pub fn ok(&self) -> bool {
        self.ended.iter().all(|ended| ended.failure.is_none())
    }

    /// All tests added up. A step that failed without a failed test of its own counts as one failed test, so that
    /// the sum cannot look clean after a failure.
    fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for ended in &self.ended {
            sum += ended.counts;
            if ended.failure.is_some() && ended.counts.failed == 0 {
                sum.failed += 1;
            }
        }
        sum
    }
}

/// What a step's end and its output amount to.
fn judge(tests: bool, ok: bool, text: &str) -> (Counts, Option<String>) {
    let counts = if tests { Counts::read(text) } else { Counts::default() };
    let failure = if counts.failed > 0 {
        Some(format!("{} failed", counts.failed))
    } else if !ok {
        Some("ended with an error".to_owned())
    } else if tests && counts.passed == 0 {
        Some("no test ran".to_owned())
    } else {
        None
    };
    (counts, failure)
}

/// The summary; its last line is `N passed, N failed` and nothing else.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n=== summary")?;
        for Ended { name, counts, failure, took } in &self.ended {
            let verdict = if failure.is_some() { "FAILED" } else { "ok" };
            write!(out, "{verdict:<7} {:>7.1} s  {name}", took.as_secs_f64())?;
            if *counts != Counts::default() {
                write!(
                    out,
                    "  ({} passed, {} failed, {} skipped)",
                    counts.passed, counts.failed, counts.skipped
                )?;
            }
            if let Some(failure) = failure {
                write!(out, "  [{failure}]")?;
            }
            writeln!(out)?;
        }
        let sum = self.counts();
        writeln!(out, "{} passed, {} failed", sum.passed, sum.failed)
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a step took is shown to people and decides nothing")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Run> {
        Ok(Run::new("sh").args(["-c", script]))
    }

    fn report(steps: Vec<Step>) -> Report {
        let mut report = Report::default();
        report.run(steps);
        report
    }

    fn last_line(report: &Report) -> String {
        report.to_string().lines().last().unwrap_or_default().to_owned()
    }

    const THREE: &str = "echo 'test result: ok. 3 passed; 0 failed; 0 ignored'";

    #[test]
    fn the_last_line_adds_up_the_tests_of_all_steps() {
        let report = report(vec![
            Step::check("format", shell("true")),
            Step::tests("native", shell(THREE)),
            Step::tests("node", shell("echo '# pass 2'")),
        ]);
        assert!(report.ok());
        assert_eq!(last_line(&report), "5 passed, 0 failed");
    }

    #[test]
    fn the_steps_after_a_failed_one_still_run() {
        let report = report(vec![
            Step::tests("native", shell("echo 'test result: FAILED. 1 passed; 2 failed; 0 ignored'; exit 1")),
            Step::tests("node", shell(THREE)),
        ]);
        assert!(!report.ok());
        assert_eq!(last_line(&report), "4 passed, 2 failed");
    }

    #[test]
    fn a_failure_without_a_failed_test_still_shows_in_the_last_line() {
        let report =
            report(vec![Step::tests("native", shell(THREE)), Step::check("clippy", shell("exit 1"))]);
        assert!(!report.ok());
        assert_eq!(last_line(&report), "3 passed, 1 failed");
    }

    #[test]
    fn tests_that_were_none_have_failed() {
        let report = report(vec![Step::tests("browser", shell("echo 'no tests to run!'"))]);
        assert!(!report.ok());
        assert_eq!(last_line(&report), "0 passed, 1 failed");
    }

    #[test]
    fn failed_tests_count_even_if_their_runner_ends_with_success() {
        let report = report(vec![Step::tests("page", shell("echo '1 failed'; echo '3 passed (2s)'"))]);
        assert!(!report.ok());
        assert_eq!(last_line(&report), "3 passed, 1 failed");
    }

    #[test]
    fn a_step_that_needs_a_failed_one_does_not_run_and_has_failed() {
        let report = report(vec![
            Step::check("web", shell("exit 1")),
            Step::tests("page", shell(THREE)).after(&["web"]),
        ]);
        assert!(!report.ok());
        assert_eq!(last_line(&report), "0 passed, 2 failed");
    }

    #[test]
    fn a_command_that_cannot_start_has_failed() {
        let report = report(vec![Step::check("missing", Ok(Run::new("keyflow-no-such-program")))]);
        assert!(!report.ok());
    }
}
