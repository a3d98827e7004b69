//! Renewal of tokens.

use std::sync::Arc;
use std::time::Duration;

use logical::framework::{Call, Path, answer};
use logical::{Error, Operation, Response, RunToCompletion};

use super::TokenPaths;
use super::fields::{ACCESSOR, INCREMENT, TOKEN, accessor, increment, token};
use crate::tokens::{ClientToken, TokenKind, lease_id};

pub(super) fn paths() -> Vec<Path<TokenPaths>> {
    vec![
        Path::new("renew-self")
            .fields([token(), increment()])
            .on(Operation::Update, answer(renew))
            .help("Renews the caller's token.", ""),
        Path::new("renew")
            .fields([token(), increment()])
            .on(Operation::Update, answer(renew))
            .help("Renews a token.", ""),
        Path::new("renew-accessor")
            .fields([accessor(), increment()])
            .on(Operation::Update, answer(renew_accessor))
            .help("Renews the token with an accessor.", ""),
    ]
}

async fn renew(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let text = call.fields.text(TOKEN).to_owned();
    if text.is_empty() {
        return Err(Error::bad_request("missing token ID"));
    }
    let found = paths.tokens.find(&ClientToken::new(&*text)).await?;
    let found = found.ok_or_else(|| Error::bad_request("token not found"))?;
    if found.entry.kind == TokenKind::Batch {
        return Err(Error::bad_request("batch tokens cannot be renewed"));
    }
    extend(&paths, &call, found.salted, text).await.map(Some)
}

async fn renew_accessor(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let salted = paths.by_accessor(call.fields.text(ACCESSOR)).await?;
    let salted = salted.ok_or_else(|| Error::bad_request("invalid accessor"))?;
    extend(&paths, &call, salted, String::new()).await.map(Some)
}

/// Renews a stored token. Storage and the queue of expiring leases change
/// together, even if the client hangs up.
async fn extend(
    paths: &Arc<TokenPaths>,
    call: &Call,
    salted: String,
    text: String,
) -> Result<Response, Error> {
    let increment = call.fields.duration(INCREMENT).unwrap_or(Duration::ZERO);
    let work = {
        let paths = Arc::clone(paths);
        async move {
            let limits = paths.limits();
            let (entry, warning) = paths.tokens.renew(&salted, increment, limits).await?;
            if let (Some(id), Some(lifetime)) = (lease_id(&entry, &salted), &entry.lifetime) {
                paths.leases.watch_token(&id, lifetime.expire_time);
            }
            let auth = super::auth(&entry, &text, paths.clock.now());
            Ok(Response::login(auth).with_warnings(warning))
        }
    };
    RunToCompletion::new(Arc::clone(&paths.tasks) as _, work).await
}
