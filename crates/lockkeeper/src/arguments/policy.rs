//! `policy list`, `read`, `write`, `delete` and `fmt`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::{Connection, OutputOptions};

/// `lockkeeper policy …`.
#[derive(Subcommand)]
pub(crate) enum Policy {
    /// List the names of the policies
    #[command(after_help = "\
Examples:
  lockkeeper policy list")]
    List(PolicyList),
    /// Print the text of a policy
    #[command(after_help = "\
Examples:
  lockkeeper policy read app")]
    Read(PolicyRead),
    /// Upload a policy
    #[command(after_help = "\
Examples:
  lockkeeper policy write app app.hcl
  lockkeeper policy write app - < app.hcl")]
    Write(PolicyWrite),
    /// Delete a policy: tokens that have it lose its rights at once
    #[command(after_help = "\
Examples:
  lockkeeper policy delete app")]
    Delete(PolicyDelete),
    /// Check a file of a policy and write it in the usual layout
    #[command(after_help = "\
Examples:
  lockkeeper policy fmt app.hcl

No server is asked. A file that is no policy stays as it is.")]
    Fmt(PolicyFmt),
}

/// `lockkeeper policy list`.
#[derive(Args)]
pub(crate) struct PolicyList {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper policy read`.
#[derive(Args)]
pub(crate) struct PolicyRead {
    /// The name of the policy
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper policy write`.
#[derive(Args)]
pub(crate) struct PolicyWrite {
    /// The name of the policy; upper case letters become lower case
    pub(crate) name: String,
    /// The file with its text; `-` is standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper policy delete`.
#[derive(Args)]
pub(crate) struct PolicyDelete {
    /// The name of the policy
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper policy fmt`.
#[derive(Args)]
pub(crate) struct PolicyFmt {
    /// The file
    pub(crate) file: PathBuf,
}
