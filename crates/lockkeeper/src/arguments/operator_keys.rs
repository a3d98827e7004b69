//! `operator rotate`, `operator rotate-keys` and `operator generate-root`.

use clap::Args;

use super::options::{Connection, OutputOptions};

/// `lockkeeper operator rotate`.
#[derive(Args)]
pub(crate) struct OperatorRotate {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper operator rotate-keys` and `rekey`.
#[expect(clippy::struct_excessive_bools, reason = "the flags are Vault's")]
#[derive(Args)]
pub(crate) struct OperatorRotateKeys {
    /// A share of the present key, or with -verify of the new one, in base64 or
    /// hexadecimal; `-` reads it from standard input. By default it is asked for
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
    /// Begin
    #[arg(long, conflicts_with_all = ["cancel", "status", "key"])]
    pub(crate) init: bool,
    /// Give up: with -verify, the new shares that were given back; else all of it
    #[arg(long, conflicts_with_all = ["status", "key"])]
    pub(crate) cancel: bool,
    /// Tell how far it is
    #[arg(long, conflicts_with = "key")]
    pub(crate) status: bool,
    /// With -init: the new shares must be given back before they count. Else: what
    /// is given, asked or given up is the verification
    #[arg(long)]
    pub(crate) verify: bool,
    /// How many new shares there are
    #[arg(
        long,
        short = 'n',
        alias = "n",
        value_name = "NUMBER",
        default_value_t = 5
    )]
    pub(crate) key_shares: u64,
    /// How many of them unseal the server
    #[arg(
        long,
        short = 't',
        alias = "t",
        value_name = "NUMBER",
        default_value_t = 3
    )]
    pub(crate) key_threshold: u64,
    /// The id that -init printed; by default the server is asked for it
    #[arg(long, value_name = "ID")]
    pub(crate) nonce: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper operator generate-root`.
#[expect(clippy::struct_excessive_bools, reason = "the flags are Vault's")]
#[derive(Args)]
pub(crate) struct OperatorGenerateRoot {
    /// A share of the key, in base64 or hexadecimal; `-` reads it from standard input.
    /// By default it is asked for
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
    /// Begin
    #[arg(long, conflicts_with_all = ["cancel", "status", "decode", "generate_otp", "key"])]
    pub(crate) init: bool,
    /// Give up
    #[arg(long, conflicts_with_all = ["status", "decode", "generate_otp", "key"])]
    pub(crate) cancel: bool,
    /// Tell how far it is
    #[arg(long, conflicts_with_all = ["decode", "generate_otp", "key"])]
    pub(crate) status: bool,
    /// Print the token behind the encoded one that the last share got; `-` reads it
    /// from standard input
    #[arg(long, value_name = "TOKEN", requires = "otp", conflicts_with_all = ["generate_otp", "key"])]
    pub(crate) decode: Option<String>,
    /// Print a password for -init
    #[arg(long, conflicts_with = "key")]
    pub(crate) generate_otp: bool,
    /// The password that hides the token: with -init by default the server makes one
    #[arg(long, value_name = "PASSWORD")]
    pub(crate) otp: Option<String>,
    /// The id that -init printed; by default the server is asked for it
    #[arg(long, value_name = "ID")]
    pub(crate) nonce: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
