//! Sessions of users at the vendor's command line, which sends a bearer token
//! where other clients send a key.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use confluent_cloud::ids::OwnerId;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::World;
use super::caller::Caller;
use crate::Refusal;
use crate::clock::later;

/// How long a session lasts.
const LENGTH: Duration = Duration::from_hours(24);

/// Sessions by their tokens, which are as good as passwords and never shown.
#[derive(Clone, Default)]
pub(super) struct Sessions(HashMap<String, Session>);

#[derive(Clone)]
struct Session {
    user: OwnerId,
    ends_at: Timestamp,
}

impl Sessions {
    /// Ends all sessions of a user.
    pub(super) fn end_of(&mut self, user: &str) {
        self.0.retain(|_, session| session.user.as_str() != user);
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.0.len())
    }
}

impl World {
    /// Begins a session of the user with an address, and returns its token. No
    /// user has a password, so that any that is not empty will do.
    ///
    /// # Errors
    /// 401 for an unknown address, an empty password or another organization.
    pub(crate) fn begin_session(
        &mut self,
        now: Timestamp,
        email: &str,
        password: &str,
        organization: Option<&str>,
    ) -> Result<String, Refusal> {
        let ours = organization.is_none_or(|id| id == self.organization.as_str());
        let user = self
            .users
            .iter()
            .find(|user| ours && user.email == email && !password.is_empty())
            .map(|user| user.id.clone())
            .ok_or_else(Refusal::unauthorized)?;
        let ends_at = later(now, LENGTH).unwrap_or(Timestamp::MAX);
        let claims = json!({
            "jti": self.random.sessions.trace_id(),
            "sub": user.as_str(),
            "organization": self.organization.as_str(),
            "iat": now.as_second(),
            "exp": ends_at.as_second(),
        });
        let token = signed(&claims, &self.random.sessions.trace_id());
        self.sessions.0.retain(|_, session| session.ends_at > now);
        self.sessions
            .0
            .insert(token.clone(), Session { user, ends_at });
        Ok(token)
    }

    /// Accepts the token of a session.
    ///
    /// # Errors
    /// 401 when there is no such session or it ended.
    pub(crate) fn resume_session(&self, now: Timestamp, token: &str) -> Result<Caller, Refusal> {
        let session = self
            .sessions
            .0
            .get(token)
            .filter(|session| now < session.ends_at)
            .ok_or_else(Refusal::unauthorized)?;
        Ok(self.caller(now, session.user.clone(), None))
    }
}

/// A JSON Web Token. The vendor's command line reads the claims of a token
/// whose header names an algorithm that it knows; it cannot check the
/// signature. Here a token is known as a whole, so that the key of its
/// signature is used once.
fn signed(claims: &Value, key: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"alg": "HS256", "typ": "JWT"}));
    let text = format!("{header}.{}", part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}
