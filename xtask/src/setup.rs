//! Getting what the project needs onto this machine, part by part.
//!
//! Safe to repeat: what is there is named and left alone.

use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use crate::browsers::Browsers;
use crate::packages::npm_install;
use crate::toolchain::WasmToolchain;
use crate::tools::{Tool, tidy};

/// A part that can be set up alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A Rust toolchain that builds wasm32.
    Target,
    /// The programs that make and test the wasm module.
    Tools,
    /// The npm packages.
    Node,
    /// The programs that check the code and its licences.
    Lints,
    /// Browsers and their drivers.
    Browsers,
}

impl Part {
    /// Everything, the parts others need first.
    pub const ALL: [Part; 5] = [Part::Target, Part::Tools, Part::Node, Part::Lints, Part::Browsers];
    /// What building and running the product needs.
    pub const RUN: [Part; 3] = [Part::Target, Part::Tools, Part::Node];

    /// The part's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Part::Target => "target",
            Part::Tools => "tools",
            Part::Node => "node",
            Part::Lints => "lints",
            Part::Browsers => "browsers",
        }
    }

    fn install(self) -> Result<()> {
        match self {
            Part::Target => WasmToolchain::install().map(drop),
            Part::Tools => Tool::wasm_bindgen()?.install(),
            Part::Node => npm_install(),
            Part::Lints => Tool::cargo_deny().install(),
            Part::Browsers => {
                Tool::wasm_pack().install()?;
                Browsers::install()
            }
        }
    }
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(name: &str) -> Result<Part> {
        match Part::ALL.into_iter().find(|part| part.name() == name) {
            Some(part) => Ok(part),
            None => bail!("no such part of setup: {name}"),
        }
    }
}

/// Sets these parts up in order. Fails at the first that cannot be had, saying what to do.
pub fn run(parts: &[Part]) -> Result<()> {
    parts.iter().try_for_each(|part| part.install().with_context(|| format!("setup {}", part.name())))?;
    tidy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_by_its_own_name() {
        for part in Part::ALL {
            assert_eq!(part.name().parse::<Part>().unwrap(), part);
        }
        assert!("everything".parse::<Part>().is_err());
    }
}
