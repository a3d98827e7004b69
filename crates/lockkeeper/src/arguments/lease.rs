//! `lease lookup`, `lease renew` and `lease revoke`.

use clap::{Args, Subcommand};

use super::options::{AnswerOptions, Connection};

/// `lockkeeper lease …`.
#[derive(Subcommand)]
pub(crate) enum Lease {
    /// Show what the server knows about a lease
    #[command(after_help = "\
Examples:
  lockkeeper lease lookup confluent/creds/app/2kfX…")]
    Lookup(LeaseLookup),
    /// Renew a lease
    #[command(after_help = "\
Examples:
  lockkeeper lease renew confluent/creds/app/2kfX…
  lockkeeper lease renew -increment=30m confluent/creds/app/2kfX…")]
    Renew(LeaseRenew),
    /// Revoke a lease, or all leases with a prefix
    #[command(after_help = "\
Examples:
  lockkeeper lease revoke -sync confluent/creds/app/2kfX…
  lockkeeper lease revoke -prefix confluent/creds/app")]
    Revoke(LeaseRevoke),
}

/// `lockkeeper lease lookup`.
#[derive(Args)]
pub(crate) struct LeaseLookup {
    /// The id of the lease
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper lease renew`.
#[derive(Args)]
pub(crate) struct LeaseRenew {
    /// The id of the lease
    pub(crate) id: String,
    /// The requested time to live from now: seconds, or `90s`, `1h30m`, `7d`.
    /// By default the engine decides
    #[arg(long, short, value_name = "DURATION")]
    pub(crate) increment: Option<String>,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper lease revoke`.
#[derive(Args)]
pub(crate) struct LeaseRevoke {
    /// The id of the lease, or the prefix of ids
    pub(crate) id: String,
    /// Revoke every lease whose id has this prefix
    #[arg(long)]
    pub(crate) prefix: bool,
    /// Drop the leases even if their engine cannot revoke them: the credentials
    /// may live on. Only with -prefix
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Wait until the leases are revoked, and report a failure
    #[arg(long)]
    pub(crate) sync: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
