//! `operator`: `init`, `unseal`, `seal` and `key-status`, and the table of all its
//! commands.

use clap::{Args, Subcommand};

use super::operator_keys::{OperatorGenerateRoot, OperatorRotate, OperatorRotateKeys};
use super::operator_store::{OperatorBackup, OperatorRestore};
use super::options::{Connection, OutputOptions};

/// `lockkeeper operator …`.
#[derive(Subcommand)]
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
    /// Encrypt the storage with a new key from now on
    #[command(after_help = "\
Examples:
  lockkeeper operator rotate

What is stored is read with the old keys. The shares that unseal stay the same.")]
    Rotate(OperatorRotate),
    /// Replace the root key and the shares that unseal the server
    #[command(after_help = "\
Examples:
  lockkeeper operator rotate-keys -init -key-shares=5 -key-threshold=3 -verify
  lockkeeper operator rotate-keys
  lockkeeper operator rotate-keys -verify
  lockkeeper operator rotate-keys -status
  lockkeeper operator rotate-keys -cancel

Give the present shares one by one; the answer to the last one has the new shares,
which nobody can print again. With -verify at -init, the old shares count until
enough of the new ones were given back.")]
    RotateKeys(OperatorRotateKeys),
    /// As rotate-keys, by the paths that Vault has
    #[command(after_help = "\
Examples:
  lockkeeper operator rekey -init -key-shares=5 -key-threshold=3
  lockkeeper operator rekey")]
    Rekey(OperatorRotateKeys),
    /// Make a root token for whoever has enough shares of the key
    #[command(after_help = "\
Examples:
  lockkeeper operator generate-root -init
  lockkeeper operator generate-root
  lockkeeper operator generate-root -decode=ENCODED -otp=PASSWORD
  lockkeeper operator generate-root -status
  lockkeeper operator generate-root -cancel

-init prints a password once. Give the shares one by one; the answer to the last one
has the token, which -decode makes readable with the password. The server wants a
token unless it is configured otherwise.")]
    GenerateRoot(OperatorGenerateRoot),
    /// Copy the store of a server on this machine, which may run meanwhile
    #[command(after_help = "\
Examples:
  lockkeeper operator backup -config=/etc/lockkeeper/server.hcl /backup/monday.db

The copy is as it was at one moment, and as encrypted as the store. No token is
needed: access to the file of the store is enough.")]
    Backup(OperatorBackup),
    /// Make the store of a server that is stopped from a backup
    #[command(after_help = "\
Examples:
  lockkeeper operator restore -config=/etc/lockkeeper/server.hcl /backup/monday.db
  lockkeeper operator restore -force -config=/etc/lockkeeper/server.hcl /backup/monday.db

A store that is there is overwritten only with -force. What was made since the
backup is forgotten: keys at Confluent Cloud are found and deleted by the sweep.")]
    Restore(OperatorRestore),
}

/// `lockkeeper operator init`.
#[derive(Args)]
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
#[derive(Args)]
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
#[derive(Args)]
pub(crate) struct OperatorSeal {
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper operator key-status`.
#[derive(Args)]
pub(crate) struct OperatorKeyStatus {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
