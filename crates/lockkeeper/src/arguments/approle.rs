//! `approle rotate`, `resume`, `abort` and `status`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::options::{Connection, OutputOptions};

/// `lockkeeper approle …`.
#[derive(Subcommand)]
pub(crate) enum Approle {
    /// Replace the secret ids of a role by a new one: make it, deliver it, try
    /// it, destroy the others, and prove both
    #[command(after_help = "\
Examples:
  lockkeeper approle rotate orders -deliver=file:/etc/orders/secret-id
  lockkeeper approle rotate orders -deliver=file:/run/a/id -deliver=file:/run/b/id \\
      -canary-read=secret/data/orders -evidence=evidence.json
  lockkeeper approle rotate orders -deliver=file:/run/a/id -revoke-tokens=after=1h
  lockkeeper approle rotate orders -deliver=file:/run/a/id -emergency

Each stage is on record before it begins, in the journal: whatever interrupts a
rotation, `lockkeeper approle resume` goes on with it. No secret id is printed or
written anywhere but to the targets.

Exit codes: 0 rotated; 1 not begun, or a mistake on this machine; 2 a server
refused or failed on the way.")]
    Rotate(ApproleRotate),
    /// Go on with a rotation that was interrupted
    #[command(after_help = "\
Examples:
  lockkeeper approle resume orders
  lockkeeper approle resume orders -journal=orders.json")]
    Resume(ApproleResume),
    /// Give up a rotation before it destroys anything
    #[command(after_help = "\
Examples:
  lockkeeper approle abort orders

The old secret ids stay valid. A new one that a target holds stays valid, too, so
that its users go on; one that no target holds is destroyed.")]
    Abort(ApproleResume),
    /// Show the age, the end and the uses of secret ids, and those that are too
    /// old
    #[command(after_help = "\
Examples:
  lockkeeper approle status
  lockkeeper approle status orders payments -max-age=30d
  lockkeeper approle status -format=json

Exit codes: 0 none is too old; 1 a mistake in the command; 2 a server refused or
failed; 3 a secret id is older than -max-age.")]
    Status(ApproleStatus),
}

/// `lockkeeper approle rotate`.
#[derive(Args)]
pub(crate) struct ApproleRotate {
    /// The role, in any case
    pub(crate) role: String,
    /// Where the new secret id goes: `file:PATH`, a file with a secret id alone,
    /// which keeps its mode and owner. May be given several times
    #[arg(long, value_name = "TARGET")]
    pub(crate) deliver: Vec<String>,
    /// How many of the old secret ids live on, the newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) keep: usize,
    /// A path that a login with the new secret id must be able to read. May be
    /// given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) canary_read: Vec<String>,
    /// What happens to tokens of old secret ids: `now`, `after=DURATION` or
    /// `never`. Default: `never`; `now` with -emergency
    #[arg(long, value_name = "WHEN")]
    pub(crate) revoke_tokens: Option<String>,
    /// Destroy the old secret ids and revoke their tokens first: somebody else
    /// has one
    #[arg(long)]
    pub(crate) emergency: bool,
    /// File for the evidence, in JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
    /// Networks that logins with the new secret id may come from. Default: those
    /// of the old one
    #[arg(long, value_name = "CIDR,CIDR", value_delimiter = ',')]
    pub(crate) cidr_list: Vec<String>,
    /// Networks that tokens of the new secret id may be used from. Default: those
    /// of the old one
    #[arg(long, value_name = "CIDR,CIDR", value_delimiter = ',')]
    pub(crate) token_bound_cidrs: Vec<String>,
    /// Time to live of the new secret id. Default: that of the old one, or the
    /// role's
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) ttl: Option<Duration>,
    /// How often the new secret id can be used. Default: the role's number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) num_uses: Option<u64>,
    #[command(flatten)]
    pub(crate) journal: JournalOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper approle resume` and `abort`.
#[derive(Args)]
pub(crate) struct ApproleResume {
    /// The role, in any case
    pub(crate) role: String,
    #[command(flatten)]
    pub(crate) journal: JournalOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Which rotation.
#[derive(Args)]
pub(crate) struct JournalOptions {
    /// Path of the auth method
    #[arg(long, value_name = "PATH", default_value = "approle")]
    pub(crate) mount: String,
    /// File of the journal, of mode 0600. Default: one for each server, method
    /// and role below `$XDG_STATE_HOME/lockkeeper` or `~/.local/state/lockkeeper`
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}

/// `lockkeeper approle status`.
#[derive(Args)]
pub(crate) struct ApproleStatus {
    /// The roles. Default: all of the auth method
    pub(crate) roles: Vec<String>,
    /// Path of the auth method
    #[arg(long, value_name = "PATH", default_value = "approle")]
    pub(crate) mount: String,
    /// The age from which on a secret id is too old
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = duration)]
    pub(crate) max_age: Duration,
    /// Mark secret ids that end within this time
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration)]
    pub(crate) ends_within: Duration,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

fn duration(text: &str) -> Result<Duration, String> {
    ::logical::duration::parse(text).map_err(|error| error.to_string())
}
