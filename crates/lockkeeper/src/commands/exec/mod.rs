//! `exec`: a command with a credential that lives as long as the command does.

mod renewal;

use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use credential_formats::{Fields, Profile};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::signal::unix::SignalKind;
use tokio::time::Instant;
use vault_client::Client;

use self::renewal::{Next, Renewal};
use super::obtain::{Lease, connect_unwrapped, give_back, obtain};
use super::signals::{Signals, code_of};
use crate::arguments::{Exec, ExecForm};
use crate::failure::Failure;

pub(super) async fn run(arguments: Exec) -> Result<ExitCode, Failure> {
    let profile = match arguments.form {
        ExecForm::Env => Profile::Env,
    };
    let client = connect_unwrapped(arguments.connection)?;
    let mut signals = Signals::catch()?;
    let mut obtained = obtain(&client, &arguments.path, &mut signals).await?;
    let lease = obtained.lease.take();
    let ended = match obtained.fields(&arguments.known, &[profile], |_| profile) {
        Err(failure) => Err(failure),
        Ok(fields) => match start(&arguments.command, &fields) {
            Err(failure) => Err(failure),
            Ok(child) => accompany(child, &client, lease.as_ref(), &mut signals).await,
        },
    };
    // What ended the command is no reason to hurry.
    signals.forget().await;
    give_back(&client, lease.as_ref(), &mut signals).await;
    ended
}

/// Starts the command with the variables of the program itself and those of the
/// credential.
fn start(command: &[String], fields: &Fields) -> Result<Child, Failure> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Failure::local("give a command after `--`"))?;
    let started = Command::new(program)
        .args(arguments)
        .envs(fields.iter())
        .spawn();
    started.map_err(|error| {
        // The codes of shells.
        let code = if error.kind() == io::ErrorKind::NotFound {
            127
        } else {
            126
        };
        Failure::local(format!("cannot start `{program}`: {error}")).with_code(code)
    })
}

/// Stays with the command until it ends: passes signals on, renews the lease.
async fn accompany(
    mut child: Child,
    client: &Client,
    lease: Option<&Lease>,
    signals: &mut Signals,
) -> Result<ExitCode, Failure> {
    let mut renewals = std::pin::pin!(renew(client, lease));
    loop {
        let pid = child.id();
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|error| {
                    Failure::local(format!("cannot wait for the command: {error}"))
                })?;
                return Ok(ExitCode::from(code(status)));
            }
            kind = signals.next() => pass_on(kind, pid),
            never = &mut renewals => match never {},
        }
    }
}

/// Renews the lease for as long as that helps.
async fn renew(client: &Client, lease: Option<&Lease>) -> std::convert::Infallible {
    let Some(lease) = lease else {
        return pending().await;
    };
    let mut renewal = Renewal::new(Instant::now(), lease.duration);
    if !lease.renewable {
        let left = renewal.left(Instant::now()).as_secs();
        crate::output::tell(&format!(
            "lockkeeper: the lease cannot be renewed: the credential ends in {left} s, whether the command \
             still runs or not"
        ));
        return pending().await;
    }
    loop {
        tokio::time::sleep(renewal.pause(Instant::now())).await;
        let next = match client.renew_lease(&lease.id, None).await {
            Ok(answer) => {
                let seconds = answer.map_or(0, |secret| secret.lease_duration);
                let duration = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
                renewal.renewed(Instant::now(), duration)
            }
            Err(error) => renewal.failed(Instant::now(), &error),
        };
        match next {
            Next::Again => {}
            Next::AgainAfter(text) => crate::output::tell(&format!("lockkeeper: {text}")),
            Next::Stop(text) => {
                crate::output::tell(&format!("lockkeeper: {text}"));
                return pending().await;
            }
        }
    }
}

/// Passes a signal on, unless the terminal has sent it to the command too.
fn pass_on(kind: SignalKind, child: Option<u32>) {
    let from_terminal = kind == SignalKind::interrupt() || kind == SignalKind::quit();
    if from_terminal && is_in_foreground() {
        return;
    }
    let pid = child
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    if let Some((pid, signal)) = pid.zip(Signal::from_named_raw(kind.as_raw_value())) {
        // It may have ended, but it was not waited for, so the id is still its own.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Whether this process is one of those to which its terminal sends what is
/// typed; the command then is, too.
fn is_in_foreground() -> bool {
    let group = rustix::process::getpgrp();
    rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == group)
        || rustix::termios::tcgetpgrp(io::stderr()).is_ok_and(|foreground| foreground == group)
}

fn code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => code_of(signal),
        (None, None) => u8::MAX,
    }
}
