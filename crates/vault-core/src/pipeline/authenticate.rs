//! Identifies the caller.

use std::sync::Arc;

use logical::Error;

use super::Context;
use crate::ClientToken;
use crate::active::Active;
use crate::errors::{Origin, Refusal};
use crate::identity::Entity;
use crate::tokens::KnownToken;

/// Looks up the caller's token. A path that needs no token accepts every token,
/// valid or not; a valid one only identifies the caller to the backend, as in
/// Vault (`CheckToken` in `vault/request_handling.go`). A token that is bound to
/// other addresses, or whose entity is gone, counts as unknown.
pub(super) async fn authenticate(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let path = &context.request.path;
    let mount = context.mount.as_ref();
    context.request.unauthenticated = mount.is_some_and(|mount| mount.is_unauthenticated(path));
    let caller = match &context.token {
        Some(token) => find(active, token).await,
        None => Ok(None),
    };
    let caller = match caller {
        Err(error) if context.request.unauthenticated => {
            tracing::warn!(%error, "the token of a request that needs none cannot be read");
            None
        }
        caller => caller.map_err(|error| Refusal::Failed(error, Origin::Core))?,
    };
    let address = context
        .request
        .connection
        .as_ref()
        .and_then(|connection| connection.remote_address);
    let caller = caller.filter(|(caller, _)| caller.entry.allows_address(address));
    let Some((caller, entity)) = caller else {
        if context.request.unauthenticated {
            return Ok(());
        }
        return Err(Refusal::Unauthenticated);
    };
    let request = &mut context.request;
    request.display_name.clone_from(&caller.entry.display_name);
    request.client_token.clone_from(&caller.salted);
    request
        .client_token_accessor
        .clone_from(&caller.entry.accessor);
    request.entity_id.clone_from(&caller.entry.entity_id);
    context.caller = Some(caller);
    context.entity = entity;
    Ok(())
}

/// A token that can be used, and its entity.
async fn find(
    active: &Active,
    token: &ClientToken,
) -> Result<Option<(KnownToken, Option<Arc<Entity>>)>, Error> {
    let Some(caller) = active.tokens.find(token).await? else {
        return Ok(None);
    };
    if caller.entry.entity_id.is_empty() {
        return Ok(Some((caller, None)));
    }
    let entity = active.entities.get(&caller.entry.entity_id).await?;
    Ok(entity.map(|entity| (caller, Some(entity))))
}
