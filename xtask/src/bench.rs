//! `cargo xtask bench`: builds the programs in release (for the plugin's
//! benchmark, the packaged plugin) and runs a benchmark of the package `benches`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::dist::{Part, Target};
use crate::tools;
use crate::workspace::{Package, Workspace, cargo};

/// Packages that every benchmark needs.
const PACKAGES: [&str; 3] = [
    "lockkeeper",
    "vault-plugin-secrets-confluent-cloud",
    "benches",
];

/// Builds, installs OpenBao, and runs the benchmark. The arguments are passed to
/// `benches`.
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
    let mut measure = Command::new(programs.join("benches"));
    if arguments.first().is_some_and(|what| what == "plugin") {
        let handed_out = Target::find()?;
        let plugin = package(&workspace, "vault-plugin-secrets-confluent-cloud")?;
        let plugin = handed_out.build(&workspace, plugin, Part::Program)?;
        let frame = package(&workspace, "vault-plugin")?;
        let constant = handed_out.build(&workspace, frame, Part::Example("constant"))?;
        measure.env("BENCH_PLUGIN", plugin);
        measure.env("BENCH_CONSTANT", constant);
    }
    let status = measure
        .args(arguments)
        .env("LOCKKEEPER_BIN_DIR", &programs)
        .env("LOCKKEEPER_BAO", bao)
        .status()
        .context("cannot start the benchmark")?;
    Ok(match status.code().map(u8::try_from) {
        Some(Ok(code)) => ExitCode::from(code),
        _ => ExitCode::FAILURE,
    })
}

fn package<'a>(workspace: &'a Workspace, name: &str) -> Result<&'a Package> {
    let mut packages = workspace.packages.iter();
    packages
        .find(|package| package.name == name)
        .with_context(|| format!("there is no package `{name}`"))
}
