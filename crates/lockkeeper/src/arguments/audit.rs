//! `audit list`, `enable` and `disable`.

use clap::{Args, Subcommand};

use super::options::{Connection, OutputOptions};

/// `lockkeeper audit …`.
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// List the audit devices
    #[command(after_help = "\
Examples:
  lockkeeper audit list
  lockkeeper audit list -detailed")]
    List(AuditList),
    /// Enable an audit device
    #[command(after_help = "\
Examples:
  lockkeeper audit enable file file_path=/var/log/audit.log
  lockkeeper audit enable -path=siem socket address=127.0.0.1:9000

Most servers take audit devices from their configuration file only.")]
    Enable(AuditEnable),
    /// Disable an audit device
    #[command(after_help = "\
Examples:
  lockkeeper audit disable file")]
    Disable(AuditDisable),
}

/// `lockkeeper audit list`.
#[derive(Args)]
pub(crate) struct AuditList {
    #[arg(
        help = "Show the options too [env: VAULT_DETAILED or BAO_DETAILED]",
        help_heading = "Output",
        long
    )]
    pub(crate) detailed: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper audit enable`.
#[derive(Args)]
pub(crate) struct AuditEnable {
    /// `file`, `socket` or `syslog`
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// Options of the device
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) options: Vec<String>,
    /// Where it is enabled. Default: the name of its type
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// A description for people
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Do not replicate it, in clusters that do
    #[arg(long)]
    pub(crate) local: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper audit disable`.
#[derive(Args)]
pub(crate) struct AuditDisable {
    /// Where the device is enabled
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
