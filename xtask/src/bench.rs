//! `cargo xtask bench`: builds the programs in release and starts a
//! measurement of the package `benches`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::tools;
use crate::workspace::{Workspace, cargo};

/// What is built before anything is measured.
const PACKAGES: [&str; 3] = [
    "lockkeeper",
    "vault-plugin-secrets-confluent-cloud",
    "benches",
];

/// Builds, installs the peer, measures. The arguments are those of `benches`.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let bao = tools::find_bao(&workspace.target, false)?;
    let mut build = cargo();
    build.args(["build", "--release", "--locked"]);
    for package in PACKAGES {
        build.args(["--package", package]);
    }
    if !build.status().context("cannot start cargo")?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let programs = workspace.target.join("release");
    let status = Command::new(programs.join("benches"))
        .args(arguments)
        .env("LOCKKEEPER_BIN_DIR", &programs)
        .env("LOCKKEEPER_BAO", bao)
        .status()
        .context("cannot start the measurement")?;
    Ok(match status.code().map(u8::try_from) {
        Some(Ok(code)) => ExitCode::from(code),
        _ => ExitCode::FAILURE,
    })
}
