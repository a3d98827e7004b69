//! The request pipeline, one function per stage: resolve the mount, count the
//! request for its quota, refuse logins of users who are locked out, authenticate
//! the caller, authorize the operation, count the use of the token, audit the
//! request, dispatch to the backend, register the lease or make the token of the
//! response, wrap, audit the response, and answer.
//!
//! The built-in paths under `sys/` and `auth/token/` are backends like any
//! other. Only the last stage knows the format of responses and refusals.

mod answer;
mod audit;
mod authenticate;
mod authorize;
mod count_use;
mod dispatch;
mod headers;
mod lockout;
mod login;
mod quota;
mod register;
mod resolve;
#[cfg(test)]
mod tests;
mod wrap;

use std::sync::Arc;

use logical::{Operation, Request};

use crate::ClientToken;
use crate::active::Active;
use crate::answer::{Answer, Envelope};
use crate::audit::PolicyResults;
use crate::errors::{self, Refusal};
use crate::identity::Entity;
use crate::request::ClientRequest;
use crate::revocation::LastUse;
use crate::routing::Mount;
use crate::tokens::KnownToken;

/// A request in progress.
struct Context {
    /// The requested path, including the mount.
    path: String,
    token: Option<ClientToken>,
    /// The caller's token, once it is known.
    caller: Option<KnownToken>,
    /// The entity that the caller's token belongs to.
    entity: Option<Arc<Entity>>,
    /// Held if this request is the last use of the token.
    last_use: Option<LastUse>,
    /// The wrapped answer that this request takes.
    unwraps: wrap::Unwraps,
    /// What the policies say, once they were asked.
    policy_results: Option<PolicyResults>,
    /// The mount that serves the path, if any.
    mount: Option<Arc<Mount>>,
    /// The request as the backend will get it.
    request: Request,
    /// A login of a user who may be locked out.
    attempt: Option<lockout::Attempt>,
    /// Headers of the answer.
    headers: Vec<(&'static str, String)>,
    /// The same, if it may be a login that must be decided again.
    login_request: Option<Box<Request>>,
}

/// The result of a request.
struct Reply {
    operation: Operation,
    response: Option<logical::Response>,
    envelope: Envelope,
}

/// Answers a request.
pub(crate) async fn run(active: &Arc<Active>, request: ClientRequest, id: String) -> Answer {
    let mut context = resolve::resolve(active, request, id);
    let mut answer = stages(active, &mut context).await;
    answer.add_headers(std::mem::take(&mut context.headers));
    answer::measure(active, &context, answer.status());
    answer
}

async fn stages(active: &Arc<Active>, context: &mut Context) -> Answer {
    // As in OpenBao, the flood that a quota keeps out does not fill the log unless
    // that is configured, and it is refused whether or not it can be logged.
    if let Err(refusal) = quota::count(active, context).await {
        if active.quotas.settings().audit_logging {
            let _ = audit::request(active, context, Some(&refusal)).await;
        }
        return answer::refusal(&refusal);
    }
    let admitted = enter(active, context).await;
    // Nothing is done for a request of which there is no line, and none leaves.
    let refused = admitted.as_ref().err();
    let logged = match audit::request(active, context, refused).await {
        Ok(logged) => logged,
        Err(refusal) => {
            if admitted.is_ok() {
                wrap::give_back(active, context).await;
            }
            return answer::refusal(&refusal);
        }
    };
    let result = match admitted {
        Ok(()) => carry_out(active, context).await,
        Err(refusal) => Err(refusal),
    };
    let (answer, made, error) = match result {
        Ok((answer, made)) => (answer, made, String::new()),
        Err(refusal) => {
            let error = errors::audited(&refusal);
            (answer::refusal(&refusal), wrap::Made::default(), error)
        }
    };
    let Some(logged) = logged else {
        return answer;
    };
    match audit::response(active, logged, &answer, made, &error).await {
        Ok(()) => answer,
        Err(refusal) => {
            if error.is_empty() {
                wrap::give_back(active, context).await;
            }
            answer::refusal(&refusal)
        }
    }
}

/// Carries out a request that may be.
async fn carry_out(
    active: &Arc<Active>,
    context: &mut Context,
) -> Result<(Answer, wrap::Made), Refusal> {
    let reply = perform(active, context).await;
    lockout::note(active, context, &reply).await;
    let reply = reply?;
    // Boxed, because few answers are wrapped.
    Box::pin(wrap::wrap(active, context, reply)).await
}

/// Decides whether a request is carried out.
async fn enter(active: &Arc<Active>, context: &mut Context) -> Result<(), Refusal> {
    lockout::check(active, context).await?;
    context.unwraps = wrap::check_target(active, context).await?;
    let unwraps_own = matches!(context.unwraps, wrap::Unwraps::Own);
    admit(active, context).await.map_err(|refusal| {
        // Another request with the same token was faster.
        if unwraps_own && refusal == Refusal::Unauthenticated {
            wrap::not_valid()
        } else {
            refusal
        }
    })
}

/// Has the backend carry the request out.
async fn perform(active: &Arc<Active>, context: &mut Context) -> Result<Reply, Refusal> {
    wrap::take_target(active, context).await?;
    // A lease for which there is no place is refused before its secret is made.
    let claim = quota::claim(active, context).await?;
    let (entered, response) = dispatch::dispatch(context).await?;
    register::register(active, context, entered, claim, response).await
}

/// Finds out who asks, and whether they may.
async fn admit(active: &Arc<Active>, context: &mut Context) -> Result<(), Refusal> {
    authenticate::authenticate(active, context).await?;
    wrap::check_wish(context)?;
    let is_allowed = authorize::authorize(active, context).await;
    // A denied request is a use, too.
    count_use::count_use(active, context).await?;
    is_allowed
}
