//! `operator init`, `unseal`, `seal` and `key-status`.

use clap::{Args, Subcommand};

use super::options::{Connection, OutputOptions};

/// `lockkeeper operator …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Operator {
    /// Initialize an empty server: make its key, and the first root token
    #[command(after_help = "\
Examples:
  lockkeeper operator init
  lockkeeper operator init -key-shares=3 -key-threshold=2 -format=json
  lockkeeper operator init -status

The shares of the key and the root token are printed once, and nobody can print
them again. Hand each share to another person.

Exit codes of -status: 0 if the server is initialized, 2 if it is not, 1 if it
does not answer.")]
    Init(OperatorInit),
    /// Give the server a share of its key
    #[command(after_help = "\
Examples:
  lockkeeper operator unseal
  lockkeeper operator unseal - < share.txt
  lockkeeper operator unseal -reset

Without an argument, the share is asked for and not shown. An argument stays in
the history of the shell. The server is unsealed with the last share it needs.")]
    Unseal(OperatorUnseal),
    /// Seal the server: it forgets its key and answers nothing
    #[command(after_help = "\
Examples:
  lockkeeper operator seal")]
    Seal(OperatorSeal),
    /// Show which key encrypts the storage at present
    #[command(after_help = "\
Examples:
  lockkeeper operator key-status")]
    KeyStatus(OperatorKeyStatus),
}

/// `lockkeeper operator init`.
#[derive(Debug, Args)]
pub(crate) struct OperatorInit {
    /// Say whether the server is initialized, and do nothing
    #[arg(long)]
    pub(crate) status: bool,
    /// How many shares the key is split into
    #[arg(long, alias = "n", value_name = "NUMBER", default_value_t = 5)]
    pub(crate) key_shares: u64,
    /// How many of them unseal the server
    #[arg(long, alias = "t", value_name = "NUMBER", default_value_t = 3)]
    pub(crate) key_threshold: u64,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper operator unseal`.
#[derive(Debug, Args)]
pub(crate) struct OperatorUnseal {
    /// The share, in base64 or hexadecimal; `-` reads it from standard input. By
    /// default it is asked for
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Forget the shares that were given so far
    #[arg(long)]
    pub(crate) reset: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper operator seal`.
#[derive(Debug, Args)]
pub(crate) struct OperatorSeal {
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper operator key-status`.
#[derive(Debug, Args)]
pub(crate) struct OperatorKeyStatus {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
