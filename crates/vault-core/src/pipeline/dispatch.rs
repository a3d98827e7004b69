//! Hands the request to its backend.

use std::sync::Arc;

use logical::{Error, Request, Response};

use super::{Context, headers};
use crate::auth;
use crate::errors::{Origin, Refusal};
use crate::routing::{Entered, Mount, panicked};

/// Calls the backend. The request counts as inside the mount until the returned
/// guard is dropped, so that removing the mount sees the lease of the response.
pub(super) async fn dispatch(
    context: &mut Context,
) -> Result<(Entered, Option<Response>), Refusal> {
    let Some(mount) = &context.mount else {
        return Err(Refusal::NoRoute(context.path.clone()));
    };
    let entered = mount.enter().ok_or_else(|| closed(mount, &context.path))?;
    if context.request.unauthenticated && mount.is_auth() {
        context.login_request = Some(Box::new(context.request.clone()));
    }
    if mount.is_builtin() {
        let caller = context.caller.as_ref();
        let entry = caller.map(|caller| Arc::clone(&caller.entry));
        context.request.host_data = entry.map(|entry| entry as _);
    }
    if mount.is_builtin() && context.request.mount_type == auth::TOKEN_MOUNT {
        let request = &mut context.request;
        let fields = auth::caller_fields(&request.path, &request.data, context.token.as_ref());
        request.data.extend(fields);
    }
    let response = mount.handle(take(&mut context.request)).await;
    let mut response = response.map_err(|error| failed(mount, error))?;
    if let Some(response) = &mut response {
        headers::of_response(mount, response);
    }
    Ok((entered, response))
}

/// The refusal of a mount that takes no request.
fn closed(mount: &Mount, path: &str) -> Refusal {
    if mount.is_upgrading() && !mount.is_tainted() {
        Refusal::Upgrading
    } else {
        Refusal::Tainted(path.to_owned())
    }
}

/// The refusal for a failed call of a mount's backend.
pub(super) fn failed(mount: &Mount, error: Error) -> Refusal {
    let is_own = mount.is_builtin() || error == panicked();
    let origin = if is_own { Origin::Core } else { Origin::Engine };
    Refusal::Failed(error, origin)
}

/// Takes the request for the backend, and keeps what later stages need of it.
fn take(kept: &mut Request) -> Request {
    let rest = Request::new(kept.operation, "");
    let request = std::mem::replace(kept, rest);
    kept.id.clone_from(&request.id);
    kept.mount_type.clone_from(&request.mount_type);
    kept.client_token.clone_from(&request.client_token);
    kept.wrap_ttl = request.wrap_ttl;
    request
}
