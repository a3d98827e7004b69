//! Counts the request for the quota that is about it, before anything else is done.

use super::Context;
use crate::active::Active;
use crate::errors::Refusal;
use crate::quotas::{Taken, Target, Verdict};

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
