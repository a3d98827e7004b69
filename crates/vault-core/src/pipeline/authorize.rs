//! Checks the caller's rights.

use logical::{ErrorClass, Existence, Operation, Request};

use super::{Context, dispatch};
use crate::active::Active;
use crate::audit::PolicyResults;
use crate::errors::{Origin, Refusal};
use crate::policies::Attempt;
use crate::routing::Mount;

/// Tells create from update, then checks the caller's policies. Paths that need
/// no token are not subject to policies.
pub(super) async fn authorize(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    if let Some(mount) = &context.mount
        && context.request.operation == Operation::Update
        && !mount.is_closed()
    {
        context.request.operation = creates_or_updates(mount, &context.request).await?;
    }
    if context.request.unauthenticated {
        context.policy_results = Some(PolicyResults {
            allowed: true,
            granting: Vec::new(),
        });
        return Ok(());
    }
    let Some(caller) = &context.caller else {
        return Err(Refusal::Unauthenticated);
    };
    let needs_sudo = context
        .mount
        .as_ref()
        .is_some_and(|mount| mount.needs_sudo(&context.request.path));
    let entity = context.entity.as_ref();
    let acl = match active.rights.of_entity(&caller.entry, entity).await {
        Err(error) if error.class() == ErrorClass::BadRequest => {
            tracing::warn!(accessor = caller.entry.accessor, %error, "a token may do nothing");
            context.policy_results = Some(PolicyResults::default());
            return Err(Refusal::Denied);
        }
        acl => acl.map_err(|error| Refusal::Failed(error, Origin::Core))?,
    };
    let decision = acl.decide(Attempt {
        operation: context.request.operation,
        path: &context.path,
        data: &context.request.data,
        wrap_ttl: context.request.wrap_ttl,
    });
    let allowed = decision.is_allowed && (!needs_sudo || decision.has_sudo);
    let granting = if allowed && active.audit.is_enabled() {
        acl.granting(context.request.operation, &context.path)
    } else {
        Vec::new()
    };
    context.policy_results = Some(PolicyResults { allowed, granting });
    if allowed {
        Ok(())
    } else {
        Err(Refusal::Denied)
    }
}

/// Whether a write creates or updates its target, as far as the backend can
/// tell.
async fn creates_or_updates(mount: &Mount, request: &Request) -> Result<Operation, Refusal> {
    match mount.exists(request.clone()).await {
        Ok(Existence::Absent) => Ok(Operation::Create),
        Ok(Existence::Present | Existence::Unchecked) => Ok(Operation::Update),
        // The backend returns the same error for the request itself.
        Err(error) if error.class() == ErrorClass::UnsupportedPath => Ok(Operation::Update),
        Err(error) => Err(dispatch::failed(mount, error)),
    }
}
