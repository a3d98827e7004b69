//! Identifies the caller.

use super::Context;
use crate::active::Active;
use crate::errors::{Origin, Refusal};

/// Looks up the caller's token. A path that needs no token accepts every token,
/// valid or not; a valid one only identifies the caller to the backend, as in
/// Vault (`CheckToken` in `vault/request_handling.go`). A token that is bound to
/// other addresses counts as unknown.
pub(super) async fn authenticate(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let path = &context.request.path;
    let mount = context.mount.as_ref();
    context.request.unauthenticated = mount.is_some_and(|mount| mount.is_unauthenticated(path));
    let caller = match &context.token {
        Some(token) => active.tokens.find(token).await,
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
    let Some(caller) = caller.filter(|caller| caller.entry.allows_address(address)) else {
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
    context.caller = Some(caller);
    Ok(())
}
