//! `sys/storage/raft/snapshot`, which is refused with what to do in its place.
//!
//! A snapshot of Raft is an archive of its own form, which clients check, and which
//! restores into a cluster. Whatever this server put in its place would pass for one
//! and be none.

use std::sync::Arc;

use logical::framework::{Call, Path, answer};
use logical::{Error, Operation, Response};

use super::SysPaths;

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    ["storage/raft/snapshot", "storage/raft/snapshot-force"]
        .map(|path| {
            Path::new(path)
                .on(Operation::Read, answer(refuse))
                .on_write(answer(refuse))
                .help(
                    "Is refused.",
                    "There is no Raft storage: `lockkeeper operator backup` copies the store while \
                     the server runs, and `lockkeeper operator restore` makes it from the copy.",
                )
        })
        .into()
}

async fn refuse(_: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Err(Error::bad_request(
        "raft storage is not in use: copy the store with `lockkeeper operator backup` on the \
         server's machine, and restore it with `lockkeeper operator restore`",
    ))
}
