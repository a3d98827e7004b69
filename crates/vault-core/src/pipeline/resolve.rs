//! Finds the mount of a request.

use logical::Request;

use super::wrap::Unwraps;
use super::{Context, headers};
use crate::active::Active;
use crate::request::ClientRequest;

/// Routes the request and translates it to the form that its backend gets.
pub(super) fn resolve(active: &Active, client: ClientRequest, id: String) -> Context {
    let mut request = Request::new(client.operation, "").with_data(client.data);
    request.id = id;
    request.connection = client.connection;
    request.wrap_ttl = client.wrap_ttl;
    let mount = active.router.route(&client.path).map(|(mount, inside)| {
        request.path = inside;
        request.headers = client.headers;
        headers::of_request(&mount, &mut request.headers);
        mount.settings.read(|entry| {
            request.mount_point.clone_from(&entry.path);
            request.mount_accessor.clone_from(&entry.accessor);
            request.mount_type.clone_from(&entry.kind);
        });
        mount
    });
    Context {
        path: client.path,
        token: client.token,
        caller: None,
        entity: None,
        last_use: None,
        unwraps: Unwraps::default(),
        attempt: None,
        headers: Vec::new(),
        policy_results: None,
        login_request: None,
        mount,
        request,
    }
}
