//! `approle rotate ROLE ROLE…`: one role after the other, with the same flags and
//! a journal each.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use ops::approle::{Event, Options};
use vault_client::Client;

use super::job::Job;
use super::place::{journal_of, place};
use super::{failure, name, waiting};
use crate::arguments::{JournalOptions, WaitOptions};
use crate::failure::Failure;
use crate::output;

/// What stands for the name of the role in a target and in the evidence's path.
const ROLE: &str = "{role}";
/// Some roles were not rotated.
const SOME_FAILED: u8 = 2;

/// What is rotated, and the flags that are not of one rotation.
pub(super) struct Roles<'a> {
    pub(super) names: &'a [String],
    pub(super) keep_going: bool,
    pub(super) wait: &'a WaitOptions,
    pub(super) journal: &'a JournalOptions,
}

/// Rotates each role, and goes on where a rotation of one is under way.
pub(super) async fn run(
    client: &Client,
    roles: &Roles<'_>,
    options: &Options,
) -> Result<ExitCode, Failure> {
    check(roles, options)?;
    let names = roles.names;
    let mut failed = 0;
    for (index, role) in names.iter().enumerate() {
        let label = format!("[{}/{}] {role}", index + 1, names.len());
        let options = options_for(options, role);
        let Err(failure) = one(client, roles, role, options, &label).await else {
            continue;
        };
        failed += 1;
        if !roles.keep_going {
            let left = &names[index + 1..];
            let left = match left {
                [] => String::new(),
                left => format!("; not begun: {}", left.join(", ")),
            };
            return Err(failure.with_context(&label, &left));
        }
        output::tell(&format!("{label}: {failure}"));
    }
    let count = names.len();
    if failed == 0 {
        output::say(&format!("Success! Rotated the secret ids of {count} roles"))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::tell(&format!(
        "{failed} of {count} roles were not rotated: give these again, and their rotations go on"
    ));
    Ok(ExitCode::from(SOME_FAILED))
}

/// What would mix up the roles.
fn check(roles: &Roles<'_>, options: &Options) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for role in roles.names {
        if !seen.insert(role.to_lowercase()) {
            return Err(Failure::local(format!("role `{role}` is named twice")));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if role.starts_with('.') || !role.chars().all(is_plain) {
            return Err(Failure::local(format!(
                "`{role}` has characters that do not belong into the name of a target: rotate \
                 this role by itself"
            )));
        }
    }
    if roles.journal.journal.is_some() {
        return Err(Failure::local(
            "-journal is of one role: several have a journal each, below $XDG_STATE_HOME",
        ));
    }
    for target in &options.deliver {
        if target.starts_with("wrapped:") {
            return Err(Failure::local(
                "`wrapped` hands one secret id to whoever runs the command: rotate one role at a \
                 time",
            ));
        }
        if !target.contains(ROLE) {
            return Err(Failure::local(format!(
                "-deliver={target}: several roles would get the same target: write `{ROLE}` where \
                 their names differ"
            )));
        }
    }
    let evidence = options.evidence.as_ref();
    if evidence.is_some_and(|file| !file.contains(ROLE)) {
        return Err(Failure::local(format!(
            "-evidence: several roles would write the same file: write `{ROLE}` where their names \
             differ"
        )));
    }
    Ok(())
}

/// The options with the name of the role filled in.
fn options_for(options: &Options, role: &str) -> Options {
    let filled = |text: &String| text.replace(ROLE, role);
    Options {
        deliver: options.deliver.iter().map(filled).collect(),
        evidence: options.evidence.as_ref().map(filled),
        ..options.clone()
    }
}

async fn one(
    client: &Client,
    roles: &Roles<'_>,
    role: &str,
    options: Options,
    label: &str,
) -> Result<(), Failure> {
    let place = place(&roles.journal.mount, role)?;
    let journal = journal_of(client, &place)?;
    let mut job = Job::open(client, place, journal).await?;
    let text = label.to_owned();
    let tell = move |event: &Event| tell(&text, event);
    let mut rotation = if job.is_unfinished() {
        let wait = |wait| waiting::changed(wait, roles.wait);
        job.resume(wait, &tell).await?
    } else {
        job.begin(options, &tell).await?
    };
    rotation.run().await.map_err(failure)?;
    let accessor = rotation.record().new.as_deref().unwrap_or_default();
    clear_line();
    output::tell(&format!("{label}: rotated, its accessor is {accessor}"));
    Ok(())
}

/// One line for a role: on a terminal it shows the stage, and at its end what came
/// of it.
fn tell(label: &str, event: &Event) {
    match event {
        Event::Stage(stage) => {
            let mut error = std::io::stderr();
            if let Some(name) = name(*stage).filter(|_| error.is_terminal()) {
                // A closed terminal is no reason to stop.
                let _ = write!(error, "\r\x1b[K{label}: {name}");
                let _ = error.flush();
            }
        }
        Event::Waiting(missing) => waiting::tell(&format!("{label}: "), missing),
        Event::Warning(warning) => {
            clear_line();
            output::tell(&format!("{label}: WARNING! {warning}"));
        }
        _ => {}
    }
}

fn clear_line() {
    let mut error = std::io::stderr();
    if error.is_terminal() {
        let _ = write!(error, "\r\x1b[K");
    }
}
