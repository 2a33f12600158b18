//! The programs that cargo installs: which, in which version, and where they are.
//!
//! A program of the right version on PATH is used as it is. Otherwise it goes into a folder of its own for its
//! version, never among the user's own programs.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::project::{locked_version, tools_dir};
use crate::shell::Run;

/// Compiler settings for the tools: they run for seconds and must be there within minutes.
const QUICKLY: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

/// One package of programs.
#[derive(Clone, Debug)]
pub struct Tool {
    package: &'static str,
    programs: &'static [&'static str],
    version: String,
    /// Whether only this version will do; otherwise a newer one will as well.
    exact: bool,
}

impl Tool {
    /// `wasm-bindgen` and its test runner, which must match the library the core is built with.
    pub fn wasm_bindgen() -> Result<Tool> {
        Ok(Tool {
            package: "wasm-bindgen-cli",
            programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
            version: locked_version("wasm-bindgen")?,
            exact: true,
        })
    }

    /// Runs the core's tests in a browser.
    pub fn wasm_pack() -> Tool {
        Tool { package: "wasm-pack", programs: &["wasm-pack"], version: "0.15.1".into(), exact: false }
    }

    /// Drives Firefox.
    pub fn geckodriver() -> Tool {
        Tool { package: "geckodriver", programs: &["geckodriver"], version: "0.37.1".into(), exact: false }
    }

    /// Checks licences, sources and banned packages.
    pub fn cargo_deny() -> Tool {
        Tool { package: "cargo-deny", programs: &["cargo-deny"], version: "0.20.2".into(), exact: false }
    }

    /// Every tool.
    pub fn all() -> Result<Vec<Tool>> {
        Ok(vec![Tool::wasm_bindgen()?, Tool::wasm_pack(), Tool::geckodriver(), Tool::cargo_deny()])
    }

    /// The folder that is this version's own.
    fn dir(&self) -> Result<PathBuf> {
        Ok(tools_dir()?.join(format!("{}-{}", self.package, self.version)))
    }

    /// Whether each program answers with a version that will do.
    fn is_there(&self) -> Result<bool> {
        let path = path_with_tools()?;
        Ok(self.programs.iter().all(|program| {
            let Ok(program) = which::which_in(program, Some(&path), ".") else { return false };
            let answer = Run::new(program).args(["--version"]).read();
            answer.is_ok_and(|answer| version_in(&answer).is_some_and(|has| self.accepts(has)))
        }))
    }

    fn accepts(&self, has: &str) -> bool {
        match compare(has, &self.version) {
            Ordering::Equal => true,
            Ordering::Greater => !self.exact,
            Ordering::Less => false,
        }
    }

    /// Installs the tool unless it is there.
    pub fn install(&self) -> Result<()> {
        let title = format!("{} {}", self.package, self.version);
        if self.is_there()? {
            println!("have        {title}");
            return Ok(());
        }
        println!("installing  {title} (built from source, this takes minutes)");
        let (dir, build) = (self.dir()?, build_dir()?);
        let install = |locked: &[&str]| {
            Run::new("cargo")
                .args(["install", self.package, "--version", &self.version])
                .args(locked)
                .args(["--root"])
                .args([&dir])
                // The tools share most of what they are made of, so each finds much of it compiled already.
                .env("CARGO_TARGET_DIR", &build)
                .envs(QUICKLY)
                .must()
        };
        // A registry that lags behind lacks some version that the tool's own lock file names.
        install(&["--locked"]).or_else(|_| install(&[])).with_context(|| {
            format!(
                "{title} could not be built; put it on PATH, or run this again with the registry in reach"
            )
        })
    }
}

/// Where the tools are compiled.
fn build_dir() -> Result<PathBuf> {
    Ok(tools_dir()?.join("build"))
}

/// Removes what compiling the tools has left, once there is none left to compile.
pub fn tidy() -> Result<()> {
    let dir = build_dir()?;
    if !dir.exists() {
        return Ok(());
    }
    for tool in Tool::all()? {
        if !tool.is_there()? {
            return Ok(());
        }
    }
    std::fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))
}

/// PATH with the tools' own folders before it, so that a wrong version elsewhere cannot be met first.
pub fn path_with_tools() -> Result<OsString> {
    let mut dirs = Vec::new();
    for tool in Tool::all()? {
        dirs.push(tool.dir()?.join("bin"));
    }
    dirs.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    std::env::join_paths(dirs).context("a folder in PATH or KEYFLOW_TOOLS has a separator in its name")
}

/// The first word of "wasm-bindgen 0.2.130 (abc)" that begins with a digit.
fn version_in(answer: &str) -> Option<&str> {
    answer.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// Compares "0.15.1" with "0.9" number by number.
fn compare(one: &str, other: &str) -> Ordering {
    let numbers = |version: &str| -> Vec<u64> {
        let release = version.split(['-', '+']).next().unwrap_or_default();
        release.split('.').map(|number| number.parse().unwrap_or(0)).collect()
    };
    numbers(one).cmp(&numbers(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_a_program_answers() {
        assert_eq!(version_in("wasm-bindgen 0.2.130\n"), Some("0.2.130"));
        assert_eq!(version_in("geckodriver 0.37.1 (a1b2 2026)\n\nThe source code"), Some("0.37.1"));
        assert_eq!(version_in("no version"), None);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(compare("0.15.1", "0.9.3"), Ordering::Greater);
        assert_eq!(compare("0.15.1", "0.15.1"), Ordering::Equal);
        assert_eq!(compare("0.2.99", "0.2.130"), Ordering::Less);
    }

    #[test]
    fn the_bindings_tool_must_match_exactly_and_the_others_may_be_newer() {
        let bindgen = Tool::wasm_bindgen().unwrap();
        assert!(bindgen.accepts(&locked_version("wasm-bindgen").unwrap()));
        assert!(!bindgen.accepts("99.0.0"));
        assert!(Tool::wasm_pack().accepts("0.99.0"));
        assert!(!Tool::wasm_pack().accepts("0.14.0"));
    }

    #[test]
    fn each_version_has_a_folder_of_its_own() {
        let dir = Tool::wasm_pack().dir().unwrap();
        assert!(dir.ends_with("wasm-pack-0.15.1"), "{}", dir.display());
    }
}
