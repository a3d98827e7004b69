//! `kv get`, `put`, `patch`, `delete`, `undelete`, `destroy`, `list`, `scan`,
//! `rollback`, `metadata` and `enable-versioning`.

use clap::{Args, Subcommand};

use super::options::{AnswerOptions, Connection, FieldOptions, OutputOptions};

/// `lockkeeper kv …`.
#[derive(Subcommand)]
pub(crate) enum Kv {
    /// Read a secret, in its newest version or in another one
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  lockkeeper kv get secret/app
  lockkeeper kv get -mount=secret app
  lockkeeper kv get -field=password secret/app
  lockkeeper kv get -version=2 -format=json secret/app"
    )]
    Get(KvGet),
    /// Write a secret; in KV version 2 it becomes a new version
    #[command(after_help = "\
Examples:
  lockkeeper kv put secret/app user=orders password=@password.txt
  lockkeeper kv put -cas=3 secret/app user=orders
  lockkeeper kv put secret/app @app.json
  echo -n \"$PASSWORD\" | lockkeeper kv put secret/app password=-

Data is `key=value`. `key=@file` takes the value from a file, `key=-` from
standard input. `@file` and `-` alone are a JSON object. The fields that the
secret had before are dropped: `lockkeeper kv patch` keeps them.")]
    Put(KvPut),
    /// Change some fields of a secret and keep the others (KV version 2)
    #[command(after_help = "\
Examples:
  lockkeeper kv patch secret/app password=@password.txt
  lockkeeper kv patch -remove-data=user secret/app
  lockkeeper kv patch -method=rw secret/app user=orders

Without -method it is an HTTP PATCH, or, for a token without the capability
`patch`, a read and a write.")]
    Patch(KvPatch),
    /// Delete the newest version of a secret, or others; `undelete` restores them
    #[command(after_help = "\
Examples:
  lockkeeper kv delete secret/app
  lockkeeper kv delete -versions=1,2 secret/app")]
    Delete(KvDelete),
    /// Restore deleted versions of a secret
    #[command(after_help = "\
Examples:
  lockkeeper kv undelete -versions=3 secret/app")]
    Undelete(KvVersions),
    /// Remove the data of versions for good
    #[command(after_help = "\
Examples:
  lockkeeper kv destroy -versions=1,2 secret/app")]
    Destroy(KvVersions),
    /// List the names of secrets
    #[command(after_help = "\
Examples:
  lockkeeper kv list secret
  lockkeeper kv list -mount=secret team")]
    List(KvList),
    /// List the names of secrets in all folders; a server of OpenBao's kind alone
    /// can
    #[command(after_help = "\
Examples:
  lockkeeper kv scan secret")]
    Scan(KvList),
    /// Write the data of an earlier version again, as a new version
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  lockkeeper kv rollback -version=2 secret/app"
    )]
    Rollback(KvRollback),
    /// Read and change what is known about a secret: versions, limits, metadata
    #[command(subcommand)]
    Metadata(KvMetadata),
    /// Turn a KV engine of version 1 into one of version 2
    #[command(after_help = "\
Examples:
  lockkeeper kv enable-versioning secret")]
    EnableVersioning(KvEnableVersioning),
}

/// `lockkeeper kv metadata …`.
#[derive(Subcommand)]
pub(crate) enum KvMetadata {
    /// Show settings and versions of a secret
    #[command(after_help = "\
Examples:
  lockkeeper kv metadata get secret/app")]
    Get(KvMetadataGet),
    /// Set settings of a secret; custom metadata is replaced
    #[command(after_help = "\
Examples:
  lockkeeper kv metadata put -max-versions=5 secret/app
  lockkeeper kv metadata put -custom-metadata=owner=orders secret/app
  lockkeeper kv metadata put -delete-version-after=720h secret/app")]
    Put(KvMetadataPut),
    /// Set settings of a secret; custom metadata that is not named is kept
    #[command(after_help = "\
Examples:
  lockkeeper kv metadata patch -custom-metadata=owner=orders secret/app
  lockkeeper kv metadata patch -remove-custom-metadata=owner secret/app")]
    Patch(KvMetadataPatch),
    /// Remove a secret with all its versions, for good
    #[command(after_help = "\
Examples:
  lockkeeper kv metadata delete secret/app")]
    Delete(KvMetadataDelete),
}

/// Which secret.
#[derive(Args)]
pub(crate) struct KvKey {
    /// Where the engine is enabled; the path is then the one in the engine
    #[arg(long, value_name = "PATH")]
    pub(crate) mount: Option<String>,
    /// The path of the secret, which begins with that of the engine unless
    /// -mount names it
    pub(crate) path: String,
}

/// `lockkeeper kv get`.
#[derive(Args)]
pub(crate) struct KvGet {
    #[command(flatten)]
    pub(crate) key: KvKey,
    /// The version to read. Default: the newest
    #[arg(long, value_name = "NUMBER")]
    pub(crate) version: Option<u64>,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv put`.
#[derive(Args)]
pub(crate) struct KvPut {
    #[command(flatten)]
    pub(crate) key: KvKey,
    /// The data to write
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) data: Vec<String>,
    /// Write only if this is the number of the newest version; 0 if there must
    /// be none
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) cas: Option<i64>,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv patch`.
#[derive(Args)]
pub(crate) struct KvPatch {
    #[command(flatten)]
    pub(crate) key: KvKey,
    /// The fields to change
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) data: Vec<String>,
    /// A field to remove; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) remove_data: Vec<String>,
    /// Write only if this is the number of the newest version
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) cas: Option<i64>,
    /// `patch` for an HTTP PATCH alone, `rw` for a read and a write
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv delete`.
#[derive(Args)]
pub(crate) struct KvDelete {
    #[command(flatten)]
    pub(crate) key: KvKey,
    /// The versions to delete. Default: the newest
    #[arg(long, value_name = "NUMBER,NUMBER", value_delimiter = ',')]
    pub(crate) versions: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv undelete` and `lockkeeper kv destroy`.
#[derive(Args)]
pub(crate) struct KvVersions {
    #[command(flatten)]
    pub(crate) key: KvKey,
    /// The versions
    #[arg(
        long,
        value_name = "NUMBER,NUMBER",
        value_delimiter = ',',
        required = true
    )]
    pub(crate) versions: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv list` and `lockkeeper kv scan`.
#[derive(Args)]
pub(crate) struct KvList {
    /// Where the engine is enabled; the path is then the one in the engine
    #[arg(long, value_name = "PATH")]
    pub(crate) mount: Option<String>,
    /// The path to list. With -mount, it may be left out
    #[arg(required_unless_present = "mount")]
    pub(crate) path: Option<String>,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv rollback`.
#[derive(Args)]
pub(crate) struct KvRollback {
    #[command(flatten)]
    pub(crate) key: KvKey,
    /// The version whose data is to be the newest again
    #[arg(long, value_name = "NUMBER", required = true)]
    pub(crate) version: u64,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv metadata get`.
#[derive(Args)]
pub(crate) struct KvMetadataGet {
    #[command(flatten)]
    pub(crate) key: KvKey,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Settings of a secret.
#[derive(Args)]
pub(crate) struct KvSettings {
    /// How many versions are kept; 0 for the engine's setting
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) max_versions: Option<i64>,
    /// Refuse writes without -cas
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) cas_required: Option<bool>,
    /// Delete versions that are older, such as `720h`; 0 for the engine's setting
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub(crate) delete_version_after: Option<String>,
    /// A text about the secret; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) custom_metadata: Vec<String>,
}

/// `lockkeeper kv metadata put`.
#[derive(Args)]
pub(crate) struct KvMetadataPut {
    #[command(flatten)]
    pub(crate) key: KvKey,
    #[command(flatten)]
    pub(crate) settings: KvSettings,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv metadata patch`.
#[derive(Args)]
pub(crate) struct KvMetadataPatch {
    #[command(flatten)]
    pub(crate) key: KvKey,
    #[command(flatten)]
    pub(crate) settings: KvSettings,
    /// A text about the secret to remove; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) remove_custom_metadata: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv metadata delete`.
#[derive(Args)]
pub(crate) struct KvMetadataDelete {
    #[command(flatten)]
    pub(crate) key: KvKey,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper kv enable-versioning`.
#[derive(Args)]
pub(crate) struct KvEnableVersioning {
    /// Where the engine is enabled
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
