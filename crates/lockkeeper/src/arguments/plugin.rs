//! `plugin list` and `plugin info`; without either, the engine as a plugin.

use clap::{Args, Subcommand};

use super::options::{Connection, OutputOptions};

/// `lockkeeper plugin …`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    pub(crate) catalog: Option<PluginCatalog>,
    /// Flags of plugins written in Go, accepted and ignored
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) ignored: Vec<String>,
}

/// What a server can mount.
#[derive(Subcommand)]
pub(crate) enum PluginCatalog {
    /// List the plugins that a server knows
    #[command(after_help = "\
Examples:
  lockkeeper plugin list
  lockkeeper plugin list secret
  lockkeeper plugin list -detailed")]
    List(PluginList),
    /// Show what a server knows about a plugin
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  lockkeeper plugin info secret kv
  lockkeeper plugin info -field=sha256 secret confluent-cloud"
    )]
    Info(PluginInfo),
}

/// `lockkeeper plugin list`.
#[derive(Args)]
pub(crate) struct PluginList {
    /// Of one type: `auth`, `database` or `secret`
    #[arg(value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[arg(
        help = "Show whether a plugin is deprecated, too [env: VAULT_DETAILED or BAO_DETAILED]",
        help_heading = "Output",
        long
    )]
    pub(crate) detailed: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper plugin info`.
#[derive(Args)]
pub(crate) struct PluginInfo {
    /// `auth`, `database` or `secret`
    #[arg(value_name = "TYPE")]
    pub(crate) kind: String,
    /// The name of the plugin
    pub(crate) name: String,
    /// The version of the plugin
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    #[arg(
        help = "Print only this field, without a line break unless to a terminal",
        help_heading = "Output",
        long,
        value_name = "NAME"
    )]
    pub(crate) field: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
