//! `login`, `print token`, and `token lookup`, `renew`, `revoke` and
//! `capabilities`.

use clap::{Args, Subcommand};

use super::options::{AnswerOptions, Connection, FieldOptions, OutputOptions};

/// `lockkeeper login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The token; `-` reads it from standard input. By default it is asked for
    #[arg(allow_hyphen_values = true)]
    pub(crate) token: Option<String>,
    /// The auth method: only `token`
    #[arg(long, default_value = "token", value_parser = ["token"])]
    pub(crate) method: String,
    /// Do not store the token
    #[arg(long)]
    pub(crate) no_store: bool,
    /// Do not print anything
    #[arg(long)]
    pub(crate) no_print: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper print …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Print {
    /// Print the token that requests are sent with
    Token,
}

/// `lockkeeper token …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Show what the server knows about a token
    #[command(after_help = "\
Examples:
  lockkeeper token lookup")]
    Lookup(TokenLookup),
    /// Renew the token that requests are sent with
    #[command(after_help = "\
Examples:
  lockkeeper token renew
  lockkeeper token renew -increment=1h")]
    Renew(TokenRenew),
    /// Revoke the token that requests are sent with, and all its leases
    #[command(after_help = "\
Examples:
  lockkeeper token revoke -self")]
    Revoke(TokenRevoke),
    /// Show what a token may do on a path
    #[command(after_help = "\
Examples:
  lockkeeper token capabilities confluent/creds/app")]
    Capabilities(TokenCapabilities),
}

/// `lockkeeper token lookup`.
#[derive(Debug, Args)]
pub(crate) struct TokenLookup {
    /// The token; by default the one that requests are sent with
    pub(crate) token: Option<String>,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper token renew`.
#[derive(Debug, Args)]
pub(crate) struct TokenRenew {
    /// The requested time to live from now. By default the server decides
    #[arg(long, short, value_name = "DURATION")]
    pub(crate) increment: Option<String>,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper token revoke`.
#[derive(Debug, Args)]
pub(crate) struct TokenRevoke {
    /// Confirm that the token of the command itself is meant
    #[arg(long = "self", required = true)]
    pub(crate) own: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper token capabilities`.
#[derive(Debug, Args)]
pub(crate) struct TokenCapabilities {
    /// The path; before it, another token than the one that requests are sent
    /// with
    #[arg(value_name = "[TOKEN] PATH", num_args = 1..=2, required = true)]
    pub(crate) token_and_path: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
