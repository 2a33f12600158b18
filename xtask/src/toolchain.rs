//! Which Rust toolchain builds wasm32, and how one comes to be able to.
//!
//! The answer is one value, [`WasmToolchain`], that every wasm step takes its environment from. Native code always
//! stays on the default toolchain.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::packages::apt_install;
use crate::project::{WASM32, tools_dir};
use crate::shell::{Run, on_path};

/// The rustup name under which Debian's own compiler is linked.
const DEBIAN: &str = "debian";
/// Debian's packages for a compiler with its library source; clippy and rustfmt for the same compiler.
const DEBIAN_PACKAGES: [&str; 5] =
    ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "rustfmt-web"];

/// A toolchain that has the wasm32 standard library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmToolchain {
    /// Its rustup name; `None` is the toolchain that is in use anyway.
    name: Option<String>,
}

impl WasmToolchain {
    /// What a command needs in its environment to build for wasm32.
    pub fn env(&self) -> Vec<(String, String)> {
        self.name.iter().map(|name| ("RUSTUP_TOOLCHAIN".to_owned(), name.clone())).collect()
    }

    /// The toolchain to build wasm32 with: the one `KEYFLOW_WASM_TOOLCHAIN` names, else the default one, else the
    /// linked Debian one. `None` when nothing has the library yet.
    pub fn find() -> Result<Option<WasmToolchain>> {
        let candidates = match std::env::var("KEYFLOW_WASM_TOOLCHAIN") {
            Ok(name) => vec![Some(name)],
            Err(_) => vec![None, Some(DEBIAN.to_owned())],
        };
        for name in candidates {
            let toolchain = WasmToolchain { name };
            if toolchain.is_complete()? {
                return Ok(Some(toolchain));
            }
        }
        Ok(None)
    }

    /// [`find`](Self::find), or what to do about it.
    pub fn found() -> Result<WasmToolchain> {
        WasmToolchain::find()?.context("no toolchain can build wasm32 yet; run `cargo xtask setup target`")
    }

    /// Whether this toolchain makes a module of an empty crate, which proves library and linker at once: a library
    /// left behind by another version of the compiler is there, and useless.
    fn is_complete(&self) -> Result<bool> {
        let dir = std::env::temp_dir().join(format!("keyflow-probe-{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        std::fs::write(dir.join("lib.rs"), "").with_context(|| format!("writing into {}", dir.display()))?;
        let made = Run::new("rustc")
            .envs(self.env())
            .args(["--target", WASM32, "--crate-type", "cdylib", "lib.rs"])
            .dir(&dir)
            .read();
        std::fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
        Ok(made.is_ok())
    }

    /// Finds a toolchain, or makes one able: by rustup, and where rustup cannot reach its server, from Debian's
    /// packages.
    pub fn install() -> Result<WasmToolchain> {
        if let Some(found) = WasmToolchain::find()? {
            println!(
                "have        wasm32 standard library ({})",
                found.name.as_deref().unwrap_or("default toolchain")
            );
            return Ok(found);
        }
        println!("installing  wasm32 standard library");
        let wanted = std::env::var("KEYFLOW_WASM_TOOLCHAIN").ok();
        if wanted.as_deref() != Some(DEBIAN) && on_path("rustup").is_some() {
            let toolchain = WasmToolchain { name: wanted };
            let added = Run::new("rustup").args(["target", "add", WASM32]).envs(toolchain.env()).must();
            if added.is_ok() && toolchain.is_complete()? {
                return Ok(toolchain);
            }
            println!("rustup could not add the target; trying Debian's packages");
        }
        debian().context(
            "no wasm32 standard library: run `rustup target add wasm32-unknown-unknown` where rustup reaches its server",
        )
    }
}

/// Whether `file` is called like the compiled library of `crate_name`: `libstd-0123abcd.rlib`.
fn is_rlib_of(crate_name: &str, file: &str) -> bool {
    let stem = file.strip_prefix("lib").and_then(|rest| rest.strip_suffix(".rlib"));
    stem.and_then(|stem| stem.rsplit_once('-')).is_some_and(|(name, _)| name == crate_name)
}

/// Installs Debian's compiler, builds the wasm32 standard library from its source and puts it, and the linker, where
/// that compiler looks for them. Debian packages only what Firefox needs, so the library itself is not among them.
fn debian() -> Result<WasmToolchain> {
    ensure!(on_path("apt-get").is_some(), "this system has no apt-get");
    apt_install(&DEBIAN_PACKAGES)?;
    let rustc = Run::new("/usr/bin/rustc");
    let about = rustc.clone().args(["-vV"]).read()?;
    let llvm = llvm_major(&about).context("rustc -vV names no LLVM version")?;
    let host = field(&about, "host").context("rustc -vV names no host")?;
    // The linker reads the compiler's bitcode, so it must come from the same LLVM.
    apt_install(&[&format!("lld-{llvm}")])?;

    let sysroot = PathBuf::from(rustc.args(["--print", "sysroot"]).read()?.trim()).join("lib/rustlib");
    let linkers = sysroot.join(host).join("bin");
    Run::new("mkdir").args(["-p"]).args([&linkers]).with_root()?.must()?;
    let lld = format!("/usr/lib/llvm-{llvm}/bin/lld");
    Run::new("ln").args(["-sfn", &lld]).args([linkers.join("rust-lld")]).with_root()?.must()?;

    let (deps, libraries) = build_std()?;
    let libdir = sysroot.join(WASM32).join("lib");
    // What an older compiler has left there would be in the way.
    Run::new("rm").args(["-rf"]).args([&libdir]).with_root()?.must()?;
    Run::new("mkdir").args(["-p"]).args([&libdir]).with_root()?.must()?;
    Run::new("cp").args(&libraries).args([&libdir]).dir(deps).with_root()?.must()?;
    if on_path("rustup").is_some() {
        Run::new("rustup").args(["toolchain", "link", DEBIAN, "/usr"]).must()?;
    }
    WasmToolchain::find()?.context("Debian's compiler still makes no wasm32 module")
}

/// Compiles the standard library for wasm32 in a scratch crate; gives the folder and the names of its files.
fn build_std() -> Result<(PathBuf, Vec<String>)> {
    const SCRATCH: &str = "stdscratch";
    let dir = tools_dir()?.join("wasm32-std");
    // Whatever an older compiler has built there must not be taken along.
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir.join("src"))?;
    let manifest = format!("[package]\nname = \"{SCRATCH}\"\nedition = \"2021\"\n\n[workspace]\n");
    std::fs::write(dir.join("Cargo.toml"), manifest)?;
    std::fs::write(dir.join("src/lib.rs"), "")?;
    Run::new("/usr/bin/cargo")
        .args(["build", "-Zbuild-std=std,panic_abort,test,proc_macro", "--release", "--target", WASM32])
        .args(["--target-dir", "target"])
        .dir(&dir)
        .env("RUSTC", "/usr/bin/rustc")
        // Building the library needs unstable cargo and compiler options, which a stable compiler allows this way.
        .env("RUSTC_BOOTSTRAP", "1")
        // Without the bitcode the library cannot take part in whole-program optimisation.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .without_env("RUSTUP_TOOLCHAIN")
        .without_env("LD_LIBRARY_PATH")
        .must()?;
    let deps = dir.join("target").join(WASM32).join("release/deps");
    let mut libraries = Vec::new();
    for entry in std::fs::read_dir(&deps).with_context(|| format!("reading {}", deps.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !is_rlib_of(SCRATCH, &name) {
            libraries.push(name);
        }
    }
    if !libraries.iter().any(|name| is_rlib_of("std", name)) {
        bail!("building the standard library left no libstd in {}", deps.display());
    }
    Ok((deps, libraries))
}

/// The value of a `key: value` line.
fn field<'a>(about: &'a str, key: &str) -> Option<&'a str> {
    about.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

/// The first number of "LLVM version: 22.1.8".
fn llvm_major(about: &str) -> Option<&str> {
    field(about, "LLVM version")?.split('.').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: &str =
        "rustc 1.96.0 (ac68faa20)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.8\n";

    #[test]
    fn the_linker_is_chosen_by_the_compilers_own_llvm() {
        assert_eq!(llvm_major(ABOUT), Some("22"));
        assert_eq!(field(ABOUT, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(llvm_major("rustc 1.96.0\n"), None);
    }

    #[test]
    fn only_the_standard_library_itself_counts_as_one() {
        assert!(is_rlib_of("std", "libstd-0123abcd.rlib"));
        assert!(!is_rlib_of("std", "libstd_detect-0123abcd.rlib"));
        assert!(!is_rlib_of("std", "libstd-0123abcd.rmeta"));
    }

    #[test]
    fn a_named_toolchain_reaches_commands_and_the_default_one_changes_nothing() {
        let named = WasmToolchain { name: Some("debian".into()) };
        assert_eq!(named.env(), [("RUSTUP_TOOLCHAIN".to_owned(), "debian".to_owned())]);
        assert!(WasmToolchain { name: None }.env().is_empty());
    }
}
