//! `login`, `print token`, and `token create`, `lookup`, `renew`, `revoke` and
//! `capabilities`.

use clap::{Args, Subcommand, ValueEnum};

use super::options::{AnswerOptions, Connection, FieldOptions, OutputOptions};

/// `lockkeeper login`.
#[derive(Args)]
pub(crate) struct Login {
    /// The token, or what the auth method takes; `-` reads the token from
    /// standard input. By default the token is asked for
    #[arg(value_name = "TOKEN|KEY=VALUE")]
    pub(crate) given: Vec<String>,
    /// The type of the auth method, such as `approle` or `userpass`
    #[arg(long, value_name = "TYPE", default_value = "token")]
    pub(crate) method: String,
    /// Where the method is enabled, below `auth/`. Default: the name of its type
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// Do not store the token
    #[arg(long)]
    pub(crate) no_store: bool,
    /// Do not print anything
    #[arg(long)]
    pub(crate) no_print: bool,
    /// Print the token alone, and do not store it
    #[arg(long)]
    pub(crate) token_only: bool,
    #[arg(
        help = "Print only this field, without a line break unless to a terminal",
        help_heading = "Output",
        long,
        value_name = "NAME"
    )]
    pub(crate) field: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[arg(
        help = "Have the server wrap its answer for this time; it is unwrapped here unless the token is not stored [env: VAULT_WRAP_TTL or BAO_WRAP_TTL]",
        help_heading = "Output",
        long,
        value_name = "DURATION"
    )]
    pub(crate) wrap_ttl: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper print …`.
#[derive(Subcommand)]
pub(crate) enum Print {
    /// Print the token that requests are sent with
    Token,
}

/// `lockkeeper token …`.
#[derive(Subcommand)]
pub(crate) enum Token {
    /// Create a token
    #[command(after_help = "\
Examples:
  lockkeeper token create -policy=app -ttl=1h
  lockkeeper token create -role=ci -field=token
  lockkeeper token create -orphan -period=24h -policy=app
  lockkeeper token create -type=batch -policy=app -ttl=20m

Without -policy, the token has the policies of the one that creates it.")]
    Create(Box<TokenCreate>),
    /// Show what the server knows about a token
    #[command(after_help = "\
Examples:
  lockkeeper token lookup
  lockkeeper token lookup -accessor 9793c9b3…")]
    Lookup(TokenLookup),
    /// Renew a token: the one that requests are sent with, or another
    #[command(after_help = "\
Examples:
  lockkeeper token renew
  lockkeeper token renew -increment=1h
  lockkeeper token renew -accessor 9793c9b3…")]
    Renew(TokenRenew),
    /// Revoke a token, all its leases, and the tokens that it created
    #[command(after_help = "\
Examples:
  lockkeeper token revoke -self
  lockkeeper token revoke -accessor 9793c9b3…
  lockkeeper token revoke -mode=orphan hvs.…
  lockkeeper token revoke -mode=path auth/ci

An argument stays in the history of the shell: prefer accessors.")]
    Revoke(TokenRevoke),
    /// Show what a token may do on a path
    #[command(after_help = "\
Examples:
  lockkeeper token capabilities confluent/creds/app")]
    Capabilities(TokenCapabilities),
}

/// `lockkeeper token create`.
#[derive(Args)]
pub(crate) struct TokenCreate {
    /// A policy of the token; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Vec<String>,
    /// Leave the policy `default` out
    #[arg(long)]
    pub(crate) no_default_policy: bool,
    /// Its time to live
    #[arg(long, value_name = "DURATION")]
    pub(crate) ttl: Option<String>,
    /// Its longest life, however often it is renewed
    #[arg(long, value_name = "DURATION")]
    pub(crate) explicit_max_ttl: Option<String>,
    /// Renewed within this time again and again, it lives for ever
    #[arg(long, value_name = "DURATION")]
    pub(crate) period: Option<String>,
    /// Whether it can be renewed [default: true]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) renewable: Option<bool>,
    /// It lives on when the token that creates it is revoked
    #[arg(long)]
    pub(crate) orphan: bool,
    /// How often it may be used
    #[arg(long, value_name = "NUMBER")]
    pub(crate) use_limit: Option<u64>,
    /// `service` or `batch`
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// A role of tokens, which may limit the other settings
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Option<String>,
    /// A text in audit logs; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) metadata: Vec<String>,
    /// A name in audit logs
    #[arg(long, value_name = "NAME")]
    pub(crate) display_name: Option<String>,
    /// The alias of an entity that the token is for; only with -role
    #[arg(long, value_name = "NAME")]
    pub(crate) entity_alias: Option<String>,
    /// The token itself. Only root tokens may choose it, for tests
    #[arg(long, value_name = "TOKEN")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper token lookup`.
#[derive(Args)]
pub(crate) struct TokenLookup {
    /// The token; by default the one that requests are sent with
    #[arg(value_name = "TOKEN|ACCESSOR")]
    pub(crate) token: Option<String>,
    /// The argument is the accessor of the token
    #[arg(long)]
    pub(crate) accessor: bool,
    #[command(flatten)]
    pub(crate) answer: FieldOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper token renew`.
#[derive(Args)]
pub(crate) struct TokenRenew {
    /// The token; by default the one that requests are sent with
    #[arg(value_name = "TOKEN|ACCESSOR")]
    pub(crate) token: Option<String>,
    /// The argument is the accessor of the token
    #[arg(long)]
    pub(crate) accessor: bool,
    /// The requested time to live from now. By default the server decides
    #[arg(long, short, value_name = "DURATION")]
    pub(crate) increment: Option<String>,
    #[command(flatten)]
    pub(crate) answer: AnswerOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper token revoke`.
#[derive(Args)]
pub(crate) struct TokenRevoke {
    /// The token, its accessor, or a path of logins
    #[arg(value_name = "TOKEN|ACCESSOR|PATH")]
    pub(crate) token: Option<String>,
    /// The token that requests are sent with
    #[arg(long = "self")]
    pub(crate) own: bool,
    /// The argument is the accessor of the token
    #[arg(long)]
    pub(crate) accessor: bool,
    /// `orphan`: the tokens that it created live on. `path`: every token of
    /// logins below the path
    #[arg(long, value_enum, hide_possible_values = true)]
    pub(crate) mode: Option<RevokeMode>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What is revoked beside a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RevokeMode {
    Orphan,
    Path,
}

/// `lockkeeper token capabilities`.
#[derive(Args)]
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
