//! Static roles seen after every write and every effect, which is what a power cut
//! can leave: each stage of a rotation, in an order that strands no reader and no
//! key (`lifecycle.md`, 32 to 36, 43, 45 and 74).
//!
//! The crash harness cuts the power at these places and looks at what a restart
//! makes of it. Here nothing is mended meanwhile, so that a wrong order is seen
//! even where the next step would hide it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::ids::{CredentialId, KeyId, Marker};
use engine::ledger::store::LedgerStore;
use engine::ledger::{Credential, State};
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use logical::Storage;
use serde_json::{Value, json};

use crate::world::{Cloud, World};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const RECORD: &str = "lockkeeper/static/orders";

/// What the record of the static role says of the key that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Served {
    version: u64,
    key: String,
    since: Timestamp,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    /// Keys that the record named at some time.
    named: BTreeSet<String>,
    /// What it served last.
    served: Option<Served>,
    /// Whether keys of the role may be left to whoever uses them.
    leaves_keys: bool,
    states: usize,
    wrong: Vec<String>,
}

/// Looks at storage and Confluent after every change of either.
struct Watcher {
    storage: Arc<dyn Storage>,
    cloud: Arc<Cloud>,
    seen: Mutex<Seen>,
}

impl Watcher {
    fn of(world: &World) -> Arc<Self> {
        let watcher = Arc::new(Self {
            storage: Arc::clone(world.storage.disk()) as Arc<dyn Storage>,
            cloud: Arc::clone(&world.cloud),
            seen: Mutex::default(),
        });
        let look = || {
            let watcher = Arc::clone(&watcher);
            move || watcher.look()
        };
        world.storage.split_batches();
        world.storage.on_change(look());
        assert!(world.cloud.changed.set(Box::new(look())).is_ok());
        watcher
    }

    fn entry(&self, id: &str) -> Option<Credential> {
        let store = LedgerStore::new(Arc::clone(&self.storage));
        let id = CredentialId::parse(id).unwrap();
        store.load(&id).now_or_never().unwrap().unwrap()
    }

    fn record(&self) -> Value {
        let stored = self.storage.get(RECORD).now_or_never().unwrap().unwrap();
        let stored: Value = stored.map_or(Value::Null, |stored| {
            serde_json::from_slice(&stored).unwrap()
        });
        stored["record"].clone()
    }

    fn look(&self) {
        let record = self.record();
        let mut seen = self.seen.lock().unwrap();
        let seen = &mut *seen;
        seen.states += 1;
        let text = |place: &str| record.pointer(place)?.as_str().map(str::to_owned);
        let next = text("/rotation/next").filter(|_| record["rotation"]["failure"].is_null());
        let served = text("/served/credential").map(|key| Served {
            version: record["version"].as_u64().unwrap(),
            key,
            since: text("/served/since").unwrap().parse().unwrap(),
        });
        seen.named.extend(next.clone());
        seen.named
            .extend(served.iter().map(|served| served.key.clone()));
        let mut wrong = Vec::new();
        self.look_at_switch(seen.served.as_ref(), served.as_ref(), &record, &mut wrong);
        if let Some(served) = &served {
            let entry = self.entry(&served.key);
            let key = entry.as_ref().and_then(Credential::live_key);
            if key.is_none_or(|key| key.secret.is_none()) {
                wrong.push(format!("{} is served and not in use", served.key));
            }
        }
        for key in served.iter().map(|served| &served.key).chain(&next) {
            let entry = self.entry(key);
            if entry.is_some_and(|entry| !entry.pinned) {
                wrong.push(format!("{key} is named and nothing keeps it"));
            }
        }
        for name in self.cloud.live().iter().map(|key| self.cloud.name_of(key)) {
            let Some((_, id)) = Marker::read(&name) else {
                continue;
            };
            let id = id.to_string();
            match self.entry(&id) {
                None if seen.leaves_keys && seen.named.contains(&id) => {}
                None => wrong.push(format!("{id} lives and is not on record")),
                Some(entry) => {
                    let ends = !matches!(entry.state, State::Intended | State::Live { .. });
                    if !ends && !entry.is_justified() {
                        wrong.push(format!("{id} lives and nothing justifies it"));
                    }
                }
            }
        }
        for id in self.pinned().difference(&seen.named) {
            wrong.push(format!("{id} is kept before the record names it"));
        }
        seen.served = served;
        let states = seen.states;
        let wrong = wrong.into_iter();
        seen.wrong
            .extend(wrong.map(|wrong| format!("after change {states}: {wrong}")));
    }

    /// Version, key and time change together, and never back; and the key before
    /// has its grace by then.
    fn look_at_switch(
        &self,
        before: Option<&Served>,
        now: Option<&Served>,
        record: &Value,
        wrong: &mut Vec<String>,
    ) {
        let (Some(before), Some(now)) = (before, now) else {
            return;
        };
        if before == now {
            return;
        }
        if now.version != before.version + 1 || now.key == before.key {
            wrong.push(format!("{before:?} became {now:?}"));
        }
        if now.since < before.since {
            wrong.push(format!("the last rotation moved back: {before:?}, {now:?}"));
        }
        if record["previous"]["credential"] != before.key.as_str() {
            wrong.push(format!("{} is forgotten", before.key));
        }
        let has_grace = |entry: Credential| !entry.holders.is_empty();
        if !self.entry(&before.key).is_some_and(has_grace) {
            wrong.push(format!("{} is left without its grace", before.key));
        }
    }

    /// The entries in use that say that the record names them.
    fn pinned(&self) -> BTreeSet<String> {
        let store = LedgerStore::new(Arc::clone(&self.storage));
        let all = store.all().now_or_never().unwrap().unwrap();
        let all = all.into_values();
        let pinned = all.filter(|entry| {
            entry.pinned && matches!(entry.state, State::Intended | State::Live { .. })
        });
        pinned.map(|entry| entry.id.to_string()).collect()
    }

    /// Nothing was wrong in so many states at least, counted since the last time.
    fn found_nothing(&self, stage: &str, states: usize) {
        let mut seen = self.seen.lock().unwrap();
        assert!(seen.wrong.is_empty(), "{stage}: {:#?}", seen.wrong);
        assert!(seen.states >= states, "{stage}: {} states", seen.states);
        seen.states = 0;
    }
}

fn role() -> Value {
    json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "rotation": "manual",
        "grace": 600, "refresh": 300, "readiness": "probe",
    })
}

async fn watched() -> (World, Arc<Watcher>) {
    let world = World::ready().await;
    world.cloud.set_propagation(MINUTE);
    let watcher = Watcher::of(&world);
    world.write("static-role/orders", &role()).await.unwrap();
    world.pass(4 * MINUTE).await;
    world.served_key().await;
    // Record, intent, key, entry, proof and switch.
    watcher.found_nothing("the first key", 6);
    (world, watcher)
}

async fn step(world: &World, step: &str) {
    let path = format!("static-role/orders/{step}");
    world.write(&path, &json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_write_of_a_rotation_leaves_keys_and_records_together() {
    let (world, watcher) = watched().await;
    world.write("rotate-role/orders", &json!({})).await.unwrap();
    world.pass(5 * MINUTE).await;
    // The record names a key; intent, key, entry, proof; grace, switch, unpin.
    watcher.found_nothing("rotation", 8);
    assert_eq!(world.cloud.live().len(), 2);
    world.pass(15 * MINUTE).await;
    // The grace is over: retiring, deleted, gone.
    watcher.found_nothing("the end of the old key", 3);
    assert_eq!(world.cloud.live(), [world.served_key().await]);
}

#[tokio::test(start_paused = true)]
async fn every_write_of_a_staged_rotation_leaves_keys_and_records_together() {
    let (world, watcher) = watched().await;
    step(&world, "stage").await;
    world.pass(4 * MINUTE).await;
    watcher.found_nothing("stage", 5);
    step(&world, "rollback").await;
    world.pass(2 * MINUTE).await;
    watcher.found_nothing("a staged key that is dropped", 3);
    assert_eq!(world.cloud.live().len(), 1);
    step(&world, "stage").await;
    world.pass(4 * MINUTE).await;
    let first = world.served_key().await;
    step(&world, "commit").await;
    assert_ne!(world.served_key().await, first);
    watcher.found_nothing("commit", 8);
    step(&world, "rollback").await;
    assert_eq!(world.served_key().await, first);
    world.pass(20 * MINUTE).await;
    watcher.found_nothing("going back", 3);
    assert_eq!(world.cloud.live(), [first]);
}

#[tokio::test(start_paused = true)]
async fn every_write_of_a_forced_switch_leaves_keys_and_records_together() {
    let (world, watcher) = watched().await;
    step(&world, "stage").await;
    watcher.found_nothing("stage", 4);
    let force = json!({ "force": true });
    world
        .write("static-role/orders/commit", &force)
        .await
        .unwrap();
    // Proof, request, grace, switch, unpin.
    watcher.found_nothing("commit by force", 5);
}

#[tokio::test(start_paused = true)]
async fn every_write_of_a_deletion_leaves_keys_and_records_together() {
    let (world, watcher) = watched().await;
    let first = world.served_key().await;
    world.write("rotate-role/orders", &json!({})).await.unwrap();
    world.pass(2 * MINUTE).await;
    // One key is served, one is on its way.
    world.delete("static-role/orders").await.unwrap();
    world.pass(2 * MINUTE).await;
    watcher.found_nothing("deletion", 6);
    world.write("static-role/orders", &role()).await.unwrap();
    assert!(world.lives(&first));
    world.pass(4 * MINUTE).await;
    watcher.found_nothing("the role comes back", 2);
    watcher.seen.lock().unwrap().leaves_keys = true;
    let keep = json!({ "on_delete": "keep" });
    world.write("static-role/orders", &keep).await.unwrap();
    let kept = world.served_key().await;
    world.delete("static-role/orders").await.unwrap();
    world.pass(20 * MINUTE).await;
    watcher.found_nothing("a key that is left", 3);
    assert!(world.lives(&kept));
}

#[tokio::test(start_paused = true)]
async fn the_last_rotation_never_moves_back_even_if_the_clock_does() {
    let (world, watcher) = watched().await;
    world.set_clock(HOUR * -2);
    world.write("rotate-role/orders", &json!({})).await.unwrap();
    world.pass(4 * MINUTE).await;
    watcher.found_nothing("rotation by an earlier clock", 8);
    step(&world, "rollback").await;
    watcher.found_nothing("going back by an earlier clock", 3);
}

/// Another process marked the key, which had no holder then, and stopped before it
/// read the record that came to name it.
#[tokio::test(start_paused = true)]
async fn a_key_that_another_process_began_to_end_lives_while_the_record_names_it() {
    let (mut world, watcher) = watched().await;
    let key = world.served_key().await;
    let id = watcher.seen.lock().unwrap().served.clone().unwrap().key;
    let mut entry = watcher.entry(&id).unwrap();
    entry.pinned = false;
    entry.state = State::Retiring {
        key: KeyId::new(key.as_str()),
        since: world.now(),
        cause: None,
    };
    let place = format!("lockkeeper/credential/{}", entry.id);
    let marked = json!({"version": 1, "record": entry}).to_string();
    world
        .storage
        .disk()
        .put(&place, marked.as_bytes())
        .await
        .unwrap();
    world.restart();
    world.pass(4 * MINUTE).await;
    assert!(world.lives(&key));
    let entry = watcher.entry(&id).unwrap();
    assert!(matches!(entry.state, State::Live { .. }), "{entry:?}");
    // Its secret is gone: the readers get another.
    world.pass(4 * MINUTE).await;
    assert_ne!(world.served_key().await, key);
}
