//! The status of the server, without a token and without the envelope: health,
//! seal and leader.
//!
//! Members and status codes are Vault's (`http/sys_health.go`,
//! `http/sys_seal.go`); where Vault and OpenBao differ, both forms are
//! included.

use std::sync::Arc;

use logical::{Clock, Error, Object, Operation, Storage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::effects::Effects;
use crate::random;
use crate::server_info::ServerInfo;
use crate::storage::{Version, View};
use crate::{Answer, ClientRequest};

const CLUSTER: &str = "core/cluster";
const ACTIVE: u16 = 200;

/// Name and id of the cluster, generated at the first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cluster {
    #[serde(default)]
    version: Version<1>,
    name: String,
    id: String,
}

impl Cluster {
    /// Loads name and id, or generates them.
    pub(crate) async fn open(effects: &Effects) -> Result<Self, Error> {
        let storage: Arc<dyn Storage> = Arc::clone(&effects.storage);
        let storage = View::new(storage, "");
        if let Some(known) = storage.read(CLUSTER).await? {
            return Ok(known);
        }
        let entropy = effects.entropy.as_ref();
        let fresh = Self {
            version: Version,
            name: format!("lockkeeper-cluster-{}", random::hex8(entropy)),
            id: random::uuid(entropy),
        };
        storage.write(CLUSTER, &fresh).await?;
        Ok(fresh)
    }

    #[cfg(test)]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The codes that a query of `sys/health` may override, and their usual values
/// (`http/sys_health.go`). Those of a cluster are read and never used.
const CODES: [(&str, u16); 8] = [
    ("activecode", ACTIVE),
    ("sealedcode", 503),
    ("uninitcode", 501),
    ("standbycode", 429),
    ("performancestandbycode", 473),
    ("drsecondarycode", 472),
    ("haunhealthycode", 474),
    ("removedcode", 530),
];

/// The state of the seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) initialized: bool,
    pub(crate) sealed: bool,
    /// How many shares there are.
    pub(crate) shares: u8,
    /// How many of them are needed.
    pub(crate) threshold: u8,
    /// How many were given.
    pub(crate) progress: usize,
    /// The name of the attempt that they belong to.
    pub(crate) nonce: String,
    /// Known while unsealed.
    pub(crate) cluster: Option<Cluster>,
}

impl Seal {
    /// Without keys.
    pub(crate) fn uninitialized() -> Self {
        Self {
            initialized: false,
            sealed: true,
            shares: 0,
            threshold: 0,
            progress: 0,
            nonce: String::new(),
            cluster: None,
        }
    }

    /// With keys that are not in memory.
    pub(crate) fn sealed() -> Self {
        Self {
            initialized: true,
            ..Self::uninitialized()
        }
    }

    /// With keys in memory.
    pub(crate) fn active(cluster: Cluster) -> Self {
        Self {
            sealed: false,
            cluster: Some(cluster),
            ..Self::sealed()
        }
    }
}

/// Answers requests for the status of the server.
pub(crate) struct Status {
    server_info: ServerInfo,
    clock: Arc<dyn Clock>,
}

impl Status {
    pub(crate) fn new(server_info: ServerInfo, clock: Arc<dyn Clock>) -> Self {
        Self { server_info, clock }
    }

    /// The answer, if the request asks for the status of the server.
    pub(crate) fn answer(&self, request: &ClientRequest, seal: &Seal) -> Option<Answer> {
        Some(match request.path.as_str() {
            "sys/health" => self.health(request.operation, &request.data, seal),
            "sys/seal-status" => read(request.operation, || self.seal(seal)),
            "sys/leader" => read(request.operation, leader),
            _ => return None,
        })
    }

    fn health(&self, operation: Operation, query: &Object, seal: &Seal) -> Answer {
        if !matches!(operation, Operation::Read | Operation::Header) {
            return Answer::empty_errors(405);
        }
        let status = match health_code(query, seal) {
            Ok(status) => status,
            Err(refusal) => return refusal,
        };
        if operation == Operation::Header {
            return Answer::empty(status);
        }
        let body = json!({
            "initialized": seal.initialized,
            "sealed": seal.sealed,
            "standby": seal.sealed,
            "performance_standby": false,
            "replication_performance_mode": "disabled",
            "replication_dr_mode": "disabled",
            "server_time_utc": self.clock.now().as_second(),
            "version": self.server_info.version,
            "enterprise": false,
            "echo_duration_ms": 0,
            "clock_skew_ms": 0,
            "replication_primary_canary_age_ms": 0,
            "lockkeeper_version": self.server_info.lockkeeper_version,
        });
        Answer::bare(status, with_cluster(object(body), seal))
    }

    /// The body of `sys/seal-status` and `sys/unseal`.
    pub(crate) fn seal(&self, seal: &Seal) -> Object {
        let body = object(json!({
            "type": "shamir",
            "initialized": seal.initialized,
            "sealed": seal.sealed,
            "t": seal.threshold,
            "n": seal.shares,
            "progress": seal.progress,
            "nonce": seal.nonce,
            "version": self.server_info.version,
            "build_date": "",
            "migration": false,
            "recovery_seal": false,
            "storage_type": self.server_info.storage_type,
            "lockkeeper_version": self.server_info.lockkeeper_version,
        }));
        with_cluster(body, seal)
    }
}

fn with_cluster(mut body: Object, seal: &Seal) -> Object {
    if let Some(cluster) = &seal.cluster {
        body.insert("cluster_name".into(), cluster.name.clone().into());
        body.insert("cluster_id".into(), cluster.id.clone().into());
    }
    body
}

fn read(operation: Operation, body: impl FnOnce() -> Object) -> Answer {
    if operation == Operation::Read {
        Answer::bare(ACTIVE, body())
    } else {
        Answer::empty_errors(405)
    }
}

/// A single server has no leader address.
fn leader() -> Object {
    object(json!({
        "ha_enabled": false,
        "is_self": false,
        "active_time": "0001-01-01T00:00:00Z",
        "leader_address": "",
        "leader_cluster_address": "",
        "performance_standby": false,
        "performance_standby_last_remote_wal": 0,
    }))
}

/// The HTTP status of `sys/health`: the default for this state, unless the
/// query overrides it. A code that is none is refused in every state.
fn health_code(query: &Object, seal: &Seal) -> Result<u16, Answer> {
    let state = match (seal.initialized, seal.sealed) {
        (false, _) => "uninitcode",
        (true, true) => "sealedcode",
        (true, false) => "activecode",
    };
    let mut status = ACTIVE;
    for (name, usual) in CODES {
        let code = match query.get(name) {
            None => usual,
            Some(value) => code(name, value)?,
        };
        if name == state {
            status = code;
        }
    }
    Ok(status)
}

fn code(name: &str, value: &Value) -> Result<u16, Answer> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let code = text.parse().ok().filter(|code| (200..600).contains(code));
    code.ok_or_else(|| {
        Answer::error(
            400,
            format!("`{name}` is {text:?}, which is no status of HTTP"),
        )
    })
}

/// An answer without the envelope.
pub(crate) fn bare(body: Value) -> Answer {
    Answer::bare(ACTIVE, object(body))
}

/// The members of an object.
pub(crate) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
