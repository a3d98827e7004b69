//! What a server tells everybody of itself, without a token and without the
//! envelope: health, seal, leader, and whether it is initialized.
//!
//! Members and codes are Vault's (`http/sys_health.go`, `http/sys_seal.go`);
//! where Vault and OpenBao differ, both are given.

use std::sync::Arc;

use logical::{Clock, Error, Object, Operation, Storage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::core::Identity;
use crate::effects::Effects;
use crate::random;
use crate::storage::View;
use crate::{Answer, ClientRequest};

const CLUSTER: &str = "core/cluster";
/// The status of an active server, unless the question names another.
const ACTIVE: u16 = 200;

/// Name and id of the cluster, made at the first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cluster {
    name: String,
    id: String,
}

impl Cluster {
    /// Reads name and id, or makes them.
    pub(crate) async fn open(effects: &Effects) -> Result<Self, Error> {
        let storage: Arc<dyn Storage> = Arc::clone(&effects.storage);
        let storage = View::new(storage, "");
        if let Some(known) = storage.read(CLUSTER).await? {
            return Ok(known);
        }
        let entropy = effects.entropy.as_ref();
        let fresh = Self {
            name: format!("lockkeeper-cluster-{}", random::hex8(entropy)),
            id: random::uuid(entropy),
        };
        storage.write(CLUSTER, &fresh).await?;
        Ok(fresh)
    }
}

/// Answers questions about the server itself.
pub(crate) struct Status {
    identity: Identity,
    cluster: Cluster,
    clock: Arc<dyn Clock>,
}

impl Status {
    pub(crate) fn new(identity: Identity, cluster: Cluster, clock: Arc<dyn Clock>) -> Self {
        Self {
            identity,
            cluster,
            clock,
        }
    }

    /// The answer, when the request asks about the server itself.
    pub(crate) fn answer(&self, request: &ClientRequest) -> Option<Answer> {
        let answer = match request.path.as_str() {
            "sys/health" => self.health(request.operation, &request.data),
            "sys/seal-status" => read(request.operation, || self.seal()),
            "sys/leader" => read(request.operation, leader),
            "sys/init" => self::init(request.operation),
            _ => return None,
        };
        (request.operation != Operation::Help).then_some(answer)
    }

    fn health(&self, operation: Operation, query: &Object) -> Answer {
        if !matches!(operation, Operation::Read | Operation::Header) {
            return Answer::wordless(405);
        }
        let status = match active_code(query) {
            Ok(status) => status,
            Err(refusal) => return refusal,
        };
        if operation == Operation::Header {
            return Answer::empty(status);
        }
        let body = json!({
            "initialized": true,
            "sealed": false,
            "standby": false,
            "performance_standby": false,
            "replication_performance_mode": "disabled",
            "replication_dr_mode": "disabled",
            "server_time_utc": self.clock.now().as_second(),
            "version": self.identity.version,
            "enterprise": false,
            "cluster_name": self.cluster.name,
            "cluster_id": self.cluster.id,
            "echo_duration_ms": 0,
            "clock_skew_ms": 0,
            "replication_primary_canary_age_ms": 0,
            "lockkeeper_version": self.identity.lockkeeper_version,
        });
        Answer::bare(status, object(body))
    }

    fn seal(&self) -> Object {
        object(json!({
            "type": "shamir",
            "initialized": true,
            "sealed": false,
            "t": 1,
            "n": 1,
            "progress": 0,
            "nonce": "",
            "version": self.identity.version,
            "build_date": "",
            "migration": false,
            "cluster_name": self.cluster.name,
            "cluster_id": self.cluster.id,
            "recovery_seal": false,
            "storage_type": self.identity.storage_type,
            "lockkeeper_version": self.identity.lockkeeper_version,
        }))
    }
}

fn read(operation: Operation, body: impl FnOnce() -> Object) -> Answer {
    if operation == Operation::Read {
        Answer::bare(ACTIVE, body())
    } else {
        Answer::wordless(405)
    }
}

/// A server alone has no leader to name.
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
        _ => Answer::wordless(405),
    }
}

/// The status that the question wants for an active server.
fn active_code(query: &Object) -> Result<u16, Answer> {
    let Some(value) = query.get("activecode") else {
        return Ok(ACTIVE);
    };
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let code = text.parse().ok().filter(|code| (200..600).contains(code));
    code.ok_or_else(|| {
        Answer::error(
            400,
            format!("`activecode` is {text:?}, which is no status of HTTP"),
        )
    })
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
