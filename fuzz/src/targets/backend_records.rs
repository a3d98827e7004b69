//! The built-in engines on storage of which one entry was changed: they start and
//! answer, or say which entry they cannot read, and quote no secret.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use approle::AppRoleFactory;
use kv::KvFactory;
use logical::{Backend, Factory, Operation, Request, Storage as _};
use serde_json::{Value, json};
use tokio::time::sleep;
use virtual_world::World;

use crate::CANARY;
use crate::input::Input;
use crate::runtime::paused;

/// A request of a story.
type Step = (Operation, &'static str, Value);

/// A backend, and the requests that fill its storage and are made again on it.
struct Story {
    factory: Arc<dyn Factory>,
    options: BTreeMap<String, String>,
    steps: Vec<Step>,
}

/// Entries by their keys.
type Entries = Vec<(String, Vec<u8>)>;

impl Story {
    fn kv(version: &str, steps: Vec<Step>) -> Self {
        Self {
            factory: Arc::new(KvFactory::new("v1")),
            options: [("version".to_owned(), version.to_owned())].into(),
            steps,
        }
    }

    async fn start(&self, world: &World) -> Option<Arc<dyn Backend>> {
        let context = world.context().with_options(self.options.clone());
        let backend = self.factory.create(context).expect("a backend can be made");
        let started = backend.initialize().await;
        world.tasks.finish().await;
        started.ok().map(|()| backend)
    }

    async fn tell(&self, backend: &Arc<dyn Backend>, must_work: bool) {
        for (operation, path, data) in &self.steps {
            let data = data.as_object().cloned().unwrap_or_default();
            let request = Request::new(*operation, *path).with_data(data);
            let _ = backend.exists(request.clone()).await;
            if let Err(error) = backend.handle(request).await {
                assert!(!must_work, "{path}: {error}");
                assert!(!error.message().contains(CANARY), "{path}: {error}");
            }
        }
    }

    /// What it leaves in storage.
    fn entries(&self) -> Entries {
        paused(async {
            let world = World::new();
            let backend = self.start(&world).await.expect("empty storage is fine");
            self.tell(&backend, true).await;
            world.tasks.finish().await;
            let disk = world.storage.disk();
            let mut entries = Entries::new();
            for key in disk.keys() {
                let value = disk.get(&key).await.expect("memory can be read");
                entries.extend(value.map(|value| (key, value.to_vec())));
            }
            entries
        })
    }

    fn run(&self, entries: &Entries, mut input: Input<'_>) {
        let changed = usize::from(input.byte()) % entries.len();
        let bytes = input.rest();
        paused(async {
            let world = World::new();
            for (number, (key, value)) in entries.iter().enumerate() {
                let value = if number == changed { bytes } else { value };
                let put = world.storage.disk().put(key, value).await;
                put.expect("memory can be written");
            }
            if let Some(backend) = self.start(&world).await {
                self.tell(&backend, false).await;
                let _ = backend.periodic().await;
                sleep(Duration::from_hours(1)).await;
                let _ = backend.periodic().await;
                backend.cleanup().await;
            }
            world.tasks.finish().await;
            assert_eq!(world.tasks.panics(), 0);
        });
    }
}

/// A story with what it leaves.
type Kept = Vec<(Story, Entries)>;

fn kept(stories: Vec<Story>) -> Kept {
    let stories = stories.into_iter();
    stories
        .map(|story| {
            let entries = story.entries();
            (story, entries)
        })
        .collect()
}

fn run(kept: &Kept, bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (story, entries) = &kept[usize::from(input.byte()) % kept.len()];
    story.run(entries, input);
}

fn seeds(kept: &Kept) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (which, (_, entries)) in (0_u8..).zip(kept) {
        for (changed, (_, value)) in (0_u8..).zip(entries) {
            seeds.push([&[which, changed], value.as_slice()].concat());
        }
    }
    seeds
}

fn kv_kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(|| {
        let secret = json!({"password": CANARY, "ttl": "1h"});
        let first = vec![
            (Operation::Update, "app/one", secret.clone()),
            (Operation::Read, "app/one", json!({})),
            (Operation::List, "app/", json!({})),
        ];
        let second = vec![
            (Operation::Update, "config", json!({"max_versions": 3})),
            (Operation::Update, "data/app/one", json!({"data": secret})),
            (Operation::Update, "data/app/one", json!({"data": secret})),
            (Operation::Update, "data/app/two", json!({"data": secret})),
            (Operation::Delete, "data/app/two", json!({})),
            (
                Operation::Update,
                "metadata/app/one",
                json!({"custom_metadata": {"a": "b"}}),
            ),
            (Operation::Read, "data/app/one", json!({})),
            (Operation::Read, "metadata/app/one", json!({})),
            (Operation::Read, "subkeys/app/one", json!({})),
            (Operation::List, "metadata/app/", json!({})),
            (
                Operation::Update,
                "undelete/app/two",
                json!({"versions": [1]}),
            ),
            (
                Operation::Update,
                "destroy/app/one",
                json!({"versions": [1]}),
            ),
        ];
        kept(vec![Story::kv("1", first), Story::kv("2", second)])
    })
}

pub(super) fn kv(bytes: &[u8]) {
    run(kv_kept(), bytes);
}

pub(super) fn kv_seeds() -> Vec<Vec<u8>> {
    seeds(kv_kept())
}

fn approle_kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(|| {
        let role = json!({
            "token_policies": ["a"], "secret_id_ttl": "2h", "secret_id_num_uses": 5,
            "secret_id_bound_cidrs": ["127.0.0.0/8"],
        });
        let login = json!({"role_id": "the-role", "secret_id": CANARY});
        let steps = vec![
            (Operation::Create, "role/app", role),
            (
                Operation::Update,
                "role/app/role-id",
                json!({"role_id": "the-role"}),
            ),
            (
                Operation::Update,
                "role/app/secret-id",
                json!({"metadata": "{\"a\":\"b\"}"}),
            ),
            (
                Operation::Update,
                "role/app/custom-secret-id",
                json!({"secret_id": CANARY}),
            ),
            (Operation::Read, "role/app", json!({})),
            (Operation::List, "role/", json!({})),
            (Operation::List, "role/app/secret-id/", json!({})),
            (
                Operation::Update,
                "role/app/secret-id/lookup",
                json!({"secret_id": CANARY}),
            ),
            (Operation::Update, "tidy/secret-id", json!({})),
        ];
        let mut story = Story {
            factory: Arc::new(AppRoleFactory::new("v1")),
            options: BTreeMap::new(),
            steps,
        };
        let entries = story.entries();
        // These fail in the first story: its requests come from no address, and a
        // secret id can be made once.
        story.steps.push((Operation::Update, "login", login));
        story.steps.push((Operation::Delete, "role/app", json!({})));
        vec![(story, entries)]
    })
}

pub(super) fn approle(bytes: &[u8]) {
    run(approle_kept(), bytes);
}

pub(super) fn approle_seeds() -> Vec<Vec<u8>> {
    seeds(approle_kept())
}
