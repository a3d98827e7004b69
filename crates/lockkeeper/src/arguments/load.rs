//! `lockkeeper load`: Slapper's flags under their names, and ours.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use ops::load::duration;
use ops::load::expect::Expectation;
use ops::load::plan::Profile;
use ops::load::workload::{RunId, Workload};

/// `lockkeeper load`.
#[derive(Args)]
pub(crate) struct Load {
    /// Header `Key: value` of all requests. May be repeated; `Host` sets the host
    #[arg(short = 'H', value_name = "HEADER", action = ArgAction::Append)]
    pub(crate) headers: Vec<String>,
    /// Bodies in the file of targets are in base64
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        action = ArgAction::Set,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) base64body: bool,
    /// Latency of the last row of the histogram
    #[arg(long = "maxY", value_name = "DURATION", default_value = "100ms", value_parser = duration::parse)]
    pub(crate) max_y: Duration,
    /// Latency of the first row of the histogram
    #[arg(long = "minY", value_name = "DURATION", default_value = "0", value_parser = duration::parse)]
    pub(crate) min_y: Duration,
    /// Requests a second; `100..500/60s` grows evenly within that time,
    /// `100,200,400/30s` goes up in steps of it, and the last rate goes on
    #[arg(long, value_name = "RATE", default_value = "50", value_parser = Profile::parse)]
    pub(crate) rate: Profile,
    /// File of targets [default: standard input]. May be repeated; `FILE@3` gets
    /// three times the requests of one without a weight
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) targets: Vec<String>,
    /// Time limit of a request
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// Requests in flight at the same time, at most
    #[arg(long, value_name = "NUMBER", default_value = "8")]
    pub(crate) workers: NonZeroU32,
    /// End after this time [default: when `q` or ctrl-c is pressed]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) duration: Option<Duration>,
    /// End after this many requests
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,
    /// Send for this time before anything is counted; part of -duration
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration::parse)]
    pub(crate) warmup: Duration,
    /// Log in at `VAULT_ADDR` before the test, and send the token with every request
    /// whose target has none; it is renewed in time, and revoked at the end
    #[arg(long, value_enum, value_name = "METHOD", requires_all = ["role_id", "secret_id"])]
    pub(crate) login: Option<LoadLogin>,
    /// Role id for -login
    #[arg(long, value_name = "ID", requires = "login")]
    pub(crate) role_id: Option<String>,
    /// File with the secret id for -login
    #[arg(long, value_name = "@FILE", requires = "login")]
    pub(crate) secret_id: Option<String>,
    /// Path of the auth method for -login
    #[arg(long, value_name = "PATH", default_value = "approle")]
    pub(crate) mount: String,
    /// Load mounts of its own at `VAULT_ADDR`, in these shares, such as
    /// `login:1,kv:8,creds:1`, in place of targets. They are made before the test,
    /// and removed at the end
    #[arg(long, value_name = "SHARES", value_parser = Workload::parse, conflicts_with_all = ["targets", "login", "base64body"])]
    pub(crate) workload: Option<Workload>,
    /// File with `config` and `role` of the engine for the `creds` of -workload, in
    /// JSON
    #[arg(long, value_name = "@FILE", requires = "workload")]
    pub(crate) creds: Option<String>,
    /// Send nothing: remove what a run of -workload that was killed has left, or all
    /// of them with `all`, also those that are under way
    #[arg(long, value_name = "RUN|all", value_parser = LoadLeftovers::parse, conflicts_with_all = ["workload", "targets", "login"])]
    pub(crate) remove_leftovers: Option<LoadLeftovers>,
    /// What the test is to show, such as `p99<90ms`, `errors<0.1%`, `gap<3s` or
    /// `rate>=495`. May be repeated. A target's name or the last part of its path
    /// may stand before it, `login:p99<90ms`; `abort:` in front ends the test early
    #[arg(long, value_name = "EXPECTATION", value_parser = Expectation::parse, action = ArgAction::Append)]
    pub(crate) expect: Vec<Expectation>,
    /// Format of the summary
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: LoadFormat,
    /// Write the result as JSON to this file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the times to this file as an HDR histogram log
    #[arg(long, value_name = "FILE")]
    pub(crate) hdr: Option<PathBuf>,
    /// Write the result to this file as a page of HTML, with a heat map
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Speak HTTP/2, on one connection to each server: agreed on in the TLS
    /// handshake, and at `http` without asking
    #[arg(long)]
    pub(crate) http2: bool,
    /// Skip verification of servers' certificates
    #[arg(long, overrides_with = "insecure")]
    pub(crate) insecure: bool,
}

/// Whose mounts are removed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum LoadLeftovers {
    Of(RunId),
    All,
}

impl LoadLeftovers {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            id => RunId::parse(id).map(Self::Of),
        }
    }
}

/// The formats of the summary.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum LoadFormat {
    Text,
    Json,
}

/// The ways to log in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum LoadLogin {
    Approle,
}
