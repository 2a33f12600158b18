//! From the core's source to the npm package: compile, bind, shrink, prove, weigh, assemble.
//!
//! Leaves the bound module in `target/wasm-bindgen/`; what goes into `pkg/` is decided by `pkg-config/build.mjs`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};

use crate::project::{CORE, WASM32, root, target_dir};
use crate::shell::Run;
use crate::toolchain::WasmToolchain;
use crate::tools::path_with_tools;

/// Builds the package and fails when it is larger than `pkg-config/size-budget.json` allows.
pub fn build() -> Result<()> {
    let target = target_dir()?;
    compile()?;
    let name = CORE.replace('-', "_");
    let compiled = target.join(WASM32).join("release").join(format!("{name}.wasm"));
    let bound = target.join("wasm-bindgen");
    bind(&compiled, &bound)?;
    let module = bound.join(format!("{name}_bg.wasm"));
    shrink(&module)?;
    prove(&module)?;
    weigh(&module, &bound.join(format!("{name}.js")))?;
    Run::new("node").args(["pkg-config/build.mjs"]).args([bound]).must()
}

/// Builds the package, then the web page that uses it.
pub fn build_web() -> Result<()> {
    build()?;
    Run::new("npm").args(["run", "build"]).dir(root().join("www")).must()
}

fn compile() -> Result<()> {
    Run::new("cargo")
        // Asked for both kinds of library at once, the compiler leaves link-time optimisation out.
        .args([
            "rustc",
            "--release",
            "--lib",
            "--crate-type",
            "cdylib",
            "--package",
            CORE,
            "--target",
            WASM32,
        ])
        .envs(WasmToolchain::found()?.env())
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(&root(), cargo_home().as_deref()))
        .must()
}

/// Compiler flags, in cargo's separated form, that keep the folders of this machine out of what users download.
fn remapped(root: &Path, cargo_home: Option<&Path>) -> String {
    let flag = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = Vec::new();
    flags.extend(cargo_home.map(|home| flag(home, "cargo")));
    // The last flag that fits wins, so the folder that may lie within the other comes last.
    flags.push(flag(root, "keyflow"));
    flags.join("\u{1f}")
}

fn cargo_home() -> Option<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => Some(PathBuf::from(home)),
        None => Some(std::env::home_dir()?.join(".cargo")),
    }
}

fn bind(compiled: &Path, bound: &Path) -> Result<()> {
    Run::new("wasm-bindgen")
        .args(["--target", "web", "--out-dir"])
        .args([bound, compiled])
        .env("PATH", path_with_tools()?)
        .must()
        .context("binding the module (`cargo xtask setup tools` installs the fitting wasm-bindgen)")
}

/// Makes the module smaller in place. No feature is switched on: the module says itself which it uses, and browsers
/// refuse some that the optimiser would otherwise bring in.
fn shrink(module: &Path) -> Result<()> {
    let program = root().join("pkg-config/node_modules/.bin/wasm-opt");
    let small = module.with_extension("small");
    Run::new(program)
        .args(["-Oz", "--strip-debug", "--strip-producers", "-o"])
        .args([&small, module])
        .must()
        .context("shrinking the module (`cargo xtask setup node` installs wasm-opt)")?;
    std::fs::rename(&small, module).with_context(|| format!("replacing {}", module.display()))
}

/// Lets an engine of the kind browsers have compile the module.
fn prove(module: &Path) -> Result<()> {
    let script = "new WebAssembly.Module(require('node:fs').readFileSync(process.argv[1]))";
    Run::new("node")
        .args(["-e", script])
        .args([module])
        .read()
        .map(drop)
        .context("the shrunk module is not valid")
}

fn weigh(module: &Path, glue: &Path) -> Result<()> {
    let path = root().join("pkg-config/size-budget.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let allowed = budget(&text).with_context(|| format!("reading {}", path.display()))?;
    let mut sum = 0;
    for path in [module, glue] {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let gzip = gzip_size(&bytes)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!("{name}: {} bytes, {gzip} bytes gzip", bytes.len());
        sum += gzip;
    }
    println!("module and glue: {sum} of {allowed} bytes gzip");
    if sum > allowed {
        bail!("module and glue are {} bytes over the budget in pkg-config/size-budget.json", sum - allowed);
    }
    Ok(())
}

/// The allowed size of module and glue together, in bytes after gzip.
fn budget(text: &str) -> Result<usize> {
    let budget: serde_json::Value = serde_json::from_str(text)?;
    let bytes =
        budget["wasmPlusGlueGzipBytes"].as_u64().context("wasmPlusGlueGzipBytes is not a whole number")?;
    Ok(usize::try_from(bytes)?)
}

/// How many bytes gzip makes of `bytes`, at its best level.
fn gzip_size(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_read_and_anything_else_is_refused() {
        assert_eq!(budget(r#"{ "wasmPlusGlueGzipBytes": 130000 }"#).unwrap(), 130_000);
        assert!(budget(r#"{ "wasmPlusGlueGzipBytes": "much" }"#).is_err());
        assert!(budget("{").is_err());
    }

    #[test]
    fn gzip_sizes_follow_the_content() {
        assert!(gzip_size(&[7; 10_000]).unwrap() < 100);
    }

    #[test]
    fn folders_of_this_machine_are_renamed_with_the_project_last() {
        let flags = remapped(Path::new("/home/me/.cargo/keyflow"), Some(Path::new("/home/me/.cargo")));
        let expected = "--remap-path-prefix=/home/me/.cargo=cargo\u{1f}\
            --remap-path-prefix=/home/me/.cargo/keyflow=keyflow";
        assert_eq!(flags, expected);
    }
}
