//! No gap: whatever happens to a static role, an answer logs in from when it was
//! given until its `ttl` and a minute are over (`lifecycle.md`, 37, 38, 48).
//!
//! A seed gives the same run on every machine:
//!
//! ```text
//! LOCKKEEPER_SEED=42 LOCKKEEPER_RUNS=1 cargo test -p engine --test it no_gap
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use virtual_world::Rng;

use crate::seeds::first_failure;
use crate::world::{Fault, World};

const RUNS: u64 = 10_000;

/// How often all answers are tried. Servers that know a new key take turns with others
/// every ten seconds, and every answer meets both.
const TICK: Duration = Duration::from_secs(7);

/// Where the schedules are: with half hours, and clocks that are changed.
const ZONES: [&str; 5] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
];

/// An answer that a reader relies on.
struct Relied {
    key: String,
    secret: String,
    given: Duration,
    until: Duration,
}

struct Run {
    world: World,
    chance: Rng,
    begun: tokio::time::Instant,
    relied: Vec<Relied>,
    refresh: u64,
    last: Option<(jiff::Timestamp, String)>,
    /// The key that was told with each time of a rotation.
    keys: BTreeMap<jiff::Timestamp, String>,
    /// The time of each version.
    versions: BTreeMap<u64, jiff::Timestamp>,
    broken: Vec<String>,
    done: Vec<String>,
    /// How many keys a person made, to be imported.
    imported: usize,
}

impl Run {
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    async fn read(&mut self) {
        let response = match self.world.read("static-creds/orders").await {
            Ok(Some(response)) => response,
            // Once a key is served, readers are answered.
            answer if self.last.is_some() => {
                self.broken.push(format!("a reader got {answer:?}"));
                return;
            }
            _ => return,
        };
        let data = response.data.unwrap();
        let text = |field: &str| data[field].as_str().unwrap().to_owned();
        let (key, secret, ttl) = (
            text("key_id"),
            text("secret"),
            data["ttl"].as_u64().unwrap(),
        );
        if ttl == 0 || ttl > self.refresh {
            self.broken.push(format!("`ttl` is {ttl}"));
        }
        let since: jiff::Timestamp = text("last_vault_rotation").parse().unwrap();
        if self.last.as_ref().is_some_and(|(last, _)| since < *last) {
            self.broken.push("`last_vault_rotation` moved back".into());
        }
        self.note(since, &key);
        self.last = Some((since, key.clone()));
        self.look_at_next_rotation(ttl).await;
        self.read_face().await;
        if !self.world.cloud.logs_in(&key, &secret) {
            self.broken
                .push(format!("{key} does not log in when it is given"));
        }
        let given = self.now();
        self.relied.push(Relied {
            key,
            secret,
            given,
            until: given + Duration::from_secs(ttl + 60),
        });
    }

    /// One key has one time, and a time has one key.
    fn note(&mut self, since: jiff::Timestamp, key: &str) {
        let known = self.keys.entry(since).or_insert_with(|| key.to_owned());
        if known != key {
            let text = format!("{known} and {key} were told with the time {since}");
            self.broken.push(text);
        }
    }

    /// No answer is good for longer than until the next rotation.
    async fn look_at_next_rotation(&mut self, ttl: u64) {
        let status = self.world.static_status().await;
        let next = status["next_rotation"].as_str().unwrap();
        let Ok(next) = next.parse::<jiff::Timestamp>() else {
            return;
        };
        let left = next.duration_since(self.world.now()).as_secs();
        let longest = u64::try_from(left + 1).unwrap_or(0).max(10);
        if ttl > longest {
            let text = format!("`ttl` is {ttl} and the next rotation {left} s away");
            self.broken.push(text);
        }
    }

    /// The face of a KV engine tells the same, with the version.
    async fn read_face(&mut self) {
        let answer = self.world.read("data/orders").await;
        let Ok(Some(response)) = answer else {
            self.broken
                .push(format!("a reader of `data/` got {answer:?}"));
            return;
        };
        let face = serde_json::Value::from(response.data.unwrap());
        let version = face["metadata"]["version"].as_u64().unwrap();
        let since = face["metadata"]["created_time"].as_str().unwrap();
        let since: jiff::Timestamp = since.parse().unwrap();
        self.note(since, face["data"]["key_id"].as_str().unwrap());
        let known = *self.versions.entry(version).or_insert(since);
        if known != since {
            let text = format!("version {version} is of {known} and of {since}");
            self.broken.push(text);
        }
        if self.versions.range(version + 1..).next().is_some() {
            self.broken.push(format!("version {version} came back"));
        }
    }

    /// The static role was deleted: what is served then may be another key with times
    /// of its own.
    fn begin_anew(&mut self) {
        self.last = None;
        self.keys.clear();
        self.versions.clear();
    }

    /// Every answer that is relied on logs in.
    fn log_in(&mut self) {
        let now = self.now();
        self.relied.retain(|relied| now <= relied.until);
        for relied in &self.relied {
            if !self.world.cloud.logs_in(&relied.key, &relied.secret) {
                let (key, age) = (&relied.key, now.saturating_sub(relied.given));
                self.broken
                    .push(format!("{key} does not log in {age:?} after it was given"));
            }
        }
    }

    async fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        let mut next_call = self.now();
        while self.now() < until {
            if self.now() >= next_call {
                self.world.engine.periodic().await.unwrap();
                next_call = self.now() + Duration::from_mins(1);
            }
            tokio::time::sleep(TICK).await;
            self.log_in();
            if self.chance.below(12) == 0 {
                self.read().await;
            }
        }
    }

    async fn post(&mut self, path: &str) {
        let _ = self.world.write(path, &json!({})).await;
        // A person may have seen to it.
    }

    /// Writes the static role with a key that exists.
    async fn import(&mut self) {
        self.imported += 1;
        let key = format!("OLDKEY{}", self.imported);
        self.world.cloud.make_by_hand(&key, "made by hand");
        let mut settings = settings(&mut self.chance, &mut self.refresh);
        settings["import_key_secret"] = format!("secret-of-{key}").into();
        settings["import_key_id"] = key.into();
        // It may be too young to log in.
        self.pass(Duration::from_mins(2)).await;
        let _ = self.world.write("static-role/orders", &settings).await;
    }

    /// The audit log was read until now, and shows a login with the last key that was
    /// told, so that others are quiet.
    async fn listen(&mut self) {
        let now = self.world.now().to_string();
        let mut keys = json!({});
        if let Some((_, key)) = &self.last {
            keys[key] = now.clone().into();
        }
        let report = json!({ "watermark": now, "keys": keys });
        let _ = self.world.write("usage", &report).await;
    }

    async fn act(&mut self) {
        let what = self.chance.below(22);
        self.done.push(format!("{what} at {:?}", self.now()));
        match what {
            0..3 => self.post("rotate-role/orders").await,
            3 => self.post("static-role/orders/stage").await,
            4 => self.post("static-role/orders/commit").await,
            5 => self.post("static-role/orders/rollback").await,
            6 => self.world.restart(),
            7 => self.world.cloud.arm(Fault::Quota),
            8 => self.world.cloud.arm(Fault::LoseCreateAnswer),
            9 => self
                .world
                .storage
                .fail_next_writes(1, virtual_world::Fault::Done),
            10 => {
                let settings = settings(&mut self.chance, &mut self.refresh);
                let _ = self.world.write("static-role/orders", &settings).await;
            }
            11 => {
                let _ = self.world.delete("static-role/orders").await;
                let settings = settings(&mut self.chance, &mut self.refresh);
                let _ = self.world.write("static-role/orders", &settings).await;
                self.begin_anew();
            }
            12 => {
                let _ = self.world.delete("static-role/orders").await;
                self.begin_anew();
                self.import().await;
            }
            13 => self.listen().await,
            14 => {
                self.listen().await;
                let quiet = json!({ "retire_when": "quiet", "quiet": 600 });
                let _ = self.world.write("static-role/orders", &quiet).await;
            }
            15 => {
                let other = self.chance.one_of(&[
                    ("lkc-1", "compat"),
                    ("lkc-1", "minimal,kafka-java"),
                    ("lsrc-1", "minimal,schema-registry"),
                    ("lsrc-1", "minimal,spring"),
                ]);
                let change = json!({ "resource": other.0, "output": other.1 });
                let _ = self.world.write("static-role/orders", &change).await;
            }
            16 => self.world.cloud.arm(Fault::RateLimited),
            17 => self.world.cloud.arm(Fault::HeldBack),
            _ => self.read().await,
        }
    }
}

/// Settings of a static role; `refresh` becomes the longest `ttl` that may be
/// told.
fn settings(chance: &mut Rng, refresh: &mut u64) -> Value {
    let period = chance.one_of(&[1200_u64, 1800, 3600, 7200]);
    let by = chance.below(4);
    // The shortest schedule comes every half hour.
    let interval = if by == 1 { 1800 } else { period };
    let grace = 300 + chance.below(interval / 3);
    let asked = 5 + chance.below(grace - 65);
    *refresh = (*refresh).max(asked);
    let mut role = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "grace": grace,
        "refresh": asked, "readiness": "probe",
        "output": chance.one_of(&["compat", "minimal,kafka-java", "minimal,spring"]),
    });
    match by {
        0 => role["rotation"] = "manual".into(),
        1 => {
            // Where clocks are changed, two times of some others are minutes apart.
            let (schedule, window) = chance.one_of(&[
                ("*/30 * * * *", 0_u64),
                ("0 * * * *", 0),
                ("0 */2 * * *", 3600),
                ("0 1-23/3 * * *", 7200),
            ]);
            role["rotation_schedule"] = schedule.into();
            role["rotation_window"] = window.into();
            role["rotation_timezone"] = chance.one_of(&ZONES).into();
        }
        _ => role["rotation_period"] = period.into(),
    }
    role
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
        let propagation = chance.one_of(&[0_u64, 30, 120, 120]);
        world
            .cloud
            .set_propagation(Duration::from_secs(propagation));
        let mut refresh = 0;
        let role = settings(&mut chance, &mut refresh);
        world.write("static-role/orders", &role).await.unwrap();
        let mut run = Run {
            world,
            chance,
            begun: tokio::time::Instant::now(),
            relied: Vec::new(),
            refresh,
            last: None,
            keys: BTreeMap::new(),
            versions: BTreeMap::new(),
            broken: Vec::new(),
            done: vec![role.to_string()],
            imported: 0,
        };
        for _ in 0..12 {
            let time = run.chance.seconds(20, 1200);
            run.pass(time).await;
            run.act().await;
            if !run.broken.is_empty() {
                break;
            }
        }
        (run.broken, run.done)
    })
}

#[test]
fn every_answer_logs_in_until_its_ttl_and_a_minute_are_over() {
    let failed = first_failure("LOCKKEEPER_RUNS", RUNS, |seed| {
        let (broken, done) = run(seed);
        Some((broken.into_iter().next()?, done))
    });
    if let Some((seed, (first, done))) = failed {
        panic!("seed {seed}: {first:?} after {done:#?}");
    }
}
