//! Versions that their authors withdrew from the registry.
//!
//! cargo takes a yanked version only because a lock file names it. So a package
//! without a lock file that depends on exactly the locked versions cannot be
//! resolved when one of them was yanked, and cargo says which. Nothing but the
//! index is read for that.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, cargo};

/// Asks the registry about every locked version.
pub(super) fn check(workspace: &Workspace) -> Result<Option<String>> {
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock"))?;
    let folder = workspace.target.join("yanked");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("lib.rs"), "")?;
    fs::write(folder.join("Cargo.toml"), manifest(&locked(&lock)))?;
    let stale = folder.join("Cargo.lock");
    if stale.exists() {
        fs::remove_file(stale)?;
    }
    let asked = cargo()
        .arg("generate-lockfile")
        .current_dir(&folder)
        .output()
        .context("cannot start cargo")?;
    if asked.status.success() {
        return Ok(None);
    }
    let answer = String::from_utf8_lossy(&asked.stderr);
    match finding(&answer) {
        Some(finding) => Ok(Some(finding)),
        None => bail!("the registry could not be asked for yanked versions:\n{answer}"),
    }
}

/// Name and version of every package of a registry in a lock file.
fn locked(lock: &str) -> Vec<(&str, &str)> {
    let packages = lock.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            let find = |name: &'static str| {
                let mut lines = package.lines();
                let line = lines.find(|line| line.starts_with(name))?;
                line.split('"').nth(1)
            };
            find("source = ")?.starts_with("registry+").then_some(())?;
            Some((find("name = ")?, find("version = ")?))
        })
        .collect()
}

/// A package that depends on exactly these.
fn manifest(packages: &[(&str, &str)]) -> String {
    let mut manifest = "[workspace]\n[package]\nname = \"yanked\"\nversion = \"0.0.0\"\nedition = \
                        \"2024\"\n[lib]\npath = \"lib.rs\"\n[dependencies]\n"
        .to_owned();
    for (number, (name, version)) in packages.iter().enumerate() {
        // Two versions of one crate need two names.
        let _ = writeln!(
            manifest,
            "p{number} = {{ package = \"{name}\", version = \"={version}\", default-features = \
             false }}"
        );
    }
    manifest
}

/// The package that cargo did not find because it is yanked.
fn finding(answer: &str) -> Option<String> {
    if !answer.contains("is yanked") {
        return None;
    }
    let (_, wanted) = answer.split_once("for the requirement `")?;
    let (package, _) = wanted.split_once('`')?;
    let package = package.replace([' ', '"'], "");
    let (name, version) = package.split_once("==")?;
    Some(format!(
        "{name} {version}: its authors withdrew this version; run `cargo update --package \
         {name}@{version}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_of_registries_are_read_from_a_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n\n[[package]]\n\
                    name = \"a\"\nversion = \"1.2.3\"\nsource = \"registry+https://x\"\n";
        assert_eq!(locked(lock), [("a", "1.2.3")]);
        let manifest = manifest(&locked(lock));
        assert!(manifest.contains("package = \"a\", version = \"=1.2.3\""));
    }

    #[test]
    fn cargos_refusal_becomes_a_finding_with_the_remedy() {
        let answer = "error: failed to select a version for the requirement `a = \"=1.2.3\"`\n  \
                      version 1.2.3 is yanked\nlocation searched: crates.io index\n";
        let finding = finding(answer).unwrap();
        assert!(finding.starts_with("a 1.2.3: "), "{finding}");
        assert!(finding.contains("cargo update --package a@1.2.3"));
    }

    #[test]
    fn another_refusal_is_no_finding() {
        assert_eq!(finding("error: failed to select a version for `a`"), None);
    }
}
