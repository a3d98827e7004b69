//! `auth list`, `enable`, `tune`, `move`, `disable` and `help`.

use clap::{Args, Subcommand};

use super::mounts::{MountKind, MountSettings};
use super::options::{Connection, OutputOptions};

/// `lockkeeper auth …`.
#[derive(Subcommand)]
pub(crate) enum Auth {
    /// List the auth methods
    #[command(after_help = "\
Examples:
  lockkeeper auth list
  lockkeeper auth list -detailed")]
    List(AuthList),
    /// Enable an auth method
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  lockkeeper auth enable approle
  lockkeeper auth enable -path=ci -max-lease-ttl=1h approle"
    )]
    Enable(AuthEnable),
    /// Change settings of an auth method
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  lockkeeper auth tune -default-lease-ttl=1h -max-lease-ttl=24h approle
  lockkeeper auth tune -user-lockout-threshold=10 approle"
    )]
    Tune(AuthTune),
    /// Move an auth method to another path: its tokens are revoked, its settings
    /// are kept
    #[command(after_help = "\
Examples:
  lockkeeper auth move approle ci")]
    Move(AuthMove),
    /// Disable an auth method: revoke its tokens and remove its data
    #[command(after_help = "\
Examples:
  lockkeeper auth disable approle")]
    Disable(AuthDisable),
    /// Show how to log in with an auth method
    #[command(after_help = "\
Examples:
  lockkeeper auth help approle
  lockkeeper auth help ci/")]
    Help(AuthHelp),
}

/// `lockkeeper auth list`.
#[derive(Args)]
pub(crate) struct AuthList {
    #[arg(
        help = "Show the settings too [env: VAULT_DETAILED or BAO_DETAILED]",
        help_heading = "Output",
        long
    )]
    pub(crate) detailed: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper auth enable`.
#[derive(Args)]
pub(crate) struct AuthEnable {
    /// The type of the method, as `lockkeeper plugin list auth` shows it
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// Where it is enabled, below `auth/`. Default: the name of its type
    #[arg(long)]
    pub(crate) path: Option<String>,
    #[command(flatten)]
    pub(crate) mount: MountKind,
    #[command(flatten)]
    pub(crate) settings: MountSettings,
    /// The type of all its tokens: `service`, `batch`, `default-service` or
    /// `default-batch`
    #[arg(long, value_name = "TYPE")]
    pub(crate) token_type: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper auth tune`.
#[derive(Args)]
pub(crate) struct AuthTune {
    /// Where the method is enabled
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) settings: MountSettings,
    /// The type of all its tokens: `service`, `batch`, `default-service` or
    /// `default-batch`
    #[arg(long, value_name = "TYPE")]
    pub(crate) token_type: Option<String>,
    /// After how many failed logins a user is locked out
    #[arg(long, value_name = "NUMBER")]
    pub(crate) user_lockout_threshold: Option<u64>,
    /// For how long a user is locked out
    #[arg(long, value_name = "DURATION")]
    pub(crate) user_lockout_duration: Option<String>,
    /// After how long without a failed login the count begins again
    #[arg(long, value_name = "DURATION")]
    pub(crate) user_lockout_counter_reset_duration: Option<String>,
    /// Lock nobody out
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) user_lockout_disable: Option<bool>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper auth move`.
#[derive(Args)]
pub(crate) struct AuthMove {
    /// Where the method is enabled
    pub(crate) source: String,
    /// Where it is to be
    pub(crate) destination: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper auth disable`.
#[derive(Args)]
pub(crate) struct AuthDisable {
    /// Where the method is enabled
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper auth help`.
#[derive(Args)]
pub(crate) struct AuthHelp {
    /// A type of auth method, or where one is enabled
    #[arg(value_name = "TYPE|PATH")]
    pub(crate) method: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
