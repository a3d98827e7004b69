//! `approle`: rotation of secret ids. What a rotation does is decided in
//! `ops::approle`; here flags are read and events are printed.

mod board;
mod job;
mod many;
mod place;
mod several;
mod status;
mod waiting;

use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use ops::approle::{
    Error, Event, Options, Order, Restrictions, Revocation, Rotation, Stage, Wait, Wrapped,
};
use vault_client::Client;
use zeroize::Zeroizing;

use self::job::Job;
use self::place::{journal, place};
use super::client::{local, settings};
use crate::arguments::{Approle, ApproleAbort, ApproleResume, ApproleRotate, Connection};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(command: Approle) -> Result<ExitCode, Failure> {
    match command {
        Approle::Rotate(rotate) => self::rotate(*rotate).await,
        Approle::Resume(resume) => self::resume(resume).await,
        Approle::Abort(abort) => self::abort(abort).await,
        Approle::Status(status) => status::run(status).await,
    }
}

async fn rotate(arguments: ApproleRotate) -> Result<ExitCode, Failure> {
    let options = options(&arguments)?;
    let client = client(arguments.connection)?;
    let role = match &arguments.roles[..] {
        // One of them is required.
        [] => return many::run(client, &arguments.from.unwrap_or_default()).await,
        [role] => role,
        names => {
            let roles = several::Roles {
                names,
                keep_going: arguments.keep_going,
                wait: &arguments.wait,
                journal: &arguments.journal,
            };
            return several::run(&client, &roles, &options).await;
        }
    };
    let place = place(&arguments.journal.mount, role)?;
    let journal = journal(&arguments.journal, &client, &place)?;
    let mut job = Job::open(&client, place, journal).await?;
    finish(job.begin(options, &tell).await?).await?;
    Ok(ExitCode::SUCCESS)
}

async fn resume(arguments: ApproleResume) -> Result<ExitCode, Failure> {
    let client = client(arguments.connection)?;
    let place = place(&arguments.journal.mount, &arguments.role)?;
    let journal = journal(&arguments.journal, &client, &place)?;
    let job = Job::open(&client, place, journal).await?;
    let wait = |wait| waiting::changed(wait, &arguments.wait);
    finish(job.resume(wait, &tell).await?).await?;
    Ok(ExitCode::SUCCESS)
}

async fn abort(arguments: ApproleAbort) -> Result<ExitCode, Failure> {
    let client = client(arguments.connection)?;
    let place = place(&arguments.journal.mount, &arguments.role)?;
    let journal = journal(&arguments.journal, &client, &place)?;
    let job = Job::open(&client, place, journal).await?;
    let aborted = job.abort(&tell).await.map_err(failure)?;
    for accessor in &aborted.destroyed {
        output::tell(&format!(
            "destroyed accessor {accessor}, which no target holds"
        ));
    }
    for accessor in &aborted.left {
        output::tell(&format!(
            "left accessor {accessor}: a target holds its secret id, or may have held it"
        ));
    }
    output::say("Success! Rotation aborted; the old secret ids are valid")?;
    Ok(ExitCode::SUCCESS)
}

async fn finish(mut rotation: Rotation<'_>) -> Result<(), Failure> {
    rotation.run().await.map_err(failure)?;
    let record = rotation.record();
    output::say(&format!(
        "Success! Rotated the secret id of role {}: its accessor is {}",
        record.place.role,
        record.new.as_deref().unwrap_or_default()
    ))
}

fn options(arguments: &ApproleRotate) -> Result<Options, Failure> {
    let revocation = arguments.revoke_tokens.as_deref().map(revocation);
    let evidence = arguments.evidence.as_deref().map(std::path::absolute);
    let evidence = evidence
        .transpose()
        .map_err(|error| Failure::local(format!("-evidence: {error}")))?;
    Ok(Options {
        order: if arguments.emergency {
            Order::Emergency
        } else {
            Order::Overlap
        },
        deliver: arguments.deliver.clone(),
        overwrite: arguments.overwrite,
        keep: arguments.keep,
        restrictions: Restrictions {
            cidr_list: arguments.cidr_list.clone(),
            token_bound_cidrs: arguments.token_bound_cidrs.clone(),
            ttl: arguments.ttl.map(|ttl| ttl.as_secs()),
            uses: arguments.num_uses,
            ..Restrictions::default()
        },
        canary_read: arguments.canary_read.clone(),
        canary_command: arguments.canary_command.clone(),
        wait: waiting::changed(Wait::default(), &arguments.wait),
        revocation: revocation.transpose()?,
        evidence: evidence.map(|file| file.display().to_string()),
    })
}

fn revocation(text: &str) -> Result<Revocation, Failure> {
    match text.split_once('=') {
        None if text == "now" => Ok(Revocation::Now),
        None if text == "never" => Ok(Revocation::Never),
        Some(("after", time)) => {
            let time = ::logical::duration::parse(time)
                .map_err(|error| Failure::local(format!("-revoke-tokens: {error}")))?;
            Ok(Revocation::AfterSeconds(time.as_secs()))
        }
        _ => Err(Failure::local(format!(
            "-revoke-tokens: `{text}` is not `now`, `after=DURATION` or `never`"
        ))),
    }
}

/// A client for requests whose answers are used here.
fn client(connection: Connection) -> Result<Client, Failure> {
    if connection.output_curl_string {
        return Err(Failure::local(
            "-output-curl-string: each request of a rotation depends on the answer to the one \
             before",
        ));
    }
    Client::new(settings(connection)?).map_err(local)
}

/// An id that no other rotation has. Nothing secret depends on it.
fn rotation_id() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

fn tell(event: &Event) {
    match event {
        Event::Stage(stage) => {
            if let Some(name) = name(*stage) {
                output::tell(&format!("==> {name}"));
            }
        }
        Event::Waiting(missing) => waiting::tell("    ", missing),
        Event::Done(what) => output::tell(&format!("    {what}")),
        Event::Warning(warning) => output::tell(&format!("WARNING! {warning}")),
        _ => {}
    }
}

/// Prints a wrapping token: to be handed over is what it is for. A standard output
/// that is closed is an error here, which Rust's own writer hides.
fn hand_over(wrapped: &Wrapped) -> std::io::Result<()> {
    let text = Zeroizing::new(format!(
        "wrapping_token: {}\nwrapping_token_creation_path: {}\nwrapping_token_ttl: {}s\n",
        wrapped.token.expose(),
        wrapped.creation_path,
        wrapped.ttl
    ));
    let out = std::io::stdout().as_fd().try_clone_to_owned()?;
    std::fs::File::from(out).write_all(text.as_bytes())
}

fn name(stage: Stage) -> Option<&'static str> {
    Some(match stage {
        Stage::Make => "Making a secret id",
        Stage::Deliver => "Delivering it",
        Stage::Canary => "Trying it",
        Stage::Consumers => "Waiting for its users",
        Stage::Destroy => "Destroying the old ones",
        Stage::Revoke => "Revoking their tokens",
        Stage::Prove => "Proving both",
        _ => return None,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn failure(error: Error) -> Failure {
    match error {
        Error::OutOfTime { .. } => Failure::local(error.to_string()).with_code(3),
        Error::Server { .. } | Error::Answer { .. } | Error::Canary(_) | Error::Unproven(_) => {
            Failure::server(error.to_string())
        }
        _ => Failure::local(error.to_string()),
    }
}
