//! What happens to the static role of a world, and what its readers were promised.

use std::time::Duration;

use engine::ledger::{Credential, Purpose, State};
use jiff::{SignedDuration, Timestamp};
use logical::{Operation, Request};
use serde_json::{Value, json};

use super::world::{MINUTE, World, ask};

/// The static role of every world.
pub(super) const STATIC: &str = "steady";

/// How long a rotation takes at most when nothing fails.
const LONGEST_ROTATION: SignedDuration = SignedDuration::from_mins(15);

/// Settings of the static role; `kind` chooses its times and what its keys are for.
pub(super) fn settings(kind: u64) -> Value {
    let readiness = ["none", "delay", "probe"][usize::try_from(kind / 3).unwrap()];
    json!({
        "owner": "sa-1", "resource": format!("lkc-{}", kind % 2), "resource_env": "env-1",
        "rotation_period": 1200 + kind % 3 * 1200, "grace": 600, "refresh": 300,
        "readiness": readiness,
    })
}

impl World {
    /// Writes the static role.
    pub(crate) async fn write_static(&mut self, kind: u64) {
        let body = settings(kind);
        self.always_probed &= body["readiness"] == "probe";
        self.write(&format!("static-role/{STATIC}"), &body).await;
    }

    pub(crate) async fn delete_static(&mut self) {
        let path = format!("static-role/{STATIC}");
        self.ask(Request::new(Operation::Delete, path)).await;
        self.last_rotation = None;
    }

    /// Rotates the static role. Without grace the readers know that the key ends.
    pub(crate) async fn rotate_static(&mut self, with_grace: bool, wait: u64) {
        let mut body = json!({ "wait": wait });
        if !with_grace {
            body["grace"] = 0.into();
            self.without_grace = true;
            self.host.forget_readers();
        }
        self.write(&format!("rotate-role/{STATIC}"), &body).await;
    }

    /// The process is paused, its successor takes over, and both rotate at once.
    pub(crate) async fn rotate_twice(&mut self) {
        self.freeze();
        self.thaw();
        self.last_rotation = None;
        let rotate = || {
            let data = json!({ "wait": 20 }).as_object().cloned().unwrap();
            Request::new(Operation::Update, format!("rotate-role/{STATIC}")).with_data(data)
        };
        let Some(old) = self.old.last().cloned() else {
            return;
        };
        let (one, two) =
            futures_util::join!(ask(old, rotate()), ask(self.current.clone(), rotate()));
        self.note(&one);
        self.note(&two);
        self.go_on().await;
    }

    /// A step of a rotation by hand.
    pub(crate) async fn step_static(&mut self, step: &str) {
        self.write(&format!("static-role/{STATIC}/{step}"), &json!({}))
            .await;
    }

    /// Reads the static role, whose key works as long as the answer says.
    pub(crate) async fn read_static(&mut self) {
        let undisturbed = self.faults.is_empty() && self.old.is_empty();
        let request = Request::new(Operation::Read, format!("static-creds/{STATIC}"));
        let answer = ask(self.current.clone(), request).await;
        self.note(&answer);
        if let Some(Ok(Some(response))) = answer {
            let key = response.get("key_id").and_then(Value::as_str).unwrap();
            let ttl = response.get("ttl").and_then(Value::as_u64).unwrap();
            let dead = !self.cloud.is_alive(key) && !self.cloud.was_deleted_by_hand(key);
            if dead && undisturbed {
                self.broken
                    .push(format!("static key {key} was served dead"));
            }
            if !(1..=300).contains(&ttl) {
                self.broken.push(format!("`ttl` is {ttl}"));
            }
            if self.always_probed && !dead && self.cloud.is_alive(key) && !self.cloud.logs_in(key) {
                self.broken
                    .push(format!("static key {key} was served before it works"));
            }
            let since = response.get("last_vault_rotation").and_then(Value::as_str);
            let since: Timestamp = since.unwrap().parse().unwrap();
            if undisturbed && self.last_rotation.is_some_and(|last| since < last) {
                self.broken
                    .push(format!("the last rotation moved back to {since}"));
            }
            self.last_rotation = undisturbed.then_some(since);
            // Whoever rotated without grace ended the keys of all readers.
            if !self.without_grace && !dead {
                self.host.told(key, Duration::from_secs(ttl));
            }
        }
        self.go_on().await;
    }

    /// Of the static role the key that is served lives, and others only while its
    /// status names them. Then it is deleted.
    pub(super) async fn settle_static(&mut self) {
        self.pass(Duration::from_mins(5), MINUTE).await;
        let mut before = self.unnamed_static().await;
        before.extend(self.unjustified().await);
        // A grace may just be over, and its key about to go.
        self.pass(Duration::from_mins(5), MINUTE).await;
        let mut stranded = self.unnamed_static().await;
        stranded.extend(self.unjustified().await);
        stranded.retain(|key| before.contains(key));
        if !stranded.is_empty() {
            self.broken
                .push(format!("nothing names static keys {stranded:?}"));
        }
        self.must_go_on().await;
        self.delete_static().await;
        self.pass(Duration::from_hours(26), Duration::from_hours(1))
            .await;
    }

    /// Where the static role is on record its readers are answered, and no rotation
    /// stands still: the faults are over for a day.
    async fn must_go_on(&mut self) {
        let place = format!("lockkeeper/static/{STATIC}");
        if self.stored(&place).await.is_null() {
            return;
        }
        let request = Request::new(Operation::Read, format!("static-creds/{STATIC}"));
        let answer = self.ask(request).await;
        let key = match &answer {
            Some(Ok(Some(response))) => response.get("key_id").and_then(Value::as_str),
            _ => None,
        };
        let lives = |key: &str| self.cloud.is_alive(key) || self.cloud.was_deleted_by_hand(key);
        if !key.is_some_and(lives) {
            self.broken.push(format!(
                "the static role does not work afterwards: {answer:?}"
            ));
        }
        let request = Request::new(Operation::Read, format!("static-role/{STATIC}/status"));
        let status = self.ask(request).await;
        let stage = match &status {
            Some(Ok(Some(status))) => status.get("stage").and_then(Value::as_str),
            _ => None,
        };
        let record = self.stored(&place).await;
        let begun = record.pointer("/record/rotation/begun");
        let begun = begun.and_then(Value::as_str).map(|at| at.parse().unwrap());
        let now = self.time.true_time();
        let is_long = |begun: Timestamp| now.duration_since(begun) > LONGEST_ROTATION;
        // A staged key waits for whoever commits it.
        if stage != Some("ready") && begun.is_some_and(is_long) {
            self.broken
                .push(format!("a rotation stands still: {status:?}, {record}"));
        }
    }

    /// What breaks this: the keys that live are those on record, each has a holder
    /// or a pin, and the pins are what the record of the static role names.
    async fn unjustified(&self) -> Vec<String> {
        let records = self.ledger_records().await;
        let role = self.stored(&format!("lockkeeper/static/{STATIC}")).await;
        let fails = role.pointer("/record/rotation/failure").is_some();
        let next = ["/record/rotation/next", ""][usize::from(fails)];
        let named = |id: &str| {
            ["/record/served/credential", next]
                .iter()
                .any(|place| role.pointer(place).and_then(Value::as_str) == Some(id))
        };
        let mut wrong = Vec::new();
        // Those of roles are looked at with their spares.
        let is_live = |known: &&Credential| {
            matches!(known.state, State::Live { .. })
                && matches!(known.purpose, Purpose::Static { .. })
        };
        for known in records.iter().filter(is_live) {
            let id = known.id.to_string();
            if known.pinned != named(&id) {
                wrong.push(format!("{id}: pinned is {}", known.pinned));
            }
            if !known.is_justified() {
                wrong.push(format!("{id}: nothing justifies it"));
            }
        }
        let live = self.cloud.live();
        let on_record = |key: &String| {
            let mut ids = records.iter().filter_map(|known| known.key_id());
            ids.any(|id| id.as_str() == key)
        };
        let live = self.without_foreign(live);
        let strangers = live.into_iter().filter(|key| !on_record(key));
        wrong.extend(strangers.map(|key| format!("{key}: not on record")));
        wrong
    }

    /// Keys of the static role that live and that its status does not name.
    async fn unnamed_static(&mut self) -> Vec<String> {
        let path = format!("static-role/{STATIC}/status");
        let status = self.ask(Request::new(Operation::Read, path)).await;
        let mut live = self.cloud.live_named(STATIC);
        if let Some(Ok(Some(status))) = &status {
            let named = ["key_id", "pending_key_id", "previous_key_id"];
            let named = named.map(|field| status.get(field).and_then(Value::as_str));
            if let Some(served) = named[0].filter(|key| !self.cloud.is_alive(key)) {
                self.broken
                    .push(format!("static key {served:?} is served and dead"));
            }
            live.retain(|key| !named.contains(&Some(key.as_str())));
            let waiting = status.get("waiting_keys").and_then(Value::as_array);
            let waiting: Vec<_> = waiting.into_iter().flatten().collect();
            live.retain(|key| waiting.iter().all(|waits| waits["key_id"] != *key));
        }
        live
    }
}
