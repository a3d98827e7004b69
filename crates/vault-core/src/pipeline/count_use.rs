//! Counts the use of a token whose uses are limited.

use super::Context;
use crate::active::Active;
use crate::errors::{Origin, Refusal};
use crate::tokens::Uses;

/// Takes one use from the caller's token. Two requests never share the last
/// one.
pub(super) async fn count_use(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let Some(caller) = &context.caller else {
        return Ok(());
    };
    if caller.entry.uses == Uses::Unlimited {
        return Ok(());
    }
    let left = active.tokens.take_use(&caller.salted).await;
    let left = left.map_err(|error| Refusal::Failed(error, Origin::Core))?;
    match left {
        None | Some(Uses::Spent) => Err(Refusal::Unauthenticated),
        Some(Uses::Left(1)) => {
            context.is_last_use = true;
            Ok(())
        }
        Some(Uses::Left(_) | Uses::Unlimited) => Ok(()),
    }
}
