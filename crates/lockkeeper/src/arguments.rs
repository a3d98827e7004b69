//! The definition of the command line.

mod audit;
mod credential;
mod lease;
mod logical;
mod options;
mod secrets;
mod token;

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand};

use crate::listen;

pub(crate) use self::audit::{Audit, AuditDisable, AuditEnable, AuditList};
pub(crate) use self::credential::{Exec, ExecForm, FormName, Known, Render};
pub(crate) use self::lease::{Lease, LeaseLookup, LeaseRenew, LeaseRevoke};
pub(crate) use self::logical::{Delete, List, PathHelp, Read, Write};
pub(crate) use self::options::{AnswerOptions, Connection, FieldOptions, Format, OutputOptions};
pub(crate) use self::secrets::{
    MountSettings, Secrets, SecretsDisable, SecretsEnable, SecretsList, SecretsTune,
};
pub(crate) use self::token::{
    Login, Print, Token, TokenCapabilities, TokenLookup, TokenRenew, TokenRevoke,
};

/// Issues, shares and revokes API keys of Confluent Cloud, behind Vault's API.
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

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a development server with the engine and a simulated Confluent
    /// Cloud, all in memory
    #[command(after_help = "\
Examples:
  lockkeeper dev
  lockkeeper dev -listen=localhost:8300 -root-token=root")]
    Dev(Dev),
    /// Run a server with the state on disk
    #[command(after_help = "\
Examples:
  lockkeeper server -config=/etc/lockkeeper/server.hcl

The server is sealed when it starts. Initialize it once, with
`bao operator init` or `vault operator init`, and unseal it after every start.
SIGHUP has it read its certificates and audit devices again, and open their
files again.")]
    Server(Server),
    /// Run a simulated Confluent Cloud
    #[command(after_help = "\
Examples:
  lockkeeper simulator
  lockkeeper simulator -listen=127.0.0.1:8091 -admin-key=ADMIN:secret -seed=7
  lockkeeper simulator -propagation=real -clock=virtual -world=world.json
  lockkeeper simulator -rate-limit=5/1s -rate-limit-by=organization
  curl http://127.0.0.1:8090/simulator/state")]
    Simulator(Simulator),
    /// Run the engine as a plugin; OpenBao and Vault start this
    #[command(after_help = "\
Started by hand, it prints the command that registers it:
  bao plugin register -sha256=… -args=plugin -command=lockkeeper secret lockkeeper")]
    Plugin(Plugin),
    /// Read data and credentials
    #[command(after_help = "\
Examples:
  lockkeeper read confluent/creds/app
  lockkeeper read -field=secret confluent/creds/app
  lockkeeper read -format=json confluent/role/app
  lockkeeper read -wrap-ttl=60s confluent/creds/app")]
    Read(Read),
    /// Write data
    #[command(after_help = "\
Examples:
  lockkeeper write confluent/role/app owner=sa-abc123 resource=lkc-abc123 ttl=1h
  lockkeeper write confluent/config ccloud_api_key_id=KEY ccloud_api_key_secret=@secret.txt
  lockkeeper write confluent/role/app @role.json
  lockkeeper write -force some/path

Data is `key=value`. `key=@file` takes the value from a file, `key=-` from
standard input. `@file` and `-` alone are a JSON object.")]
    Write(Write),
    /// List names
    #[command(after_help = "\
Examples:
  lockkeeper list confluent/role
  lockkeeper list -detailed confluent/keys")]
    List(List),
    /// Delete data
    #[command(after_help = "\
Examples:
  lockkeeper delete confluent/role/app")]
    Delete(Delete),
    /// Write a credential as the file that a client reads
    #[command(after_help = "\
Examples:
  lockkeeper render confluent/creds/app -as=properties -out=client.properties
  lockkeeper render confluent/creds/app -as=librdkafka -bootstrap-servers=pkc-1.example:9092
  lockkeeper render confluent/creds/app -as=kubernetes -name=orders-kafka | kubectl apply -f -
  lockkeeper render confluent/creds/registry -as=json -profile=schema-registry

The lease of the credential is printed on standard error. If nothing could be
written, it is revoked.")]
    Render(Render),
    /// Run a command with a credential in its environment
    #[command(after_help = "\
Examples:
  lockkeeper exec confluent/creds/app -- ./producer --topic=orders
  lockkeeper exec -kind=cloud confluent/creds/ci -- terraform apply

The lease is renewed while the command runs, and revoked when it has ended.
Signals are passed on.

Exit codes: that of the command, or 128 and the number of the signal that ended
it; 126 or 127 if it could not be started; 1 or 2 if there was no credential.")]
    Exec(Exec),
    /// Look up, renew and revoke leases
    #[command(subcommand)]
    Lease(Lease),
    /// List, enable, tune and disable secrets engines
    #[command(subcommand)]
    Secrets(Secrets),
    /// List, enable and disable audit devices
    #[command(subcommand)]
    Audit(Audit),
    /// Store a token for later commands
    #[command(after_help = "\
Examples:
  lockkeeper login
  lockkeeper login - < token.txt

The token is stored in the file that BAO_TOKEN_PATH names, or in ~/.vault-token,
where `vault` and `bao` find it too.")]
    Login(Login),
    /// Look up, renew and revoke tokens
    #[command(subcommand)]
    Token(Token),
    /// Print values that this program uses
    #[command(subcommand)]
    Print(Print),
    /// Print the help of the server for a path
    #[command(after_help = "\
Examples:
  lockkeeper path-help confluent
  lockkeeper path-help confluent/role/app")]
    PathHelp(PathHelp),
    /// Print the state of the server
    #[command(after_help = "\
Exit codes:
  0  unsealed
  1  no answer
  2  sealed")]
    Status(Status),
    /// Print the version of this program
    Version,
}

/// `lockkeeper dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Address to listen on: an address of this machine alone
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8200", value_parser = listen::parse)]
    pub(crate) listen: SocketAddr,
    /// Address that the simulated Confluent Cloud listens on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8210", value_parser = listen::parse)]
    pub(crate) simulator_listen: SocketAddr,
    /// Root token. Default: a random one
    #[arg(long, value_name = "TOKEN")]
    pub(crate) root_token: Option<String>,
    /// Cloud API key that may do everything. Default: a random one
    #[arg(long, value_name = "ID:SECRET")]
    pub(crate) simulator_admin_key: Option<String>,
}

/// `lockkeeper server`.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Configuration file, in HCL or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) config: std::path::PathBuf,
}

/// `lockkeeper simulator`.
#[derive(Debug, Args)]
pub(crate) struct Simulator {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090", value_parser = listen::parse)]
    pub(crate) listen: SocketAddr,
    /// Allow an address that other machines can reach: anybody there can see
    /// and change the simulated cloud
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Cloud API key that may do everything. Default: a random one
    #[arg(long, value_name = "ID:SECRET")]
    pub(crate) admin_key: Option<String>,
    /// Seed that ids and secrets are derived from
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Time until new keys work: `none`, `real`, or a duration
    #[arg(long, value_name = "TIME", default_value = "none")]
    pub(crate) propagation: String,
    /// `real`, or `virtual`: advanced by POST /simulator/clock only
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
    /// Initial state, in the JSON of /simulator/state
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
    /// Flags of plugins written in Go, accepted and ignored
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) ignored: Vec<String>,
}

/// `lockkeeper status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
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
