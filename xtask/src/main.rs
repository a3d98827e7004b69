//! `cargo xtask`: the chores of the workspace.
//!
//! Everything that maintainers and CI run beyond plain cargo commands is here, in
//! Rust, so that it works the same on every machine. None of it is part of the
//! product.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool prints"
)]

mod advisories;
mod bench;
#[cfg(feature = "codegen")]
mod codegen;
mod dist;
mod fuzz;
mod go;
mod jars;
mod licences;
mod not_checked;
mod readers;
mod reference;
mod rust_clients;
mod source;
mod test;
mod tidy;
mod toolchain;
mod tools;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--offline] [--kafka] [--go] [-- <arguments of cargo test>]
                 install what the tests need under `target/` and run them all;
                 those against a real Kafka broker only with --kafka, those of
                 clients written in Go only with --go
  bench <what> [-seconds=N] [-rounds=N] [-binaries=DIR] [-compare=DIR]
                 build in release and compare with OpenBao: `server`, `plugin`;
                 or measure the programs in a folder, or those of another build, too
  bench build -into=DIR
                 build these programs and copy them into a folder
  fuzz [<target>...] [--seconds=N] [--input=FILE]
                 search for inputs that break a promise of the targets in `fuzz/`,
                 N seconds each, or run one input
  tidy           check the rules that the compiler cannot check
  advisories     check for yanked dependencies and, with the folder of an
                 advisory database in LOCKKEEPER_ADVISORY_DB, for vulnerable ones
  msrv           build with the oldest Rust that is promised, where it is installed
  codegen [--check]
                 generate the Rust code of the protobuf definitions, or
                 only compare it with what is committed
  reference      write the pages of `docs/reference/` that are made of the product
  dist           build the release packages under `target/packages/`
  licences       check licences, banned crates and duplicates of dependencies
";

fn main() -> ExitCode {
    if let Some(compiled) = fuzz::as_rustc() {
        return compiled.unwrap_or(ExitCode::FAILURE);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    match arguments.split_first() {
        Some((command, rest)) if command == "test" => test::run(&test::Options::parse(rest)?),
        Some((command, rest)) if command == "bench" => bench::run(rest),
        Some((command, rest)) if command == "fuzz" => fuzz::run(rest),
        Some((command, [])) if command == "tidy" => tidy::run(),
        Some((command, [])) if command == "advisories" => advisories::run(false),
        Some((command, [flag])) if command == "advisories" && flag == "--known" => {
            advisories::run(true)
        }
        Some((command, [])) if command == "msrv" => toolchain::run(),
        Some((command, [])) if command == "codegen" => generate(false),
        Some((command, [flag])) if command == "codegen" && flag == "--check" => generate(true),
        Some((command, [])) if command == "reference" => reference::run(),
        Some((command, [])) if command == "dist" => dist::run(),
        Some((command, [])) if command == "licences" => licences::run(),
        Some((command, _)) if command == "help" || command == "--help" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    }
}

/// Generates the code of the protobuf definitions, or compares it.
#[cfg(feature = "codegen")]
fn generate(check: bool) -> anyhow::Result<ExitCode> {
    codegen::run(check).map(|()| ExitCode::SUCCESS)
}

/// The same, by an `xtask` that was built with the protobuf compiler: building
/// that takes longer than every other chore.
#[cfg(not(feature = "codegen"))]
fn generate(check: bool) -> anyhow::Result<ExitCode> {
    let arguments: &[&str] = if check {
        &["codegen", "--check"]
    } else {
        &["codegen"]
    };
    with_feature("codegen", arguments)
}

/// Runs a chore by an `xtask` with a feature that this one was built without.
#[cfg(not(all(feature = "advisories", feature = "codegen")))]
fn with_feature(feature: &str, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    use anyhow::Context;

    let status = workspace::cargo()
        .args(["run", "--quiet", "--locked", "--package", "xtask"])
        .args(["--features", feature, "--"])
        .args(arguments)
        .status()
        .context("cannot start cargo")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
