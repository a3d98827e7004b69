//! Runs a scenario and says which promises were broken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use logical::{Factory, NoMetrics, Operation, TaskGroup, Tasks};
use serde_json::{Value, json};
use tokio::time::Instant;
use virtual_world::{Fault, Timing, VirtualTasks, World, hang_up_after};

use super::cloud::{Cloud, EngineFactory, Held, TTL};
use super::scenario::{Action, MOUNTS, TOKENS};
use crate::audit::tests::{Page, Pages, device};
use crate::tests::{Seen, ask_as};
use crate::{AuditConfig, ClientToken, Core, CoreConfig, Effects, ServerInfo};

const ROOT: &str = "root";
/// Longer than the longest life of a lease, its retries, and the longest pause
/// of a removal.
const SETTLING: Duration = Duration::from_hours(2);

/// A lease ends by so much before its client has counted to its end.
const ROUND_TRIP: Duration = Duration::from_secs(1);

struct Group(VirtualTasks);

impl Tasks for Group {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }
}

#[async_trait]
impl TaskGroup for Group {
    async fn shut_down(&self, grace: Duration) {
        self.0.shut_down(grace).await;
    }
}

/// What is known of a thing from the answers of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    There,
    Gone,
    Unknown,
}

struct Scene {
    world: World,
    cloud: Arc<Cloud>,
    core: Arc<Core>,
    groups: Arc<Mutex<Vec<VirtualTasks>>>,
    hang_up: Option<usize>,
    /// Where the audit device writes to, whatever happens to the server.
    log: Arc<Page>,
    pages: Arc<Pages>,
    mounts: [Known; MOUNTS],
    tokens: BTreeMap<usize, ClientToken>,
    /// Tokens whose revocation answered success.
    revoked: Vec<ClientToken>,
    broken: Vec<String>,
    /// Secrets of requests during which the power went: their engine has to
    /// find them.
    excused: BTreeSet<u64>,
    /// How often the power went.
    cuts: u64,
    /// How many clients hung up.
    hang_ups: u64,
}

/// What came of a scenario.
#[derive(Debug)]
pub(super) struct Ran {
    /// The promises that it broke.
    pub(super) broken: Vec<String>,
    /// How often the power went during its actions.
    pub(super) cuts: u64,
    /// How many clients hung up before they had their answer.
    pub(super) hang_ups: u64,
    /// How many calls of engines panicked or failed as they were told to.
    pub(super) disturbed: usize,
}

/// The promises that a scenario broke.
pub(super) fn run(actions: &[Action]) -> Vec<String> {
    run_counting(actions).broken
}

/// As [`run`], with what happened during the actions.
pub(super) fn run_counting(actions: &[Action]) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut scene = Scene::new().await;
        for action in actions {
            scene.act(*action).await;
            scene.restart_if_dead().await;
        }
        let armed = |action: &&Action| matches!(action, Action::Panic(_) | Action::Fail(_));
        let told = actions.iter().filter(armed).count();
        let disturbed = told - scene.cloud.armed();
        let (cuts, hang_ups) = (scene.cuts, scene.hang_ups);
        scene.settle().await;
        Ran {
            broken: scene.broken,
            cuts,
            hang_ups,
            disturbed,
        }
    })
}

impl Scene {
    async fn new() -> Self {
        let world = World::new();
        let cloud = Arc::new(Cloud::default());
        let groups = Arc::default();
        let pages = Arc::new(Pages::default());
        let core = start(&world, &cloud, &groups, &pages).await;
        let root = Some(ClientToken::new(ROOT));
        core.create_root_token(root).await.unwrap();
        Self {
            world,
            cloud,
            core,
            groups,
            hang_up: None,
            log: pages.page("log"),
            pages,
            mounts: [Known::Gone; MOUNTS],
            tokens: BTreeMap::new(),
            revoked: Vec::new(),
            broken: Vec::new(),
            excused: BTreeSet::new(),
            cuts: 0,
            hang_ups: 0,
        }
    }

    async fn act(&mut self, action: Action) {
        let none = Value::Null;
        match action {
            Action::Mount(mount) => {
                let body = json!({"type": "engine"});
                let path = format!("sys/mounts/m{mount}");
                let seen = self.ask(ROOT, Operation::Update, &path, body).await;
                self.mounts[mount] = match (seen.map(|seen| seen.status), self.mounts[mount]) {
                    (Some(204), _) => Known::There,
                    // The path was taken.
                    (Some(400), known) => known,
                    _ => Known::Unknown,
                };
            }
            Action::Tune(mount) => {
                let path = format!("sys/mounts/m{mount}/tune");
                let body = json!({"description": "tuned", "max_lease_ttl": "1h"});
                self.ask(ROOT, Operation::Update, &path, body).await;
            }
            Action::Disable(mount) => {
                self.release(|held| held.id.starts_with(&format!("m{mount}/")));
                let path = format!("sys/mounts/m{mount}");
                let seen = self.ask(ROOT, Operation::Delete, &path, none).await;
                self.mounts[mount] = match seen.map(|seen| seen.status) {
                    Some(200 | 204) => Known::Gone,
                    _ => Known::Unknown,
                };
            }
            Action::Token(token) => {
                if self.tokens.contains_key(&token) {
                    return;
                }
                let active = self.core.active().unwrap();
                let process = Arc::clone(&self.world.process);
                let created = tokio::select! {
                    biased;
                    () = process.death() => return,
                    created = active.tokens.create(None, &["root"]) => created,
                };
                if let Ok(created) = created {
                    self.tokens.insert(token, created);
                }
            }
            Action::RevokeToken(token) => {
                let Some(token) = self.tokens.remove(&token) else {
                    return;
                };
                self.release(|held| held.token == token.expose());
                let path = "auth/token/revoke-self";
                let seen = self
                    .ask(token.expose(), Operation::Update, path, none)
                    .await;
                if seen.is_some_and(|seen| seen.status == 204) {
                    self.revoked.push(token);
                }
            }
            Action::Lease { mount, token } => {
                let token = self.tokens.get(&token).map_or(ROOT, ClientToken::expose);
                let token = token.to_owned();
                let path = format!("m{mount}/lease");
                let seen = self.ask(&token, Operation::Read, &path, none).await;
                if let Some(seen) = seen.filter(|seen| seen.status == 200) {
                    self.is_logged(seen.body["lease_id"].as_str().unwrap());
                    self.cloud.held.lock().unwrap().push(Held {
                        id: seen.body["lease_id"].as_str().unwrap().to_owned(),
                        token: token.clone(),
                        number: seen.body["data"]["number"].as_u64().unwrap(),
                        expires: Instant::now() + TTL - ROUND_TRIP,
                        // A removal whose client hung up may be going on.
                        is_released: self.mounts[mount] != Known::There,
                    });
                }
            }
            Action::Renew(lease) => {
                let Some(held) = self.lease(lease) else {
                    return;
                };
                let body = json!({"lease_id": held.id});
                let path = "sys/leases/renew";
                let seen = self.ask(ROOT, Operation::Update, path, body).await;
                if let Some(seen) = seen.filter(|seen| seen.status == 200) {
                    let ttl = Duration::from_secs(seen.body["lease_duration"].as_u64().unwrap());
                    let mut all = self.cloud.held.lock().unwrap();
                    for known in all.iter_mut().filter(|known| known.id == held.id) {
                        known.expires = Instant::now() + ttl.saturating_sub(ROUND_TRIP);
                    }
                }
            }
            Action::Revoke { lease, sync } => {
                let Some(held) = self.lease(lease) else {
                    return;
                };
                self.release(|known| known.id == held.id);
                let body = json!({"lease_id": held.id, "sync": sync});
                let path = "sys/leases/revoke";
                let seen = self.ask(ROOT, Operation::Update, path, body).await;
                if seen.is_some_and(|seen| seen.status == 204) {
                    self.is_dead(held.number, "revoke");
                }
            }
            Action::RevokePrefix { mount, sync } => {
                let prefix = format!("m{mount}/");
                let below = self.release(|held| held.id.starts_with(&prefix));
                let path = format!("sys/leases/revoke-prefix/m{mount}");
                let body = json!({"sync": sync});
                let seen = self.ask(ROOT, Operation::Update, &path, body).await;
                if seen.is_some_and(|seen| seen.status == 204) {
                    for number in below {
                        self.is_dead(number, "revoke-prefix");
                    }
                }
            }
            Action::Pass(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Action::SlowWrites => {
                let storage = &self.world.storage;
                storage.set_write_delay(Duration::from_millis(5), Timing::First);
                self.log.takes(Duration::from_millis(1));
            }
            Action::SplitBatches => self.world.storage.split_batches(),
            Action::HangUp(awaits) => self.hang_up = Some(awaits),
            Action::Cut { calls, moment } => self.world.process.cut_in(calls, moment),
            Action::Panic(call) => self.cloud.arm(call, true),
            Action::Fail(call) => self.cloud.arm(call, false),
            Action::FailWrite { happens } => {
                let fault = if happens { Fault::Done } else { Fault::Lost };
                self.world.storage.fail_next_writes(1, fault);
            }
            Action::LogEnds(lines) => self.log.ends_after(lines),
        }
    }

    /// Asks, and gives the answer unless the client hung up or the power went.
    async fn ask(
        &mut self,
        token: &str,
        operation: Operation,
        path: &str,
        body: Value,
    ) -> Option<Seen> {
        let made = self.cloud.made();
        let core = Arc::clone(&self.core);
        let asking = ask_as(&core, Some(token), operation, path, body);
        let process = Arc::clone(&self.world.process);
        let awaits = self.hang_up.take().unwrap_or(usize::MAX);
        let seen = tokio::select! {
            biased;
            () = process.death() => None,
            seen = hang_up_after(awaits, asking) => seen,
        };
        self.log.heal();
        if process.is_dead() {
            self.excused.extend(made..self.cloud.made());
            return None;
        }
        self.hang_ups += u64::from(seen.is_none());
        seen
    }

    fn lease(&self, index: usize) -> Option<Held> {
        let held = self.cloud.held.lock().unwrap();
        let index = index.checked_rem(held.len())?;
        Some(held[index].clone())
    }

    /// Notes that the end of these leases was asked for.
    fn release(&self, which: impl Fn(&Held) -> bool) -> Vec<u64> {
        let mut held = self.cloud.held.lock().unwrap();
        let which = held.iter_mut().filter(|held| which(held));
        which
            .map(|held| {
                held.is_released = true;
                held.number
            })
            .collect()
    }

    fn is_logged(&mut self, lease_id: &str) {
        let logged = format!("\"secret\":{{\"lease_id\":\"{lease_id}\"}}");
        if !self.log.text().contains(&logged) {
            self.broken
                .push(format!("`{lease_id}` was answered and not logged"));
        }
    }

    fn is_dead(&mut self, number: u64, by: &str) {
        if self.cloud.alive.lock().unwrap().contains(&number) {
            let text = format!("{by} answered success, and secret {number} is alive");
            self.broken.push(text);
        }
    }

    async fn restart_if_dead(&mut self) {
        if self.world.process.is_dead() {
            self.cuts += u64::from(self.world.process.was_cut());
            self.restart().await;
        }
    }

    async fn restart(&mut self) {
        self.world.restart();
        self.cloud.disarm();
        self.world.storage.heal();
        self.core = start(&self.world, &self.cloud, &self.groups, &self.pages).await;
    }

    /// Everything is well from now on; then what was promised must hold.
    async fn settle(&mut self) {
        self.hang_up = None;
        self.log.heal();
        self.world.process.cancel_cut();
        self.restart_if_dead().await;
        self.cloud.disarm();
        self.world.storage.heal();
        tokio::time::sleep(SETTLING).await;
        // What half a creation left, where batches are split.
        let path = "sys/leases/tidy";
        self.ask(ROOT, Operation::Update, path, Value::Null).await;
        tokio::time::sleep(TTL).await;
        let broken = std::mem::take(&mut *self.cloud.broken.lock().unwrap());
        self.broken.extend(broken);
        let alive = self.cloud.alive.lock().unwrap().clone();
        self.excused
            .extend(self.cloud.unregistered.lock().unwrap().iter());
        for number in alive.difference(&self.excused) {
            self.broken
                .push(format!("secret {number} has no lease and lives"));
        }
        let keys = self.world.storage.disk().keys();
        for key in &keys {
            if key.starts_with("sys/expire/") || key.starts_with("sys/token/revoking/") {
                self.broken.push(format!("`{key}` is left"));
            }
        }
        let before = self.mounted();
        self.check_mounts(&before, &keys);
        self.check_tokens().await;
        self.restart().await;
        let after = self.mounted();
        if before != after {
            let text = format!("{before:?} before a restart, {after:?} after it");
            self.broken.push(text);
        }
        let panics: u64 = self
            .groups
            .lock()
            .unwrap()
            .iter()
            .map(VirtualTasks::panics)
            .sum();
        if panics > 0 {
            self.broken.push(format!("{panics} tasks panicked"));
        }
    }

    /// Path, id and longest TTL of each mount of an engine.
    fn mounted(&self) -> Vec<(String, String, u64)> {
        let mounts = self.core.active().unwrap().mounts.list();
        let engines = mounts
            .into_iter()
            .filter(|(entry, _)| entry.kind == "engine");
        engines
            .map(|(entry, _)| (entry.path, entry.uuid, entry.config.max_lease_ttl))
            .collect()
    }

    fn check_mounts(&mut self, mounted: &[(String, String, u64)], keys: &[String]) {
        for key in keys.iter().filter_map(|key| key.strip_prefix("logical/")) {
            if !mounted.iter().any(|(_, uuid, _)| key.starts_with(uuid)) {
                self.broken.push(format!("`{key}` is left of a mount"));
            }
        }
        for (number, known) in self.mounts.into_iter().enumerate() {
            let path = format!("m{number}/");
            let is_there = mounted.iter().any(|(other, _, _)| *other == path);
            let expected = known == Known::There;
            if known != Known::Unknown && is_there != expected {
                self.broken
                    .push(format!("`{path}` should be {known:?} and is not"));
            }
        }
        let ticks = self.cloud.ticks.lock().unwrap();
        for (path, uuid, _) in mounted {
            let late = ticks
                .get(uuid)
                .is_none_or(|last| last.elapsed() > Duration::from_mins(2));
            if late {
                self.broken.push(format!("`{path}` does not tick"));
            }
        }
    }

    async fn check_tokens(&mut self) {
        for token in std::mem::take(&mut self.revoked) {
            let path = "auth/token/lookup-self";
            let seen = self
                .ask(token.expose(), Operation::Read, path, Value::Null)
                .await;
            if seen.is_none_or(|seen| seen.status != 403) {
                self.broken.push("a revoked token can be used".into());
            }
        }
        for token in 0..TOKENS {
            let Some(token) = self.tokens.get(&token).cloned() else {
                continue;
            };
            let path = "auth/token/lookup-self";
            let seen = self
                .ask(token.expose(), Operation::Read, path, Value::Null)
                .await;
            if seen.is_none_or(|seen| seen.status != 200) {
                self.broken.push("a token is lost".into());
            }
        }
    }
}

async fn start(
    world: &World,
    cloud: &Arc<Cloud>,
    groups: &Arc<Mutex<Vec<VirtualTasks>>>,
    pages: &Arc<Pages>,
) -> Arc<Core> {
    let (process, groups) = (Arc::clone(&world.process), Arc::clone(groups));
    let effects = Effects {
        storage: Arc::clone(&world.storage) as _,
        clock: Arc::clone(&world.clock) as _,
        entropy: Arc::clone(&world.entropy) as _,
        task_groups: Arc::new(move || {
            let tasks = VirtualTasks::new(&process);
            groups.lock().unwrap().push(tasks.clone());
            Arc::new(Group(tasks))
        }),
        metrics: Arc::new(NoMetrics),
    };
    let factory: Arc<dyn Factory> = Arc::new(EngineFactory {
        cloud: Arc::clone(cloud),
        process: Arc::clone(&world.process),
    });
    let mut config = CoreConfig::new(
        ServerInfo {
            version: "1.18.3".into(),
            lockkeeper_version: "0.1.0".into(),
            storage_type: "inmem".into(),
        },
        BTreeMap::from([("engine".to_owned(), factory)]),
    );
    config.audit =
        AuditConfig::new(Arc::clone(pages) as _, false).with_declared(vec![device("log", &[])]);
    Core::start(config, effects).await.unwrap()
}
