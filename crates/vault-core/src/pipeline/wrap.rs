//! Wraps the answer, if the client or the backend asks for it.

use std::sync::Arc;
use std::time::Duration;

use logical::lease::smaller_limit;
use logical::{Error, Operation, RunToCompletion};
use serde_json::Value;

use super::{Context, Reply, answer, quota};
use crate::ClientToken;
use crate::active::Active;
use crate::answer::Answer;
use crate::auth;
use crate::errors::{Origin, Refusal};
use crate::leases::Mode;
use crate::revocation::{LastUse, TokenUse, Undo};
use crate::wrapping::{self, WrapWish, Wrapped};

/// For how long an answer is wrapped at most: it is stored until then.
const LONGEST: Duration = Duration::from_hours(768);
/// Paths about a wrapped answer, inside `sys/`, and whether they take it.
const ABOUT_WRAPPED: [(&str, bool); 3] = [
    ("wrapping/lookup", false),
    ("wrapping/unwrap", true),
    ("wrapping/rewrap", true),
];

/// The wrapped answer that a request takes, by its token.
#[derive(Default)]
pub(super) enum Unwraps {
    #[default]
    Nothing,
    /// The caller's own token, whose use is counted as every use is.
    Own,
    /// Another token, by its salted hash.
    Other(String),
    /// Another token, whose one use this is.
    Taken(LastUse),
}

/// Checks the token of a request about a wrapped answer. Returns which answer the
/// request takes.
///
/// A token that does not unwrap anything is told as such before the caller's
/// rights are checked, as in Vault: it is the sign that somebody else has
/// unwrapped the answer.
pub(super) async fn check_target(active: &Active, context: &Context) -> Result<Unwraps, Refusal> {
    let request = &context.request;
    let mut about = ABOUT_WRAPPED.iter();
    let about = about.find(|(path, _)| {
        request.operation != Operation::Help
            && request.mount_point == "sys/"
            && request.path == *path
    });
    let Some((_, takes)) = about else {
        return Ok(Unwraps::Nothing);
    };
    let own = context.token.as_ref();
    let target = match request.data.get("token") {
        None | Some(Value::Null) => own.cloned(),
        Some(Value::String(text)) => Some(ClientToken::new(text.as_str())),
        Some(_) => return Err(not_valid()),
    };
    let target = target.filter(|token| !token.expose().is_empty());
    let target = target.ok_or(Refusal::NoWrappingToken)?;
    let found = active.wrapping.find(&target).await;
    let found = found.map_err(|error| Refusal::Failed(error, Origin::Core))?;
    Ok(if !takes {
        Unwraps::Nothing
    } else if own == Some(&target) {
        Unwraps::Own
    } else {
        Unwraps::Other(found.salted)
    })
}

/// Takes the one use of the token of another's wrapped answer. Of several requests
/// at the same time one gets it.
pub(super) async fn take_target(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let Unwraps::Other(salted) = &context.unwraps else {
        return Ok(());
    };
    let taken = active.revocation.take_use(salted).await;
    match taken.map_err(|error| Refusal::Failed(error, Origin::Core))? {
        TokenUse::Last(last_use) => {
            context.unwraps = Unwraps::Taken(last_use);
            Ok(())
        }
        TokenUse::Counted | TokenUse::Refused => Err(not_valid()),
    }
}

/// Makes a wrapped answer available again that was taken, and that did not leave
/// because the request or its answer could not be logged.
pub(super) async fn give_back(active: &Active, context: &mut Context) {
    let taken = match std::mem::take(&mut context.unwraps) {
        Unwraps::Own => context.last_use.take(),
        Unwraps::Taken(last_use) => Some(last_use),
        Unwraps::Nothing | Unwraps::Other(_) => None,
    };
    if let Some(last_use) = taken {
        let giving = last_use.give_back();
        RunToCompletion::new(Arc::clone(&active.tasks) as _, giving).await;
    }
}

/// Checks for how long a request wants its answer wrapped, before anything is done.
///
/// A wrapped answer is stored until it ends. So nobody stores one for ever, or
/// without a token, except by a login.
pub(super) fn check_wish(context: &Context) -> Result<(), Refusal> {
    let request = &context.request;
    let Some(ttl) = request.wrap_ttl else {
        return Ok(());
    };
    if ttl > LONGEST {
        return Err(Refusal::Malformed("the wrap TTL is longer than 768h"));
    }
    let is_login = || context.mount.as_ref().is_some_and(|mount| mount.is_auth());
    if request.unauthenticated && !is_login() {
        return Err(Refusal::Malformed(
            "an answer that needs no token is not wrapped: leave out the wrap TTL",
        ));
    }
    Ok(())
}

/// The refusal of a token that does not unwrap anything.
pub(super) fn not_valid() -> Refusal {
    Refusal::Failed(wrapping::invalid(), Origin::Core)
}

/// What a request has made that only its answer tells of.
#[derive(Default)]
pub(super) struct Made {
    lease: Option<String>,
    token: Option<ClientToken>,
    /// Undoes what the answer tells of in its own way.
    unreported: Option<Undo>,
    /// Salted hash of the token that the answer is wrapped in.
    wrapping: Option<String>,
}

impl Made {
    /// A renewal makes nothing: its client knows lease and token already.
    fn by(active: &Active, context: &Context, reply: &Reply) -> Self {
        let is_builtin = context
            .mount
            .as_ref()
            .is_some_and(|mount| mount.is_builtin());
        let makes_token = !is_builtin || context.path.starts_with(auth::CREATE);
        let auth = reply.envelope.auth.as_ref().filter(|_| makes_token);
        let lease = Some(&reply.envelope.lease_id);
        let lease = lease.filter(|id| !is_builtin && !id.is_empty());
        Self {
            lease: lease.cloned(),
            token: auth.map(|auth| ClientToken::new(auth.token.text.as_str())),
            unreported: active
                .revocation
                .unreported()
                .take(&reply.envelope.request_id),
            wrapping: None,
        }
    }

    /// Revokes it, since nobody will be told. Returns what the client is told instead.
    pub(super) async fn revoke(self, active: &Arc<Active>) -> Option<&'static str> {
        if let Some(salted) = self.wrapping {
            active.revocation.revoke_later(salted);
        }
        if let Some(id) = &self.lease
            && let Err(error) = active.leases.revoke(id, Mode::Async).await
        {
            tracing::warn!(lease = id, %error, "a lease whose secret nobody received will expire");
        }
        if let Some(token) = &self.token {
            active.revocation.revoke_later(active.tokens.salted(token));
        }
        match self.unreported {
            Some(undo) => undo.await,
            None => None,
        }
    }
}

/// The answer of a request, wrapped if that was asked for, and what nobody will
/// be told of if it does not leave.
///
/// Whatever the request made is revoked if the answer cannot be wrapped, or if
/// the client hangs up meanwhile: an answer is never shown in place of its
/// wrapping.
pub(super) async fn wrap(
    active: &Arc<Active>,
    context: &Context,
    mut reply: Reply,
) -> Result<(Answer, Made), Refusal> {
    let made = Made::by(active, context, &reply);
    let Some(wish) = wish(context, &reply) else {
        return Ok((answer::reply(reply), made));
    };
    // As in OpenBao, only an answer that is not wrapped repeats its data.
    reply.envelope.data_at_top_level = false;
    let accessor = reply.envelope.auth.as_ref();
    let accessor = accessor.map(|auth| auth.token.accessor.clone());
    // A batch token has none.
    let accessor = accessor.filter(|accessor| !accessor.is_empty());
    let mut answer = answer::reply(reply);
    let Some(body) = answer.wrappable_body() else {
        return Ok((answer, made));
    };
    answer.wipe();
    let is_exempt = quota::is_exempt(context);
    let work = {
        let active = Arc::clone(active);
        async move {
            let wrapped = match body {
                Ok(body) => active.wrapping.wrap(body, wish, is_exempt).await,
                Err(error) => Err(error),
            };
            match wrapped {
                Ok(wrapped) => Ok((wrapped, made)),
                Err(error) => {
                    made.revoke(&active).await;
                    Err(error)
                }
            }
        }
    };
    let abandoned = {
        let active = Arc::clone(active);
        |wrapped: Result<(Wrapped, Made), Error>| async move {
            if let Ok((wrapped, made)) = wrapped {
                active.revocation.revoke_later(wrapped.salted);
                made.revoke(&active).await;
            }
        }
    };
    let wrapped = RunToCompletion::new(Arc::clone(&active.tasks) as _, work)
        .or_abandoned(abandoned)
        .await;
    let (mut wrapped, mut made) = wrapped.map_err(|error| Refusal::Failed(error, Origin::Core))?;
    wrapped.inner_accessor = accessor;
    made.wrapping = Some(wrapped.salted.clone());
    Ok((Answer::wrapped(wrapped), made))
}

/// For how long the answer is wrapped: the shorter of what client and backend
/// ask for.
fn wish(context: &Context, reply: &Reply) -> Option<WrapWish> {
    let of_backend = reply.response.as_ref();
    let of_backend = of_backend.and_then(|response| response.wrap_info.as_deref());
    let asked = context.request.wrap_ttl.unwrap_or_default();
    let ttl = smaller_limit(asked, of_backend.map_or(Duration::ZERO, |info| info.ttl));
    let own_path = of_backend.map(|info| info.creation_path.as_str());
    let path = own_path.filter(|path| !path.is_empty());
    (!ttl.is_zero()).then(|| WrapWish {
        // A fraction of a second must not become none.
        ttl: Duration::from_secs(
            ttl.as_secs()
                .saturating_add(u64::from(ttl.subsec_nanos() > 0)),
        ),
        creation_path: path.unwrap_or(&context.path).to_owned(),
    })
}
