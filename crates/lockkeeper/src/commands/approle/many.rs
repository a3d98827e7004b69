//! `approle rotate -from=FILE`: many roles, a few at a time.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ops::approle::{Entry, Event, read_list};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vault_client::Client;

use super::board::Board;
use super::job::Job;
use super::place::{journal_of, place};
use super::{failure, name};
use crate::failure::Failure;
use crate::output;

/// How many roles are rotated at the same time.
const AT_ONCE: usize = 4;
/// The method of a role that names none.
const USUAL_MOUNT: &str = "approle";
/// Some roles were not rotated.
const SOME_FAILED: u8 = 2;

/// Rotates each role of the list, and goes on where a rotation of one is under
/// way. A role that fails stops no other.
pub(super) async fn run(client: Client, file: &Path) -> Result<ExitCode, Failure> {
    let list = read_list(file).map_err(failure)?;
    let count = list.len();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let board = Arc::new(Board::new(count));
    let mut tasks = JoinSet::new();
    for entry in list {
        let (client, turns) = (client.clone(), Arc::clone(&turns));
        let board = Arc::clone(&board);
        tasks.spawn(async move {
            // It is never closed.
            let _turn = turns.acquire().await;
            let rotated = one(&client, &entry, &board).await;
            board.ended(&label(&entry));
            (label(&entry), rotated)
        });
    }
    let mut failed = 0;
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((role, Err(failure))) => {
                failed += 1;
                board.tell(format!("{role}: {failure}"));
            }
            Err(error) => {
                failed += 1;
                board.tell(format!("a rotation ended unexpectedly: {error}"));
            }
        }
    }
    board.clear();
    if failed == 0 {
        output::say(&format!("Success! Rotated the secret ids of {count} roles"))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::tell(&format!(
        "{failed} of {count} roles were not rotated: the same command goes on with them, and \
         rotates the others again"
    ));
    Ok(ExitCode::from(SOME_FAILED))
}

/// Roles of one name may be at several methods.
fn label(entry: &Entry) -> String {
    if entry.mount == USUAL_MOUNT {
        return entry.role.clone();
    }
    format!("{}/{}", entry.mount, entry.role)
}

async fn one(client: &Client, entry: &Entry, board: &Arc<Board>) -> Result<(), Failure> {
    let place = place(&entry.mount, &entry.role)?;
    let journal = journal_of(client, &place)?;
    let mut job = Job::open(client, place, journal).await?;
    let (role, shown) = (label(entry), Arc::clone(board));
    let tell = move |event: &Event| match event {
        Event::Stage(stage) => {
            if let Some(name) = name(*stage) {
                shown.stage(&role, name);
            }
        }
        Event::Waiting(missing) => shown.missing(&role, missing),
        Event::Done(what) => shown.tell(format!("{role}: {what}")),
        Event::Warning(warning) => shown.tell(format!("{role}: WARNING! {warning}")),
        _ => {}
    };
    let mut rotation = if job.is_unfinished() {
        job.resume(|wait| wait, &tell).await?
    } else {
        job.begin(entry.options(), &tell).await?
    };
    rotation.run().await.map_err(failure)?;
    let accessor = rotation.record().new.as_deref().unwrap_or_default();
    let role = label(entry);
    board.tell(format!("{role}: rotated, its accessor is {accessor}"));
    Ok(())
}
