//! The example that `dev` starts with: an account, two roles, one credential.

use std::sync::Arc;

use confluent_simulator::{Simulator, State};
use logical::{Object, Operation};
use serde_json::{Value, json};
use vault_core::{Answer, ClientRequest, ClientToken, Vault};

use super::MOUNT;
use crate::failure::Failure;

/// The role with a key for each reader.
pub(super) const ROLE: &str = "app";
/// The role whose readers share one key.
pub(super) const SHARED_ROLE: &str = "shared";

/// The facts that the welcome shows. No `Debug`: the credential is among them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) owner: String,
    pub(super) owner_name: String,
    pub(super) cluster: String,
    pub(super) environment: String,
    /// Read from the first role, or why none could be: a role of an earlier start
    /// may be anything by now.
    pub(super) credential: Result<Credential, String>,
}

/// A key that is live in the simulated cloud. No `Debug`: it has the secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) key_id: String,
    pub(super) secret: String,
    pub(super) lease_id: String,
    /// Seconds.
    pub(super) lease_duration: u64,
}

/// Writes account and roles through the same API as any client, and reads one
/// credential.
///
/// # Errors
/// An error of the engine, or that the simulated cloud does not list the key.
pub(super) async fn prepare(
    vault: &Arc<Vault>,
    token: &ClientToken,
    cloud: &Simulator,
    url: &str,
) -> Result<Example, Failure> {
    let api = Api { vault, token };
    let state = cloud.state();
    let admin = cloud.admin_key();
    let account = json!({
        "ccloud_api_key_id": admin.id.as_str(),
        "ccloud_api_key_secret": admin.secret.expose(),
        "url": url,
    });
    api.ask(Operation::Update, "config", account).await?;
    let (Some(owner), Some(cluster)) =
        (state.service_accounts.first(), state.kafka_clusters.first())
    else {
        return Err(Failure::local(
            "the simulated cloud has no service account or no Kafka cluster left",
        ));
    };
    let mut is_new = true;
    for (name, shared) in [(ROLE, false), (SHARED_ROLE, true)] {
        // A role of an earlier start is the user's by now.
        if api.has(&format!("role/{name}")).await {
            is_new &= name != ROLE;
            continue;
        }
        let role = json!({
            "owner": owner.id,
            "resource": cluster.id,
            "resource_env": cluster.environment,
            "ttl": "1h",
            "max_ttl": "24h",
            "multi_use_key": shared,
        });
        api.ask(Operation::Update, &format!("role/{name}"), role)
            .await?;
    }
    let credential = match credential(&api, cloud).await {
        Err(failure) if is_new => return Err(failure),
        read => read.map_err(|failure| failure.to_string()),
    };
    Ok(Example {
        owner: owner.id.clone(),
        owner_name: owner.display_name.clone(),
        cluster: cluster.id.clone(),
        environment: cluster.environment.clone(),
        credential,
    })
}

async fn credential(api: &Api<'_>, cloud: &Simulator) -> Result<Credential, Failure> {
    let answer = api
        .ask(Operation::Read, &format!("creds/{ROLE}"), Value::Null)
        .await?;
    let key_id = text(&answer["data"]["key_id"]);
    if !is_live(&cloud.state(), &key_id) {
        return Err(Failure::local(format!(
            "the simulated Confluent Cloud does not list key `{key_id}`, which was just created"
        )));
    }
    Ok(Credential {
        secret: text(&answer["data"]["secret"]),
        lease_id: text(&answer["lease_id"]),
        lease_duration: answer["lease_duration"].as_u64().unwrap_or(0),
        key_id,
    })
}

fn is_live(state: &State, key_id: &str) -> bool {
    state.live_keys().any(|key| key.id == key_id)
}

/// The engine, as a client with the root token sees it.
struct Api<'a> {
    vault: &'a Arc<Vault>,
    token: &'a ClientToken,
}

impl Api<'_> {
    async fn has(&self, path: &str) -> bool {
        self.answer(Operation::Read, path, Value::Null)
            .await
            .status()
            == 200
    }

    async fn ask(&self, operation: Operation, path: &str, body: Value) -> Result<Value, Failure> {
        let answer = self.answer(operation, path, body).await;
        let body = answer.body();
        let body: Value = body
            .and_then(|body| serde_json::from_slice(&body).ok())
            .unwrap_or(Value::Null);
        if answer.status() >= 400 {
            return Err(Failure::local(format!(
                "{MOUNT}/{path}: {}",
                text(&body["errors"][0])
            )));
        }
        Ok(body)
    }

    async fn answer(&self, operation: Operation, path: &str, body: Value) -> Answer {
        let data = match body {
            Value::Object(data) => data,
            _ => Object::new(),
        };
        let request = ClientRequest::new(operation, format!("{MOUNT}/{path}"))
            .with_data(data)
            .with_token(Some(self.token.clone()));
        self.vault.handle(request).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
