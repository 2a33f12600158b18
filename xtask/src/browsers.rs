//! The browsers the tests run in, their drivers, and how they are told to stay headless.
//!
//! Looks only at PATH and at CHROME, CHROMEDRIVER, FIREFOX and GECKODRIVER; never downloads a browser of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::packages::apt_install;
use crate::shell::on_path;
use crate::tools::{Tool, path_with_tools};

/// A program that may go by several names, and the package that has it: Debian's, or for the last one cargo's.
struct Program {
    variable: &'static str,
    names: &'static [&'static str],
    package: &'static str,
}

const CHROME: Program =
    Program { variable: "CHROME", names: &["chromium", "google-chrome", "chrome"], package: "chromium" };
const CHROMEDRIVER: Program =
    Program { variable: "CHROMEDRIVER", names: &["chromedriver"], package: "chromium-driver" };
const FIREFOX: Program =
    Program { variable: "FIREFOX", names: &["firefox-esr", "firefox"], package: "firefox-esr" };
const GECKODRIVER: Program =
    Program { variable: "GECKODRIVER", names: &["geckodriver"], package: "geckodriver" };

/// How the browsers are started, as wasm-pack would read it by itself: without a window, without a sandbox (Chromium
/// refuses the administrator otherwise), with nothing that talks to the network, and with a quota that a test can fill.
const WEBDRIVER: &str = include_str!("../../webdriver.json");

impl Program {
    fn found(&self) -> Result<PathBuf> {
        let path = path_with_tools()?;
        let named = std::env::var_os(self.variable).map(PathBuf::from);
        let look = |name: &str| which::which_in(name, Some(&path), ".").ok();
        self.chosen(named, look).with_context(|| {
            format!(
                "{} is missing: put it on PATH, or its path into {}",
                self.names.join(" or "),
                self.variable
            )
        })
    }

    /// The program the user named, which must be there, otherwise the first of its names that `look` finds.
    fn chosen(&self, named: Option<PathBuf>, look: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        match named {
            Some(path) => path.is_file().then_some(path),
            None => self.names.iter().find_map(|name| look(name)),
        }
    }
}

/// Both browsers with their drivers.
#[derive(Clone, Debug)]
pub struct Browsers {
    /// Chromium or Chrome.
    pub chrome: PathBuf,
    /// Its driver.
    pub chromedriver: PathBuf,
    /// Firefox.
    pub firefox: PathBuf,
    /// Its driver.
    pub geckodriver: PathBuf,
}

impl Browsers {
    /// Finds all four programs; fails with the name of one that is missing.
    pub fn found() -> Result<Browsers> {
        Ok(Browsers {
            chrome: CHROME.found()?,
            chromedriver: CHROMEDRIVER.found()?,
            firefox: FIREFOX.found()?,
            geckodriver: GECKODRIVER.found()?,
        })
    }

    /// Installs what is missing: browsers from the system's archive, Firefox's driver from source.
    pub fn install() -> Result<()> {
        let missing: Vec<&Program> = [&CHROME, &CHROMEDRIVER, &FIREFOX]
            .into_iter()
            .filter(|program| program.found().is_err())
            .collect();
        if missing.is_empty() {
            println!("have        chromium, chromedriver, firefox");
        } else if on_path("apt-get").is_some() {
            apt_install(&missing.iter().map(|program| program.package).collect::<Vec<_>>())?;
        } else {
            let wishes: Vec<String> = missing
                .iter()
                .map(|program| {
                    format!("{} (or its path in {})", program.names.join(" or "), program.variable)
                })
                .collect();
            bail!("these programs must be on PATH: {}", wishes.join(", "));
        }
        if std::env::var_os(GECKODRIVER.variable).is_none() {
            Tool::geckodriver().install()?;
        }
        Browsers::found().map(drop)
    }

    /// The programs under the names that tests written in JavaScript read.
    pub fn env(&self) -> [(&'static str, &Path); 4] {
        [
            ("CHROME", &self.chrome),
            ("CHROMEDRIVER", &self.chromedriver),
            ("FIREFOX", &self.firefox),
            ("GECKODRIVER", &self.geckodriver),
        ]
    }

    /// What the test runner asks of the drivers: these programs, headless.
    pub fn capabilities(&self) -> Result<Value> {
        let mut asked: Value = serde_json::from_str(WEBDRIVER).context("reading webdriver.json")?;
        asked["goog:chromeOptions"]["binary"] = json!(self.chrome);
        asked["moz:firefoxOptions"]["binary"] = json!(self.firefox);
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_the_user_names_is_never_replaced_by_another() {
        let look = |name: &str| Some(PathBuf::from(name));
        assert_eq!(CHROME.chosen(Some("/nowhere/chrome".into()), look), None);
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(CHROME.chosen(Some(here.clone()), look), Some(here));
    }

    #[test]
    fn the_first_name_that_is_there_is_taken() {
        let look = |name: &str| (name == "firefox").then(|| PathBuf::from("/bin/firefox"));
        assert_eq!(FIREFOX.chosen(None, look), Some(PathBuf::from("/bin/firefox")));
        assert_eq!(CHROME.chosen(None, look), None);
    }

    #[test]
    fn both_browsers_are_asked_to_stay_headless() {
        let path = PathBuf::from("/bin/x");
        let browsers = Browsers {
            chrome: path.clone(),
            chromedriver: path.clone(),
            firefox: path.clone(),
            geckodriver: path,
        };
        let asked = browsers.capabilities().unwrap();
        assert_eq!(asked["goog:chromeOptions"]["args"][0], "--headless");
        assert_eq!(asked["moz:firefoxOptions"]["args"][0], "-headless");
        assert_eq!(asked["goog:chromeOptions"]["binary"], "/bin/x");
    }
}
