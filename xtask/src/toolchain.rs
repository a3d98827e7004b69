//! `cargo xtask msrv`: the oldest Rust that `Cargo.toml` promises builds
//! everything.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::workspace::{Workspace, output};

/// The value of `rust-version` in the workspace's manifest.
pub(crate) fn declared(manifest: &str) -> Option<&str> {
    let line = manifest
        .lines()
        .find(|line| line.starts_with("rust-version = "))?;
    line.split('"').nth(1)
}

/// Builds with the promised version, unless this run does so anyway. In CI that
/// version must be there.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml"))?;
    let promised = declared(&manifest).context("Cargo.toml has no `rust-version`")?;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output(Command::new(rustc).arg("--version"))?;
    if is_of(&version, promised) {
        println!(
            "msrv: Rust {promised} is what this run uses: {}",
            version.trim()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let has_it = Command::new("rustup")
        .args(["run", promised, "rustc", "--version"])
        .output()
        .is_ok_and(|found| found.status.success());
    if !has_it {
        println!(
            "not checked: a build with Rust {promised}; `rustup toolchain install {promised}`"
        );
        return Ok(without_it(
            std::env::var_os("CI").is_some_and(|ci| ci == "true"),
        ));
    }
    let status = Command::new("rustup")
        .args([
            "run",
            promised,
            "cargo",
            "check",
            "--workspace",
            "--all-targets",
        ])
        .args(["--locked", "--target-dir"])
        .arg(workspace.target.join("msrv"))
        // What the cargo that runs us sets for its own toolchain.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .status()
        .context("cannot start rustup")?;
    Ok(if status.success() {
        println!("msrv: everything builds with Rust {promised}");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What comes of a check without the promised version.
fn without_it(in_ci: bool) -> ExitCode {
    if in_ci {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Whether `rustc 1.95.0 (…)` is of the promised `1.95`.
fn is_of(rustc: &str, promised: &str) -> bool {
    let version = rustc.split_whitespace().nth(1).unwrap_or_default();
    version
        .strip_prefix(promised)
        .is_some_and(|patch| patch.is_empty() || patch.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_promised_version_is_read_from_the_manifest() {
        let manifest = "[workspace.package]\nedition = \"2024\"\nrust-version = \"1.95\"\n";
        assert_eq!(declared(manifest), Some("1.95"));
        assert_eq!(declared("rust-version.workspace = true\n"), None);
    }

    #[test]
    fn a_promised_version_that_is_missing_fails_in_ci_alone() {
        assert_eq!(without_it(true), ExitCode::FAILURE);
        assert_eq!(without_it(false), ExitCode::SUCCESS);
    }

    #[test]
    fn a_patch_release_is_of_the_promised_version_and_a_later_one_is_not() {
        assert!(is_of("rustc 1.95.2 (abc 2026-01-01)", "1.95"));
        assert!(is_of("rustc 1.95.0", "1.95.0"));
        assert!(!is_of("rustc 1.96.0 (abc 2026-01-01)", "1.95"));
        assert!(!is_of("rustc 1.951.0", "1.95"));
        assert!(!is_of("", "1.95"));
    }
}
