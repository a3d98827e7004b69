//! `render` and `exec`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use credential_formats::{Kind, Profile};

use super::options::Connection;

/// `lockkeeper render`.
#[derive(Args)]
pub(crate) struct Render {
    /// The path to read a credential from
    pub(crate) path: String,
    /// Form of the file
    #[arg(long = "as", value_name = "FORM", value_enum)]
    pub(crate) form: FormName,
    /// File to write, with mode 0600, whole or not at all. Default: standard
    /// output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Output profiles whose fields are written: `compat`, `minimal`,
    /// `template`, `kafka-java`, `librdkafka`, `spring`, `schema-registry`, `env`
    /// or `aws-managed`. By default the form decides
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub(crate) profile: Vec<Profile>,
    /// Name of the Kubernetes Secret. Default: the last part of the path
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) known: Known,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper exec`.
#[derive(Args)]
pub(crate) struct Exec {
    /// The path to read a credential from
    pub(crate) path: String,
    /// How the command gets the credential
    #[arg(
        long = "as",
        value_name = "FORM",
        value_enum,
        default_value = "env",
        hide_possible_values = true
    )]
    pub(crate) form: ExecForm,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
    #[command(flatten)]
    pub(crate) known: Known,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What the user knows of a credential and the answer may not tell.
#[derive(Args)]
#[command(next_help_heading = "Credential")]
pub(crate) struct Known {
    /// What the key is for: `kafka`, `schema-registry`, `ksqldb`, `flink`,
    /// `tableflow`, `cloud` or `global`. Needed only if the answer does not tell
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<Kind>,
    /// Addresses of the Kafka cluster. Default: those of the answer, if any
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) bootstrap_servers: Option<String>,
    /// Address of the Schema Registry. Default: that of the answer, if any
    #[arg(long, value_name = "URL")]
    pub(crate) schema_registry_url: Option<String>,
}

/// The forms of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormName {
    Properties,
    Librdkafka,
    SpringYaml,
    Env,
    Dotenv,
    Kubernetes,
    Json,
}

/// How a command can get a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExecForm {
    Env,
}
