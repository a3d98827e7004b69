//! Counts the request for the quota that is about it, before anything else is done, and
//! takes the place of the lease that it probably gets, before its secret is made.

use super::Context;
use crate::active::Active;
use crate::errors::{Origin, Refusal};
use crate::quotas::{Claim, Taken, Target, Verdict};

/// Counts a request.
///
/// # Errors
/// The refusal when there are too many. Nothing was looked up for it but, if a
/// quota asks for it, the role of a login.
pub(super) async fn count(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let role = role(active, context).await;
    let target = Target {
        path: &context.path,
        mount: &context.request.mount_point,
        role: role.as_deref().unwrap_or_default(),
    };
    let connection = context.request.connection.as_ref();
    let client = connection.and_then(|connection| connection.remote_address);
    let Some(verdict) = active.quotas.take(target, client) else {
        return Ok(());
    };
    if verdict.shown {
        context.headers.extend(headers(verdict));
    }
    match verdict.taken {
        Taken::Allowed(_) => Ok(()),
        Taken::Refused { .. } | Taken::Blocked { .. } => {
            Err(Refusal::OverQuota(context.path.clone()))
        }
    }
}

/// The place of a request's lease. Whether there will be one is not known before the
/// engine has answered; where the last answer had one, the place is taken now.
///
/// # Errors
/// The refusal if there is no place.
pub(super) async fn claim(active: &Active, context: &Context) -> Result<Claim, Refusal> {
    if is_exempt(context) {
        return Ok(Claim::Exempt);
    }
    let counts = active.leases.counts();
    if !counts.is_on() {
        return Ok(Claim::Open(Box::default()));
    }
    let request = format!("{} {}", context.request.operation.as_str(), context.path);
    if counts.is_leasing(&request) {
        let place = counts.place(&context.path).await;
        let place = place.map_err(|error| Refusal::Failed(error, Origin::Core))?;
        if let Some(place) = place {
            return Ok(Claim::Placed(place));
        }
    }
    Ok(Claim::Open(request.into()))
}

/// Whether no quota of leases refuses the request: it has a root token.
pub(super) fn is_exempt(context: &Context) -> bool {
    let caller = context.caller.as_ref();
    caller.is_some_and(|caller| caller.entry.is_root())
}

/// The role of a login, if a quota asks for it. One that cannot be found out counts
/// for no role.
async fn role(active: &Active, context: &Context) -> Option<String> {
    let mount = context.mount.as_ref()?;
    let is_login = mount.is_auth() && mount.is_unauthenticated(&context.request.path);
    if !is_login || !active.quotas.asks_for_role(&context.request.mount_point) {
        return None;
    }
    let subject = mount.login_subject(context.request.clone()).await.ok()?;
    subject?.role
}

/// What the answer tells, in whole seconds.
fn headers(verdict: Verdict) -> Vec<(&'static str, String)> {
    let (left, retry) = match verdict.taken {
        Taken::Allowed(left) => (Some(left), None),
        Taken::Refused { left, retry } => (Some(left), Some(retry)),
        Taken::Blocked { retry } => (None, Some(retry)),
    };
    let mut headers = Vec::new();
    if let Some(left) = left {
        headers.push(("x-ratelimit-limit", left.limit.to_string()));
        headers.push(("x-ratelimit-remaining", left.remaining.to_string()));
        headers.push(("x-ratelimit-reset", left.reset.as_secs().to_string()));
    }
    if let Some(retry) = retry {
        headers.push(("retry-after", retry.as_secs().to_string()));
    }
    headers
}
