//! What can be said on the command line.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Makes, shares and revokes API keys of Confluent Cloud, behind Vault's API.
#[derive(Debug, Parser)]
#[command(
    name = "lockkeeper",
    version,
    propagate_version = true,
    max_term_width = 90
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole product: a server, the engine and a simulated Confluent
    /// Cloud, all in memory
    #[command(after_help = "\
Examples:
  lockkeeper dev
  lockkeeper dev -listen=127.0.0.1:8300 -root-token=root")]
    Dev(Dev),
    /// Serve a simulated Confluent Cloud
    #[command(after_help = "\
Examples:
  lockkeeper simulator
  lockkeeper simulator -listen=127.0.0.1:8210 -admin-key=ADMIN:secret -seed=7
  lockkeeper simulator -propagation=real -clock=virtual -world=world.json
  lockkeeper simulator -rate-limit=5/1s -rate-limit-by=organization
  curl http://127.0.0.1:8210/simulator/state")]
    Simulator(Simulator),
    /// Serve the engine as a plugin; OpenBao and Vault start this
    #[command(after_help = "\
Register it with:
  bao plugin register -sha256=… -args=plugin -command=lockkeeper secret confluent-cloud")]
    Plugin(Plugin),
    /// Read from a path
    #[command(after_help = "\
Examples:
  lockkeeper read confluent/creds/app
  lockkeeper read -field=secret confluent/creds/app
  lockkeeper read -format=json confluent/role/app")]
    Read(Read),
    /// Write to a path
    #[command(after_help = "\
Examples:
  lockkeeper write confluent/role/app owner=sa-abc123 resource=lkc-abc123 ttl=1h
  lockkeeper write confluent/config ccloud_api_key_id=KEY ccloud_api_key_secret=@secret.txt
  lockkeeper write confluent/role/app @role.json
  lockkeeper write -force some/path

Data is `key=value`; `key=@file` takes the value from a file and `key=-` from
standard input; `@file` and `-` alone are an object in JSON.")]
    Write(Write),
    /// List the names below a path
    #[command(after_help = "\
Examples:
  lockkeeper list confluent/role
  lockkeeper list -detailed confluent/keys")]
    List(List),
    /// Delete what is at a path
    #[command(after_help = "\
Examples:
  lockkeeper delete confluent/role/app")]
    Delete(Delete),
    /// Look up, renew and revoke leases
    #[command(subcommand)]
    Lease(Lease),
    /// Show whether the server is there, unsealed and active
    #[command(after_help = "\
Exit codes:
  0  unsealed
  1  no answer
  2  sealed")]
    Status(Status),
}

/// Which server, and how it is trusted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Connection {
    #[arg(
        help = "Address of the server [env: VAULT_ADDR or BAO_ADDR] [default: https://127.0.0.1:8200]",
        long,
        value_name = "URL"
    )]
    pub(crate) address: Option<String>,
    #[arg(
        help = "PEM file with the certificate that signed the server's [env: VAULT_CACERT or BAO_CACERT]",
        long,
        value_name = "FILE"
    )]
    pub(crate) ca_cert: Option<std::path::PathBuf>,
    #[arg(
        help = "Believe any certificate of the server: for tests only [env: VAULT_SKIP_VERIFY or BAO_SKIP_VERIFY]",
        long
    )]
    pub(crate) tls_skip_verify: bool,
    #[arg(
        help = "Namespace of the path [env: VAULT_NAMESPACE or BAO_NAMESPACE]",
        long,
        value_name = "PATH"
    )]
    pub(crate) namespace: Option<String>,
}

/// How an answer is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Shown {
    /// Show only this member of the answer, without a new line where no
    /// terminal is
    #[arg(long, value_name = "NAME")]
    pub(crate) field: Option<String>,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// In which form.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Form {
    #[arg(
        help = "The form of the answer [env: VAULT_FORMAT or BAO_FORMAT] [default: table]",
        long,
        value_enum
    )]
    pub(crate) format: Option<Format>,
}

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// `lockkeeper dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where the server listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8200")]
    pub(crate) listen: SocketAddr,
    /// Where the simulated Confluent Cloud listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8210")]
    pub(crate) simulator_listen: SocketAddr,
    /// The root token; made up when it is not given
    #[arg(long, value_name = "TOKEN")]
    pub(crate) root_token: Option<String>,
    /// The Cloud API key that may do everything; made up when it is not given
    #[arg(long, value_name = "ID:SECRET")]
    pub(crate) simulator_admin_key: Option<String>,
}

/// `lockkeeper simulator`.
#[derive(Debug, Args)]
pub(crate) struct Simulator {
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8210")]
    pub(crate) listen: SocketAddr,
    /// Allow an address that other machines can reach: everybody there sees
    /// and changes the simulated cloud
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// The Cloud API key that may do everything; made up when it is not given
    #[arg(long, value_name = "ID:SECRET")]
    pub(crate) admin_key: Option<String>,
    /// Ids and secrets derive from it
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How long new keys take until they work: `none`, `real`, or a duration
    #[arg(long, value_name = "TIME", default_value = "none")]
    pub(crate) propagation: String,
    /// `real`, or `virtual`: it stands until POST /simulator/clock advances it
    #[arg(long, value_name = "CLOCK", default_value = "real")]
    pub(crate) clock: String,
    /// Limit of the control plane as REQUESTS/PERIOD, such as `20/1s`, `5/1s`
    /// or `100/1m`; further requests are answered with 429
    #[arg(long, value_name = "RATE")]
    pub(crate) rate_limit: Option<String>,
    /// Count the rate limit by `principal` (the service account or user) or
    /// by `organization` [default: principal]
    #[arg(long, value_name = "BY")]
    pub(crate) rate_limit_by: Option<String>,
    /// Send `X-RateLimit-*` and `Retry-After` headers
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) rate_limit_headers: bool,
    /// What exists at the beginning, in the JSON of /simulator/state
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<std::path::PathBuf>,
    /// Id of the organization
    #[arg(long, value_name = "UUID")]
    pub(crate) organization: Option<String>,
    /// Ids of the environments
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    pub(crate) environments: Vec<String>,
}

/// `lockkeeper plugin`.
#[derive(Debug, Args)]
pub(crate) struct Plugin {
    /// Flags of plugins written in Go, which are accepted and not needed
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) ignored: Vec<String>,
}

/// `lockkeeper read`.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Where
    pub(crate) path: String,
    /// Parameters of the question
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) data: Vec<String>,
    #[command(flatten)]
    pub(crate) shown: Shown,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper write`.
#[derive(Debug, Args)]
pub(crate) struct Write {
    /// Where
    pub(crate) path: String,
    /// What
    #[arg(value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) data: Vec<String>,
    /// Write even without data
    #[arg(long, short)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) shown: Shown,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Where
    pub(crate) path: String,
    #[arg(
        help = "Show what is told of each name beside it [env: VAULT_DETAILED or BAO_DETAILED]",
        help_heading = "Output",
        long
    )]
    pub(crate) detailed: bool,
    #[command(flatten)]
    pub(crate) form: Form,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Where
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) form: Form,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper lease …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Lease {
    /// Show what is known of a lease
    #[command(after_help = "\
Examples:
  lockkeeper lease lookup confluent/creds/app/2kfX…")]
    Lookup(LeaseLookup),
    /// Extend a lease
    #[command(after_help = "\
Examples:
  lockkeeper lease renew confluent/creds/app/2kfX…
  lockkeeper lease renew -increment=30m confluent/creds/app/2kfX…")]
    Renew(LeaseRenew),
    /// End a lease, or all below a prefix
    #[command(after_help = "\
Examples:
  lockkeeper lease revoke -sync confluent/creds/app/2kfX…
  lockkeeper lease revoke -prefix confluent/creds/app")]
    Revoke(LeaseRevoke),
}

/// `lockkeeper lease lookup`.
#[derive(Debug, Args)]
pub(crate) struct LeaseLookup {
    /// Id of the lease
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) form: Form,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper lease renew`.
#[derive(Debug, Args)]
pub(crate) struct LeaseRenew {
    /// Id of the lease
    pub(crate) id: String,
    /// By how much from now: seconds, or `90s`, `1h30m`, `7d`. Left to the
    /// engine when it is not given
    #[arg(long, short, value_name = "DURATION")]
    pub(crate) increment: Option<String>,
    #[command(flatten)]
    pub(crate) form: Form,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper lease revoke`.
#[derive(Debug, Args)]
pub(crate) struct LeaseRevoke {
    /// Id of the lease, or the beginning of ids
    pub(crate) id: String,
    /// End every lease whose id begins so
    #[arg(long)]
    pub(crate) prefix: bool,
    /// Forget the leases even where their engine cannot end them: what they
    /// stand for may live on. With -prefix only
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Answer when it has ended, and say if that failed
    #[arg(long)]
    pub(crate) sync: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `lockkeeper status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) form: Form,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn values_with_dashes_are_data() {
        let given = ["lockkeeper", "write", "a/b", "-", "key=-"];
        let parsed = Arguments::try_parse_from(given).unwrap();
        let Command::Write(write) = parsed.command else {
            panic!("not a write");
        };
        assert_eq!(write.data, ["-", "key=-"]);
    }
}
