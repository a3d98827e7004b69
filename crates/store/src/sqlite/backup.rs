//! A copy of the store while it is in use.

use std::path::{Path, PathBuf};

use logical::Error;
use tokio::sync::oneshot;

use super::error::failed;
use super::file;

/// Copies on a thread of its own, since it may take long.
pub(super) async fn run(from: PathBuf, to: PathBuf) -> Result<(), Error> {
    let (answer, result) = oneshot::channel();
    let work = move || drop(answer.send(copy(&from, &to)));
    let thread = std::thread::Builder::new().name("backup".to_owned());
    thread
        .spawn(work)
        .map_err(|error| Error::internal(format!("cannot start a backup: {error}")))?;
    let stopped = |_| Error::internal("the backup stopped before its end: try again");
    result.await.map_err(stopped)?
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    // SQLite takes `file:...` for something else than a path.
    let to = &std::path::absolute(to)
        .map_err(|error| Error::bad_request(format!("`{}` is no path: {error}", to.display())))?;
    let name = to.display();
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::bad_request(format!("`{name}` exists: give the path of a new file"))
        }
        _ => Error::internal(format!("cannot write the backup `{name}`: {error}")),
    };
    // SQLite fills an empty file, and would make one that others can read.
    file::new_private_file(to).map_err(io)?;
    let copied = vacuum_into(from, to).and_then(|()| {
        file::sync_file(to).map_err(io)?;
        file::sync_folder(to).map_err(io)
    });
    if copied.is_err() {
        let _ = std::fs::remove_file(to);
    }
    copied
}

fn vacuum_into(from: &Path, to: &Path) -> Result<(), Error> {
    let Some(target) = to.to_str() else {
        let problem = format!("the path `{}` of a backup must be UTF-8", to.display());
        return Err(Error::bad_request(problem));
    };
    let copied = file::open_reader(from).and_then(|connection| {
        // `query_only` would refuse it; the copy changes nothing in the store.
        connection.pragma_update(None, "query_only", "OFF")?;
        connection.execute("VACUUM INTO ?1", [target])
    });
    copied.map_err(|error| failed("copy", from, &error))?;
    Ok(())
}
