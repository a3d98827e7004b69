//! A server in memory, with the paths that the properties need. It folds names,
//! sorts lists and turns durations into seconds, as real ones do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ops::configuration::{
    Adoption, Applied, Data, Holder, Location, Lock, Plan, PlanOptions, Problem, Reading, Server,
    ServerError, State, Store, Surroundings, Whereabouts, apply, interpret, make, read,
};
use serde_json::{Value, json};

/// The server.
#[derive(Default)]
pub(crate) struct Fake {
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    engines: BTreeMap<String, Value>,
    methods: BTreeMap<String, Value>,
    /// Everything else, by path; KV with its version.
    values: BTreeMap<String, Value>,
    /// How many more writes are carried out; then the power is gone.
    writes_left: Option<usize>,
    namespace: Option<String>,
    /// Whether a token may look itself up.
    tells_of_token: bool,
    /// Reading this path fails.
    broken: Option<String>,
}

impl Fake {
    /// A server with a KV engine at `secret` and AppRole at `approle`.
    pub(crate) fn new() -> Arc<Self> {
        let fake = Self::default();
        let mut world = fake.world.lock().unwrap();
        let kv = json!({"type": "kv", "options": {"version": "2"}, "accessor": "kv_1"});
        world.engines.insert("secret".into(), kv);
        let approle = json!({"type": "approle", "accessor": "auth_approle_1"});
        world.methods.insert("approle".into(), approle);
        drop(world);
        Arc::new(fake)
    }

    /// Is talked to in this namespace from now on.
    pub(crate) fn set_namespace(&self, namespace: Option<&str>) {
        self.world.lock().unwrap().namespace = namespace.map(str::to_owned);
    }

    /// Lets tokens look themselves up, or not.
    pub(crate) fn tell_of_token(&self, tells: bool) {
        self.world.lock().unwrap().tells_of_token = tells;
    }

    /// Fails from now on when this path is read.
    pub(crate) fn break_path(&self, path: &str) {
        self.world.lock().unwrap().broken = Some(path.to_owned());
    }

    /// Lets this many writes pass and refuses everything after them.
    pub(crate) fn cut_after(&self, writes: Option<usize>) {
        self.world.lock().unwrap().writes_left = writes;
    }

    /// Everything on the server but the records of owners.
    pub(crate) fn content(&self) -> BTreeMap<String, Value> {
        let world = self.world.lock().unwrap();
        let values = world.values.iter();
        let values = values.filter(|(path, _)| !path.starts_with("secret/data/lockkeeper/"));
        let mut content: BTreeMap<String, Value> = values
            .map(|(path, value)| (path.clone(), value.clone()))
            .collect();
        for (path, entry) in &world.engines {
            content.insert(format!("sys/mounts/{path}"), entry.clone());
        }
        content
    }

    /// Mounts an engine as a person would.
    pub(crate) fn mount(&self, path: &str, entry: Value) {
        let mut world = self.world.lock().unwrap();
        match path.strip_prefix("auth/") {
            Some(method) => world.methods.insert(method.to_owned(), entry),
            None => world.engines.insert(path.to_owned(), entry),
        };
    }

    /// What is at a path, with what the server does not answer.
    pub(crate) fn stored(&self, path: &str) -> Value {
        self.world.lock().unwrap().values[path].clone()
    }

    /// Changes something as a person would.
    pub(crate) fn put(&self, path: &str, value: Value) {
        self.world
            .lock()
            .unwrap()
            .values
            .insert(path.to_owned(), value);
    }
}

fn refused(status: u16, text: &str) -> ServerError {
    ServerError {
        status: Some(status),
        text: text.to_owned(),
    }
}

impl World {
    fn spend(&mut self) -> Result<(), ServerError> {
        match &mut self.writes_left {
            Some(0) => Err(ServerError {
                status: None,
                text: "the power is gone".to_owned(),
            }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn is_versioned(&self, path: &str) -> bool {
        let engines = self.engines.iter();
        let mut versioned = engines.filter(|(_, entry)| entry["options"]["version"] != "1");
        versioned.any(|(mount, _)| path.starts_with(&format!("{mount}/data/")))
    }

    fn write(&mut self, path: &str, data: &Data) -> Result<(), ServerError> {
        if let Some(mount) = path.strip_prefix("sys/mounts/") {
            if let Some(mount) = mount.strip_suffix("/tune") {
                let entry = self
                    .engines
                    .get_mut(mount)
                    .ok_or_else(|| refused(400, "no mount"))?;
                for (name, value) in data {
                    entry[name] = value.clone();
                }
                return Ok(());
            }
            if self.engines.contains_key(mount) {
                return Err(refused(400, "path is already in use"));
            }
            let mut entry = data.clone();
            entry.insert("accessor".into(), json!("kv_2"));
            self.engines.insert(mount.to_owned(), entry.into());
            return Ok(());
        }
        if self.is_versioned(path) {
            let version = self
                .values
                .get(path)
                .map_or(0, |value| value["metadata"]["version"].as_u64().unwrap());
            let cas = data
                .get("options")
                .and_then(|options| options["cas"].as_u64());
            if cas.is_some_and(|cas| cas != version) {
                return Err(refused(
                    400,
                    "check-and-set parameter did not match the current version",
                ));
            }
            let value = json!({"data": data["data"], "metadata": {"version": version + 1}});
            self.values.insert(path.to_owned(), value);
            return Ok(());
        }
        if path.contains("/config") || path.starts_with("old/") {
            // As a whole: what is not named is gone.
            self.values.insert(path.to_owned(), data.clone().into());
            return Ok(());
        }
        let known = path.starts_with("sys/policies/acl/")
            || path.starts_with("auth/") && path.contains("/role/");
        if !known {
            // With what it was sent, as some servers answer: whole, and in part.
            let lines = data.values().filter_map(Value::as_str).flat_map(str::lines);
            let last = lines.last().unwrap_or_default();
            let sent = Value::Object(data.clone());
            return Err(refused(404, &format!("no handler for {sent}, see {last}")));
        }
        let value = self
            .values
            .entry(path.to_lowercase())
            .or_insert_with(|| json!({"computed": 1}));
        for (name, given) in data {
            value[name] = as_answered(name, given);
        }
        Ok(())
    }
}

/// A value in the form in which a server answers it.
fn as_answered(name: &str, given: &Value) -> Value {
    match (name, given) {
        ("token_policies" | "policies", Value::String(text)) => {
            let mut names: Vec<String> = text
                .split(',')
                .map(|name| name.trim().to_lowercase())
                .collect();
            names.sort();
            names.dedup();
            json!(names)
        }
        ("token_ttl", Value::String(text)) => match text.strip_suffix('m') {
            Some(minutes) => json!(minutes.parse::<u64>().unwrap() * 60),
            None => json!(text.parse::<u64>().unwrap()),
        },
        _ => given.clone(),
    }
}

#[async_trait]
impl Server for Fake {
    fn whereabouts(&self) -> Whereabouts {
        let address = "http://user:hunter2@127.0.0.1:8200/".parse().unwrap();
        Whereabouts::new(&address, self.world.lock().unwrap().namespace.as_deref())
    }

    async fn read(&self, path: &str) -> Result<Reading, ServerError> {
        tokio::task::yield_now().await;
        let world = self.world.lock().unwrap();
        if world.broken.as_deref() == Some(path) {
            return Err(refused(500, "it cannot be decrypted"));
        }
        let table = |entries: &BTreeMap<String, Value>| {
            let entries = entries.iter();
            let entries = entries.map(|(path, entry)| (format!("{path}/"), entry.clone()));
            Ok(Reading::Found(entries.collect()))
        };
        match path {
            "sys/mounts" => return table(&world.engines),
            "sys/auth" => return table(&world.methods),
            "auth/token/lookup-self" if world.tells_of_token => {
                let token = json!({
                    "policies": ["default", "operator"], "identity_policies": ["team"],
                    "path": "auth/login/here/login",
                });
                return Ok(Reading::Found(token.as_object().unwrap().clone()));
            }
            _ => {}
        }
        let path = path.replacen("/metadata/", "/data/", 1);
        Ok(match world.values.get(&path) {
            Some(Value::Object(value)) => {
                let mut value = value.clone();
                // Secrets are not answered, but some are said to be there.
                if let Some(Value::String(_)) = value.remove("token_reviewer_jwt") {
                    value.insert("token_reviewer_jwt_set".into(), json!(true));
                }
                value.remove("secret_key");
                Reading::Found(value)
            }
            _ => Reading::Absent,
        })
    }

    async fn list(&self, path: &str) -> Result<Vec<String>, ServerError> {
        let world = self.world.lock().unwrap();
        let folder = format!("{}/", path.replacen("/metadata", "/data", 1));
        let names = world
            .values
            .keys()
            .filter_map(|path| path.strip_prefix(&folder));
        Ok(names.map(str::to_owned).collect())
    }

    async fn write(&self, path: &str, data: &Data) -> Result<(), ServerError> {
        tokio::task::yield_now().await;
        let mut world = self.world.lock().unwrap();
        world.spend()?;
        world.write(path, data)
    }

    async fn delete(&self, path: &str) -> Result<(), ServerError> {
        tokio::task::yield_now().await;
        let mut world = self.world.lock().unwrap();
        world.spend()?;
        if let Some(mount) = path.strip_prefix("sys/mounts/") {
            world.engines.remove(mount);
            let below = format!("{mount}/");
            world.values.retain(|path, _| !path.starts_with(&below));
        }
        if let Some(method) = path.strip_prefix("sys/auth/") {
            world.methods.remove(method);
        }
        if path == "sys/policies/acl/new-built-in" {
            return Err(refused(400, "cannot delete \"new-built-in\" policy"));
        }
        world
            .values
            .remove(&path.replacen("/metadata/", "/data/", 1));
        Ok(())
    }
}

/// Runs what the commands run, for one owner.
pub(crate) struct Owner {
    pub(crate) server: Arc<Fake>,
    pub(crate) name: &'static str,
}

pub(crate) const OPTIONS: PlanOptions = PlanOptions {
    adopt: Adoption::None,
    prune: true,
    prune_only: false,
    purge_unmanaged: false,
    allow_destroy: true,
    parallel: 3,
};

impl Owner {
    pub(crate) async fn store(&self) -> Arc<Store> {
        self.store_at(&Location::default_of(self.name)).await
    }

    pub(crate) async fn store_at(&self, location: &Location) -> Arc<Store> {
        let server: Arc<dyn Server> = self.server.clone();
        let store = Store::open(&server, location, self.name).await;
        Arc::new(store.unwrap())
    }

    pub(crate) async fn plan(
        &self,
        text: &str,
        options: &PlanOptions,
    ) -> Result<Plan, Vec<Problem>> {
        let sources = read(&[PathBuf::from("-")], || Ok(text.to_owned()))?;
        let surroundings = Surroundings {
            environment: &|_| None,
            address: Some("http://127.0.0.1:8200/"),
            server: None,
            owner: Some(self.name),
            allow_literal_secrets: true,
        };
        let desired = interpret(&sources, &surroundings)?;
        let server: Arc<dyn Server> = self.server.clone();
        let store = self.store().await;
        let new = || State::new(self.name).map_err(Problem::from_text);
        make(&server, &store, &desired, options, new).await
    }

    /// An apply; none if it did not begin.
    pub(crate) async fn apply(&self, text: &str, options: &PlanOptions) -> Option<Applied> {
        let plan = self.plan(text, options).await.ok()?;
        assert!(plan.problems.is_empty(), "{:?}", plan.problems);
        let store = self.store().await;
        let lock = Lock {
            store: Arc::clone(&store),
            clock: Arc::new(|| 1000),
        };
        let holder = Holder {
            who: "test".into(),
            at: "here".into(),
        };
        let held = lock.take(&holder, Duration::ZERO).await.ok()?;
        let server: Arc<dyn Server> = self.server.clone();
        let applied = apply(&server, &store, &held, plan, options.parallel, &mut |_| {}).await;
        let _ = lock.give_back(held).await;
        applied.ok()
    }

    /// Frees a lock that was left behind.
    pub(crate) async fn unlock(&self) {
        let lock = Lock {
            store: self.store().await,
            clock: Arc::new(|| 1000),
        };
        lock.free().await.unwrap();
    }
}
