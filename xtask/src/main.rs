//! Project tasks: `cargo xtask <task>` sets up tools, builds, runs, checks and tests KeyFlow.
//!
//! Only the command line is read here; each task lives in its own file. Nothing here is part of what users run.
//!
//! ```text
//! setup      toolchain, tools, packages, browsers: is each there, and how does it get there
//! wasm       the core as a size-checked wasm module and npm package
//! steps      the tables of what `check` and `test` run
//! runner     runs such a table and adds the tests up (counts)
//! shell      one child process, seen and heard (project: where things are)
//! ```

mod browsers;
mod counts;
mod packages;
mod project;
mod runner;
mod setup;
mod shell;
mod steps;
mod toolchain;
mod tools;
mod wasm;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::setup::Part;

const USAGE: &str = "\
usage: cargo xtask <task>

  setup [part ...]      get every tool the project needs (parts: target, tools, node, lints, browsers)
  wasm                  build the core as the npm package in pkg/, and check its size
  web                   wasm, then the web page in www/dist
  run [-- options]      set up what is needed, build everything, start the server with these options
  check                 the quick loop: format, clippy, native tests
  test                  every check and every test, natively and in both browsers

Environment: KEYFLOW_TOOLS (folder for tools), KEYFLOW_WASM_TOOLCHAIN (rustup toolchain that builds wasm32),
CHROME, CHROMEDRIVER, FIREFOX, GECKODRIVER (programs to use instead of those on PATH).";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match task(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the named task; `Ok(false)` means that it ran and something in it failed, which it has already reported.
fn task(args: &[String]) -> Result<bool> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["setup"] => setup::run(&Part::ALL)?,
        ["setup", parts @ ..] => {
            setup::run(&parts.iter().map(|part| part.parse()).collect::<Result<Vec<_>>>()?)?;
        }
        ["wasm"] => wasm::build()?,
        ["web"] => wasm::build_web()?,
        ["run"] => steps::serve(&[])?,
        ["run", "--", server_args @ ..] => steps::serve(server_args)?,
        ["check"] => return steps::check(),
        ["test"] => return steps::test(),
        ["help" | "--help" | "-h"] => println!("{USAGE}"),
        _ => bail!("no such task: {:?}\n{USAGE}", words.join(" ")),
    }
    Ok(true)
}
