//! `read`, `write`, `list`, `delete` and `path-help`.

use clap::Args;

use super::options::{AnswerOptions, Connection, FieldOptions};

/// `lockkeeper read`.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The path to read
    pub(crate) path: String,
    /// Query parameters of the request
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) data: Vec<String>,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper write`.
#[derive(Debug, Args)]
pub(crate) struct Write {
    /// The path to write to
    pub(crate) path: String,
    /// The data to write
    #[arg(value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) data: Vec<String>,
    /// Write even without data
    #[arg(long, short)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The path to list
    pub(crate) path: String,
    #[arg(
        help = "Show a column for each detail that the server returns with the names [env: VAULT_DETAILED or BAO_DETAILED]",
        help_heading = "Output",
        long
    )]
    pub(crate) detailed: bool,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The path to delete
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper path-help`.
#[derive(Debug, Args)]
pub(crate) struct PathHelp {
    /// The path to explain, or the path of a mount for all of its paths
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
