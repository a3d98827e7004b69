//! The server under any request: head and body are read or refused, and nothing
//! that a client sends is an internal error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use approle::AppRoleFactory;
use async_trait::async_trait;
use axum::body::Body;
use http_body_util::BodyExt as _;
use logical::{
    Backend, BackendContext, Error, Existence, Factory, LeaseOptions, NoMetrics, Object, Operation,
    Request, Response, Secret,
};
use serde_json::Value;
use vault_core::{
    ClientRequest, ClientToken, Core, CoreConfig, Effects, MountRequest, ServerInfo, Vault,
};
use virtual_world::{VirtualTasks, World};

use super::texts;
use crate::input::{Input, text};
use crate::runtime::paused;

/// The token of the operator.
pub(super) const ROOT: &str = "root";

/// A backend that answers under leases.
struct Puppet;

impl Factory for Puppet {
    fn create(&self, _: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(Self))
    }

    fn version(&self) -> &'static str {
        "v0.0.1"
    }
}

#[async_trait]
impl Backend for Puppet {
    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        match request.operation {
            Operation::Read => {
                let lease =
                    LeaseOptions::renewable(Duration::from_mins(1), Duration::from_mins(10));
                let lease = Secret::from_parts(lease, Object::new(), "");
                Ok(Some(Response::renewed(lease)))
            }
            Operation::Renew => Ok(request.secret.map(Response::renewed)),
            _ => Ok(None),
        }
    }

    async fn exists(&self, _: Request) -> Result<Existence, Error> {
        Ok(Existence::Present)
    }
}

/// Starts a core with the puppet at `puppet/` and the token of the operator.
pub(super) async fn core(world: &World) -> Result<Arc<Core>, Error> {
    let core = Core::start(config(), effects(world)).await?;
    let _ = core.create_root_token(Some(ClientToken::new(ROOT))).await;
    let _ = core.mount(puppet()).await;
    Ok(core)
}

/// The same in a vault.
async fn vault(world: &World) -> Result<Arc<Vault>, Error> {
    let vault = Vault::load(config(), effects(world)).await?;
    let (core, _) = vault.develop(Some(ClientToken::new(ROOT))).await?;
    core.mount(puppet()).await?;
    Ok(vault)
}

fn effects(world: &World) -> Effects {
    let process = Arc::clone(&world.process);
    Effects {
        storage: Arc::clone(&world.storage) as _,
        clock: Arc::clone(&world.clock) as _,
        entropy: Arc::clone(&world.entropy) as _,
        task_groups: Arc::new(move || Arc::new(VirtualTasks::new(&process))),
        metrics: Arc::new(NoMetrics),
    }
}

fn config() -> CoreConfig {
    CoreConfig::new(
        ServerInfo {
            version: "1.18.3".into(),
            lockkeeper_version: "0.1.0".into(),
            storage_type: "inmem".into(),
        },
        BTreeMap::from([
            ("puppet".to_owned(), Arc::new(Puppet) as Arc<dyn Factory>),
            (
                "approle".to_owned(),
                Arc::new(AppRoleFactory::new("v1")) as _,
            ),
        ]),
    )
}

fn puppet() -> MountRequest {
    MountRequest {
        path: "puppet".into(),
        kind: "puppet".into(),
        ..MountRequest::default()
    }
}

/// A request as the network hands it to the core.
pub(super) fn client(operation: Operation, path: &str, data: &Value, token: &str) -> ClientRequest {
    ClientRequest::new(operation, path)
        .with_data(data.as_object().cloned().unwrap_or_default())
        .with_token(Some(ClientToken::new(token)))
}

/// Reads `METHOD /path`, header lines, an empty line, and the body.
fn request(bytes: &[u8]) -> Option<http::Request<Body>> {
    let mut input = Input::new(bytes);
    let (method, uri) = text(input.line())?.split_once(' ')?;
    let mut request = http::Request::builder().method(method).uri(uri);
    loop {
        let line = text(input.line())?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value);
    }
    request.body(Body::from(input.rest().to_vec())).ok()
}

pub(super) fn run(bytes: &[u8]) {
    let Some(request) = request(bytes) else {
        return;
    };
    paused(async {
        let world = World::new();
        let vault = vault(&world).await.expect("an empty store is unsealed");
        let answer = server::fuzzing::respond(Arc::clone(&vault), request).await;
        let status = answer.status();
        let body = answer.into_body().collect().await;
        let body = body.expect("an answer has a body").to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(status.as_u16() != 500, "{body}");
        // Built-in backends hold the router: without this no core is ever dropped.
        vault.shut_down().await;
    });
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    texts(&[
        "GET /v1/sys/mounts\nx-vault-token:root\n\n",
        "GET /v1/sys/health?standbyok=true\n\n",
        "GET /v1/sys/seal-status\n\n",
        "PUT /v1/sys/init\n\n{\"secret_shares\":5,\"secret_threshold\":3,\"pgp_keys\":null}",
        "PUT /v1/sys/unseal\n\n{\"key\":\"000102030405060708090a0b0c0d0e0f\",\"reset\":false}",
        "PUT /v1/sys/seal\nx-vault-token:root\n\n",
        "GET /v1/sys/key-status\nx-vault-token:root\n\n",
        "GET /v1/puppet/lease?a=1&a=2&list=0\nauthorization:Bearer root\n\n",
        "LIST /v1/auth/token/accessors\nx-vault-token:root\n\n",
        "GET /v1/sys/leases/lookup/puppet/lease?list=true\nx-vault-token:root\n\n",
        "POST /v1/auth/token/create\nx-vault-token:root\n\n{\"ttl\":\"1h\",\"policies\":[\"a\"],\"meta\":{\"b\":\"c\"},\"period\":\"1m\",\"num_uses\":1}",
        "PUT /v1/sys/leases/renew\nx-vault-token:root\n\n{\"lease_id\":\"puppet/lease/x\",\"increment\":60}",
        "PUT /v1/sys/leases/revoke\nx-vault-token:root\n\n{\"lease_id\":\"puppet/lease/x\",\"sync\":true}",
        "POST /v1/sys/mounts/other\nx-vault-token:root\n\n{\"type\":\"puppet\",\"config\":{\"default_lease_ttl\":\"1h\"},\"options\":{\"a\":\"b\"}}",
        "POST /v1/sys/mounts/puppet/tune\nx-vault-token:root\n\n{\"max_lease_ttl\":\"2h\"}",
        "DELETE /v1/sys/mounts/puppet\nx-vault-token:root\n\n",
        "POST /v1/sys/capabilities-self\nx-vault-token:root\ncontent-type:application/x-www-form-urlencoded\n\npath=a&path=b",
        "PATCH /v1/puppet/x\nx-vault-token:root\ncontent-type:application/merge-patch+json\n\n{\"a\":null}",
        "GET /v1/puppet/x?help=1\nx-vault-token:root\nx-vault-namespace:root\nx-vault-wrap-ttl:0\n\n",
        "HEAD /v1/%70uppet/%ff\nx-vault-token:root\n\n",
        "GET /v1/sys/internal/ui/mounts/puppet\nx-vault-token:root\n\n",
        "POST /v1/sys/tools/random/8\nx-vault-token:root\n\n{\"format\":\"hex\"}",
    ])
}
