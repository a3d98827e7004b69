//! Stands in for Confluent's Go plugin where tests move a mount to Lockkeeper
//! and back: the entries that it stores, the leases that it makes, and the way
//! it counts the readers of a shared key. Like the original it reports no
//! version, never reads `usage_count` from a write, and refuses a lease of a
//! role that it does not know.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use confluent_backend::ConfluentCloud;
use engine::SecretText;
use engine::control_plane::{Access, Caller, Keys, NewKey, Target};
use engine::ids::{KeyId, OwnerId, ResourceId};
use logical::framework::{
    Call, Definition, Field, FieldKind, Framework, Hooks, Path, SecretType, answer, generic_name,
};
use logical::{
    Backend, BackendContext, Error, Factory, LeaseOptions, Object, Operation, Response, Secret,
    Storage,
};
use serde::{Deserialize, Serialize};

/// The mount's maximum, which the original gives to a key that is shared.
const LONGEST: Duration = Duration::from_hours(768);

fn main() -> ExitCode {
    vault_plugin::Plugin::new(StandIn).run()
}

struct StandIn;

struct GoPlugin {
    storage: Arc<dyn Storage>,
    cloud: ConfluentCloud,
}

impl Hooks for GoPlugin {}

#[derive(Serialize, Deserialize)]
struct Config {
    api_key_id: String,
    api_key_secret: String,
    url: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Role {
    owner: String,
    owner_env: String,
    resource: String,
    resource_env: String,
    /// Nanoseconds.
    ttl: u64,
    max_ttl: u64,
    multi_use_key: bool,
    usage_count: i64,
    cc_key_id: String,
    cc_key_secret: String,
    key_description: String,
}

type Answer = Result<Option<Response>, Error>;

impl Factory for StandIn {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        let text = |name| Field::new(name, FieldKind::Text, "As in the original.");
        let name = Field::new("name", FieldKind::LowerCase, "Name of the role.");
        let config = Path::new("config")
            .fields(["ccloud_api_key_id", "ccloud_api_key_secret", "url"].map(text))
            .on(Operation::Read, answer(read_config))
            .on_write(answer(write_config));
        let role = Path::new(format!("role/{}", generic_name("name")))
            .fields([
                name.clone(),
                Field::new("multi_use_key", FieldKind::Flag, "As in the original."),
                Field::new("ttl", FieldKind::DurationSeconds, "As in the original."),
                Field::new("max_ttl", FieldKind::DurationSeconds, "As in the original."),
            ])
            .fields(["owner", "owner_env", "resource", "resource_env"].map(text))
            .on(Operation::Read, answer(read_role))
            .on(Operation::Delete, answer(delete_role))
            .on_write(answer(write_role));
        let roles = Path::new("role/?").on(Operation::List, answer(list_roles));
        let creds = Path::new(format!("creds/{}", generic_name("name")))
            .fields([name])
            .on(Operation::Read, answer(creds));
        let secret = SecretType::new(engine::SECRET_TYPE, answer(renew), answer(revoke));
        let definition = Definition::new("A stand-in for the Go plugin.")
            .paths([config, roles, role, creds])
            .secret(secret);
        let plugin = Arc::new(GoPlugin {
            storage: context.storage,
            cloud: ConfluentCloud::default(),
        });
        Ok(Arc::new(Framework::new(plugin, definition)?))
    }

    fn version(&self) -> &'static str {
        ""
    }
}

impl GoPlugin {
    async fn config(&self) -> Result<Config, Error> {
        let stored = self.storage.get("config").await?;
        stored
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Error::bad_request("there is no `config`"))
    }

    async fn access(&self) -> Result<Access, Error> {
        let config = self.config().await?;
        Ok(Access {
            url: config.url,
            key_id: KeyId::new(config.api_key_id),
            secret: SecretText::new(config.api_key_secret),
            ca_cert: String::new(),
            caller: Caller::default(),
        })
    }

    async fn role(&self, name: &str) -> Result<Option<Role>, Error> {
        let stored = self.storage.get(&format!("role/{name}")).await?;
        Ok(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    async fn put(&self, key: &str, value: &impl Serialize) -> Result<(), Error> {
        let bytes = serde_json::to_vec(value);
        let bytes = bytes.map_err(|error| Error::internal(error.to_string()))?;
        self.storage.put(key, &bytes).await
    }

    async fn make(&self, role: &Role) -> Result<(String, String), Error> {
        let key = NewKey {
            display_name: "vault".into(),
            description: "made by the Go plugin".into(),
            target: Target {
                owner: OwnerId::new(role.owner.as_str()),
                resource: ResourceId::new(role.resource.as_str()),
                environment: None,
            },
        };
        let made = self.cloud.create_key(&self.access().await?, &key).await?;
        let secret = made.secret.expose().to_owned();
        Ok((made.key.id.as_str().to_owned(), secret))
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let access = self.access().await?;
        let deleted = self.cloud.delete_key(&access, &KeyId::new(key)).await;
        deleted.map_err(Error::from)
    }
}

async fn read_config(plugin: Arc<GoPlugin>, _: Call) -> Answer {
    let config = plugin.config().await?;
    let data = [
        ("ccloud_api_key_id", config.api_key_id),
        ("ccloud_api_key_secret", config.api_key_secret),
        ("url", config.url),
    ];
    Ok(Some(Response::with_data(object(data))))
}

async fn write_config(plugin: Arc<GoPlugin>, call: Call) -> Answer {
    let config = Config {
        api_key_id: call.fields.text("ccloud_api_key_id").to_owned(),
        api_key_secret: call.fields.text("ccloud_api_key_secret").to_owned(),
        url: call.fields.text("url").to_owned(),
    };
    plugin.put("config", &config).await?;
    Ok(None)
}

async fn list_roles(plugin: Arc<GoPlugin>, _: Call) -> Answer {
    let names = plugin.storage.list_page("role/", "", 1000).await?;
    Ok(Some(Response::list(names)))
}

async fn read_role(plugin: Arc<GoPlugin>, call: Call) -> Answer {
    let role = plugin.role(call.fields.text("name")).await?;
    Ok(role.map(|role| {
        let mut data = object([
            ("owner", role.owner),
            ("owner_env", role.owner_env),
            ("resource", role.resource),
            ("resource_env", role.resource_env),
            ("cc_key_id", role.cc_key_id),
        ]);
        data.insert("multi_use_key".into(), role.multi_use_key.into());
        data.insert("usage_count".into(), role.usage_count.into());
        Response::with_data(data)
    }))
}

async fn write_role(plugin: Arc<GoPlugin>, call: Call) -> Answer {
    let name = call.fields.text("name");
    let mut role = plugin.role(name).await?.unwrap_or_default();
    for (field, value) in [
        ("owner", &mut role.owner),
        ("owner_env", &mut role.owner_env),
        ("resource", &mut role.resource),
        ("resource_env", &mut role.resource_env),
    ] {
        if let Some(given) = call.fields.text_given(field) {
            given.clone_into(value);
        }
        if value.is_empty() {
            return Err(Error::bad_request(format!("missing {field} in role")));
        }
    }
    for (field, value) in [("ttl", &mut role.ttl), ("max_ttl", &mut role.max_ttl)] {
        if let Some(given) = call.fields.duration(field) {
            *value = given.as_secs() * 1_000_000_000;
        }
    }
    if let Some(given) = call.fields.flag("multi_use_key") {
        role.multi_use_key = given;
    }
    plugin.put(&format!("role/{name}"), &role).await?;
    Ok(None)
}

async fn delete_role(plugin: Arc<GoPlugin>, call: Call) -> Answer {
    let key = format!("role/{}", call.fields.text("name"));
    plugin.storage.delete(&key).await?;
    Ok(None)
}

async fn creds(plugin: Arc<GoPlugin>, call: Call) -> Answer {
    let name = call.fields.text("name");
    let Some(mut role) = plugin.role(name).await? else {
        return Err(Error::internal("error retrieving role: role is nil"));
    };
    let shared = role.multi_use_key && role.usage_count > 0;
    let (id, secret) = if shared {
        (role.cc_key_id.clone(), role.cc_key_secret.clone())
    } else {
        plugin.make(&role).await?
    };
    if role.multi_use_key {
        role.cc_key_id.clone_from(&id);
        role.cc_key_secret.clone_from(&secret);
        role.usage_count += 1;
        plugin.put(&format!("role/{name}"), &role).await?;
    }
    let ttl = if shared {
        LONGEST
    } else {
        Duration::from_nanos(role.ttl)
    };
    let lease = LeaseOptions::renewable(ttl, Duration::from_nanos(role.max_ttl));
    let mut under = Secret::new(engine::SECRET_TYPE, lease);
    under
        .internal_data
        .insert("key_id".into(), id.clone().into());
    under.internal_data.insert("role".into(), name.into());
    let data = object([("key_id", id), ("secret", secret)]);
    Ok(Some(Response::with_data(data).under(under)))
}

async fn renew(_: Arc<GoPlugin>, call: Call) -> Answer {
    Ok(call.request.secret.map(Response::renewed))
}

async fn revoke(plugin: Arc<GoPlugin>, call: Call) -> Answer {
    let internal = call.request.secret.map(|secret| secret.internal_data);
    let of = |name: &str| {
        let value = internal.as_ref().and_then(|data| data.get(name));
        let value = value.and_then(serde_json::Value::as_str);
        value.map(str::to_owned).unwrap_or_default()
    };
    let (key, name) = (of("key_id"), of("role"));
    let Some(mut role) = plugin.role(&name).await? else {
        return Err(Error::internal("runtime error: the role is nil"));
    };
    if role.multi_use_key {
        role.usage_count -= 1;
        let last = role.usage_count <= 0;
        if last {
            role.cc_key_id.clear();
            role.cc_key_secret.clear();
        }
        plugin.put(&format!("role/{name}"), &role).await?;
        if !last {
            return Ok(None);
        }
    }
    plugin.delete(&key).await?;
    Ok(None)
}

fn object<const N: usize>(members: [(&str, String); N]) -> Object {
    let members = members.map(|(name, value)| (name.to_owned(), value.into()));
    Object::from_iter(members)
}
