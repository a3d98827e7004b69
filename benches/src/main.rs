//! Benchmarks, relative to OpenBao in the same run.
//!
//! These are programs, not timed tests: machines differ and are shared, so the
//! output is ratios, with the underlying figures. Everything runs on loopback, is
//! bounded in time, and ends by itself. `cargo xtask bench` builds the programs in
//! release and starts this.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what was measured is for a person to read"
)]

mod api;
mod cloud;
mod host;
mod idle;
mod instructions;
mod load;
mod ours;
mod plugin;
mod process;
mod server;
mod spares;
mod start;
mod statistics;
mod together;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
usage: benches <what> [-seconds=N] [-rounds=N] [-compare=DIR] [-only=NAME]

  plugin        reads of the plugin in OpenBao beside a plugin that answers a constant
  server        reads of our server in memory beside KV reads of OpenBao
  api           KV v2, AppRole, tokens: our server and OpenBao, in memory and on disk
  instructions  instructions and allocations of a read of our server; needs valgrind
  scale         our server on disk with 300 000 secrets, 100 000 tokens, 50 000 leases
  idle          1 000 static roles with nothing due: processor time and memory
  spares        reads that find a spare, while keys need two minutes until they work

  -seconds  how long each is measured (3; `api`, `scale`: 2, `idle`: 60)
  -rounds   how often each is measured (5; `api`, `scale`: 3, `idle`, `spares`: 2)
  -compare  measures the programs of another build, too, in the same run
  -only     measures only the requests whose names contain this (`api`)
";

/// Time limit for a server to answer.
const READY: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((what, rest)) if what == "plugin" => {
            Plan::read(rest, 3, 5).and_then(|plan| plugin::run(&plan))
        }
        Some((what, rest)) if what == "server" => {
            Plan::read(rest, 3, 5).and_then(|plan| server::run(&plan))
        }
        Some((what, rest)) if what == "api" => {
            Plan::read(rest, 2, 3).and_then(|plan| api::run(&plan))
        }
        Some((what, [port])) if what == api::BARE_SERVER => {
            port.parse().map_err(Into::into).and_then(api::serve_bare)
        }
        Some((what, rest)) if what == "instructions" => {
            Plan::read(rest, 3, 5).and_then(|plan| instructions::run(&plan))
        }
        Some((what, rest)) if what == "scale" => {
            Plan::read(rest, 2, 3).and_then(|plan| api::scale::run(&plan))
        }
        Some((what, rest)) if what == "idle" => {
            Plan::read(rest, 60, 2).and_then(|plan| idle::run(&plan))
        }
        Some((what, rest)) if what == "spares" => {
            Plan::read(rest, 60, 2).and_then(|plan| spares::run(&plan))
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Duration and repetitions, and what else is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Duration of one measurement.
    pub(crate) seconds: u64,
    /// How many times each is repeated, alternating with its peer.
    pub(crate) rounds: usize,
    /// The folder with the programs of another build, measured in the same run.
    compare: Option<PathBuf>,
    /// A part of the name of what alone is measured.
    only: Option<String>,
}

impl Plan {
    /// The plan of a command line, with these defaults.
    fn read(arguments: &[String], seconds: u64, rounds: usize) -> anyhow::Result<Self> {
        let mut plan = Self {
            seconds,
            rounds,
            compare: None,
            only: None,
        };
        for argument in arguments {
            match argument.trim_start_matches('-').split_once('=') {
                Some(("seconds", value)) => plan.seconds = value.parse()?,
                Some(("rounds", value)) => plan.rounds = value.parse()?,
                Some(("compare", value)) => plan.compare = Some(value.into()),
                Some(("only", value)) => plan.only = Some(value.to_owned()),
                _ => anyhow::bail!("unknown argument `{argument}`\n{USAGE}"),
            }
        }
        anyhow::ensure!(
            (1..=60).contains(&plan.seconds) && (1..=50).contains(&plan.rounds),
            "measure for 1 to 60 seconds, in 1 to 50 rounds"
        );
        Ok(plan)
    }

    /// Whether only some of the requests are measured.
    pub(crate) fn only_some(&self) -> bool {
        self.only.is_some()
    }

    /// Whether something of this name is measured.
    pub(crate) fn includes(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|part| name.contains(part))
    }

    /// A program, and the same program of the other build if there is one.
    fn builds(&self, program: &Path, name: &str) -> anyhow::Result<Vec<PathBuf>> {
        let mut builds = vec![program.to_owned()];
        if let Some(folder) = &self.compare {
            let other = folder.join(name);
            let found = std::path::absolute(&other)?;
            anyhow::ensure!(
                found.is_file(),
                "there is no program `{}` to compare with",
                other.display()
            );
            builds.push(found);
        }
        Ok(builds)
    }
}

/// What is printed behind the name of a subject: nothing for this build.
fn label(build: usize) -> &'static str {
    ["", ", other build"][build.min(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> anyhow::Result<Plan> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Plan::read(&arguments, 3, 5)
    }

    #[test]
    fn another_build_is_measured_only_on_demand() {
        let own = std::env::current_exe().unwrap();
        assert_eq!(
            read(&[]).unwrap().builds(&own, "x").unwrap(),
            [own.as_path()]
        );
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("x");
        let plan = read(&[&format!("--compare={}", folder.path().display())]).unwrap();
        let error = plan.builds(&own, "x").unwrap_err().to_string();
        assert!(error.contains("to compare with"), "{error}");
        std::fs::write(&other, "").unwrap();
        assert_eq!(plan.builds(&own, "x").unwrap(), [own, other]);
    }

    #[test]
    fn an_argument_that_makes_no_sense_is_refused() {
        for argument in ["-seconds=long", "-seconds=61", "-rounds=0", "-fast", "x"] {
            assert!(read(&[argument]).is_err(), "{argument}");
        }
        assert_eq!(read(&["-seconds=7"]).unwrap().seconds, 7);
    }
}
