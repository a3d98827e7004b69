//! What each command does.

mod absence;
mod approle;
mod audit;
mod auth;
mod catalog;
mod client;
mod configuration;
mod dev;
mod engines;
mod exec;
mod generate_root;
mod key_status;
mod kv;
mod lease;
mod load;
mod logging;
mod logical;
mod login;
mod mounts;
mod obtain;
mod operator;
mod operator_keys;
mod operator_store;
mod policy;
mod private_file;
mod progress;
mod render;
mod secrets;
mod server;
mod signals;
mod simulator;
mod status;
mod token;
mod typed;

use std::future::Future;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use self::logical::Names;
use crate::arguments::Command;
use crate::failure::Failure;
use crate::output;

/// Runs a command.
///
/// # Errors
/// What to tell the user, with the exit code for the shell.
pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Dev(dev) => async_main(dev::run(dev)),
        Command::Server(server) => async_main(server::run(server)),
        Command::Simulator(simulator) => async_main(simulator::run(simulator)),
        Command::Plugin(plugin) => match plugin.catalog {
            Some(catalog) => async_main(catalog::run(catalog)),
            None => Ok(vault_plugin::Plugin::new(confluent_backend::factory()).run()),
        },
        Command::Read(read) => async_main(logical::read(read)),
        Command::Write(write) => async_main(logical::write(write)),
        Command::Patch(patch) => async_main(logical::patch(patch)),
        Command::Unwrap(unwrap) => async_main(logical::unwrap(unwrap)),
        Command::Kv(kv) => async_main(kv::run(kv)),
        Command::Scan(scan) => async_main(logical::list(Names::All, scan)),
        Command::List(list) => async_main(logical::list(Names::Folder, list)),
        Command::Delete(delete) => async_main(logical::delete(delete)),
        Command::PathHelp(path_help) => async_main(logical::path_help(path_help)),
        Command::Render(render) => async_main(render::run(render)),
        Command::Exec(exec) => async_main(exec::run(exec)),
        Command::Approle(approle) => async_main(approle::run(approle)),
        Command::Audit(audit) => async_main(audit::run(audit)),
        Command::Load(load) => async_main(load::run(load)),
        Command::Lease(lease) => async_main(lease::run(lease)),
        Command::Secrets(secrets) => async_main(secrets::run(secrets)),
        Command::Auth(auth) => async_main(auth::run(auth)),
        Command::Policy(policy) => async_main(policy::run(policy)),
        Command::Operator(operator) => async_main(operator::run(operator)),
        Command::Validate(validate) => configuration::validate(&validate),
        Command::Plan(plan) => async_main(configuration::plan(plan)),
        Command::Apply(apply) => async_main(configuration::apply(apply)),
        Command::Drift(drift) => async_main(configuration::drift(drift)),
        Command::Import(import) => async_main(configuration::import(import)),
        Command::Prune(prune) => async_main(configuration::prune(prune)),
        Command::Unlock(unlock) => async_main(configuration::unlock(unlock)),
        Command::Login(login) => async_main(login::run(login)),
        Command::Token(token) => async_main(token::run(token)),
        Command::Print(print) => token::print(&print),
        Command::Status(status) => async_main(status::run(status)),
        Command::Version => {
            output::say(concat!("Lockkeeper v", env!("CARGO_PKG_VERSION")))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn async_main(
    command: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local(format!("cannot start the async runtime: {error}")))?;
    let outcome = runtime.block_on(command);
    // A thread that is still blocked must not delay the exit.
    runtime.shutdown_background();
    outcome
}

/// A future that completes at `SIGINT` or `SIGTERM`. The signals are caught from
/// this call on: call it before the program says that it runs.
fn shutdown_requested() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let caught = |kind| {
        signal(kind).map_err(|error| Failure::local(format!("cannot catch signals: {error}")))
    };
    let mut interrupt = caught(SignalKind::interrupt())?;
    let mut terminate = caught(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
