//! The definition of the command line.
//!
//! No struct or enum with arguments has `Debug`: tokens, shares, secrets of
//! accounts and `key=value` are among them.

mod approle;
mod audit;
mod auth;
mod configuration;
mod credential;
mod kv;
mod lease;
mod load;
mod logical;
mod mounts;
mod operator;
mod operator_keys;
mod operator_store;
mod options;
mod plugin;
mod policy;
mod secrets;
mod token;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use crate::listen;

pub(crate) use self::approle::{
    Approle, ApproleAbort, ApproleResume, ApproleRotate, ApproleStatus, JournalOptions, WaitOptions,
};
pub(crate) use self::audit::{Audit, AuditDisable, AuditEnable, AuditList};
pub(crate) use self::auth::{
    Auth, AuthDisable, AuthEnable, AuthHelp, AuthList, AuthMove, AuthTune,
};
pub(crate) use self::configuration::{
    Apply, Drift, Files, Import, ImportPart, Manage, Plan, Prune, Scope, Unlock, Validate,
};
pub(crate) use self::credential::{Exec, ExecForm, FormName, Known, Render};
pub(crate) use self::kv::{
    Kv, KvDelete, KvEnableVersioning, KvGet, KvKey, KvList, KvMetadata, KvMetadataDelete,
    KvMetadataGet, KvMetadataPatch, KvMetadataPut, KvPatch, KvPut, KvRollback, KvSettings,
    KvVersions,
};
pub(crate) use self::lease::{Lease, LeaseLookup, LeaseRenew, LeaseRevoke};
pub(crate) use self::load::{Load, LoadFormat, LoadLeftovers, LoadLogin};
pub(crate) use self::logical::{Delete, List, Patch, PathHelp, Read, Unwrap, Write};
pub(crate) use self::mounts::{MountKind, MountSettings};
pub(crate) use self::operator::{
    Operator, OperatorInit, OperatorKeyStatus, OperatorSeal, OperatorUnseal,
};
pub(crate) use self::operator_keys::{OperatorGenerateRoot, OperatorRotate, OperatorRotateKeys};
pub(crate) use self::operator_store::{OperatorBackup, OperatorRestore};
pub(crate) use self::options::{AnswerOptions, Connection, FieldOptions, Format, OutputOptions};
pub(crate) use self::plugin::{Plugin, PluginCatalog, PluginInfo, PluginList};
pub(crate) use self::policy::{
    Policy, PolicyDelete, PolicyFmt, PolicyList, PolicyRead, PolicyWrite,
};
pub(crate) use self::secrets::{
    Secrets, SecretsDisable, SecretsEnable, SecretsList, SecretsMove, SecretsTune,
};
pub(crate) use self::token::{
    Login, Print, RevokeMode, Token, TokenCapabilities, TokenCreate, TokenLookup, TokenRenew,
    TokenRevoke,
};

/// Issues, shares and revokes API keys of Confluent Cloud, behind Vault's API.
#[derive(Parser)]
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
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a development server with the engine and a simulated Confluent
    /// Cloud, in memory unless told otherwise
    #[command(after_help = "\
Examples:
  lockkeeper dev
  lockkeeper dev -listen=localhost:8300 -root-token=root
  lockkeeper dev -storage=sqlite:dev.db

With a file as -storage, a later start goes on where the last one ended: it
unseals itself with the key that it keeps beside the file, in dev.db.dev.json.")]
    Dev(Dev),
    /// Run a server with the state on disk
    #[command(after_help = "\
Examples:
  lockkeeper server -config=/etc/lockkeeper/server.hcl

The server is sealed when it starts. Initialize it once, with
`lockkeeper operator init`, and unseal it after every start, with
`lockkeeper operator unseal`; `bao` and `vault` can do both, too.
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
    /// Run the engine as a plugin, which OpenBao and Vault start; or show the
    /// plugins of a server
    #[command(after_help = "\
Examples:
  lockkeeper plugin list
  lockkeeper plugin info secret kv

Without a command, it is the plugin. Started by hand, it then prints the command that registers it:
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
    /// Change some fields of data and keep the others
    #[command(after_help = "\
Examples:
  lockkeeper patch secret/data/app @change.json
  lockkeeper patch identity/entity/name/orders metadata=@metadata.json

Data is as for `lockkeeper write`. Few paths can be patched: `lockkeeper kv
patch` is for secrets.")]
    Patch(Patch),
    /// List names
    #[command(after_help = "\
Examples:
  lockkeeper list confluent/role
  lockkeeper list -detailed confluent/keys")]
    List(List),
    /// List names in all folders below a path; a server of OpenBao's kind alone
    /// can
    #[command(after_help = "\
Examples:
  lockkeeper scan cubbyhole
  lockkeeper scan secret/metadata")]
    Scan(List),
    /// Delete data
    #[command(after_help = "\
Examples:
  lockkeeper delete confluent/role/app")]
    Delete(Delete),
    /// Show the answer behind a wrapping token, once
    #[command(after_help = "\
Examples:
  lockkeeper unwrap hvs.…
  VAULT_TOKEN=hvs.… lockkeeper unwrap -field=secret

A wrapping token that was used, has expired or is unknown is refused: if somebody
else may have used it, revoke what was in it.")]
    Unwrap(Unwrap),
    /// Read and write secrets of KV engines
    #[command(subcommand)]
    Kv(Kv),
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
    /// Run a load test, with the flags and target files of Slapper
    #[command(after_help = "\
Examples:
  lockkeeper load -targets=targets.txt
  lockkeeper load -rate=300 -minY=1ms -maxY=40ms -H \"X-Vault-Token: $VAULT_TOKEN\" \\
    -targets=targets.txt -duration=1m
  lockkeeper load -rate=160 -targets=logins.txt -duration=5m -report=logins.html \\
    -expect='login:p99<90ms' -expect='abort:errors<1%'
  echo \"GET http://127.0.0.1:8200/v1/sys/health\" | lockkeeper load -requests=1000
  lockkeeper load -workload=login:1,kv:8 -rate=200 -duration=1m

A target is a line `METHOD URL`; the next line is its body if it begins with `$ `.
A first line `@targets 2` allows comments, names, weights, headers, expected
statuses and captured values.
Requests are planned at the rate, whether or not the server keeps up. Response time
counts from the planned instant, service time from the sending.

With -workload, `login` is a login with AppRole, `kv` three reads of a KV secret for
each write of one, `creds` a read of credentials. The token of the environment makes
and removes the mounts; the requests send one that can do nothing else.

Keys: q and ctrl-c end, r resets, k and j change the rate by 100, tab switches
between histogram, heat map and errors. Without a terminal a line is printed each
second.

Certificates of servers are verified as VAULT_CACERT and VAULT_SKIP_VERIFY say.
Started under the name `slapper`, the program is this command, and verifies none.

Exit codes:
  0  the test ran, and showed what was expected
  1  a flag or a file is wrong
  2  no server answered
  3  an expectation was missed")]
    Load(Load),
    /// Look up, renew and revoke leases
    #[command(subcommand)]
    Lease(Lease),
    /// List, enable, tune, move and disable secrets engines
    #[command(subcommand)]
    Secrets(Secrets),
    /// List, enable, tune, move and disable auth methods
    #[command(subcommand, disable_help_subcommand = true)]
    Auth(Auth),
    /// Rotate secret ids of AppRole
    #[command(subcommand)]
    Approle(Approle),
    /// List, read, write, delete and format policies
    #[command(subcommand)]
    Policy(Policy),
    /// Initialize, unseal and seal a server, rotate its keys, back up its store
    #[command(subcommand)]
    Operator(Operator),
    /// List, enable and disable audit devices
    #[command(subcommand)]
    Audit(Audit),
    /// Check files of configuration
    #[command(after_help = configuration::VALIDATE)]
    Validate(Validate),
    /// Show what `lockkeeper apply` would change on a server
    #[command(after_help = configuration::PLAN)]
    Plan(Plan),
    /// Make a server what files of configuration say
    #[command(after_help = configuration::APPLY)]
    Apply(Apply),
    /// Show what somebody else has changed of what files of configuration manage
    #[command(after_help = configuration::DRIFT)]
    Drift(Drift),
    /// Write a file of configuration from a live server
    #[command(after_help = configuration::IMPORT)]
    Import(Import),
    /// Delete what files of configuration managed and no longer have
    #[command(after_help = configuration::PRUNE)]
    Prune(Prune),
    /// Free the lock that an `apply` has left behind
    #[command(after_help = configuration::UNLOCK)]
    Unlock(Unlock),
    /// Log in, and store the token for later commands
    #[command(after_help = "\
Examples:
  lockkeeper login
  lockkeeper login - < token.txt
  lockkeeper login -method=approle role_id=… secret_id=@secret-id.txt
  lockkeeper login -method=userpass -path=people username=sally
  lockkeeper login -method=approle -token-only role_id=… secret_id=-

`lockkeeper auth help TYPE` tells what a method takes.

The token is stored in the file that BAO_TOKEN_PATH names, or in ~/.vault-token,
where `vault` and `bao` find it too.")]
    Login(Login),
    /// Create, look up, renew and revoke tokens
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
#[derive(Args)]
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
    /// Where the state is kept: `inmem`, or `sqlite:FILE`
    #[arg(long, value_name = "STORAGE", default_value = "inmem")]
    pub(crate) storage: DevStorage,
}

/// Where a development server keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DevStorage {
    /// In memory: gone when it stops.
    Memory,
    /// In this file.
    Sqlite(PathBuf),
}

impl FromStr for DevStorage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "inmem" => Ok(Self::Memory),
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
            _ => Err("write `inmem`, or `sqlite:FILE`".to_owned()),
        }
    }
}

/// `lockkeeper server`.
#[derive(Args)]
pub(crate) struct Server {
    /// Configuration file, in HCL or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// `lockkeeper simulator`.
#[derive(Args)]
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
    pub(crate) world: Option<PathBuf>,
    /// Id of the organization
    #[arg(long, value_name = "UUID")]
    pub(crate) organization: Option<String>,
    /// Ids of the environments
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    pub(crate) environments: Vec<String>,
}

/// `lockkeeper status`.
#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Debug;
    use std::marker::PhantomData;

    use clap::CommandFactory as _;

    use super::*;

    struct Shown<T>(PhantomData<T>);

    impl<T: Debug> Shown<T> {
        #[expect(
            clippy::unused_self,
            reason = "found before the trait's method of this name"
        )]
        fn has_debug(&self) -> bool {
            true
        }
    }

    trait NotShown {
        fn has_debug(&self) -> bool {
            false
        }
    }

    impl<T> NotShown for Shown<T> {}

    macro_rules! with_debug {
        ($($name:ty),* $(,)?) => {
            [$((stringify!($name), Shown::<$name>(PhantomData).has_debug())),*]
                .into_iter()
                .filter_map(|(name, shown)| shown.then_some(name))
                .collect::<Vec<_>>()
        };
    }

    /// The commands below this one that do something, each with its whole name, and
    /// those with an `…` in the documentation as that.
    fn names_below(command: &clap::Command, before: &str, names: &mut BTreeSet<String>) {
        for command in command.get_subcommands() {
            if command.is_hide_set() || command.get_name() == "help" && before.is_empty() {
                continue;
            }
            let name = format!("{before}{}", command.get_name());
            if !command.has_subcommands() || !command.is_subcommand_required_set() {
                names.insert(name.clone());
            }
            names_below(command, &format!("{name} "), names);
        }
    }

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

    #[test]
    fn the_page_of_the_command_line_lists_every_command() {
        let page = include_str!("../../../docs/command-line.md");
        let rows = page
            .lines()
            .skip_while(|line| !line.starts_with("| command "));
        let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
        let mut listed = BTreeSet::new();
        for row in rows {
            let cell = row.split('|').nth(1).unwrap();
            let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
            // `kv get`, `put`: what follows is in the same group.
            let group = names[0].split_once(' ').map(|(group, _)| group);
            listed.extend(names.iter().map(|name| match group {
                Some(group) if !name.starts_with(&format!("{group} ")) => format!("{group} {name}"),
                _ => (*name).to_owned(),
            }));
        }
        let mut offered = BTreeSet::new();
        names_below(&Arguments::command(), "", &mut offered);
        let (several, listed): (BTreeSet<_>, BTreeSet<_>) =
            listed.into_iter().partition(|name| name.ends_with(" …"));
        for group in &several {
            let group = group.trim_end_matches('…');
            assert!(
                offered.iter().any(|name| name.starts_with(group)),
                "{group}"
            );
            offered.retain(|name| !name.starts_with(group));
        }
        assert_eq!(listed, offered);
    }

    #[test]
    fn arguments_that_may_be_secrets_have_no_debug() {
        assert_eq!(with_debug!(Format), ["Format"], "the test finds a `Debug`");
        let shown = with_debug!(
            Arguments,
            Command,
            Dev,
            KvPatch,
            KvPut,
            Load,
            Login,
            OperatorRotateKeys,
            OperatorUnseal,
            Patch,
            Simulator,
            TokenCapabilities,
            TokenLookup,
            TokenRenew,
            TokenRevoke,
            Unwrap,
            Write,
        );
        assert_eq!(shown, Vec::<&str>::new());
    }
}
