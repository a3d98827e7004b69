//! Serializes an answer of the core, with the headers that Vault sends.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use vault_core::Answer;

/// The answer as an HTTP response.
pub(super) fn write(answer: &Answer) -> Response<Bytes> {
    let body = answer.body();
    // Not copied, because a copy would not be wiped.
    let body = body.map_or_else(Bytes::new, Bytes::from_owner);
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000; includeSubDomains"),
    );
    for (name, value) in answer.headers() {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    if let Ok(kind) = HeaderValue::from_str(answer.content_type()) {
        headers.insert(CONTENT_TYPE, kind);
    }
    response
}
