//! Identifies the caller.

use std::sync::Arc;

use logical::Error;

use super::Context;
use crate::ClientToken;
use crate::active::Active;
use crate::errors::{Origin, Refusal};
use crate::tokens::TokenEntry;

/// Looks up the caller's token. A path that needs no token accepts every token,
/// valid or not; a valid one only identifies the caller to the backend, as in
/// Vault (`CheckToken` in `vault/request_handling.go`).
pub(super) async fn authenticate(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let path = &context.request.path;
    let mount = context.mount.as_ref();
    context.request.unauthenticated = mount.is_some_and(|mount| mount.is_unauthenticated(path));
    let caller = match &context.token {
        Some(token) => look_up(active, token).await,
        None => Ok(None),
    };
    let caller = match caller {
        Err(error) if context.request.unauthenticated => {
            tracing::warn!(%error, "the token of a request that needs none cannot be read");
            None
        }
        caller => caller.map_err(|error| Refusal::Failed(error, Origin::Core))?,
    };
    let Some((salted, entry)) = caller else {
        if context.request.unauthenticated {
            return Ok(());
        }
        return Err(Refusal::Unauthenticated);
    };
    let request = &mut context.request;
    request.display_name.clone_from(&entry.display_name);
    request.client_token = salted;
    request.client_token_accessor.clone_from(&entry.accessor);
    context.caller = Some(entry);
    Ok(())
}

/// The entry of a token by its salted hash, or `None` when it is unknown.
async fn look_up(
    active: &Active,
    token: &ClientToken,
) -> Result<Option<(String, Arc<TokenEntry>)>, Error> {
    let salted = active.tokens.salted(token);
    let entry = active.tokens.lookup_salted(&salted).await?;
    Ok(entry.map(|entry| (salted, entry)))
}
