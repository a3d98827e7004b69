//! `sys/seal`, as far as the caller's rights go, and `sys/key-status`.

use std::sync::Arc;

use logical::framework::{Call, Path, answer};
use logical::{Error, Object, Operation, Response};

use super::SysPaths;

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("seal").on_write(answer(seal)).help(
            "Seals the server.",
            "Forgets all keys until it is unsealed.",
        ),
        Path::new("key-status")
            .on(Operation::Read, answer(key_status))
            .help("Returns which key encrypts storage at present.", ""),
    ]
}

/// Answers a caller who may seal. What is unsealed cannot seal itself: whoever
/// holds it does so when this was answered.
async fn seal(_: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(None)
}

async fn key_status(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    let Some(keys) = &sys.keys else {
        return Err(Error::unsupported_path());
    };
    let status = keys.key_status()?;
    let mut data = Object::new();
    data.insert("term".into(), status.term.into());
    data.insert("install_time".into(), status.installed.to_string().into());
    data.insert("encryptions".into(), status.encryptions.into());
    Ok(Some(Response::with_data(data)))
}
