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

mod load;
mod plugin;
mod process;
mod server;
mod start;
mod statistics;

use std::process::ExitCode;

const USAGE: &str = "\
usage: benches <what> [-seconds=N] [-rounds=N]

  plugin    `creds` of the plugin in OpenBao beside a plugin that answers a constant
  server    `creds` of our server in memory beside KV reads of OpenBao
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((what, rest)) if what == "plugin" => {
            Plan::read(rest).and_then(|plan| plugin::run(&plan))
        }
        Some((what, rest)) if what == "server" => {
            Plan::read(rest).and_then(|plan| server::run(&plan))
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

/// Duration and repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Duration of one measurement.
    pub(crate) seconds: u64,
    /// How many times each is repeated, alternating with its peer.
    pub(crate) rounds: usize,
}

impl Plan {
    fn read(arguments: &[String]) -> anyhow::Result<Self> {
        let mut plan = Self {
            seconds: 3,
            rounds: 5,
        };
        for argument in arguments {
            match argument.trim_start_matches('-').split_once('=') {
                Some(("seconds", value)) => plan.seconds = value.parse()?,
                Some(("rounds", value)) => plan.rounds = value.parse()?,
                _ => anyhow::bail!("unknown argument `{argument}`\n{USAGE}"),
            }
        }
        anyhow::ensure!(
            (1..=60).contains(&plan.seconds) && (1..=50).contains(&plan.rounds),
            "measure for 1 to 60 seconds, in 1 to 50 rounds"
        );
        Ok(plan)
    }
}
