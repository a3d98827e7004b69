//! One world: storage, cloud, clock and host, and the processes that run an
//! engine on them. What breaks a promise is noted as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::EngineFactory;
use engine::ids::{CredentialId, HolderId};
use engine::ledger::store::LedgerStore;
use engine::ledger::{Credential, Sharing, State};
use jiff::{SignedDuration, Timestamp};
use logical::{
    Backend, BackendContext, Clock as _, Error, Factory as _, Operation, Request, Response,
    Storage, Tasks,
};
use runtime::TokioTasks;
use serde_json::{Value, json};
use virtual_world::{CountingEntropy, Process, VirtualClock, VirtualStorage};

use super::cloud::{ADMINS, Cloud, ProcessCloud};
use super::fault::Faults;
use super::host::{Host, Lease};
use super::taken_over::Given;

/// How long a host waits for an engine.
const HOST_LIMIT: Duration = Duration::from_secs(90);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// The roles of every world: name, whether it is shared, and its times in
/// seconds (zero for the mount's).
pub(crate) const ROLES: [(&str, bool, u64, u64); 4] = [
    ("single", false, 600, 3600),
    ("shared", true, 300, 3600),
    ("plain", true, 0, 0),
    (AGING, true, 300, 3600),
];

/// The role whose keys are replaced after ten minutes.
const AGING: &str = "aging";

/// A process with its engine.
#[derive(Clone)]
pub(super) struct Running {
    process: Arc<Process>,
    engine: Arc<dyn Backend>,
    tasks: Arc<TokioTasks>,
}

/// What a request came to; `None` when the process died under it.
pub(crate) type Outcome = Option<Result<Option<Response>, Error>>;

pub(crate) struct World {
    pub(crate) time: Arc<VirtualClock>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) host: Arc<Host>,
    pub(super) storage: VirtualStorage,
    entropy: Arc<CountingEntropy>,
    pub(super) current: Running,
    pub(super) old: Vec<Running>,
    /// Promises that were broken.
    pub(super) broken: Vec<String>,
    /// How many revocations failed when all leases ended last.
    failed_revocations: usize,
    /// Whether an operator ended keys while one was being made: whoever waits for
    /// it is told to try again.
    ended_in_the_making: bool,
    /// Whether the static role was ever rotated without grace.
    pub(super) without_grace: bool,
    /// Whether the keys of the static role were always tried before they are
    /// served.
    pub(super) always_probed: bool,
    /// Roles with spares whose keys were not always tried.
    pub(super) untried: BTreeSet<&'static str>,
    /// Which token's readers got each key first.
    pub(super) of_token: BTreeMap<String, usize>,
    /// Keys that a person made, to be imported.
    pub(super) given: Given,
    /// What the last answer for the static role said.
    pub(super) last_rotation: Option<Timestamp>,
    /// How often the power went.
    pub(super) cuts: u64,
    /// Everything that was said: errors, and reads of config and roles.
    said: Vec<String>,
}

impl World {
    /// A world whose engine has an account and the three roles.
    pub(crate) async fn new() -> Self {
        let time = Arc::new(VirtualClock::new());
        let faults = Arc::new(Faults::default());
        let host = Arc::new(Host::new(Arc::clone(&time)));
        let cloud = Cloud::new(
            Arc::clone(&time),
            Arc::clone(&faults),
            Arc::clone(&host) as _,
        );
        let cloud = Arc::new(cloud);
        let storage = disk(&faults);
        let entropy = Arc::new(CountingEntropy::new());
        let current = start(&time, &cloud, &host, &storage, &entropy);
        let mut world = Self {
            time,
            faults,
            cloud,
            host,
            storage,
            entropy,
            current,
            old: Vec::new(),
            broken: Vec::new(),
            failed_revocations: 0,
            ended_in_the_making: false,
            without_grace: false,
            always_probed: true,
            untried: BTreeSet::new(),
            of_token: BTreeMap::new(),
            given: Given::default(),
            last_rotation: None,
            cuts: 0,
            said: Vec::new(),
        };
        world.write_config(0, true).await;
        for role in 0..ROLES.len() {
            world.write_role(role, 0).await;
        }
        world
    }

    pub(crate) fn process(&self) -> &Process {
        &self.current.process
    }

    pub(crate) async fn write_config(&mut self, admin: usize, verified: bool) {
        let (id, secret, _) = ADMINS[admin];
        let body = json!({
            "ccloud_api_key_id": id, "ccloud_api_key_secret": secret, "verify": verified,
        });
        self.write("config", &body).await;
    }

    /// Writes a role; `cluster` chooses what its keys are for.
    pub(crate) async fn write_role(&mut self, role: usize, cluster: u64) {
        let (name, shared, ttl, max_ttl) = ROLES[role];
        let max_age = if name == AGING { 600 } else { 0 };
        let body = json!({
            "owner": "sa-1", "resource": format!("lkc-{cluster}"), "resource_env": "env-1",
            "ttl": ttl, "max_ttl": max_ttl, "multi_use_key": shared, "max_age": max_age,
        });
        self.write(&format!("role/{name}"), &body).await;
    }

    pub(crate) async fn delete_role(&mut self, role: usize) {
        let path = format!("role/{}", ROLES[role].0);
        self.ask(Request::new(Operation::Delete, path)).await;
    }

    /// Reads what may be read, which must show no secret.
    pub(crate) async fn look(&mut self) {
        for path in [
            "config",
            "role/single",
            "role/shared",
            "status",
            "info",
            "config/check",
        ] {
            self.say(Request::new(Operation::Read, path)).await;
        }
        self.say(Request::new(Operation::List, "keys/")).await;
        for key in self.cloud.live() {
            self.say(Request::new(Operation::Read, format!("keys/{key}")))
                .await;
        }
    }

    pub(crate) async fn end_key(&mut self, key: &str) {
        self.ended_in_the_making = self.cloud.is_making();
        self.say(Request::new(Operation::Delete, format!("keys/{key}")))
            .await;
    }

    pub(crate) async fn end_role(&mut self, role: usize) {
        self.ended_in_the_making = self.cloud.is_making();
        let path = format!("role/{}/keys", ROLES[role].0);
        self.say(Request::new(Operation::Delete, path)).await;
    }

    pub(crate) async fn reconcile(&mut self) {
        self.say(Request::new(Operation::Update, "reconcile")).await;
    }

    /// The mount is removed while all works: its leases end, then it stops.
    /// Not a key may be left. It is enabled again with nothing in it.
    pub(crate) async fn remove(&mut self) {
        self.faults.clear();
        self.cloud.set_pace(Duration::ZERO);
        self.end_old().await;
        // One that is about to be cut off could not finish.
        self.restart().await;
        self.host.tainted.store(true, Ordering::SeqCst);
        for lease in self.host.held() {
            self.revoke(&lease, true).await;
        }
        self.current.engine.cleanup().await;
        // The keys of static roles stay, for a person to delete.
        let stay = self.static_keys().await;
        let mut left = self.without_foreign(self.cloud.live());
        left.retain(|key| !stay.contains(key));
        if !left.is_empty() {
            self.broken
                .push(format!("the mount was removed and left {left:?}"));
        }
        for key in stay {
            self.cloud.delete_by_hand(&key);
        }
        self.settle_given();
        self.host.forget_all();
        self.last_rotation = None;
        for key in self.storage.disk().keys() {
            self.storage.disk().delete(&key).await.unwrap();
        }
        self.host.tainted.store(false, Ordering::SeqCst);
        self.restart().await;
        self.write_config(0, true).await;
        for role in 0..ROLES.len() {
            self.write_role(role, 0).await;
        }
    }

    /// Asks, and keeps what was answered.
    async fn say(&mut self, request: Request) {
        if let Some(Ok(Some(response))) = self.ask(request).await {
            self.said
                .push(format!("{:?} {:?}", response.data, response.warnings));
        }
    }

    /// As many readers of a role as wished, together.
    pub(crate) async fn read(&mut self, role: usize, readers: usize) {
        let name = ROLES[role].0;
        let undisturbed = self.faults.is_empty();
        let answers = (0..readers).map(|_| {
            let request = Request::new(Operation::Read, format!("creds/{name}"));
            ask(self.current.clone(), request)
        });
        let answers = futures_util::future::join_all(answers).await;
        let mut keys = BTreeSet::new();
        for answer in answers {
            self.note(&answer);
            if let Some(Ok(Some(response))) = answer {
                let key = response.get("key_id").and_then(Value::as_str).unwrap();
                keys.insert(key.to_owned());
                let dead = !self.cloud.is_alive(key) && !self.cloud.was_just_deleted(key);
                if dead && undisturbed && self.old.is_empty() {
                    self.broken.push(format!("key {key} was handed out dead"));
                }
                self.host.register(name, response);
            }
        }
        if ROLES[role].1 && undisturbed && !self.process().is_dead() && keys.len() > 1 {
            self.broken
                .push(format!("readers that came together got {keys:?}"));
        }
        self.go_on().await;
    }

    /// A reader hangs up after a while.
    pub(crate) async fn read_and_hang_up(&mut self, role: usize, after: Duration) {
        let request = Request::new(Operation::Read, format!("creds/{}", ROLES[role].0));
        let asking = ask(self.current.clone(), request);
        // An answer that came is lost all the same: nobody registers it.
        let _ = tokio::time::timeout(after, asking).await;
        self.go_on().await;
    }

    /// The wall clock jumps while a key is made, and the host makes its periodic
    /// calls meanwhile. The key is still its reader's.
    pub(crate) async fn jump_during_read(&mut self, role: usize, by: SignedDuration) {
        let name = ROLES[role].0;
        self.ended_in_the_making &= self.cloud.is_making();
        let request = Request::new(Operation::Read, format!("creds/{name}"));
        let asking = tokio::spawn(ask(self.current.clone(), request));
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.time.jump(by);
        for _ in 0..3 {
            self.tick().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let answer = asking.await.unwrap();
        self.time.jump(-by);
        self.note(&answer);
        match answer {
            Some(Ok(Some(response))) => self.host.register(name, response),
            Some(Err(error))
                if error.message().contains("given up while it was made")
                    && !self.ended_in_the_making =>
            {
                self.broken
                    .push(format!("a key was retired under its maker: {error}"));
            }
            _ => {}
        }
        self.go_on().await;
    }

    /// The process is frozen while a reader waits, and a new one takes over.
    pub(crate) async fn freeze_during_read(&mut self, role: usize, after: Duration) {
        let request = Request::new(Operation::Read, format!("creds/{}", ROLES[role].0));
        let running = self.current.clone();
        tokio::spawn(async move { ask(running, request).await });
        tokio::time::sleep(after).await;
        self.freeze();
    }

    /// The process is frozen, and a new one takes over.
    pub(crate) fn freeze(&mut self) {
        self.current.process.freeze();
        let next = self.start();
        let old = std::mem::replace(&mut self.current, next);
        self.old.push(old);
    }

    /// Frozen processes go on beside the new one.
    pub(crate) fn thaw(&self) {
        for old in &self.old {
            old.process.thaw();
        }
    }

    /// Old processes end for good.
    pub(crate) async fn end_old(&mut self) {
        for old in std::mem::take(&mut self.old) {
            end(&old).await;
        }
    }

    pub(crate) async fn renew(&mut self, lease: &Lease, increment: Duration) {
        if let Some(Ok(Some(response))) = self.ask(lease.renewal(increment)).await {
            self.host.renewed(lease.number, increment, response);
        }
    }

    pub(crate) async fn revoke(&mut self, lease: &Lease, with_id: bool) {
        self.host.begin_end(lease.number);
        let outcome = self.ask(lease.revocation(with_id)).await;
        self.revoked(lease, &outcome).await;
    }

    /// All leases end at once. Where nothing is wrong but that deletions have to
    /// wait, no revocation fails.
    pub(crate) async fn revoke_all(&mut self) {
        let leases = self.host.held();
        for lease in &leases {
            self.host.begin_end(lease.number);
        }
        let revocations = leases
            .iter()
            .map(|lease| ask(self.current.clone(), lease.revocation(true)));
        let outcomes = futures_util::future::join_all(revocations).await;
        for (lease, outcome) in leases.iter().zip(&outcomes) {
            self.note(outcome);
            self.revoked(lease, outcome).await;
        }
        self.failed_revocations = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Some(Err(_))))
            .count();
        self.go_on().await;
    }

    /// The revocations of the last end of all leases must have succeeded.
    pub(crate) fn expect_no_failed_revocation(&mut self) {
        if self.failed_revocations > 0 {
            let failed = self.failed_revocations;
            self.broken.push(format!("{failed} revocations failed"));
        }
    }

    /// A revocation and a reader at the same moment.
    pub(crate) async fn race(&mut self, lease: &Lease, role: usize) {
        self.host.begin_end(lease.number);
        let name = ROLES[role].0;
        let reading = Request::new(Operation::Read, format!("creds/{name}"));
        let (read, revoked) = futures_util::join!(
            ask(self.current.clone(), reading),
            ask(self.current.clone(), lease.revocation(true)),
        );
        self.note(&read);
        self.note(&revoked);
        if let Some(Ok(Some(response))) = read {
            self.host.register(name, response);
        }
        self.revoked(lease, &revoked).await;
        self.go_on().await;
    }

    /// Time passes: the host makes its periodic calls and ends leases.
    pub(crate) async fn pass(&mut self, time: Duration, tick: Duration) {
        let until = self.time.monotonic() + time;
        let mut next_tick = self.time.monotonic();
        loop {
            let now = self.time.monotonic();
            let (due, next_due) = self.host.due();
            for lease in due {
                let outcome = self.ask(lease.revocation(true)).await;
                self.host.begin_end(lease.number);
                self.revoked(&lease, &outcome).await;
            }
            if now >= until {
                break;
            }
            if next_tick <= self.time.monotonic() {
                self.tick().await;
                next_tick += tick;
            }
            let (_, next_due) = (next_due, self.host.due().1);
            let wake = [Some(next_tick), next_due, Some(until)];
            let wake = wake.into_iter().flatten().min().unwrap();
            let nap = wake.saturating_sub(self.time.monotonic());
            tokio::time::sleep(nap.max(Duration::from_millis(1))).await;
            self.go_on().await;
        }
    }

    /// The process ends in order or dies, and a new one starts.
    pub(crate) async fn restart(&mut self) {
        self.current.process.kill();
        self.go_on().await;
    }

    /// Everything is left alone until all is due; then nothing may be left, and
    /// the engine must still work. Gives the promises that were broken.
    pub(crate) async fn settle(mut self) -> Vec<String> {
        self.faults.clear();
        self.cloud.set_pace(Duration::ZERO);
        self.thaw();
        self.pass(MINUTE, MINUTE).await;
        self.end_old().await;
        self.restart().await;
        self.pass(Duration::from_mins(12), MINUTE).await;
        for key in self.host.read() {
            if !self.cloud.is_alive(&key) && !self.cloud.was_deleted_by_hand(&key) {
                self.broken
                    .push(format!("a reader has static key {key}, which is gone"));
            }
        }
        for lease in self.host.held() {
            if !self.cloud.is_alive(&lease.key) && !self.cloud.was_deleted_by_hand(&lease.key) {
                let key = &lease.key;
                self.broken.push(format!(
                    "lease {} holds key {key}, which is gone",
                    lease.number
                ));
            }
        }
        self.pass(Duration::from_hours(3), Duration::from_mins(10))
            .await;
        self.pass(Duration::from_hours(26), Duration::from_hours(1))
            .await;
        self.settle_static().await;
        self.settle_warm().await;
        self.settle_given();
        let orphans = self.cloud.live();
        if !orphans.is_empty() {
            self.broken.push(format!("left behind: {orphans:?}"));
        }
        self.search_storage().await;
        self.pass(Duration::from_hours(24 * 9), Duration::from_hours(24))
            .await;
        let records: Vec<String> = self
            .storage
            .disk()
            .keys()
            .into_iter()
            .filter(|key| {
                let ledger = [
                    "/credential/",
                    "/intents/",
                    "/records/",
                    "/holder/",
                    "/gone/",
                    "/gone-",
                    "/static",
                    "/spare/",
                    "/adopted/",
                ];
                ledger.iter().any(|folder| key.contains(folder))
            })
            .collect();
        if !records.is_empty() {
            self.broken
                .push(format!("records that nobody needs: {records:?}"));
        }
        self.must_work().await;
        self.broken.extend(self.cloud.early_deaths());
        self.search_for_secrets();
        self.broken
    }

    /// A fresh reader of each role gets a key that lives.
    async fn must_work(&mut self) {
        self.write_config(0, true).await;
        for (role, (name, ..)) in ROLES.iter().enumerate() {
            self.write_role(role, 0).await;
            let request = Request::new(Operation::Read, format!("creds/{name}"));
            let answer = self.ask(request).await;
            let key = match &answer {
                Some(Ok(Some(response))) => response.get("key_id").and_then(Value::as_str),
                _ => None,
            };
            if !key.is_some_and(|key| self.cloud.is_alive(key)) {
                let name = ROLES[role].0;
                self.broken.push(format!(
                    "role `{name}` does not work afterwards: {answer:?}"
                ));
            }
        }
    }

    /// When no key is left, no secret of a key is.
    async fn search_storage(&mut self) {
        for key in self.storage.disk().keys() {
            let value = self
                .storage
                .disk()
                .get(&key)
                .await
                .unwrap()
                .unwrap_or_default();
            if String::from_utf8_lossy(&value).contains("secret-canary-of-") {
                self.broken.push(format!("{key} still has a secret"));
            }
        }
    }

    fn search_for_secrets(&mut self) {
        let shown = self.said.iter().find(|text| text.contains("canary"));
        if let Some(text) = shown {
            self.broken.push(format!("a secret was shown: {text}"));
        }
    }

    pub(super) async fn write(&mut self, path: &str, body: &Value) {
        let data = body.as_object().cloned().unwrap();
        self.ask(Request::new(Operation::Update, path).with_data(data))
            .await;
    }

    pub(super) async fn ask(&mut self, request: Request) -> Outcome {
        let outcome = ask(self.current.clone(), request).await;
        self.note(&outcome);
        self.go_on().await;
        outcome
    }

    pub(super) fn note(&mut self, outcome: &Outcome) {
        if let Some(Err(error)) = outcome {
            self.said.push(error.message().to_owned());
        }
    }

    /// A revocation came to an end. Success must be true: the key is gone,
    /// another holder keeps it, or storage says that it is to be deleted.
    async fn revoked(&mut self, lease: &Lease, outcome: &Outcome) {
        let succeeded = matches!(outcome, Some(Ok(_)));
        self.host.tried(lease.number, succeeded);
        if succeeded && self.cloud.is_alive(&lease.key) && !self.is_owned(lease).await {
            let key = &lease.key;
            self.broken.push(format!(
                "revoking lease {} succeeded, but nothing stands for key {key}",
                lease.number
            ));
        }
    }

    async fn is_owned(&self, lease: &Lease) -> bool {
        let store = LedgerStore::new(Arc::clone(self.storage.disk()) as Arc<dyn Storage>);
        let id = CredentialId::parse(lease.credential()).unwrap();
        let holder = HolderId::parse(lease.holder()).unwrap();
        let Some(credential) = store.load(&id).await.unwrap() else {
            return false;
        };
        match credential.state {
            State::Retiring { .. } | State::Gone { doubtful: true, .. } => true,
            State::Live { .. } => {
                credential.sharing == Sharing::Shared
                    && (credential.pinned
                        || credential.holders.keys().any(|other| *other != holder))
            }
            State::Intended | State::Gone { .. } => false,
        }
    }

    /// Everything that the ledger has in storage.
    pub(super) async fn ledger_records(&self) -> Vec<Credential> {
        let store = LedgerStore::new(Arc::clone(self.storage.disk()) as Arc<dyn Storage>);
        store.all().await.unwrap().into_values().collect()
    }

    /// What is stored at a place.
    pub(super) async fn stored(&self, place: &str) -> Value {
        let stored = self.storage.disk().get(place).await.unwrap();
        stored.map_or(Value::Null, |stored| {
            serde_json::from_slice(&stored).unwrap()
        })
    }

    pub(super) async fn tick(&mut self) {
        let running = self.current.clone();
        let call = async {
            tokio::select! {
                biased;
                () = running.process.death() => {}
                _ = running.engine.periodic() => {}
            }
        };
        call.await;
        // Work that the call began gets its first steps.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.go_on().await;
    }

    /// A process that died is followed by a new one.
    pub(crate) async fn go_on(&mut self) {
        if self.current.process.is_dead() {
            self.cuts += u64::from(self.current.process.was_cut());
            let next = self.start();
            let dead = std::mem::replace(&mut self.current, next);
            end(&dead).await;
        }
    }

    fn start(&self) -> Running {
        start(
            &self.time,
            &self.cloud,
            &self.host,
            &self.storage,
            &self.entropy,
        )
    }
}

pub(super) async fn ask(running: Running, request: Request) -> Outcome {
    tokio::select! {
        biased;
        () = running.process.death() => None,
        answer = running.engine.handle(request) => Some(answer),
        () = tokio::time::sleep(HOST_LIMIT) => {
            Some(Err(Error::internal("the host gave up waiting")))
        }
    }
}

async fn end(running: &Running) {
    running.process.kill();
    running.tasks.shut_down(Duration::ZERO).await;
}

fn start(
    time: &Arc<VirtualClock>,
    cloud: &Arc<Cloud>,
    host: &Arc<Host>,
    storage: &VirtualStorage,
    entropy: &Arc<CountingEntropy>,
) -> Running {
    let process = Arc::new(Process::new());
    let tasks = Arc::new(TokioTasks::new());
    let factory = EngineFactory::new(Arc::new(ProcessCloud {
        cloud: Arc::clone(cloud),
        process: Arc::clone(&process),
    }));
    let storage = storage.of_process(&process);
    let context = BackendContext::new(
        Arc::new(storage),
        Arc::clone(host) as _,
        Arc::clone(time) as _,
        Arc::clone(entropy) as _,
        Arc::clone(&tasks) as Arc<dyn Tasks>,
    );
    Running {
        engine: factory.create(context).unwrap(),
        process,
        tasks,
    }
}

/// The host's storage: batches are as many steps as they have changes, and calls
/// fail as armed.
fn disk(faults: &Arc<Faults>) -> VirtualStorage {
    let storage = VirtualStorage::new(&Arc::new(Process::new()));
    storage.split_batches();
    let faults = Arc::clone(faults);
    storage.fail_if(move |call| faults.of_storage(call));
    storage
}
