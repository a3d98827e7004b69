//! Responses of a backend.
//!
//! No response at all (`None`) differs from a response without data: hosts
//! answer the first with 404 or 204, the second with 200
//! (`sdk/logical/response_util.go` in Vault).

use std::fmt;

use serde_json::Value;

use crate::{Object, Secret};

/// What a backend answers. `Debug` names the data's keys but not its values.
#[derive(Clone, Default, PartialEq)]
pub struct Response {
    /// The data for the client, or none.
    pub data: Option<Object>,
    /// Present when the data is under a lease.
    pub secret: Option<Secret>,
    /// Sentences for the client beside the data.
    pub warnings: Vec<String>,
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

    /// The same response with one more warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
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
            .field("warnings", &self.warnings)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_keys_but_no_values() {
        let mut data = Object::new();
        data.insert("secret".into(), "cflt-canary".into());
        let shown = format!("{:?}", Response::with_data(data));
        assert!(shown.contains("secret"));
        assert!(!shown.contains("canary"));
    }

    #[test]
    fn an_empty_list_has_no_keys() {
        assert_eq!(Response::list(Vec::new()).get("keys"), None);
    }
}
