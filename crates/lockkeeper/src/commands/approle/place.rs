//! Which role is meant, and where its journal is.

use std::path::{Path, PathBuf};

use ops::approle::{FileJournal, Journal, KvJournal, Place, Server as _, VaultServer};
use vault_client::Client;

use super::failure;
use crate::arguments::JournalOptions;
use crate::commands::client::set;
use crate::failure::Failure;

/// The role that was named.
///
/// # Errors
/// When it is no name of a role.
pub(super) fn place(mount: &str, role: &str) -> Result<Place, Failure> {
    let place = Place::new(mount, role);
    if place.role.is_empty() || place.role.contains('/') || place.mount.is_empty() {
        return Err(Failure::local(format!(
            "`{role}` is not the name of a role: give the name alone, and its auth method with \
             -mount"
        )));
    }
    Ok(place)
}

/// The journal: in the given file, or in one for each server, method and role.
///
/// # Errors
/// When there is no folder for it, or another process has it.
pub(super) fn journal(
    options: &JournalOptions,
    client: &Client,
    place: &Place,
) -> Result<Box<dyn Journal>, Failure> {
    let Some(given) = &options.journal else {
        return journal_of(client, place);
    };
    if let Some(path) = given.strip_prefix("kv:") {
        return Ok(Box::new(KvJournal::new(client, path)));
    }
    let journal = FileJournal::open(Path::new(given)).map_err(failure)?;
    Ok(Box::new(journal))
}

/// The journal of a role where none is named.
///
/// # Errors
/// When there is no folder for it, or another process has it.
pub(super) fn journal_of(client: &Client, place: &Place) -> Result<Box<dyn Journal>, Failure> {
    let state = set(["XDG_STATE_HOME", "HOME"]).ok_or_else(|| {
        Failure::local("there is no folder for the journal: give -journal, or set XDG_STATE_HOME")
    })?;
    let mut folder = match state {
        ("HOME", home) => PathBuf::from(home).join(".local/state"),
        (_, state) => PathBuf::from(state),
    };
    folder.push("lockkeeper/approle");
    folder.push(as_name(&VaultServer::new(client, place.clone()).address()));
    folder.push(as_name(&place.mount));
    folder.push(format!("{}.json", as_name(&place.role)));
    let journal = FileJournal::open(&folder).map_err(failure)?;
    Ok(Box::new(journal))
}

/// A text as the name of a file.
fn as_name(text: &str) -> String {
    let text = text.trim_end_matches('/');
    let kept = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_');
    let name: String = text
        .chars()
        .map(|char| if kept(char) { char } else { '_' })
        .collect();
    // Neither hidden nor a folder above.
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_alone_in_any_case() {
        assert_eq!(place("approle", "Orders").unwrap().role, "orders");
        for wrong in ["", "auth/approle/role/orders"] {
            assert!(place("approle", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_role_leads_out_of_the_folder_of_journals() {
        assert_eq!(as_name("http://127.0.0.1:8200/"), "http___127.0.0.1_8200");
        assert_eq!(as_name(".."), "_.");
    }
}
