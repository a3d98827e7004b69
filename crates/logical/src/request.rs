//! Requests as a backend sees them: an operation on a path inside its mount.
//!
//! A request carries no raw client token; hosts salt it before it gets here.

use core::any::Any;
use core::net::IpAddr;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::{Auth, Object, Secret};

/// What a request asks a path to do (`sdk/logical/request.go` in Vault).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Write to a path whose object does not exist.
    Create,
    /// Read an object.
    Read,
    /// Write to a path whose object exists, or that has no existence check.
    Update,
    /// Merge into an object (RFC 7396).
    Patch,
    /// Delete an object.
    Delete,
    /// List the names below a path.
    List,
    /// List everything below a path (OpenBao 2.2 and later).
    Scan,
    /// Explain a path.
    Help,
    /// The head of a read.
    Header,
    /// Extend a lease.
    Renew,
    /// End a lease.
    Revoke,
    /// The host's periodic call.
    Rollback,
}

impl Operation {
    const NAMES: [(Self, &'static str); 12] = [
        (Self::Create, "create"),
        (Self::Read, "read"),
        (Self::Update, "update"),
        (Self::Patch, "patch"),
        (Self::Delete, "delete"),
        (Self::List, "list"),
        (Self::Scan, "scan"),
        (Self::Help, "help"),
        (Self::Header, "header"),
        (Self::Renew, "renew"),
        (Self::Revoke, "revoke"),
        (Self::Rollback, "rollback"),
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(operation, _)| *operation == self)
            .map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A host asked for an operation that is not known here, such as OpenBao's
/// `resolve-path`. It is answered as unsupported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownOperation(pub String);

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(operation, _)| *operation)
            .ok_or_else(|| UnknownOperation(name.to_owned()))
    }
}

/// How a request reached its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The client's address, or none when the host does not tell it.
    pub remote_address: Option<IpAddr>,
    /// The client's port; zero when the host does not tell it.
    pub remote_port: u16,
    /// The client's certificate and those that vouch for it, in DER form.
    pub client_certificates: Vec<Vec<u8>>,
}

impl Connection {
    /// A connection from this address.
    pub fn new(remote_address: IpAddr, remote_port: u16) -> Self {
        Self {
            remote_address: Some(remote_address),
            remote_port,
            client_certificates: Vec::new(),
        }
    }
}

/// One request to a backend. `Debug` names the keys of its data and headers
/// but not their values, since both may hold secrets.
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// The host's id of the request, for logs.
    pub id: String,
    /// What to do.
    pub operation: Operation,
    /// Where, relative to the mount, without a leading slash.
    pub path: String,
    /// Body and query parameters; on renew and revoke, the data that was
    /// answered when the lease was made.
    pub data: Object,
    /// The lease that is renewed or revoked.
    pub secret: Option<Secret>,
    /// The login that is renewed, as its auth method proposed it. Boxed: most
    /// requests have none, and every stage moves the request.
    pub auth: Option<Box<Auth>>,
    /// Path of the mount with a trailing slash, for example `confluent/`.
    pub mount_point: String,
    /// The kind of the mount, for example `confluent-cloud`, or empty.
    pub mount_type: String,
    /// Accessor of the mount, or empty where the host does not give it.
    pub mount_accessor: String,
    /// A name for the requester, for example `token` or `approle`.
    pub display_name: String,
    /// The requester's identity, or empty.
    pub entity_id: String,
    /// Salted token of the requester, stable for one token, or empty.
    pub client_token: String,
    /// Accessor of the requester's token, or empty.
    pub client_token_accessor: String,
    /// Whether its path needs no token, so that no policy was consulted. The
    /// caller may have sent a token all the same.
    pub unauthenticated: bool,
    /// How it reached the host, or none where the host does not say.
    pub connection: Option<Connection>,
    /// The headers that the mount is tuned to pass on, by their lower-case
    /// names.
    pub headers: BTreeMap<String, Vec<String>>,
    /// For how long the answer will be wrapped, when the client asks for it.
    pub wrap_ttl: Option<Duration>,
    /// What a host hands to backends that are a part of itself, such as those
    /// for its tokens. Engines have no use for it.
    pub host_data: Option<Arc<dyn Any + Send + Sync>>,
}

impl Request {
    /// A request for an operation on a path, with everything else empty.
    pub fn new(operation: Operation, path: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            operation,
            path: path.into(),
            data: Object::new(),
            secret: None,
            auth: None,
            mount_point: String::new(),
            mount_type: String::new(),
            mount_accessor: String::new(),
            display_name: String::new(),
            entity_id: String::new(),
            client_token: String::new(),
            client_token_accessor: String::new(),
            unauthenticated: false,
            connection: None,
            headers: BTreeMap::new(),
            wrap_ttl: None,
            host_data: None,
        }
    }

    /// The same request with this data.
    #[must_use]
    pub fn with_data(mut self, data: Object) -> Self {
        self.data = data;
        self
    }

    /// The same request about this lease.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.data.keys().collect();
        f.debug_struct("Request")
            .field("id", &self.id)
            .field("operation", &self.operation)
            .field("path", &self.path)
            .field("data_keys", &keys)
            .field("secret", &self.secret)
            .field("auth", &self.auth)
            .field("mount_point", &self.mount_point)
            .field("mount_type", &self.mount_type)
            .field("display_name", &self.display_name)
            .field("entity_id", &self.entity_id)
            .field("unauthenticated", &self.unauthenticated)
            .field("connection", &self.connection)
            .field("header_names", &self.headers.keys())
            .field("wrap_ttl", &self.wrap_ttl)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LeaseOptions;

    #[test]
    fn every_operation_reads_back_from_its_name() {
        for (operation, name) in Operation::NAMES {
            assert_eq!(name.parse(), Ok(operation));
            assert_eq!(operation.to_string(), name);
        }
    }

    #[test]
    fn an_operation_of_a_newer_host_is_reported_by_name() {
        let unknown = "resolve-path".parse::<Operation>();
        assert_eq!(unknown, Err(UnknownOperation("resolve-path".into())));
    }

    #[test]
    fn debug_shows_no_value_of_data_headers_or_leases() {
        let canary = || Object::from_iter([("secret".to_owned(), "canary".into())]);
        let lease = Secret::from_parts(LeaseOptions::default(), canary(), "lease/1");
        let mut request = Request::new(Operation::Update, "config")
            .with_data(canary())
            .with_secret(lease);
        request.client_token = "canary".into();
        request
            .headers
            .insert("authorization".into(), vec!["canary".into()]);
        let shown = format!("{request:?}");
        assert!(shown.contains("config") && shown.contains("authorization"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
