//! Clients of Vault that others wrote in Rust: a package outside the workspace,
//! pinned by its own lock file, built under `target/test-tools/`, with the tests that
//! one of the crates brings along.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace::{cargo, fingerprint, output};

/// What the tests find the programs by.
pub(crate) const VARIABLE: &str = "LOCKKEEPER_RUST_CLIENTS";

/// Their package, in the workspace's folder.
const PACKAGE: &str = "tests/acceptance/rust";
/// The crate whose own tests are built, too.
const WITH_TESTS: &str = "hashicorp_vault";
/// What the programs are made of: when it changes, they are built anew.
const SOURCES: [&str; 3] = [
    include_str!("../../tests/acceptance/rust/Cargo.toml"),
    include_str!("../../tests/acceptance/rust/Cargo.lock"),
    include_str!("../../tests/acceptance/rust/src/main.rs"),
];

/// The folder of the programs, built under `target` if missing; with `offline` from
/// crates that are there already.
pub(crate) fn find(root: &Path, target: &Path, offline: bool) -> Result<PathBuf> {
    let tools = target.join("test-tools");
    let folder = tools.join(format!("rust-clients-{}", fingerprint(&SOURCES)));
    if folder.is_dir() {
        return Ok(folder);
    }
    println!("building clients in Rust for the tests");
    let scratch = tools.join(format!("building-{}", std::process::id()));
    let result = build(root, &scratch, offline).and_then(|()| {
        fs::rename(scratch.join("programs"), &folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))
    });
    fs::remove_dir_all(&scratch).ok();
    result.context("cannot build the clients in Rust")?;
    Ok(folder)
}

fn build(root: &Path, scratch: &Path, offline: bool) -> Result<()> {
    let programs = scratch.join("programs");
    fs::create_dir_all(&programs)
        .with_context(|| format!("cannot create `{}`", programs.display()))?;
    for (arguments, name) in [
        (["build", "--package=clients"].as_slice(), "clients"),
        (
            // The crate needs nothing more for its tests than for itself.
            ["test", "--no-run", "--lib", "--package", WITH_TESTS].as_slice(),
            "hashicorp_vault-tests",
        ),
    ] {
        let messages = output(
            cargo()
                .args(arguments)
                .args(["--locked", "--message-format=json-render-diagnostics"])
                .args(offline.then_some("--offline"))
                .arg("--manifest-path")
                .arg(root.join(PACKAGE).join("Cargo.toml"))
                .arg("--target-dir")
                .arg(scratch.join("target")),
        )?;
        let built = executables(&messages);
        ensure!(built.len() == 1, "cargo built {built:?} for `{name}`");
        fs::copy(&built[0], programs.join(name))
            .with_context(|| format!("cannot copy `{}`", built[0]))?;
    }
    Ok(())
}

/// The programs that cargo says it has built.
fn executables(messages: &str) -> Vec<String> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter_map(|message| Some(message["executable"].as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_has_the_versions_that_are_named() {
        let [manifest, lock, _] = SOURCES;
        for (name, version) in [("vaultrs", "0.8.0"), ("hashicorp_vault", "2.1.1")] {
            assert!(manifest.contains(&format!("{name} = {{ version = \"={version}\"")));
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")));
        }
    }

    #[test]
    fn the_program_is_found_among_the_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/a/b\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executables(messages), ["/a/b"]);
    }
}
