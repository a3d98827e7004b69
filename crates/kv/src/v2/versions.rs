//! `delete/`, `undelete/` and `destroy/<path>`: change some versions of a
//! secret.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path};
use logical::{Error, Operation, Response};

use super::data::{PATH, path_field};
use super::metadata::VersionNumber;
use super::{Versioned, handler};

const VERSIONS: &str = "versions";

/// What is done with the versions.
#[derive(Debug, Clone, Copy)]
enum Action {
    Delete,
    Undelete,
    Destroy,
}

pub(super) fn paths() -> Vec<Path<Versioned>> {
    vec![
        path(Action::Delete, "delete").help(
            "Marks versions as deleted.",
            "Their data stays, and `undelete/` brings it back.",
        ),
        path(Action::Undelete, "undelete").help(
            "Restores deleted versions.",
            "Versions that were destroyed, or are no longer kept, stay gone.",
        ),
        path(Action::Destroy, "destroy").help(
            "Removes the data of versions for good.",
            "That they existed, and when they were made, is kept.",
        ),
    ]
}

fn path(action: Action, name: &str) -> Path<Versioned> {
    let apply = handler(move |engine, call| apply(action, engine, call));
    Path::new(format!("{name}/(?P<{PATH}>.*)"))
        .fields([
            path_field(),
            Field::new(
                VERSIONS,
                FieldKind::CommaIntegers,
                "The numbers of the versions.",
            )
            .required(),
        ])
        .on(Operation::Create, Arc::clone(&apply))
        .on(Operation::Update, apply)
}

async fn apply(
    action: Action,
    engine: Arc<Versioned>,
    call: Call,
) -> Result<Option<Response>, Error> {
    let given = call.fields.integers(VERSIONS).unwrap_or_default();
    if given.is_empty() {
        let text = match action {
            Action::Destroy => "no version number provided",
            Action::Delete | Action::Undelete => "No version number provided",
        };
        return Err(Error::bad_request(text));
    }
    // A number below 1 is no version, as one that is not kept.
    let numbers = given.iter().filter_map(|number| (*number).try_into().ok());
    let numbers: Vec<VersionNumber> = numbers.collect();
    let path = call.fields.text(PATH).to_owned();
    let change = Arc::clone(&engine);
    let work = async move {
        let mount = change.mount_settings().await?;
        let changing = change.change(&path).await?;
        let now = change.clock.now();
        let Some(mut metadata) = changing.metadata().await? else {
            return Ok(());
        };
        let mut removed = Vec::new();
        match action {
            Action::Delete => metadata.delete(&numbers, now),
            Action::Undelete => metadata.undelete(&numbers, &mount, now),
            Action::Destroy => removed = metadata.destroy(&numbers),
        }
        changing.save_without(&metadata, &removed).await
    };
    engine.complete(work).await?;
    Ok(None)
}
