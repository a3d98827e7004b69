//! `cubbyhole/`: a private place of each token, which no other token sees and
//! which ends with it. Wrapped answers are kept there.

use std::sync::Arc;

use logical::framework::{
    Call, Definition, Field, FieldKind, Framework, Hooks, Path, answer, probe,
};
use logical::{Error, Object, Operation, Response, RunToCompletion, TaskGroup};

use crate::tokens::{TokenEntry, TokenKind, TokenStore};
use crate::wrapping::RESPONSE;

/// The type of the mount that serves these paths.
pub(crate) const CUBBYHOLE_MOUNT: &str = "cubbyhole";

const PATH: &str = "path";

/// State shared by the paths.
pub(crate) struct CubbyholePaths {
    tokens: Arc<TokenStore>,
    tasks: Arc<dyn TaskGroup>,
}

impl Hooks for CubbyholePaths {}

/// The paths of `cubbyhole/`.
///
/// # Errors
/// An internal error that names an invalid path pattern.
pub(crate) fn paths(
    tokens: &Arc<TokenStore>,
    tasks: &Arc<dyn TaskGroup>,
) -> Result<Framework<CubbyholePaths>, Error> {
    let state = Arc::new(CubbyholePaths {
        tokens: Arc::clone(tokens),
        tasks: Arc::clone(tasks),
    });
    let entries = Path::new(format!("(?P<{PATH}>.*)"))
        .fields([Field::new(PATH, FieldKind::Text, "Path of the entry.")])
        .any_input()
        .on(Operation::Read, answer(read))
        .on_write(answer(write))
        .on(Operation::Delete, answer(delete))
        .on(Operation::List, answer(list))
        .existence(probe(exists))
        .help(
            "Reads, writes, deletes and lists entries of the caller's token.",
            "No other token sees them, and they end with the token. Batch tokens have none.",
        );
    let definition =
        Definition::new("Keeps values for a token, which end with it.").paths([entries]);
    Framework::new(state, definition)
}

async fn exists(paths: Arc<CubbyholePaths>, call: Call) -> Result<bool, Error> {
    let path = call.fields.text(PATH);
    let found = paths
        .tokens
        .cubbyhole_entry(&call.request.client_token, path);
    Ok(found.await?.is_some())
}

async fn read(paths: Arc<CubbyholePaths>, call: Call) -> Result<Option<Response>, Error> {
    check_caller(&call)?;
    let path = checked_path(&call)?;
    let found = paths
        .tokens
        .cubbyhole_entry(&call.request.client_token, path);
    let response = found.await?.map(Response::with_data);
    Ok(response.map(|response| {
        if path == RESPONSE {
            response.warn(DEPRECATED)
        } else {
            response
        }
    }))
}

/// Vault's text.
const DEPRECATED: &str = "Reading from 'cubbyhole/response' is deprecated. Please use \
                          sys/wrapping/unwrap to unwrap responses, as it provides additional \
                          security checks and other benefits.";

async fn write(paths: Arc<CubbyholePaths>, call: Call) -> Result<Option<Response>, Error> {
    check_caller(&call)?;
    checked_path(&call)?;
    if call.request.data.is_empty() {
        return Err(Error::bad_request("missing data fields"));
    }
    let data = call.request.data.clone();
    change(&paths, &call, Some(data)).await
}

async fn delete(paths: Arc<CubbyholePaths>, call: Call) -> Result<Option<Response>, Error> {
    check_caller(&call)?;
    checked_path(&call)?;
    change(&paths, &call, None).await
}

/// Changes an entry, even if the client hangs up: the end of the token must not
/// overtake a write.
async fn change(
    paths: &Arc<CubbyholePaths>,
    call: &Call,
    data: Option<Object>,
) -> Result<Option<Response>, Error> {
    let tokens = Arc::clone(&paths.tokens);
    let salted = call.request.client_token.clone();
    let path = call.fields.text(PATH).to_owned();
    let work = async move {
        tokens
            .change_cubbyhole(&salted, &path, data.as_ref())
            .await
            .map(|()| None)
    };
    RunToCompletion::new(Arc::clone(&paths.tasks) as _, work).await
}

async fn list(paths: Arc<CubbyholePaths>, call: Call) -> Result<Option<Response>, Error> {
    check_caller(&call)?;
    let folder = match call.fields.text(PATH) {
        path if path.is_empty() || path.ends_with('/') => path.to_owned(),
        path => format!("{path}/"),
    };
    let names = paths
        .tokens
        .cubbyhole_names(&call.request.client_token, &folder);
    Ok(Some(Response::list(names.await?)))
}

/// Only stored tokens have a place.
fn check_caller(call: &Call) -> Result<(), Error> {
    let caller = TokenEntry::of_caller(&call.request).ok_or_else(Error::permission_denied)?;
    match caller.kind {
        TokenKind::Service => Ok(()),
        TokenKind::Batch => Err(Error::bad_request(
            "cubbyhole operations are only supported by 'service' type tokens",
        )),
    }
}

fn checked_path(call: &Call) -> Result<&str, Error> {
    match call.fields.text(PATH) {
        "" => Err(Error::bad_request("missing path")),
        path if path.split('/').any(str::is_empty) => Err(Error::bad_request(format!(
            "`cubbyhole/{path}` names no entry: a path has neither empty parts nor a slash at its \
             end"
        ))),
        path => Ok(path),
    }
}

#[cfg(test)]
mod tests;
