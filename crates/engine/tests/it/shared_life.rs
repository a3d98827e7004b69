//! Sharing: whatever happens, no shared key is deleted while a lease holds it,
//! none lives on without a lease past its deadline, none is given to a reader of
//! another scope or after its `max_age`, and no role has more leases than its
//! limit (`lifecycle.md`, 53).
//!
//! Fifty requesters read roles that share by role, by entity and by token, while
//! processes end, storage and Confluent fail, and clients hang up. A seed gives
//! the same run on every machine:
//!
//! ```text
//! LOCKKEEPER_SEED=42 LOCKKEEPER_RUNS=1 cargo test -p engine --test it shared_life
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use virtual_world::{Rng, Timing};

use crate::seeds::first_failure;
use crate::world::{Fault, Lease, Reader, World, leased_to};

/// So many runs of so many operations each: ten thousand in all.
const RUNS: u64 = 40;
const OPERATIONS: usize = 250;

const REQUESTERS: usize = 50;

/// The roles, by what they share.
const ROLES: [&str; 3] = ["role", "entity", "token"];

/// The most leases of the role that is limited.
const MAX_ACTIVE: usize = 12;
const LIMITED: usize = 0;

/// How long after its last deadline a key may still be there: until the sweep
/// comes, and until deletions that failed were repeated.
const SLACK: Duration = Duration::from_mins(12);

/// A lease that a client relies on.
struct Held {
    role: usize,
    lease: Lease,
    issued: Duration,
    until: Duration,
    /// Whether its host lost it: nobody will revoke it.
    lost: bool,
}

struct Run {
    world: World,
    chance: Rng,
    begun: tokio::time::Instant,
    max_age: Duration,
    ttl: Duration,
    held: Vec<Held>,
    /// Whose key each is that was ever given.
    given_to: BTreeMap<String, (usize, String)>,
    /// Until when each key may be alive.
    may_live: BTreeMap<String, Duration>,
    /// Whether no client hangs up, no host loses a lease and no write fails.
    nobody_forgets: bool,
    broken: Vec<String>,
    done: Vec<String>,
}

impl Run {
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The requester of this number: some share an entity, and some have batch
    /// tokens.
    fn requester(number: usize) -> (String, String, String) {
        let entity = format!("entity-{}", number % 9);
        let token = format!("token-{number}");
        let accessor = if number.is_multiple_of(7) {
            String::new()
        } else {
            format!("accessor-{number}")
        };
        (entity, accessor, token)
    }

    /// So many readers come together.
    async fn read(&mut self, readers: usize, hang_up: bool) {
        let before = self.now();
        let mut asked = Vec::new();
        for _ in 0..readers {
            let (role, number) = (self.chance.index(3), self.chance.index(REQUESTERS));
            let limit = if hang_up {
                Duration::from_millis(self.chance.below(400))
            } else {
                Duration::from_hours(1)
            };
            asked.push((role, number, limit));
        }
        let engine = &self.world.engine;
        let reading = asked.into_iter().map(|(role, number, limit)| async move {
            let (entity, accessor, token) = Self::requester(number);
            let reader = Reader {
                entity: &entity,
                accessor: &accessor,
                token: &token,
            };
            let read = leased_to(engine, ROLES[role], reader);
            let lease = tokio::time::timeout(limit, read).await.ok()?.ok()?;
            let scope = match ROLES[role] {
                "role" => String::new(),
                "entity" => entity,
                _ => token,
            };
            Some((role, scope, lease, tokio::time::Instant::now()))
        });
        let answers = futures_util::future::join_all(reading).await;
        for (role, scope, lease, at) in answers.into_iter().flatten() {
            let now = at.duration_since(self.begun);
            self.given(&(role, scope), lease, before, now);
        }
    }

    /// A reader got a lease.
    fn given(&mut self, whose: &(usize, String), lease: Lease, before: Duration, now: Duration) {
        let (role, key) = (whose.0, lease.key().to_owned());
        let given_to = self
            .given_to
            .entry(key.clone())
            .or_insert_with(|| whose.clone());
        if *given_to != *whose {
            self.broken
                .push(format!("{key} of {given_to:?} was given to {whose:?}"));
        }
        match self.world.cloud.created_at(&key) {
            Some(made) => {
                let age = self.world.now().duration_since(made);
                let age = Duration::try_from(age).unwrap_or_default();
                if age > self.max_age + self.now().saturating_sub(before) {
                    self.broken
                        .push(format!("{key} was given when it was {age:?} old"));
                }
            }
            None => self
                .broken
                .push(format!("{key} was given and is not there")),
        }
        let until = now + lease.secret.lease.ttl;
        self.extend(&key, until);
        self.held.push(Held {
            role,
            lease,
            issued: now,
            until,
            lost: false,
        });
        let of_role = |held: &&Held| held.role == LIMITED && !held.lost;
        if self.held.iter().filter(of_role).count() > MAX_ACTIVE {
            self.broken
                .push("a role has more leases than its limit".into());
        }
    }

    fn extend(&mut self, key: &str, until: Duration) {
        let may_live = self.may_live.entry(key.to_owned()).or_default();
        *may_live = (*may_live).max(until + Duration::from_mins(1));
    }

    async fn renew(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let number = self.chance.index(self.held.len());
        let held = &self.held[number];
        if held.lost {
            return;
        }
        let Ok(response) = self.world.renew(&held.lease, 0).await else {
            return;
        };
        let times = response.secret.unwrap().lease;
        let latest = held.issued + times.max_ttl;
        let until = (self.now() + times.ttl).min(latest);
        let key = held.lease.key().to_owned();
        self.held[number].until = until;
        self.extend(&key, until);
    }

    /// A lease ends; from the first try on nobody relies on it.
    async fn end(&mut self, number: usize) {
        let held = self.held.swap_remove(number);
        if held.lost {
            return;
        }
        for wait in [0, 10, 20, 40, 80, 160] {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            if self.world.revoke(&held.lease).await.is_ok() {
                return;
            }
        }
    }

    async fn end_due(&mut self) {
        while let Some(number) = self.held.iter().position(|held| held.until <= self.now()) {
            self.end(number).await;
        }
    }

    fn check(&mut self) {
        let (now, live) = (self.now(), self.world.cloud.live());
        let live: BTreeSet<&str> = live.iter().map(String::as_str).collect();
        for held in &self.held {
            if held.until > now && !live.contains(held.lease.key()) {
                self.broken
                    .push(format!("{} died while it was held", held.lease.key()));
            }
        }
        // A key that nobody was given was made for a reader who hung up, or to be
        // there in time. Where nobody hangs up and no write fails, a key that was given
        // goes with its last lease.
        let unknown = self.max_age + self.ttl + Duration::from_mins(1);
        for key in live {
            let known = self.may_live.get(key).copied().unwrap_or_default();
            let made = self.world.cloud.created_at(key);
            let age = made.map(|made| self.world.now().duration_since(made));
            let age = age.map_or(Duration::ZERO, |age| {
                Duration::try_from(age).unwrap_or_default()
            });
            // Also one whose last reader hung up.
            let forgotten = age > self.max_age * 2 + unknown + SLACK;
            let mut unheld = now > known + SLACK + unknown && age > SLACK + unknown;
            if self.nobody_forgets && !known.is_zero() {
                unheld = now > known + SLACK;
            }
            if forgotten || unheld {
                self.broken
                    .push(format!("{key} is {age:?} old and nobody holds it"));
            }
        }
    }

    async fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        while self.now() < until && self.broken.is_empty() {
            let _ = self.world.engine.periodic().await;
            tokio::time::sleep(Duration::from_secs(30)).await;
            self.check();
            self.end_due().await;
        }
    }

    async fn act(&mut self) {
        let what = self.chance.below(100);
        self.done.push(format!("{what} at {:?}", self.now()));
        let forgets = [50..55, 74..76, 79..82].iter().any(|it| it.contains(&what));
        let what = if forgets && self.nobody_forgets {
            0
        } else {
            what
        };
        match what {
            0..30 => self.read(1, false).await,
            30..50 => {
                let readers = 2 + self.chance.index(5);
                self.read(readers, false).await;
            }
            50..55 => self.read(1, true).await,
            55..66 => self.renew().await,
            66..74 if !self.held.is_empty() => {
                let number = self.chance.index(self.held.len());
                self.end(number).await;
            }
            74..76 if !self.held.is_empty() => {
                let number = self.chance.index(self.held.len());
                self.held[number].lost = true;
            }
            76..79 => self.world.restart(),
            79..82 => self
                .world
                .storage
                .fail_next_writes(1, virtual_world::Fault::Done),
            82 => self.world.cloud.arm(Fault::Quota),
            83 => self.world.cloud.arm(Fault::LoseCreateAnswer),
            84 => self.world.cloud.arm(Fault::FailDelete),
            85..92 => {
                let time = self.chance.seconds(1, 120);
                self.pass(time).await;
            }
            92..97 => {
                let time = self.chance.seconds(60, 600);
                self.pass(time).await;
            }
            _ => {
                let time = self.chance.seconds(300, 2400);
                self.pass(time).await;
            }
        }
        self.check();
        self.end_due().await;
    }
}

/// The promises that a run broke, and what was done until then.
fn run(seed: u64) -> (Vec<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut chance = Rng::new(seed);
        let world = World::ready().await;
        let max_age = chance.seconds(600, 1800);
        let ttl = chance.one_of(&[120, 600, 1500]);
        let readiness = chance.one_of(&["none", "delay"]);
        let wait_ready = chance.one_of(&[0, 20, 50]);
        let not_ready = chance.one_of(&["warn", "refuse"]);
        let spares = chance.one_of(&[0, 2]);
        for (number, sharing) in ROLES.into_iter().enumerate() {
            let limit = if number == LIMITED { MAX_ACTIVE } else { 0 };
            let mut role = json!({
                "owner": "sa-1", "resource": "lkc-1", "sharing": sharing, "ttl": ttl,
                "max_age": max_age.as_secs(), "max_active": limit,
            });
            if readiness != "none" {
                role["readiness"] = readiness.into();
                role["readiness_delay"] = 40.into();
                role["wait_ready"] = wait_ready.into();
                role["not_ready"] = not_ready.into();
                // They are for all readers.
                role["spares"] = if sharing == "role" { spares } else { 0 }.into();
            }
            world
                .write(&format!("role/{sharing}"), &role)
                .await
                .unwrap();
        }
        let write_takes = chance.one_of(&[0, 20, 200]);
        world
            .storage
            .set_write_delay(Duration::from_millis(write_takes), Timing::First);
        *world.cloud.create_delay.lock().unwrap() = Duration::from_millis(300);
        let mut run = Run {
            world,
            chance,
            begun: tokio::time::Instant::now(),
            max_age,
            ttl: Duration::from_secs(ttl),
            held: Vec::new(),
            given_to: BTreeMap::new(),
            may_live: BTreeMap::new(),
            nobody_forgets: seed.is_multiple_of(2),
            broken: Vec::new(),
            done: Vec::new(),
        };
        for _ in 0..OPERATIONS {
            run.act().await;
            if !run.broken.is_empty() {
                return (run.broken, run.done);
            }
        }
        let no_spares = json!({"spares": 0});
        while run.world.write("role/role", &no_spares).await.is_err() {}
        run.pass(Duration::from_hours(3)).await;
        let left = run.world.cloud.live();
        if run.broken.is_empty() && !left.is_empty() {
            run.broken.push(format!("{left:?} are left"));
        }
        (run.broken, run.done)
    })
}

#[test]
fn shared_keys_live_as_long_as_they_are_held_and_stay_in_their_scope() {
    let failed = first_failure("LOCKKEEPER_RUNS", RUNS, |seed| {
        let (broken, done) = run(seed);
        Some((broken.into_iter().next()?, done))
    });
    if let Some((seed, (first, done))) = failed {
        panic!("seed {seed}: {first:?} after {done:#?}");
    }
}
