//! Where things are: the project's folders, its lock file, the folder for tools.
//!
//! Reads, never writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::Run;

/// The package that becomes the wasm module.
pub const CORE: &str = "keyflow-sync";
/// The package of the server program.
pub const SERVER: &str = "keyflow-server";
/// The target of the wasm module.
pub const WASM32: &str = "wasm32-unknown-unknown";

/// The project's top folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's build folder, wherever the user's settings have put it.
pub fn target_dir() -> Result<PathBuf> {
    let text = Run::new("cargo").args(["metadata", "--format-version", "1", "--no-deps"]).read()?;
    let metadata: serde_json::Value = serde_json::from_str(&text).context("reading cargo metadata")?;
    let dir = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(dir))
}

/// The folder for tools that belong to no system package: `KEYFLOW_TOOLS`, or a folder in the user's cache.
pub fn tools_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("KEYFLOW_TOOLS") {
        return std::path::absolute(dir).context("KEYFLOW_TOOLS is no folder");
    }
    let cache = match std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => std::env::home_dir().context("no home folder; set KEYFLOW_TOOLS to a folder")?.join(".cache"),
    };
    Ok(cache.join("keyflow-tools"))
}

/// The version of `package` that the project's Cargo.lock holds.
pub fn locked_version(package: &str) -> Result<String> {
    let path = root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    version_in_lock(&lock, package).with_context(|| format!("Cargo.lock holds no package {package}"))
}

/// The version of the first package called `package` in the text of a Cargo.lock.
fn version_in_lock(lock: &str, package: &str) -> Option<String> {
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let mut lines = lock.lines();
    lines.find(|line| value(line, "name = ").as_deref() == Some(package))?;
    value(lines.next()?, "version = ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "\
[[package]]
name = \"wasm-bindgen-futures\"
version = \"0.4.70\"

[[package]]
name = \"wasm-bindgen\"
version = \"0.2.130\"
dependencies = [
 \"cfg-if\",
]
";

    #[test]
    fn the_lock_file_gives_the_version_of_exactly_the_named_package() {
        assert_eq!(version_in_lock(LOCK, "wasm-bindgen").as_deref(), Some("0.2.130"));
    }

    #[test]
    fn a_package_the_lock_file_lacks_has_no_version() {
        assert_eq!(version_in_lock(LOCK, "wasm"), None);
        assert_eq!(version_in_lock("", "wasm-bindgen"), None);
    }

    #[test]
    fn the_root_is_the_folder_that_holds_the_workspace() {
        assert!(root().join("xtask/Cargo.toml").is_file());
    }
}
