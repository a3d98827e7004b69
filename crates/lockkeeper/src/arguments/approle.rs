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
  lockkeeper approle rotate orders -deliver=file:/run/a/id -consumers=3 -quiet=10m
  lockkeeper approle rotate orders -deliver='command:ssh host sudo tee /run/a/id' \
      -wait=15m -revoke-tokens=after=1h
  lockkeeper approle rotate orders -deliver=file:/run/a/id -emergency
  lockkeeper approle rotate orders payments -deliver=file:/run/{role}/id -keep-going
  lockkeeper approle rotate -from=roles.json

Each stage is on record before it begins, in the journal: whatever interrupts a
rotation, `lockkeeper approle resume` goes on with it. No secret id is printed or
written anywhere but to the targets.

Exit codes: 0 rotated; 1 not begun, or a mistake on this machine; 2 a server
refused or failed on the way; 3 the time for waiting is over, and the old secret
ids are still valid.")]
    Rotate(Box<ApproleRotate>),
    /// Go on with a rotation that was interrupted
    #[command(after_help = "\
Examples:
  lockkeeper approle resume orders
  lockkeeper approle resume orders -journal=orders.json
  lockkeeper approle resume orders -consumers=2 -wait-limit=6h

It goes on with the options of the rotation; those for waiting can be changed.
Exit codes are those of `lockkeeper approle rotate`.")]
    Resume(ApproleResume),
    /// Give up a rotation before it destroys anything
    #[command(after_help = "\
Examples:
  lockkeeper approle abort orders

The old secret ids stay valid. A new one that a target holds stays valid, too, so
that its users go on; one that no target holds is destroyed.")]
    Abort(ApproleAbort),
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

/// The arguments that are about one role.
const FOR_ONE: [&str; 20] = [
    "roles",
    "keep_going",
    "deliver",
    "overwrite",
    "keep",
    "canary_read",
    "canary_command",
    "consumers",
    "quiet",
    "wait",
    "wait_command",
    "wait_limit",
    "revoke_tokens",
    "emergency",
    "evidence",
    "cidr_list",
    "token_bound_cidrs",
    "ttl",
    "num_uses",
    "journal",
];

/// `lockkeeper approle rotate`.
#[derive(Args)]
pub(crate) struct ApproleRotate {
    /// The role, in any case; of several, one is rotated after the other, and the
    /// first failure is the end
    #[arg(value_name = "ROLE", required_unless_present = "from")]
    pub(crate) roles: Vec<String>,
    /// Go on with the next role where one of several cannot be rotated
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Rotate the roles of this file, four at a time: a JSON array of objects with
    /// `role`, `deliver` and other members named like the flags
    #[arg(long, value_name = "FILE", conflicts_with_all = FOR_ONE)]
    pub(crate) from: Option<PathBuf>,
    /// Where the new secret id goes. `file:PATH`: a file with a secret id alone,
    /// which keeps its mode and owner. `command:COMMAND`: its standard input.
    /// `kv:PATH#FIELD`: a field of a KV secret. `kubernetes:NAMESPACE/NAME#KEY`: a
    /// key of a Secret, by kubectl. `wrapped:TIME`: printed as a wrapping token that
    /// lives for this time, and nowhere else. May be given several times. With
    /// several roles, `{role}` in it is the name of each
    #[arg(long, value_name = "TARGET")]
    pub(crate) deliver: Vec<String>,
    /// Replace what a target holds, also if the server does not know it for a
    /// secret id of the role, such as one that has ended
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// How many of the old secret ids live on, the newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) keep: usize,
    /// A path that a login with the new secret id must be able to read. May be
    /// given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) canary_read: Vec<String>,
    /// A command that tries the new secret id in place of a login from this
    /// machine. It gets the secret id on its standard input
    #[arg(long, value_name = "COMMAND")]
    pub(crate) canary_command: Option<String>,
    #[command(flatten)]
    pub(crate) wait: WaitOptions,
    /// What happens to tokens of old secret ids: `now`, `after=DURATION` or
    /// `never`. Default: `now` with -consumers, -wait-command or -emergency,
    /// otherwise `never`
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

/// What is waited for before the old secret ids are destroyed.
#[derive(Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitOptions {
    /// Wait until this many tokens of the new secret id live, and no token of an
    /// old one was renewed for the time of -quiet
    #[arg(long, value_name = "NUMBER")]
    pub(crate) consumers: Option<usize>,
    /// For how long no token of an old secret id may be renewed
    /// [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) quiet: Option<Duration>,
    /// Wait for this time
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// Wait until this command succeeds
    #[arg(long, value_name = "COMMAND")]
    pub(crate) wait_command: Option<String>,
    /// For how long -consumers and -wait-command are waited for [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait_limit: Option<Duration>,
}

/// `lockkeeper approle resume`.
#[derive(Args)]
pub(crate) struct ApproleResume {
    /// The role, in any case
    pub(crate) role: String,
    #[command(flatten)]
    pub(crate) wait: WaitOptions,
    #[command(flatten)]
    pub(crate) journal: JournalOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper approle abort`.
#[derive(Args)]
pub(crate) struct ApproleAbort {
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
    /// File of the journal, of mode 0600, or `kv:PATH`, a secret in a KV engine of
    /// version 2. Default: a file for each server, method and role below `$XDG_STATE_HOME/lockkeeper` or `~/.local/state/lockkeeper`
    #[arg(long, value_name = "FILE|kv:PATH")]
    pub(crate) journal: Option<String>,
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
