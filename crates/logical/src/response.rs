//! Responses of a backend.
//!
//! No response at all (`None`) differs from a response without data: hosts
//! answer the first with 404 or 204, the second with 200
//! (`sdk/logical/response_util.go` in Vault).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::{Auth, Object, Secret};

/// What a backend answers. `Debug` names the data's keys but not its values.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// The data for the client, or none.
    pub data: Option<Object>,
    /// Present when the data is under a lease.
    pub secret: Option<Secret>,
    /// Present when an auth method accepts a login, or renews one. Boxed, like
    /// the wrapping: few responses have them, and every stage moves the response.
    pub auth: Option<Box<Auth>>,
    /// Sentences for the client beside the data.
    pub warnings: Vec<String>,
    /// Where the client finds what it asked for, or empty.
    pub redirect: String,
    /// The wrapping that the backend asks for, or the token that its host
    /// wrapped the answer in.
    pub wrap_info: Option<Box<WrapInfo>>,
    /// Headers of the answer, by their lower-case names.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The HTTP status, if it is not the one that hosts give a response. The
    /// rest of the response is answered all the same.
    pub status: Option<u16>,
    /// When readers should read again, for data that is under no lease. Hosts
    /// that cannot tell clients leave it out.
    pub refresh_after: Option<Duration>,
}

/// The wrapping of an answer (`sdk/helper/wrapping/wrapinfo.go` in Vault).
/// `Debug` does not show the token.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrapInfo {
    /// For how long.
    pub ttl: Duration,
    /// The token that unwraps it; empty until the host made one.
    pub token: String,
    /// The accessor of that token.
    pub accessor: String,
    /// The path whose answer is wrapped.
    pub creation_path: String,
}

impl WrapInfo {
    /// A request to wrap the answer for this long.
    pub fn for_ttl(ttl: Duration) -> Self {
        Self {
            ttl,
            ..Self::default()
        }
    }
}

impl fmt::Debug for WrapInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrapInfo")
            .field("ttl", &self.ttl)
            .field("accessor", &self.accessor)
            .field("creation_path", &self.creation_path)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// A response with data.
    pub fn with_data(data: Object) -> Self {
        Self {
            data: Some(data),
            ..Self::default()
        }
    }

    /// The answer to a list. The key `keys` is left out when there are none,
    /// which hosts answer with 404.
    pub fn list(names: Vec<String>) -> Self {
        let mut data = Object::new();
        if !names.is_empty() {
            data.insert("keys".into(), names.into());
        }
        Self::with_data(data)
    }

    /// A response with a lease and no data: the answer to a renewal.
    pub fn renewed(secret: Secret) -> Self {
        Self::default().under(secret)
    }

    /// The same response under a lease.
    #[must_use]
    pub fn under(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// A login that is accepted or renewed.
    pub fn login(auth: Auth) -> Self {
        Self {
            auth: Some(Box::new(auth)),
            ..Self::default()
        }
    }

    /// The same response with one more warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// The same response with more warnings.
    #[must_use]
    pub fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// The same response with this HTTP status, such as 404 for an object whose
    /// description is known.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same response, to be read again after this time.
    #[must_use]
    pub fn refresh_after(mut self, time: Duration) -> Self {
        self.refresh_after = Some(time);
        self
    }

    /// One value of the data.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.data.as_ref().and_then(|data| data.get(key))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Option<Vec<&String>> = self.data.as_ref().map(|data| data.keys().collect());
        f.debug_struct("Response")
            .field("data_keys", &keys)
            .field("secret", &self.secret)
            .field("auth", &self.auth)
            .field("warnings", &self.warnings)
            .field("redirect", &self.redirect)
            .field("wrap_info", &self.wrap_info)
            .field("header_names", &self.headers.keys())
            .field("status", &self.status)
            .field("refresh_after", &self.refresh_after)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LeaseOptions;
    use crate::lease::SECRET_TYPE;

    #[test]
    fn debug_shows_keys_but_no_values() {
        let mut data = Object::new();
        data.insert("secret".into(), "cflt-canary".into());
        let shown = format!("{:?}", Response::with_data(data));
        assert!(shown.contains("secret"));
        assert!(!shown.contains("canary"));
    }

    #[test]
    fn a_lease_names_its_kind_where_the_framework_looks_for_it() {
        let lease = LeaseOptions::renewable(Duration::from_secs(1), Duration::ZERO);
        let renewed = Response::renewed(Secret::new("loan", lease));
        assert_eq!(renewed.data, None);
        let notes = renewed.secret.unwrap().internal_data;
        assert_eq!(notes.get(SECRET_TYPE), Some(&"loan".into()));
    }

    #[test]
    fn an_empty_list_has_no_keys() {
        assert_eq!(Response::list(Vec::new()).get("keys"), None);
    }
}
