//! The request pipeline, one function per stage: resolve the mount,
//! authenticate the caller, authorize the operation, count the use of the
//! token, dispatch to the backend, register the lease or make the token of the
//! response, and answer.
//!
//! The built-in paths under `sys/` and `auth/token/` are backends like any
//! other. Only the last stage knows the format of responses and refusals.

mod answer;
mod authenticate;
mod authorize;
mod count_use;
mod dispatch;
mod login;
mod register;
mod resolve;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use logical::{Operation, Request};

use crate::ClientToken;
use crate::active::Active;
use crate::answer::{Answer, Envelope};
use crate::errors::Refusal;
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
    /// Held if this request is the last use of the token.
    last_use: Option<LastUse>,
    /// The mount that serves the path, if any.
    mount: Option<Arc<Mount>>,
    /// The request as the backend will get it.
    request: Request,
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
    let result = stages(active, &mut context).await;
    let answer = match result {
        Ok(reply) => answer::reply(reply),
        Err(refusal) => answer::refusal(&refusal),
    };
    answer::measure(active, &context, answer.status());
    answer
}

async fn stages(active: &Arc<Active>, context: &mut Context) -> Result<Reply, Refusal> {
    authenticate::authenticate(active, context).await?;
    let is_allowed = authorize::authorize(active, context).await;
    // A denied request is a use, too.
    count_use::count_use(active, context).await?;
    is_allowed?;
    let (entered, response) = dispatch::dispatch(context).await?;
    register::register(active, context, entered, response).await
}
