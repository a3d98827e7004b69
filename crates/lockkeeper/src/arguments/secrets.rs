//! `secrets list`, `enable`, `tune` and `disable`.

use clap::{Args, Subcommand};

use super::options::{Connection, OutputOptions};

/// `lockkeeper secrets …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// List the secrets engines
    #[command(after_help = "\
Examples:
  lockkeeper secrets list
  lockkeeper secrets list -detailed")]
    List(SecretsList),
    /// Enable a secrets engine
    #[command(after_help = "\
Examples:
  lockkeeper secrets enable -path=confluent vault-plugin-secrets-confluent-cloud
  lockkeeper secrets enable -max-lease-ttl=24h vault-plugin-secrets-confluent-cloud

Other settings: `lockkeeper write sys/mounts/PATH type=… …`.")]
    Enable(SecretsEnable),
    /// Change settings of a secrets engine
    #[command(after_help = "\
Examples:
  lockkeeper secrets tune -default-lease-ttl=1h -max-lease-ttl=24h confluent

Other settings: `lockkeeper write sys/mounts/PATH/tune KEY=VALUE`.")]
    Tune(SecretsTune),
    /// Disable a secrets engine: revoke its leases and remove its data
    #[command(after_help = "\
Examples:
  lockkeeper secrets disable confluent")]
    Disable(SecretsDisable),
}

/// `lockkeeper secrets list`.
#[derive(Debug, Args)]
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
#[derive(Debug, Args)]
pub(crate) struct SecretsEnable {
    /// The type of the engine, as `sys/plugins/catalog/secret` lists it
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// Where it is enabled. Default: the name of its type
    #[arg(long)]
    pub(crate) path: Option<String>,
    #[command(flatten)]
    pub(crate) settings: MountSettings,
    /// An option of the engine; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) options: Vec<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper secrets tune`.
#[derive(Debug, Args)]
pub(crate) struct SecretsTune {
    /// Where the engine is enabled
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) settings: MountSettings,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Settings that every server has.
#[derive(Debug, Args)]
pub(crate) struct MountSettings {
    /// A description for people
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// The time to live of leases that do not ask for another: seconds, `1h`,
    /// or `system` for the server's default
    #[arg(long, value_name = "DURATION")]
    pub(crate) default_lease_ttl: Option<String>,
    /// The longest life of a lease
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_lease_ttl: Option<String>,
}

/// `lockkeeper secrets disable`.
#[derive(Debug, Args)]
pub(crate) struct SecretsDisable {
    /// Where the engine is enabled
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
