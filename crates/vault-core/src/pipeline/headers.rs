//! The headers that a mount is tuned to: those of the request that its backend sees,
//! and those of the response that the client sees.

use std::collections::BTreeMap;

use logical::Response;

use crate::routing::Mount;

type Headers = BTreeMap<String, Vec<String>>;

/// Removes what `passthrough_request_headers` of the mount does not name.
pub(super) fn of_request(mount: &Mount, headers: &mut Headers) {
    mount
        .settings
        .read(|entry| keep(headers, &entry.tuning.passthrough_request_headers));
}

/// Removes what `allowed_response_headers` of the mount does not name.
pub(super) fn of_response(mount: &Mount, response: &mut Response) {
    if response.headers.is_empty() {
        return;
    }
    mount.settings.read(|entry| {
        keep(
            &mut response.headers,
            &entry.tuning.allowed_response_headers,
        );
    });
}

fn keep(headers: &mut Headers, named: &[String]) {
    headers.retain(|header, _| named.iter().any(|name| name.eq_ignore_ascii_case(header)));
}
