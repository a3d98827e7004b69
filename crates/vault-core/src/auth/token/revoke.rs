//! Revocation of tokens.

use std::sync::Arc;

use logical::framework::{Call, Path, answer};
use logical::{Error, Operation, Response};

use super::TokenPaths;
use super::fields::{ACCESSOR, TOKEN, accessor, token};
use crate::tokens::{Children, ClientToken, TokenEntry, TokenKind};

pub(super) fn paths() -> Vec<Path<TokenPaths>> {
    vec![
        Path::new("revoke-self")
            .on(Operation::Update, answer(revoke_self))
            .help(
                "Revokes the caller's token, its children and all their leases.",
                "",
            ),
        Path::new("revoke")
            .fields([token()])
            .on(Operation::Update, answer(revoke))
            .help("Revokes a token, its children and all their leases.", ""),
        Path::new("revoke-accessor")
            .fields([accessor()])
            .on(Operation::Update, answer(revoke_accessor))
            .help(
                "Revokes the token with an accessor, its children and all their leases.",
                "",
            ),
        Path::new("revoke-orphan")
            .fields([token()])
            .on(Operation::Update, answer(revoke_orphan))
            .help(
                "Revokes a token and its leases, and lets its children live on.",
                "",
            ),
    ]
}

async fn revoke_self(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let caller = TokenEntry::of_caller(&call.request).ok_or_else(Error::permission_denied)?;
    if caller.kind == TokenKind::Batch {
        return Err(batch_tokens());
    }
    let salted = &call.request.client_token;
    paths.revocation.revoke(salted, Children::Revoked).await?;
    Ok(None)
}

async fn revoke(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let token = given(&call)?;
    if let Some(found) = paths.tokens.find(&token).await?
        && found.entry.kind == TokenKind::Batch
    {
        return Err(batch_tokens());
    }
    // One that cannot be used any more may still have a revocation to finish.
    let salted = paths.tokens.salted(&token);
    paths.revocation.revoke(&salted, Children::Revoked).await?;
    Ok(None)
}

async fn revoke_orphan(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let found = paths.tokens.find(&given(&call)?).await?;
    let found = found.ok_or_else(|| Error::bad_request("token to revoke not found"))?;
    if found.entry.kind == TokenKind::Batch {
        return Err(batch_tokens());
    }
    paths
        .revocation
        .revoke(&found.salted, Children::Orphaned)
        .await?;
    Ok(None)
}

async fn revoke_accessor(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let Some(salted) = paths.by_accessor(call.fields.text(ACCESSOR)).await? else {
        let warning = "No token found with this accessor";
        return Ok(Some(Response::default().warn(warning)));
    };
    paths.revocation.revoke(&salted, Children::Revoked).await?;
    Ok(None)
}

fn given(call: &Call) -> Result<ClientToken, Error> {
    match call.fields.text(TOKEN) {
        "" => Err(Error::bad_request("missing token ID")),
        text => Ok(ClientToken::new(text)),
    }
}

fn batch_tokens() -> Error {
    Error::bad_request("batch tokens cannot be revoked")
}
