//! `operator backup` and `operator restore`: copies of the store of a server, made
//! and used on its own machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use store::SqliteStorage;

use super::server::storage_of;
use crate::arguments::{OperatorBackup, OperatorRestore};
use crate::failure::Failure;
use crate::output;

pub(super) async fn back_up(arguments: OperatorBackup) -> Result<ExitCode, Failure> {
    let store = file_of(&arguments.config)?;
    let copied = SqliteStorage::back_up(&store, &arguments.backup).await;
    copied.map_err(|error| Failure::local(error.to_string()))?;
    output::say(&format!(
        "Success! The store is in {}. The shares that unseal it now open it there, too.",
        arguments.backup.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(arguments: &OperatorRestore) -> Result<ExitCode, Failure> {
    let store = file_of(&arguments.config)?;
    let made = SqliteStorage::restore(&arguments.backup, &store, arguments.force);
    made.map_err(|error| match error {
        store::RestoreError::Exists(path) => Failure::local(format!(
            "`{}` has a store already: add -force to overwrite it",
            path.display()
        )),
        other => Failure::local(other.to_string()),
    })?;
    output::say(&format!(
        "Success! The store is at {}. Start the server, and unseal it with the shares that \
         were in use at the time of the backup.",
        store.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The file of the store that a configuration names.
fn file_of(config: &Path) -> Result<PathBuf, Failure> {
    storage_of(config)?.ok_or_else(|| {
        Failure::local(format!(
            "{}: the storage is `inmem`, of which there is no backup",
            config.display()
        ))
    })
}
