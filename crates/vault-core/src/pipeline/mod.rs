//! The way of a request, in stages that are one function each: resolve its
//! mount, authenticate its caller, authorize the operation, dispatch it to the
//! backend, register the lease of the response, and answer.
//!
//! The built-in paths under `sys/` and `auth/token/` are backends like all
//! others. Responses and refusals are values up to the last stage, which alone
//! knows how they look.

mod answer;
mod authenticate;
mod authorize;
mod dispatch;
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
use crate::routing::Mount;
use crate::tokens::TokenEntry;

/// A request under way.
struct Context {
    /// The path that the client asked for, with the mount.
    path: String,
    token: Option<ClientToken>,
    /// The token's entry, once the caller is known.
    caller: Option<Arc<TokenEntry>>,
    /// The mount that the path lies in, if there is one.
    mount: Option<Arc<Mount>>,
    /// The request as the backend will see it.
    request: Request,
}

/// What a request came to.
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
    authorize::authorize(context).await?;
    let (entered, response) = dispatch::dispatch(context).await?;
    register::register(active, context, entered, response).await
}
