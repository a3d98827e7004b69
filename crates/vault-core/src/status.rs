//! The status of the server, without a token and without the envelope: health,
//! seal, leader, and whether it is initialized.
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
}

/// Answers requests for the status of the server.
pub(crate) struct Status {
    server_info: ServerInfo,
    cluster: Cluster,
    clock: Arc<dyn Clock>,
}

impl Status {
    pub(crate) fn new(server_info: ServerInfo, cluster: Cluster, clock: Arc<dyn Clock>) -> Self {
        Self {
            server_info,
            cluster,
            clock,
        }
    }

    /// The answer, if the request asks for the status of the server.
    pub(crate) fn answer(&self, request: &ClientRequest, sealed: bool) -> Option<Answer> {
        let answer = match request.path.as_str() {
            "sys/health" => self.health(request.operation, &request.data, sealed),
            "sys/seal-status" => read(request.operation, || self.seal(sealed)),
            "sys/leader" => read(request.operation, leader),
            "sys/init" => self::init(request.operation),
            _ => return None,
        };
        (request.operation != Operation::Help).then_some(answer)
    }

    fn health(&self, operation: Operation, query: &Object, sealed: bool) -> Answer {
        if !matches!(operation, Operation::Read | Operation::Header) {
            return Answer::empty_errors(405);
        }
        let status = match health_code(query, sealed) {
            Ok(status) => status,
            Err(refusal) => return refusal,
        };
        if operation == Operation::Header {
            return Answer::empty(status);
        }
        let body = json!({
            "initialized": true,
            "sealed": sealed,
            "standby": false,
            "performance_standby": false,
            "replication_performance_mode": "disabled",
            "replication_dr_mode": "disabled",
            "server_time_utc": self.clock.now().as_second(),
            "version": self.server_info.version,
            "enterprise": false,
            "cluster_name": self.cluster.name,
            "cluster_id": self.cluster.id,
            "echo_duration_ms": 0,
            "clock_skew_ms": 0,
            "replication_primary_canary_age_ms": 0,
            "lockkeeper_version": self.server_info.lockkeeper_version,
        });
        Answer::bare(status, object(body))
    }

    fn seal(&self, sealed: bool) -> Object {
        object(json!({
            "type": "shamir",
            "initialized": true,
            "sealed": sealed,
            "t": 1,
            "n": 1,
            "progress": 0,
            "nonce": "",
            "version": self.server_info.version,
            "build_date": "",
            "migration": false,
            "cluster_name": self.cluster.name,
            "cluster_id": self.cluster.id,
            "recovery_seal": false,
            "storage_type": self.server_info.storage_type,
            "lockkeeper_version": self.server_info.lockkeeper_version,
        }))
    }
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

fn init(operation: Operation) -> Answer {
    match operation {
        Operation::Read => Answer::bare(ACTIVE, object(json!({ "initialized": true }))),
        Operation::Update => Answer::error(400, "Vault is already initialized"),
        _ => Answer::empty_errors(405),
    }
}

/// The HTTP status of `sys/health`: the default for this state, unless the
/// query overrides it.
fn health_code(query: &Object, sealed: bool) -> Result<u16, Answer> {
    let (name, usual) = if sealed {
        ("sealedcode", 503)
    } else {
        ("activecode", ACTIVE)
    };
    let Some(value) = query.get(name) else {
        return Ok(usual);
    };
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

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
