//! `secrets list`, `enable`, `tune`, `move` and `disable`.

use clap::{Args, Subcommand};

use super::mounts::{MountKind, MountSettings};
use super::options::{Connection, OutputOptions};

/// `lockkeeper secrets …`.
#[derive(Subcommand)]
pub(crate) enum Secrets {
    /// List the secrets engines
    #[command(after_help = "\
Examples:
  lockkeeper secrets list
  lockkeeper secrets list -detailed")]
    List(SecretsList),
    /// Enable a secrets engine
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  lockkeeper secrets enable -path=confluent vault-plugin-secrets-confluent-cloud
  lockkeeper secrets enable -max-lease-ttl=24h vault-plugin-secrets-confluent-cloud
  lockkeeper secrets enable -path=team -version=2 kv"
    )]
    Enable(SecretsEnable),
    /// Change settings of a secrets engine
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  lockkeeper secrets tune -default-lease-ttl=1h -max-lease-ttl=24h confluent
  lockkeeper secrets tune -description=\"Keys of the orders team\" confluent"
    )]
    Tune(SecretsTune),
    /// Move a secrets engine to another path: its leases are revoked, its data
    /// and settings are kept
    #[command(after_help = "\
Examples:
  lockkeeper secrets move confluent team/confluent")]
    Move(SecretsMove),
    /// Disable a secrets engine: revoke its leases and remove its data
    #[command(after_help = "\
Examples:
  lockkeeper secrets disable confluent")]
    Disable(SecretsDisable),
}

/// `lockkeeper secrets list`.
#[derive(Args)]
pub(crate) struct SecretsList {
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

/// `lockkeeper secrets enable`.
#[derive(Args)]
pub(crate) struct SecretsEnable {
    /// The type of the engine, as `sys/plugins/catalog/secret` lists it
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// Where it is enabled. Default: the name of its type
    #[arg(long)]
    pub(crate) path: Option<String>,
    #[command(flatten)]
    pub(crate) mount: MountKind,
    #[command(flatten)]
    pub(crate) settings: MountSettings,
    /// Read every value from storage, without a cache
    #[arg(long)]
    pub(crate) force_no_cache: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper secrets tune`.
#[derive(Args)]
pub(crate) struct SecretsTune {
    /// Where the engine is enabled
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) settings: MountSettings,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper secrets move`.
#[derive(Args)]
pub(crate) struct SecretsMove {
    /// Where the engine is enabled
    pub(crate) source: String,
    /// Where it is to be
    pub(crate) destination: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper secrets disable`.
#[derive(Args)]
pub(crate) struct SecretsDisable {
    /// Where the engine is enabled
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
