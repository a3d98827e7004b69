//! Counts the use of a token whose uses are limited.

use super::Context;
use crate::active::Active;
use crate::errors::{Origin, Refusal};
use crate::revocation::TokenUse;
use crate::tokens::Uses;

/// Takes one use from the caller's token. Two requests never share the last
/// one. A path that needs no token uses none up.
pub(super) async fn count_use(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let Some(caller) = &context.caller else {
        return Ok(());
    };
    if caller.entry.uses == Uses::Unlimited || context.request.unauthenticated {
        return Ok(());
    }
    let taken = active.revocation.take_use(&caller.salted).await;
    match taken.map_err(|error| Refusal::Failed(error, Origin::Core))? {
        TokenUse::Refused => Err(Refusal::Unauthenticated),
        TokenUse::Counted => Ok(()),
        TokenUse::Last(last_use) => {
            context.last_use = Some(last_use);
            Ok(())
        }
    }
}
