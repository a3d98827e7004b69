//! `sys/seal`, as far as the caller's rights go.

use std::sync::Arc;

use logical::framework::{Call, Path, answer};
use logical::{Error, Response};

use super::SysPaths;

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![Path::new("seal").on_write(answer(seal)).help(
        "Seals the server.",
        "Forgets all keys until it is unsealed.",
    )]
}

/// Answers a caller who may seal. What is unsealed cannot seal itself: whoever
/// holds it does so when this was answered.
async fn seal(_: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(None)
}
