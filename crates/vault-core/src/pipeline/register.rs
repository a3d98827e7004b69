//! Registers the lease of a response.

use std::sync::Arc;

use jiff::Timestamp;
use logical::{Error, Response, RunToCompletion};

use super::{Context, Reply, login};
use crate::active::Active;
use crate::answer::{Envelope, is_data_at_top_level};
use crate::errors::{Origin, Refusal};
use crate::leases::{self, Granted, Leases};
use crate::quotas::Claim;
use crate::routing::{Entered, Mount};
use crate::tokens::TokenKind;

/// Registers the lease of a response, if any, and builds the envelope of the
/// answer.
pub(super) async fn register(
    active: &Arc<Active>,
    context: &mut Context,
    entered: Entered,
    claim: Claim,
    response: Option<Response>,
) -> Result<Reply, Refusal> {
    let mut envelope = Envelope {
        request_id: std::mem::take(&mut context.request.id),
        mount_type: context.request.mount_type.clone(),
        data_at_top_level: is_data_at_top_level(&context.path),
        ..Envelope::default()
    };
    let mut response = response;
    if let (Some(mount), Some(leased)) = (
        &context.mount,
        response.take_if(|response| response.secret.is_some() || response.auth.is_some()),
    ) {
        let (granted, mut leased) = if mount.is_builtin() {
            renewed(leased)
        } else if mount.is_auth() && leased.secret.is_none() {
            // Boxed, because it would make the future of every request large.
            let login = Box::pin(login::log_in(active, context, entered, leased));
            let answered = login.await?;
            (None, answered)
        } else if leased.secret.is_none() {
            let error = leases::login_of_engine(&mount.path());
            return Err(Refusal::Failed(error, Origin::Core));
        } else {
            let owner = LeaseOwner::of(context);
            let origin = (&*context.path, owner, claim);
            let granted = lease(active, mount, entered, origin, leased).await;
            granted.map_err(|error| {
                if mount.is_tainted() {
                    Refusal::Tainted(context.path.clone())
                } else {
                    Refusal::Failed(error, Origin::Core)
                }
            })?
        };
        if context.last_use.is_some() && !mount.is_builtin() && !mount.is_auth() {
            if let Some(granted) = granted {
                revoke_abandoned(&active.leases, &granted).await;
            }
            return Err(Refusal::Failed(last_use(), Origin::Core));
        }
        envelope.auth = leased.auth.take();
        if let Some(granted) = granted {
            envelope.lease_id = granted.id;
            envelope.renewable = granted.renewable;
            envelope.lease_duration = granted.ttl.as_secs();
        }
        response = Some(leased);
    }
    Ok(Reply {
        operation: context.request.operation,
        response,
        envelope,
    })
}

/// The token that a new lease hangs on.
struct LeaseOwner {
    /// Salted hash; empty for a batch token without a parent.
    token: String,
    /// A lease of a batch token ends with it.
    until: Option<Timestamp>,
}

impl LeaseOwner {
    fn of(context: &Context) -> Self {
        let batch = context
            .caller
            .as_ref()
            .filter(|caller| caller.entry.kind == TokenKind::Batch);
        match batch {
            None => Self {
                token: context.request.client_token.clone(),
                until: None,
            },
            Some(batch) => Self {
                token: batch.entry.parent.clone(),
                until: batch
                    .entry
                    .lifetime
                    .as_ref()
                    .map(|lifetime| lifetime.expire_time),
            },
        }
    }
}

/// The error for a lease that the last use of a token would have got.
fn last_use() -> Error {
    Error::bad_request(
        "Secret cannot be returned; token had one use left, so leased credentials were immediately \
         revoked.",
    )
}

/// Revokes a lease whose secret nobody received.
async fn revoke_abandoned(leases: &Arc<Leases>, abandoned: &Granted) {
    if let Err(error) = leases.revoke(&abandoned.id, leases::Mode::Async).await {
        tracing::warn!(
            lease = abandoned.id,
            %error,
            "a lease whose secret nobody received could not be revoked and will expire"
        );
    }
}

/// The response of a renewal, whose lease is already registered.
fn renewed(mut response: Response) -> (Option<Granted>, Response) {
    let granted = response.secret.take().map(|secret| Granted {
        id: secret.lease_id,
        ttl: secret.lease.ttl,
        renewable: secret.lease.renewable,
        warning: None,
    });
    (granted, response)
}

/// Registers the lease of an engine's response. If the client hangs up
/// meanwhile, the lease is revoked at once, because nobody received its secret.
async fn lease(
    active: &Arc<Active>,
    mount: &Arc<Mount>,
    entered: Entered,
    (path, owner, claim): (&str, LeaseOwner, Claim),
    response: Response,
) -> Result<(Option<Granted>, Response), Error> {
    let (leases, mount, path) = (
        Arc::clone(&active.leases),
        Arc::clone(mount),
        path.to_owned(),
    );
    let registering = async move {
        let origin = leases::Origin {
            path: &path,
            token: &owner.token,
            until: owner.until,
        };
        let granted = leases.register(&mount, origin, claim, response).await;
        drop(entered);
        granted
    };
    let leases = Arc::clone(&active.leases);
    let abandoned = |granted: Result<(Granted, Response), Error>| async move {
        if let Ok((abandoned, _)) = granted {
            revoke_abandoned(&leases, &abandoned).await;
        }
    };
    let registered = RunToCompletion::new(Arc::clone(&active.tasks) as _, registering)
        .or_abandoned(abandoned)
        .await;
    registered.map(|(mut granted, mut response)| {
        response.warnings.extend(granted.warning.take());
        (Some(granted), response)
    })
}
