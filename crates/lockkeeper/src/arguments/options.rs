//! Options that many commands share: the server, and the form of the output.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which server, how it is verified, and what is sent along.
#[derive(Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Connection {
    #[arg(
        help = "Address of the server [env: VAULT_ADDR or BAO_ADDR] [default: https://127.0.0.1:8200]",
        long,
        value_name = "URL"
    )]
    pub(crate) address: Option<String>,
    #[arg(
        help = "Address of an agent, asked in place of the server [env: VAULT_AGENT_ADDR or BAO_AGENT_ADDR]",
        long,
        value_name = "URL"
    )]
    pub(crate) agent_address: Option<String>,
    #[arg(
        help = "PEM file with the CA certificate that signed the server's certificate [env: VAULT_CACERT or BAO_CACERT]",
        long,
        value_name = "FILE"
    )]
    pub(crate) ca_cert: Option<PathBuf>,
    #[arg(
        help = "Folder of PEM files with CA certificates [env: VAULT_CAPATH or BAO_CAPATH]",
        long,
        value_name = "FOLDER"
    )]
    pub(crate) ca_path: Option<PathBuf>,
    #[arg(
        help = "PEM file with the client's own certificate [env: VAULT_CLIENT_CERT or BAO_CLIENT_CERT]",
        long,
        value_name = "FILE",
        requires = "client_key"
    )]
    pub(crate) client_cert: Option<PathBuf>,
    #[arg(
        help = "PEM file with the key of the client's certificate [env: VAULT_CLIENT_KEY or BAO_CLIENT_KEY]",
        long,
        value_name = "FILE",
        requires = "client_cert"
    )]
    pub(crate) client_key: Option<PathBuf>,
    #[arg(
        help = "Name that the server's certificate must have [env: VAULT_TLS_SERVER_NAME or BAO_TLS_SERVER_NAME]",
        long,
        value_name = "NAME"
    )]
    pub(crate) tls_server_name: Option<String>,
    #[arg(
        help = "Skip verification of the server's certificate: for tests only [env: VAULT_SKIP_VERIFY or BAO_SKIP_VERIFY]",
        long
    )]
    pub(crate) tls_skip_verify: bool,
    #[arg(
        help = "Namespace of the path [env: VAULT_NAMESPACE or BAO_NAMESPACE]",
        long,
        alias = "ns",
        value_name = "PATH"
    )]
    pub(crate) namespace: Option<String>,
    #[arg(
        help = "Do not follow a redirect [env: VAULT_DISABLE_REDIRECTS or BAO_DISABLE_REDIRECTS]",
        long
    )]
    pub(crate) disable_redirects: bool,
    #[arg(
        help = "Print the curl command for the request instead of sending it",
        long
    )]
    pub(crate) output_curl_string: bool,
}

/// How an answer that may hold a secret is requested and shown.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct AnswerOptions {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[arg(
        help = "Have the server wrap the answer for this time; an answer that is not wrapped is not shown [env: VAULT_WRAP_TTL or BAO_WRAP_TTL]",
        long,
        value_name = "DURATION"
    )]
    pub(crate) wrap_ttl: Option<String>,
}

/// How one member of an answer, or all of it, is shown.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FieldOptions {
    #[arg(
        help = "Print only this field of the answer, without a line break unless to a terminal",
        long,
        value_name = "NAME"
    )]
    pub(crate) field: Option<String>,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
}

/// In which format.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    #[arg(
        help = "Format of the output [env: VAULT_FORMAT or BAO_FORMAT] [default: table]",
        long,
        value_enum
    )]
    pub(crate) format: Option<Format>,
}

/// The formats of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum Format {
    Table,
    Json,
    #[value(alias = "yml")]
    Yaml,
}
