//! What comes from the system's package archive and from npm.
//!
//! Installs only what is missing; npm packages are exactly those of the committed lock files.

use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Result, bail, ensure};

use crate::project::root;
use crate::shell::{Run, on_path};

/// The folders that hold npm packages.
const NPM_FOLDERS: [&str; 2] = ["pkg-config", "www"];
/// The oldest Node.js that has all that the build and the tests use.
const NODE_MAJOR: u32 = 20;

/// Installs these Debian packages, less those that are there.
///
/// Fails with what to do on a system without apt, or when the archive lacks one.
pub fn apt_install(packages: &[&str]) -> Result<()> {
    static UPDATE: Once = Once::new();
    let installed =
        Run::new("dpkg-query").args(["--show", "--showformat=${Package} ${db:Status-Status}\n"]).read()?;
    let missing = missing_packages(packages, &installed);
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing  {} (Debian)", missing.join(" "));
    // An old list names files that the archive has since replaced. A list that cannot be renewed may still do.
    UPDATE.call_once(|| {
        if let Err(error) = apt_get(&["update"]) {
            println!("{error:#}");
        }
    });
    apt_get(&[&["install", "--yes", "--no-install-recommends"], missing.as_slice()].concat())
}

fn apt_get(args: &[&str]) -> Result<()> {
    // Set through `env`, because sudo passes no variables on.
    Run::new("env").args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]).args(args).with_root()?.must()
}

/// Those of `packages` that the `name status` lines of `installed` do not show as installed.
fn missing_packages<'a>(packages: &[&'a str], installed: &str) -> Vec<&'a str> {
    let is_there =
        |package: &str| installed.lines().any(|line| line.split_once(' ') == Some((package, "installed")));
    packages.iter().copied().filter(|package| !is_there(package)).collect()
}

/// Installs the npm packages of every folder whose lock file has changed since they were last installed.
pub fn npm_install() -> Result<()> {
    ensure_node()?;
    for folder in NPM_FOLDERS {
        let dir = root().join(folder);
        ensure!(dir.join("package.json").is_file(), "{folder}/package.json is missing");
        ensure!(dir.join("package-lock.json").is_file(), "{folder}/package-lock.json is missing; commit one");
        if is_current(&dir) {
            println!("have        npm packages of {folder}/");
        } else {
            println!("installing  npm packages of {folder}/");
            Run::new("npm").args(["ci", "--no-audit", "--no-fund"]).dir(&dir).must()?;
        }
    }
    Ok(())
}

/// Whether npm has installed the lock file of `dir` as it is now: npm leaves a copy of it among the packages.
fn is_current(dir: &Path) -> bool {
    let changed = |path: PathBuf| path.metadata().and_then(|about| about.modified());
    match (changed(dir.join("node_modules/.package-lock.json")), changed(dir.join("package-lock.json"))) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        _ => false,
    }
}

fn ensure_node() -> Result<()> {
    if on_path("node").is_none() || on_path("npm").is_none() {
        bail!("Node.js {NODE_MAJOR} or newer with npm must be on PATH");
    }
    let version = Run::new("node").args(["--version"]).read()?;
    match node_major(&version) {
        Some(major) if major >= NODE_MAJOR => Ok(()),
        _ => bail!("Node.js {NODE_MAJOR} or newer must be on PATH; found {}", version.trim()),
    }
}

/// The first number of "v20.20.2".
fn node_major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_that_are_fully_installed_are_not_missing() {
        let installed = "chromium installed\nfirefox-esr config-files\nchromium-driver-extra installed\n";
        let wanted = ["chromium", "chromium-driver", "firefox-esr"];
        assert_eq!(missing_packages(&wanted, installed), ["chromium-driver", "firefox-esr"]);
    }

    #[test]
    fn the_version_of_node_is_read_from_its_answer() {
        assert_eq!(node_major("v20.20.2\n"), Some(20));
        assert_eq!(node_major("twenty"), None);
    }

    #[test]
    fn packages_are_out_of_date_when_the_lock_file_is_newer_or_they_were_never_installed() {
        let dir = std::env::temp_dir().join(format!("keyflow-xtask-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("node_modules")).unwrap();
        let file = |name: &str, seconds| {
            let file = std::fs::File::create(dir.join(name)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        };
        file("package-lock.json", 1000);
        assert!(!is_current(&dir));
        file("node_modules/.package-lock.json", 1001);
        assert!(is_current(&dir));
        file("package-lock.json", 1002);
        assert!(!is_current(&dir));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
