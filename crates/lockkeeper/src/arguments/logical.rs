//! `read`, `write`, `patch`, `list`, `delete`, `unwrap` and `path-help`.

use clap::Args;

use super::options::{AnswerOptions, Connection, FieldOptions, Format, OutputOptions};

/// `lockkeeper read`.
#[derive(Args)]
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
#[derive(Args)]
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

/// `lockkeeper patch`.
#[derive(Args)]
pub(crate) struct Patch {
    /// The path whose data is changed
    pub(crate) path: String,
    /// The fields to change
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) data: Vec<String>,
    /// Send the request even without data
    #[arg(long, short)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper unwrap`.
#[derive(Args)]
pub(crate) struct Unwrap {
    /// The wrapping token. Default: the token that requests are sent with
    pub(crate) token: Option<String>,
    #[arg(
        help = "Print only this field of the answer, without a line break unless to a terminal",
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

/// `lockkeeper list`.
#[derive(Args)]
pub(crate) struct List {
    /// The path to list
    pub(crate) path: String,
    /// List the names after this one alone, where the path has pages
    #[arg(long, value_name = "NAME")]
    pub(crate) after: Option<String>,
    /// List no more names than this, where the path has pages
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<u64>,
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
#[derive(Args)]
pub(crate) struct Delete {
    /// The path to delete
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper path-help`.
#[derive(Args)]
pub(crate) struct PathHelp {
    /// The path to explain, or the path of a mount for all of its paths
    pub(crate) path: String,
    #[arg(
        help = "Format of the output; `json` and `yaml` are an OpenAPI document [env: VAULT_FORMAT or BAO_FORMAT] [default: table]",
        help_heading = "Output",
        long,
        value_enum
    )]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
