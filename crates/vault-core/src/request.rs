//! Requests as the network delivers them, and their normalization for the
//! pipeline.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use logical::{Connection, Object, Operation};

use crate::ClientToken;
use crate::errors::Refusal;

/// A request from the network. `Debug` shows the keys of its data but not their
/// values.
#[derive(Clone)]
pub struct ClientRequest {
    /// Operation. A write is [`Operation::Update`]: the core finds out whether
    /// it creates.
    pub operation: Operation,
    /// Path below `/v1/`, without a leading slash.
    pub path: String,
    /// Body or query.
    pub data: Object,
    /// The caller's token.
    pub token: Option<ClientToken>,
    /// For how long the answer is to be wrapped.
    pub wrap_ttl: Option<Duration>,
    /// Connection on which the request arrived.
    pub connection: Option<Connection>,
    /// The headers, by their lower-case names, without the one that had the token. A
    /// mount gets those that it is tuned to.
    pub headers: BTreeMap<String, Vec<String>>,
}

impl ClientRequest {
    /// A request without data, token or connection.
    pub fn new(operation: Operation, path: impl Into<String>) -> Self {
        Self {
            operation,
            path: path.into(),
            data: Object::new(),
            token: None,
            wrap_ttl: None,
            connection: None,
            headers: BTreeMap::new(),
        }
    }

    /// The same request with this data.
    #[must_use]
    pub fn with_data(mut self, data: Object) -> Self {
        self.data = data;
        self
    }

    /// The same request with this token.
    #[must_use]
    pub fn with_token(mut self, token: Option<ClientToken>) -> Self {
        self.token = token;
        self
    }
}

impl fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.data.keys().collect();
        f.debug_struct("ClientRequest")
            .field("operation", &self.operation)
            .field("path", &self.path)
            .field("data_keys", &keys)
            .field("wrap_ttl", &self.wrap_ttl)
            .field("connection", &self.connection)
            .field("header_names", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

/// Normalizes a request for the pipeline.
///
/// # Errors
/// The refusal of a malformed request.
pub(crate) fn normalize(request: &mut ClientRequest) -> Result<(), Refusal> {
    let path = &request.path;
    if path.chars().any(char::is_control) {
        return Err(Refusal::Malformed(
            "path cannot contain non-printable characters",
        ));
    }
    if path.split('/').any(|segment| segment == "..") {
        return Err(Refusal::Malformed("path cannot contain relative segments"));
    }
    match request.operation {
        Operation::List | Operation::Scan if !path.is_empty() && !path.ends_with('/') => {
            request.path.push('/');
            Ok(())
        }
        Operation::Create | Operation::Update | Operation::Patch if path.ends_with('/') => {
            Err(Refusal::Malformed("cannot write to a path ending in '/'"))
        }
        // Leases are renewed and revoked through `sys/leases`, never on an
        // engine's path.
        Operation::Renew | Operation::Revoke | Operation::Rollback => {
            Err(Refusal::UnsupportedMethod)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(operation: Operation, path: &str) -> Result<String, u16> {
        let mut request = ClientRequest::new(operation, path);
        match normalize(&mut request) {
            Ok(()) => Ok(request.path),
            Err(refusal) => Err(crate::errors::answer(&refusal).status()),
        }
    }

    #[test]
    fn a_list_gets_a_slash_and_a_write_must_not_have_one() {
        assert_eq!(normalized(Operation::List, "a/role"), Ok("a/role/".into()));
        assert_eq!(normalized(Operation::List, "a/role/"), Ok("a/role/".into()));
        assert_eq!(normalized(Operation::Read, "a/role"), Ok("a/role".into()));
        assert_eq!(normalized(Operation::Update, "a/role/"), Err(400));
    }

    #[test]
    fn odd_paths_and_operations_of_hosts_are_refused() {
        assert_eq!(normalized(Operation::Read, "a/../b"), Err(400));
        assert_eq!(normalized(Operation::Read, "a\u{0}"), Err(400));
        assert_eq!(normalized(Operation::Revoke, "a/creds/x"), Err(405));
        assert_eq!(normalized(Operation::Read, "a/..b"), Ok("a/..b".into()));
    }

    #[test]
    fn debug_shows_no_data_and_no_token() {
        let data = Object::from_iter([("secret".to_owned(), "canary".into())]);
        let request = ClientRequest::new(Operation::Update, "a/config")
            .with_data(data)
            .with_token(Some(ClientToken::new("canary")));
        let request = ClientRequest {
            headers: [("x-secret".to_owned(), vec!["canary".to_owned()])].into(),
            ..request
        };
        let shown = format!("{request:?}");
        assert!(shown.contains("a/config") && !shown.contains("canary"));
    }
}
