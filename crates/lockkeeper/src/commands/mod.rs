//! What each command does.

mod client;
mod dev;
mod lease;
mod logical;
mod simulator;
mod status;

use std::future::Future;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Command;
use crate::failure::Failure;

/// Carries out a command.
///
/// # Errors
/// A sentence for the person, with the exit code for the shell.
pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Dev(dev) => async_main(dev::run(dev)),
        Command::Simulator(simulator) => async_main(simulator::run(simulator)),
        Command::Plugin(_) => Ok(vault_plugin::Plugin::new(confluent_backend::factory()).run()),
        Command::Read(read) => async_main(logical::read(read)),
        Command::Write(write) => async_main(logical::write(write)),
        Command::List(list) => async_main(logical::list(list)),
        Command::Delete(delete) => async_main(logical::delete(delete)),
        Command::Lease(lease) => async_main(lease::run(lease)),
        Command::Status(status) => async_main(status::run(status)),
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
    // What still blocks a thread must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

/// A future that ends when the person or the system asks for it. The signals
/// are caught from this call on, so it comes before anybody is told that the
/// program runs.
fn asked_to_end() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
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
