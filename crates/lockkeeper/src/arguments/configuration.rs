//! `validate`, `plan`, `apply`, `drift`, `import`, `prune` and `unlock`.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::options::{Connection, OutputOptions};

pub(super) const VALIDATE: &str = "\
Examples:
  lockkeeper validate -f lockkeeper.yaml
  lockkeeper validate -f policies/ -f roles.yaml

No server is asked.

Exit codes: 0 without a mistake; 1 with one.";

pub(super) const PLAN: &str = "\
Examples:
  lockkeeper plan -f lockkeeper.yaml
  lockkeeper plan -f vault-config.yml -owner=payments
  lockkeeper plan -f lockkeeper.yaml -prune -out=change.plan
  lockkeeper plan -f vault-config.yml -owner=payments -purge-unmanaged

Signs: + is made, ~ is changed, - is deleted, ! was changed by somebody else.
Nothing is changed. No value of a secret is shown.

Exit codes: 0 if there is nothing to do; 1 if no plan could be made; 2 if there
are changes.";

pub(super) const APPLY: &str = "\
Examples:
  lockkeeper apply -f lockkeeper.yaml
  lockkeeper apply -f vault-config.yml -owner=payments -adopt
  lockkeeper apply -f lockkeeper.yaml -adopt=sys/policies/acl/orders
  lockkeeper apply change.plan
  lockkeeper apply -f lockkeeper.yaml -vault-commands

A plan in a file is applied only if the files, the record and the server are still
as they were when it was made. If an `apply` is cut off, the next one continues it.

Exit codes: 0 if all was done; 1 if nothing was begun; 4 if it stopped on the way,
and the output says where.";

pub(super) const DRIFT: &str = "\
Examples:
  lockkeeper drift -f lockkeeper.yaml
  lockkeeper drift -f lockkeeper.yaml -format=json

Nothing is changed.

Exit codes: 0 if nobody else has changed anything; 1 if that could not be found
out; 3 if somebody has.";

pub(super) const IMPORT: &str = "\
Examples:
  lockkeeper import -owner=payments > lockkeeper.yaml
  lockkeeper import -owner=payments -only=policies,approle -out=lockkeeper.yaml
  lockkeeper import -owner=payments -only=policies -out=lockkeeper.yaml -adopt

A plan over the file is empty, once its objects are adopted. Secrets cannot be read
from a server, and are not in the file.";

pub(super) const PRUNE: &str = "\
Examples:
  lockkeeper plan -f lockkeeper.yaml -prune
  lockkeeper prune -f lockkeeper.yaml
  lockkeeper prune -f lockkeeper.yaml -allow-destroy

Only what the owner's record names is deleted: nothing that another owner, or a
person, has made.

Exit codes: 0 if all was done; 1 if nothing was begun; 4 if it stopped on the way.";

pub(super) const UNLOCK: &str = "\
Examples:
  lockkeeper unlock -force -owner=payments

Free a lock only if nobody is at work: two that work at the same time may undo each
other's changes. A lock ends by itself after 15 minutes.";

/// Which files, and for which server.
#[derive(Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct Files {
    /// File or folder to read, in YAML or JSON; `-` is standard input. May be
    /// repeated
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Name of the server in the files, if it has another address there
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
    /// Who manages the objects, if the files do not say it
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// Let secrets stand in files of `version: 1`
    #[arg(long)]
    pub(crate) allow_literal_secrets: bool,
}

/// What is managed, and how.
#[derive(Args)]
#[command(next_help_heading = "Management")]
pub(crate) struct Manage {
    /// Where the owner's record is kept: `kv:MOUNT/PATH` or `file:PATH`
    /// [default: kv:secret/lockkeeper/OWNER]
    #[arg(long, value_name = "PLACE")]
    pub(crate) state: Option<String>,
    /// How many requests are sent at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) parallel: u8,
}

/// How far a plan goes.
#[derive(Args)]
#[command(next_help_heading = "Scope")]
pub(crate) struct Scope {
    /// Take over objects that exist and have no owner: all of the files, or the one
    /// at a path. May be repeated
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "", action = ArgAction::Append)]
    pub(crate) adopt: Vec<String>,
    /// Delete what the owner manages and the files no longer have
    #[arg(long)]
    pub(crate) prune: bool,
    /// Delete what nobody manages, as `purgeUnmanagedConfig` in the files says
    #[arg(long)]
    pub(crate) purge_unmanaged: bool,
    /// Allow to delete data, auth methods, and more than 10 objects
    #[arg(long)]
    pub(crate) allow_destroy: bool,
}

/// `lockkeeper validate`.
#[derive(Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) files: Files,
}

/// `lockkeeper plan`.
#[derive(Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// File to write the plan to, for `lockkeeper apply FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) manage: Manage,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper apply`.
#[derive(Args)]
pub(crate) struct Apply {
    /// Plan that `lockkeeper plan -out=FILE` has written
    #[arg(value_name = "PLAN", conflicts_with_all = ["paths", "server", "owner", "allow_literal_secrets", "adopt", "prune", "purge_unmanaged", "allow_destroy", "state"])]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Print the commands of `vault` that do the same, and change nothing
    #[arg(long)]
    pub(crate) vault_commands: bool,
    /// How long to wait for the lock [default: not at all]
    #[arg(long, value_name = "DURATION")]
    pub(crate) lock_timeout: Option<String>,
    #[command(flatten)]
    pub(crate) manage: Manage,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper drift`.
#[derive(Args)]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) manage: Manage,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum ImportPart {
    Policies,
    Secrets,
    Auth,
    Approle,
    Roles,
    Groups,
    Quotas,
    Passwords,
}

/// `lockkeeper import`.
#[derive(Args)]
pub(crate) struct Import {
    /// Who will manage the objects
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: String,
    /// What to read: policies, secrets engines, auth methods with their
    /// configuration, roles of AppRole or of all methods (with users and groups),
    /// groups of identities, quotas, policies for passwords
    #[arg(
        long,
        value_name = "PARTS",
        value_delimiter = ',',
        default_value = "policies,secrets,auth,roles,groups,quotas,passwords"
    )]
    pub(crate) only: Vec<ImportPart>,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Take the objects over at once
    #[arg(long, requires = "out")]
    pub(crate) adopt: bool,
    #[command(flatten)]
    pub(crate) manage: Manage,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper prune`.
#[derive(Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Allow to delete data, auth methods, and more than 10 objects
    #[arg(long)]
    pub(crate) allow_destroy: bool,
    /// How long to wait for the lock [default: not at all]
    #[arg(long, value_name = "DURATION")]
    pub(crate) lock_timeout: Option<String>,
    #[command(flatten)]
    pub(crate) manage: Manage,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper unlock`.
#[derive(Args)]
pub(crate) struct Unlock {
    /// Free it although somebody may be at work
    #[arg(long, required = true)]
    pub(crate) force: bool,
    /// Whose lock
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: String,
    #[command(flatten)]
    pub(crate) manage: Manage,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
