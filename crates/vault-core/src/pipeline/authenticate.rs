//! Who asks.

use super::Context;
use crate::active::Active;
use crate::errors::{Origin, Refusal};

/// Finds the caller by its token. On a path that needs no token, a token that
/// is missing or unknown is no fault.
pub(super) async fn authenticate(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let known = match &context.token {
        Some(token) => {
            let salted = active.tokens.salted(token);
            let entry = active.tokens.lookup_salted(&salted).await;
            entry
                .map_err(|error| Refusal::Failed(error, Origin::Core))?
                .map(|entry| (salted, entry))
        }
        None => None,
    };
    let needs_token = |context: &Context| {
        let mount = context.mount.as_ref();
        mount.is_none_or(|mount| !mount.is_unauthenticated(&context.request.path))
    };
    let Some((salted, entry)) = known else {
        if needs_token(context) {
            return Err(Refusal::Unauthenticated);
        }
        context.request.unauthenticated = true;
        return Ok(());
    };
    let request = &mut context.request;
    request.display_name.clone_from(&entry.display_name);
    request.client_token = salted;
    request.client_token_accessor.clone_from(&entry.accessor);
    context.caller = Some(entry);
    Ok(())
}
