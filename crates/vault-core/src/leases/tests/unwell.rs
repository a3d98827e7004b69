//! Leases beside engines that hang, panic, or are slow, and clients that hang
//! up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use logical::{
    Backend, BackendContext, Error, Existence, Factory, LeaseOptions, Object, Operation, Request,
    Response, Secret, Storage, Write,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::MountRequest;
use crate::ServerInfo;
use crate::tests::{World, ask};
use crate::{ClientToken, Core, CoreConfig, Effects};

const SECOND: Duration = Duration::from_secs(1);

/// What an engine does when a lease of its ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well = 0,
    Hanging = 1,
    Panicking = 2,
    Failing = 3,
    /// A second for each.
    Slow = 4,
}

/// An engine whose leases live for ten seconds, or for as long as they are
/// asked for.
#[derive(Default)]
struct Engine {
    mood: AtomicU8,
    answered: AtomicU64,
    revoked: Mutex<Vec<u64>>,
}

impl Engine {
    fn feel(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    fn feels(&self, mood: Mood) -> bool {
        self.mood.load(Ordering::SeqCst) == mood as u8
    }

    fn revoked(&self) -> usize {
        self.revoked.lock().unwrap().len()
    }
}

struct Made(Arc<Engine>);

impl Factory for Made {
    fn create(&self, _: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::clone(&self.0) as _)
    }

    fn version(&self) -> &'static str {
        "v0.0.1"
    }
}

#[async_trait]
impl Backend for Engine {
    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        if request.operation != Operation::Revoke {
            let ttl = request.data.get("ttl").and_then(Value::as_u64);
            let ttl = Duration::from_secs(ttl.unwrap_or(10));
            let number = self.answered.fetch_add(1, Ordering::SeqCst);
            let notes = Object::from_iter([("number".to_owned(), number.into())]);
            let secret = Secret::from_parts(LeaseOptions::renewable(ttl, ttl), notes, "");
            return Ok(Some(Response::with_data(Object::new()).under(secret)));
        }
        assert!(!self.feels(Mood::Panicking), "the engine panics");
        if self.feels(Mood::Hanging) {
            std::future::pending::<()>().await;
        }
        if self.feels(Mood::Failing) {
            return Err(Error::unrecoverable("never"));
        }
        if self.feels(Mood::Slow) {
            tokio::time::sleep(SECOND).await;
        }
        let number = request.secret.unwrap().internal_data["number"].as_u64();
        self.revoked.lock().unwrap().push(number.unwrap());
        Ok(None)
    }

    async fn exists(&self, _: Request) -> Result<Existence, Error> {
        Ok(Existence::Unchecked)
    }
}

/// Storage whose reads take as long as they are told to.
struct SlowReads {
    inner: Arc<dyn Storage>,
    take: Mutex<Duration>,
}

impl SlowReads {
    async fn wait(&self) {
        let time = *self.take.lock().unwrap();
        tokio::time::sleep(time).await;
    }
}

#[async_trait]
impl Storage for SlowReads {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let value = self.inner.get(key).await;
        self.wait().await;
        value
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.inner.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.inner.list(prefix).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.inner.apply(batch).await
    }
}

/// A core with the engines `one/` and `other/`.
struct Scene {
    world: World,
    storage: Arc<SlowReads>,
    core: Arc<Core>,
    one: Arc<Engine>,
    other: Arc<Engine>,
}

impl Scene {
    async fn new() -> Self {
        let (one, other) = (Arc::new(Engine::default()), Arc::new(Engine::default()));
        let world = World::new();
        let storage = Arc::new(SlowReads {
            inner: world.effects().storage,
            take: Mutex::default(),
        });
        let core = Self::start(&world, &storage, &one, &other).await;
        core.create_root_token(Some(ClientToken::new("root")))
            .await
            .unwrap();
        for kind in ["one", "other"] {
            let request = MountRequest {
                path: kind.into(),
                kind: kind.into(),
                ..MountRequest::default()
            };
            core.mount(request).await.unwrap();
        }
        Self {
            world,
            storage,
            core,
            one,
            other,
        }
    }

    async fn start(
        world: &World,
        storage: &Arc<SlowReads>,
        one: &Arc<Engine>,
        other: &Arc<Engine>,
    ) -> Arc<Core> {
        let factory = |engine: &Arc<Engine>| Arc::new(Made(Arc::clone(engine))) as Arc<dyn Factory>;
        let config = CoreConfig {
            factories: BTreeMap::from([
                ("one".to_owned(), factory(one)),
                ("other".to_owned(), factory(other)),
            ]),
            audit: crate::AuditConfig::default(),
            server_info: ServerInfo {
                version: "1.18.3".into(),
                lockkeeper_version: "0.1.0".into(),
                storage_type: "inmem".into(),
            },
        };
        let effects = Effects {
            storage: Arc::clone(storage) as _,
            ..world.effects()
        };
        Core::start(config, effects).await.unwrap()
    }

    async fn restart(&mut self) {
        self.core.shut_down().await;
        self.core = Self::start(&self.world, &self.storage, &self.one, &self.other).await;
    }

    fn reads_take(&self, time: Duration) {
        *self.storage.take.lock().unwrap() = time;
    }

    async fn lease(&self, mount: &str, ttl: u64) -> String {
        let path = format!("{mount}/lease");
        let seen = ask(&self.core, Operation::Read, &path, json!({"ttl": ttl})).await;
        seen.body["lease_id"].as_str().unwrap().to_owned()
    }

    async fn leases(&self, mount: &str, count: usize, ttl: u64) {
        for _ in 0..count {
            self.lease(mount, ttl).await;
        }
    }

    async fn irrevocable(&self) -> u64 {
        let body = json!({"type": "irrevocable"});
        let seen = ask(&self.core, Operation::Read, "sys/leases", body).await;
        seen.body["data"]["lease_count"].as_u64().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_delays_no_lease_of_another_mount() {
    let scene = Scene::new().await;
    scene.one.feel(Mood::Hanging);
    scene.leases("one", 2_000, 10).await;
    scene.lease("other", 20).await;
    tokio::time::sleep(21 * SECOND).await;
    assert_eq!(scene.other.revoked(), 1);
    let revoked = scene.lease("other", 1_000).await;
    let body = json!({"lease_id": revoked});
    ask(&scene.core, Operation::Update, "sys/leases/revoke", body).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(
        scene.other.revoked(),
        2,
        "an asynchronous revocation waited"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_engine_panicked_is_tried_again() {
    let scene = Scene::new().await;
    scene.one.feel(Mood::Panicking);
    scene.leases("one", 3, 10).await;
    tokio::time::sleep(15 * SECOND).await;
    assert_eq!(scene.one.revoked(), 0);
    scene.one.feel(Mood::Well);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(scene.one.revoked(), 3);
}

#[tokio::test(start_paused = true)]
async fn tidying_does_not_bring_a_lease_back_that_was_forced_away_meanwhile() {
    let scene = Scene::new().await;
    scene.one.feel(Mood::Failing);
    scene.leases("one", 4, 1).await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(scene.irrevocable().await, 4);
    scene.reads_take(SECOND);
    // Forcing reads the prefix and then each lease, and removes them after two
    // seconds: tidying has read them by then, and has not noted them yet.
    let path = "sys/leases/revoke-force/one";
    let force = ask(&scene.core, Operation::Update, path, Value::Null);
    let tidy = async {
        tokio::time::sleep(3 * SECOND / 2).await;
        let path = "sys/leases/tidy";
        ask(&scene.core, Operation::Update, path, Value::Null).await
    };
    let (forced, _) = tokio::join!(force, tidy);
    assert_eq!(forced.status, 204);
    tokio::time::sleep(60 * SECOND).await;
    scene.reads_take(Duration::ZERO);
    assert_eq!(scene.irrevocable().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_prefix_is_revoked_to_its_end_when_the_client_hangs_up() {
    let scene = Scene::new().await;
    scene.one.feel(Mood::Slow);
    scene.leases("one", 40, 10_000).await;
    let path = "sys/leases/revoke-prefix/one";
    let revoking = ask(&scene.core, Operation::Update, path, json!({"sync": true}));
    let hung_up = tokio::time::timeout(SECOND / 2, revoking).await;
    assert!(hung_up.is_err());
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(scene.one.revoked(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_start_does_not_wait_for_leases_and_ends_those_that_are_due_all_the_same() {
    let mut scene = Scene::new().await;
    scene.leases("one", 300, 10).await;
    scene.core.shut_down().await;
    tokio::time::sleep(20 * SECOND).await;
    scene.reads_take(SECOND);
    let began = tokio::time::Instant::now();
    scene.restart().await;
    assert!(began.elapsed() < 20 * SECOND, "{:?}", began.elapsed());
    tokio::time::sleep(120 * SECOND).await;
    assert_eq!(scene.one.revoked(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_read_keeps_no_other_away_after_a_start() {
    let mut scene = Scene::new().await;
    scene.leases("one", 3, 10).await;
    let damaged = "sys/expire/id/one/lease/0damaged";
    scene.storage.put(damaged, b"damaged").await.unwrap();
    scene.restart().await;
    tokio::time::sleep(15 * SECOND).await;
    assert_eq!(scene.one.revoked(), 3);
    assert_eq!(scene.irrevocable().await, 0);
}

#[tokio::test(start_paused = true)]
async fn clients_that_try_again_during_an_outage_do_not_use_up_the_attempts() {
    let scene = Scene::new().await;
    let lease = scene.lease("one", 1_000).await;
    scene.one.feel(Mood::Panicking);
    for _ in 0..10 {
        let path = "sys/leases/revoke";
        let body = json!({"lease_id": lease});
        let refused = ask(&scene.core, Operation::Update, path, body).await;
        assert!(refused.status >= 500, "{refused:?}");
    }
    assert_eq!(scene.irrevocable().await, 0);
    scene.one.feel(Mood::Well);
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(scene.one.revoked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_given_up_is_tried_again_when_a_client_revokes_it() {
    let scene = Scene::new().await;
    let lease = scene.lease("one", 1).await;
    scene.one.feel(Mood::Failing);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(scene.irrevocable().await, 1);
    scene.one.feel(Mood::Well);
    let body = json!({"lease_id": lease, "sync": false});
    let accepted = ask(&scene.core, Operation::Update, "sys/leases/revoke", body).await;
    assert_eq!(accepted.status, 202);
    tokio::time::sleep(SECOND).await;
    assert_eq!(scene.one.revoked(), 1);
    assert_eq!(scene.irrevocable().await, 0);
}
