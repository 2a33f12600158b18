//! How many tests ran, read from what the test runners print.
//!
//! Pure: text in, numbers out. Never guesses: a line it does not know counts nothing.

use std::ops::AddAssign;

/// Tests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ended as they should.
    pub passed: u64,
    /// Did not, or never came to an end.
    pub failed: u64,
    /// Were there but did not run.
    pub skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Counts {
    /// Adds up every summary in `text`: of `cargo test` and `wasm-bindgen-test` ("test result: …"), of Node's
    /// runner ("# pass 3", "ℹ pass 3"), of Vitest ("Tests  1 failed | 2 passed (3)") and of Playwright
    /// ("2 passed (3.4s)").
    pub fn read(text: &str) -> Counts {
        let mut sum = Counts::default();
        for line in text.lines() {
            let line = without_colours(line);
            let line = line.trim();
            if let Some(rest) = line.strip_prefix("test result:") {
                sum += cargo(rest);
            } else if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
                sum += node(rest).unwrap_or_default();
            } else {
                sum += sentence(line.strip_prefix("Tests ").unwrap_or(line)).unwrap_or_default();
            }
        }
        sum
    }

    /// `count` tests that ended in the way called `word`; `None` for words that name no ending.
    fn of(count: u64, word: &str) -> Option<Counts> {
        let none = Counts::default();
        match word {
            "passed" | "pass" | "flaky" => Some(Counts { passed: count, ..none }),
            "failed" | "fail" | "cancelled" | "interrupted" => Some(Counts { failed: count, ..none }),
            "ignored" | "skipped" | "todo" | "did not run" => Some(Counts { skipped: count, ..none }),
            _ => None,
        }
    }
}

/// " ok. 3 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s": what is no ending is passed over.
fn cargo(rest: &str) -> Counts {
    let numbers = rest.split_once('.').map_or("", |(_, numbers)| numbers);
    let mut sum = Counts::default();
    for part in numbers.split(';') {
        sum += count_and_word(part).unwrap_or_default();
    }
    sum
}

/// "pass 3".
fn node(rest: &str) -> Option<Counts> {
    let (word, count) = rest.split_once(' ')?;
    Counts::of(count.parse().ok()?, word)
}

/// "1 failed | 2 passed (3)", "2 passed (3.4s)", "2 passed, 0 failed": counts only if the whole line is of this form.
fn sentence(line: &str) -> Option<Counts> {
    let line = match line.strip_suffix(')') {
        Some(line) => line.rsplit_once('(')?.0,
        None => line,
    };
    let mut sum = Counts::default();
    for part in line.split(['|', ',']) {
        sum += count_and_word(part)?;
    }
    Some(sum)
}

fn count_and_word(part: &str) -> Option<Counts> {
    let (count, word) = part.trim().split_once(' ')?;
    Counts::of(count.parse().ok()?, word.trim())
}

/// The line less its terminal colour codes (ESC `[` … `m`).
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn every_summary_of_a_cargo_run_is_added_up() {
        let text = "running 3 tests\ntest a ... ok\n\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
            test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s\n";
        assert_eq!(Counts::read(text), counts(5, 4, 1));
    }

    #[test]
    fn a_browser_run_is_read_like_a_cargo_run() {
        let text = "test result: ok. 12 passed; 0 failed; 0 ignored; 3 filtered out; finished in 0.41s";
        assert_eq!(Counts::read(text), counts(12, 0, 0));
    }

    #[test]
    fn node_is_read_in_both_of_its_forms() {
        let tap = "# tests 5\n# suites 0\n# pass 2\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n# duration_ms 61\n";
        let spec = "ℹ tests 3\nℹ pass 3\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ duration_ms 12.5\n";
        assert_eq!(Counts::read(tap), counts(2, 2, 1));
        assert_eq!(Counts::read(spec), counts(3, 0, 0));
    }

    #[test]
    fn vitest_counts_its_tests_and_not_its_files() {
        let text =
            " Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 12 passed | 2 skipped (15)\n";
        assert_eq!(Counts::read(text), counts(12, 1, 2));
    }

    #[test]
    fn playwright_is_read_from_its_closing_lines() {
        assert_eq!(Counts::read("Running 4 tests\n  1 failed\n  3 passed (6.1s)\n"), counts(3, 1, 0));
    }

    #[test]
    fn colours_do_not_hide_a_summary() {
        let text = "\u{1b}[34mℹ pass 7\u{1b}[39m\n\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m2 passed\u{1b}[39m\u{1b}[22m (2)\n";
        assert_eq!(Counts::read(text), counts(9, 0, 0));
    }

    #[test]
    fn ordinary_lines_count_nothing() {
        let text = "Compiling 3 crates\nno tests to run!\n12 passed the door\n# a heading 4\n404 failed requests, 3 passed\n";
        assert_eq!(Counts::read(text), Counts::default());
    }
}
