//! What `check`, `test` and `run` consist of, step by step.
//!
//! Only the tables: how a table runs is in `runner`, what a step needs on the machine in `setup`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::browsers::Browsers;
use crate::project::{CORE, SERVER, WASM32, root, target_dir};
use crate::runner::{Report, Step};
use crate::setup::{self, Part};
use crate::shell::Run;
use crate::toolchain::WasmToolchain;
use crate::tools::path_with_tools;
use crate::wasm;

/// What the core's tests in a browser cannot do without.
const FOR_BROWSER_TESTS: &[&str] = &["setup: wasm32 target", "setup: wasm tools", "setup: browsers"];
/// The step that makes the npm package, which others need.
const PACKAGE: &str = "build: package";
/// The step that makes the page, which the server needs.
const PAGE: &str = "build: page";

/// The quick loop. `Ok(false)` when a step failed.
pub fn check() -> Result<bool> {
    let mut report = Report::default();
    report.run(vec![
        format(),
        clippy(),
        Step::tests("tests: core and server", Ok(cargo_test(&[CORE, SERVER]))),
    ]);
    print!("{report}");
    Ok(report.ok())
}

/// Everything. `Ok(false)` when a step failed; the last line printed is `N passed, N failed` either way.
pub fn test() -> Result<bool> {
    let mut report = Report::default();
    report.run(setup_steps()?);
    report.run(test_steps()?);
    print!("{report}");
    Ok(report.ok())
}

/// Sets up, builds page and server, and becomes the server.
pub fn serve(server_args: &[&str]) -> Result<()> {
    setup::run(&Part::RUN)?;
    wasm::build_web()?;
    server_build().must()?;
    Run::new(server_program()?).args(server_args).become_it()
}

fn setup_steps() -> Result<Vec<Step>> {
    let xtask = std::env::current_exe().context("finding this program")?;
    let step = |name, part: Part| Step::check(name, Ok(Run::new(&xtask).args(["setup", part.name()])));
    Ok(vec![
        step("setup: wasm32 target", Part::Target),
        step("setup: wasm tools", Part::Tools),
        step("setup: npm packages", Part::Node),
        step("setup: lints", Part::Lints),
        step("setup: browsers", Part::Browsers),
    ])
}

fn test_steps() -> Result<Vec<Step>> {
    let xtask = std::env::current_exe().context("finding this program")?;
    let path = path_with_tools()?;
    let npm = |folder: &str, script: &str| Ok(Run::new("npm").args(["run", script]).dir(root().join(folder)));
    let deny = Run::new("cargo-deny").args(["check", "bans", "licenses", "sources"]).env("PATH", &path);
    Ok(vec![
        format(),
        Step::check(PACKAGE, Ok(Run::new(&xtask).args(["wasm"]))).after(&[
            "setup: wasm32 target",
            "setup: wasm tools",
            "setup: npm packages",
        ]),
        // The server carries the page inside it, so the page comes before whatever compiles the server.
        Step::check(PAGE, npm("www", "build")).after(&[PACKAGE]),
        clippy(),
        Step::check("clippy: wasm32", clippy_wasm()).after(&["setup: wasm32 target"]),
        Step::check("licences, sources, bans", Ok(deny)).after(&["setup: lints"]),
        Step::tests("tests: native", Ok(cargo_test(&[]))),
        Step::check("simulation: 10,000 seeds", Ok(sim(&[], &["--seeds", "10000"]))),
        Step::check("crash at every point", Ok(crash())),
        Step::check("simulation: faults", Ok(sim(&["--features", "faults"], &["--faults", "all"]))),
        Step::tests("tests: core in Chromium", wasm_pack(Browser::Chromium)).after(FOR_BROWSER_TESTS),
        Step::tests("tests: core in Firefox", wasm_pack(Browser::Firefox)).after(FOR_BROWSER_TESTS),
        Step::check("types: package", npm("pkg-config", "typecheck")).after(&[PACKAGE]),
        Step::tests("tests: package in Node.js", npm("pkg-config", "test")).after(&[PACKAGE]),
        Step::check("types: page", npm("www", "typecheck")).after(&[PACKAGE]),
        Step::tests("tests: page", npm("www", "test")).after(&[PACKAGE]),
        Step::check("build: server", Ok(server_build())).after(&[PAGE]),
        Step::tests("tests: end to end", end_to_end()).after(&["setup: browsers", "build: server"]),
    ])
}

fn format() -> Step {
    Step::check("format", Ok(Run::new("cargo").args(["fmt", "--all", "--check"])))
}

fn clippy() -> Step {
    let run = Run::new("cargo").args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    Step::check("clippy: native", Ok(run))
}

fn clippy_wasm() -> Result<Run> {
    Ok(Run::new("cargo")
        .args(["clippy", "--package", CORE, "--target", WASM32, "--lib", "--tests", "--", "-D", "warnings"])
        .envs(WasmToolchain::found()?.env()))
}

/// `cargo test` of these packages, or of all when none is named.
fn cargo_test(packages: &[&str]) -> Run {
    let which = match packages {
        [] => vec!["--workspace"],
        some => some.iter().flat_map(|package| ["--package", package]).collect(),
    };
    // A gate gives the same answer twice; by hand, each run looks elsewhere.
    Run::new("cargo").args(["test", "--no-fail-fast"]).args(which).env("PROPTEST_RNG_SEED", "1")
}

/// The simulator, built for speed.
fn sim(build: &[&str], arguments: &[&str]) -> Run {
    let run = Run::new("cargo").args(["run", "--profile", "sim", "--package", "keyflow-sim", "--bin", "sim"]);
    run.args(build).args(["--"]).args(arguments)
}

/// Short scripts, ended before and after every commit and request.
fn crash() -> Run {
    let program = ["run", "--profile", "sim", "--package", "keyflow-sim", "--bin", "crash-every-point"];
    Run::new("cargo").args(program)
}

#[derive(Clone, Copy)]
enum Browser {
    Chromium,
    Firefox,
}

/// The tests in tests/*.rs that are written for a browser, run there.
fn wasm_pack(browser: Browser) -> Result<Run> {
    let browsers = Browsers::found()?;
    let capabilities = target_dir()?.join("webdriver.json");
    std::fs::write(&capabilities, browsers.capabilities()?.to_string())
        .with_context(|| format!("writing {}", capabilities.display()))?;
    let mut args: Vec<String> = ["test", "--mode", "no-install", "--headless"].map(str::to_owned).into();
    let (flag, driver) = match browser {
        Browser::Chromium => (["--chrome", "--chromedriver"], &browsers.chromedriver),
        Browser::Firefox => (["--firefox", "--geckodriver"], &browsers.geckodriver),
    };
    args.extend(flag.map(str::to_owned));
    args.extend([driver.display().to_string(), ".".to_owned()]);
    args.extend(
        browser_test_files(&root().join("tests"))?.into_iter().flat_map(|name| ["--test".to_owned(), name]),
    );
    Ok(Run::new("wasm-pack")
        .args(args)
        .envs(WasmToolchain::found()?.env())
        .env("PATH", path_with_tools()?)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities)
        .env("WASM_BINDGEN_USE_BROWSER", "1")
        // Both in seconds: machines that do several things at once start browsers slowly.
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60")
        .env("WASM_BINDGEN_TEST_TIMEOUT", "300")
        // The runner takes the first driver it finds in the environment, whatever browser it was asked for.
        .without_env("GECKODRIVER")
        .without_env("CHROMEDRIVER"))
}

/// The names of the test files in `dir` that hold tests for a browser, in order.
fn browser_test_files(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        // A test is a file, or a folder with a main file.
        let file = if path.is_dir() { path.join("main.rs") } else { path.clone() };
        let Some(name) = path.file_stem() else { continue };
        if file.extension().is_none_or(|ending| ending != "rs") || !file.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        if text.contains("wasm_bindgen_test") {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The page against the real server in real browsers; it finds all of them in its environment.
fn end_to_end() -> Result<Run> {
    Ok(Run::new("npm")
        .args(["run", "e2e"])
        .dir(root().join("www"))
        .envs(Browsers::found()?.env())
        .env("KEYFLOW_SERVER_BIN", server_program()?))
}

fn server_build() -> Run {
    Run::new("cargo").args(["build", "--profile", "server", "--package", SERVER])
}

/// Where [`server_build`] leaves the server.
fn server_program() -> Result<PathBuf> {
    Ok(target_dir()?.join("server").join(format!("{SERVER}{}", std::env::consts::EXE_SUFFIX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_files_that_hold_browser_tests_run_in_a_browser() {
        let dir = std::env::temp_dir().join(format!("keyflow-xtask-steps-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("folder")).unwrap();
        std::fs::create_dir_all(dir.join("common")).unwrap();
        let browser = "use wasm_bindgen_test::wasm_bindgen_test;";
        std::fs::write(dir.join("store.rs"), browser).unwrap();
        std::fs::write(dir.join("folder/main.rs"), browser).unwrap();
        std::fs::write(dir.join("common/mod.rs"), browser).unwrap();
        std::fs::write(dir.join("native.rs"), "fn native() {}").unwrap();
        std::fs::write(dir.join("notes.md"), browser).unwrap();
        assert_eq!(browser_test_files(&dir).unwrap(), ["folder", "store"]);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn every_step_needs_only_steps_that_come_before_it() {
        let mut before: Vec<&str> = Vec::new();
        for step in setup_steps().unwrap().into_iter().chain(test_steps().unwrap()) {
            for needed in step.needs {
                assert!(before.contains(needed), "{} needs {needed}", step.name);
            }
            before.push(step.name);
        }
    }
}
