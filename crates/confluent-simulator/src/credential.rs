//! What a request authenticates itself with.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a request authenticates itself with.
pub(crate) enum Credential {
    /// An API key.
    Key { id: String, secret: String },
    /// The token of a session.
    Session(String),
    /// Nothing, or nothing that can be read.
    None,
}

impl Credential {
    /// Reads the `Authorization` header.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self::read(headers).unwrap_or(Self::None)
    }

    fn read(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = header.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Session(token.trim().to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some(Self::Key {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }
}
