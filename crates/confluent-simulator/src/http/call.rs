//! An authenticated request: its caller, base address and query.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use jiff::Timestamp;
use url::form_urlencoded;

use super::base::Base;
use crate::clock::earlier;
use crate::credential::Credential;
use crate::world::{AuditRecord, KeyReference};
use crate::{Caller, LastPage, Refusal, Simulator, World};

/// Names of objects in audit events, by path prefix. Requests about API keys are
/// recorded by their handlers, together with the outcome.
const AUDIT_NOUNS: [(&str, &str); 12] = [
    ("/iam/v2/service-accounts", "ServiceAccount"),
    ("/iam/v2/users", "User"),
    ("/iam/v2/role-bindings", "RoleBinding"),
    ("/org/v2/environments", "Environment"),
    ("/org/v2/organizations", "Organization"),
    ("/cmk/v2/clusters", "KafkaCluster"),
    ("/srcm/", "SchemaRegistryCluster"),
    ("/ksqldbcm/", "KsqldbCluster"),
    ("/fcpm/", "FlinkRegion"),
    ("/pim/", "ProviderIntegration"),
    ("/connect/", "Connector"),
    ("/service-quota/", "AppliedQuota"),
];

/// An authenticated request.
pub(super) struct Call {
    pub(super) simulator: Simulator,
    /// When it came.
    pub(super) now: Timestamp,
    pub(super) caller: Caller,
    pub(super) base: String,
    pub(super) query: Query,
    pub(super) last_page: LastPage,
    /// The time that a list of keys is of, unless it is of now.
    pub(super) as_of: Option<Timestamp>,
}

/// In a request whose list of keys is to be as old as this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stale(pub(super) Duration);

/// The parameters of a request. An empty one means the same as none.
pub(super) struct Query(Vec<(String, String)>);

impl FromRequestParts<Simulator> for Call {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        simulator: &Simulator,
    ) -> Result<Self, Self::Rejection> {
        let now = simulator.clock().now();
        let caller = authenticate(parts, simulator, now)?;
        let switches = simulator.world().switches().clone();
        let lag = match parts.extensions.get::<Stale>() {
            Some(Stale(lag)) => *lag,
            None => switches.list_lag,
        };
        let Base(base) = parts
            .extensions
            .get::<Base>()
            .cloned()
            .ok_or_else(Refusal::not_found)?;
        Ok(Self {
            simulator: simulator.clone(),
            now,
            caller,
            base,
            query: Query::of(parts.uri.query()),
            last_page: switches.last_page,
            as_of: (!lag.is_zero()).then(|| earlier(now, lag)),
        })
    }
}

impl Call {
    /// Requires an administrator.
    pub(super) fn admin(&self) -> Result<(), Refusal> {
        if self.caller.is_admin() {
            Ok(())
        } else {
            Err(Refusal::forbidden())
        }
    }

    /// Records the outcome of a request about API keys.
    pub(super) fn record(
        &self,
        world: &mut World,
        method: &str,
        about: Option<KeyReference>,
        granted: bool,
    ) {
        let modifies = !method.starts_with("Get");
        let record = AuditRecord::request(method, modifies, &self.caller, about);
        world.record(self.now, record, granted);
    }
}

impl Query {
    pub(super) fn of(text: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

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

/// Authenticates a request and records it, except for requests about API keys,
/// which are recorded with their outcome.
fn authenticate(parts: &Parts, simulator: &Simulator, now: Timestamp) -> Result<Caller, Refusal> {
    let mut world = simulator.world();
    let result = match Credential::of(&parts.headers) {
        Credential::Key { id, secret } => world.authenticate(now, &id, &secret),
        Credential::Session(token) => world.resume_session(now, &token),
        Credential::None => Err(Refusal::unauthorized()),
    };
    let method = method_name(&parts.method, parts.uri.path());
    let modifies = parts.method != Method::GET;
    match (&result, method) {
        (Ok(caller), Some(method)) => {
            let record = AuditRecord::request(&method, modifies, caller, None);
            world.record(now, record, true);
        }
        (Err(_), method) => {
            let record = AuditRecord::Request {
                method: method.unwrap_or_else(|| "Authentication".into()),
                modifies,
                by: None,
                key: None,
            };
            world.record(now, record, false);
        }
        (Ok(_), None) => {}
    }
    result
}

fn method_name(method: &Method, path: &str) -> Option<String> {
    let path = path.strip_prefix("/api").unwrap_or(path);
    let (beginning, noun) = AUDIT_NOUNS
        .iter()
        .find(|(beginning, _)| path.starts_with(beginning))?;
    let one = path.len() > beginning.len();
    Some(match *method {
        Method::POST => format!("Create{noun}"),
        Method::PATCH => format!("Update{noun}"),
        Method::DELETE => format!("Delete{noun}"),
        _ if one => format!("Get{noun}"),
        _ => format!("List{noun}s"),
    })
}
