//! One request: who asks, by which address, and with which query.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use url::form_urlencoded;

use super::Base;
use crate::{Caller, Refusal, Simulator};

/// An authenticated request.
pub(super) struct Call {
    pub(super) simulator: Simulator,
    /// When it came.
    pub(super) now: Timestamp,
    pub(super) caller: Caller,
    pub(super) base: String,
    pub(super) query: Query,
}

/// The parameters of a request. An empty one means the same as none.
pub(super) struct Query(Vec<(String, String)>);

impl FromRequestParts<Simulator> for Call {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        simulator: &Simulator,
    ) -> Result<Self, Self::Rejection> {
        let now = simulator.clock().now();
        let (id, secret) = basic(parts).ok_or_else(Refusal::unauthorized)?;
        let caller = simulator.world().authenticate(now, &id, &secret)?;
        let Base(base) = parts
            .extensions
            .get::<Base>()
            .cloned()
            .ok_or_else(Refusal::not_found)?;
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self {
            simulator: simulator.clone(),
            now,
            caller,
            base,
            query: Query(pairs.into_owned().collect()),
        })
    }
}

impl Query {
    /// The first value of a parameter, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter that is not empty.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether the parameter is there at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The query once more, for links, without some parameters.
    pub(super) fn without(&self, names: &[&str]) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .filter(|(key, _)| !names.contains(&key.as_str()))
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}

/// A body that must be a JSON object, whatever its content type says.
pub(super) fn object(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(Refusal::not_json)
}

/// A text in a body; null means the same as absent.
pub(super) fn text(body: &Value, pointer: &'static str) -> Result<Option<String>, Refusal> {
    match body.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::member(pointer, format!("{pointer} is no string"))),
    }
}

fn basic(parts: &Parts) -> Option<(String, String)> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
