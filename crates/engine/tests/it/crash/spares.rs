//! What happens to the roles of a world that keep spares, and what their readers were
//! promised.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::ledger::{Credential, Purpose, State};
use logical::{Operation, Request};
use serde_json::{Value, json};
use virtual_world::Timing;

use super::found::keeps_all_promises;
use super::scenario::Action;
use super::world::{MINUTE, Outcome, World, ask};

/// The roles whose keys are tried: name, and who shares a key.
pub(super) const WARM: [(&str, &str); 3] = [
    ("warm", "lease"),
    ("warm-shared", "role"),
    ("warm-token", "token"),
];

/// How many tokens there are.
const TOKENS: usize = 2;

/// How many kinds of roles with spares there are.
pub(super) const KINDS: u64 = 36;

impl World {
    /// Writes a role with spares.
    pub(crate) async fn write_warm(&mut self, role: usize, kind: u64) {
        let (name, sharing) = WARM[role];
        let readiness = ["probe", "probe", "delay"][usize::try_from(kind % 3).unwrap()];
        if readiness != "probe" {
            self.untried.insert(name);
        }
        let not_ready = ["warn", "refuse"][usize::try_from(kind / 3 % 2).unwrap()];
        let wait = [0, 30][usize::try_from(kind / 4 % 2).unwrap()];
        let body = json!({
            "owner": "sa-1", "resource": format!("lkc-{}", kind / 6 % 2), "resource_env": "env-1",
            "ttl": 300, "max_ttl": 3600, "sharing": sharing, "readiness": readiness,
            "not_ready": not_ready, "wait_ready": wait,
            "spares": if sharing == "token" { 0 } else { kind / 12 }, "spare_max_age": 3600,
        });
        self.write(&format!("role/{name}"), &body).await;
    }

    pub(crate) async fn delete_warm(&mut self, role: usize) {
        let path = format!("role/{}", WARM[role].0);
        self.ask(Request::new(Operation::Delete, path)).await;
    }

    fn reading(role: usize, token: usize) -> Request {
        let mut request = Request::new(Operation::Read, format!("creds/{}", WARM[role].0));
        request.client_token = format!("token-{}", token % TOKENS);
        request
    }

    /// As many readers of a role as wished, together. Nobody gets another's key for
    /// one lease, a dead key, or without a warning one that does not work.
    pub(crate) async fn read_warm(&mut self, role: usize, readers: usize) {
        let undisturbed = self.faults.is_empty() && self.old.is_empty();
        let reading = |token| ask(self.current.clone(), Self::reading(role, token));
        let answers = (0..readers).map(reading);
        let answers = futures_util::future::join_all(answers).await;
        for (token, answer) in answers.into_iter().enumerate() {
            self.answered((role, token), answer, undisturbed);
        }
        self.go_on().await;
    }

    fn answered(&mut self, (role, token): (usize, usize), answer: Outcome, undisturbed: bool) {
        let (name, sharing) = WARM[role];
        self.note(&answer);
        let Some(Ok(Some(response))) = answer else {
            return;
        };
        let key = response.get("key_id").and_then(Value::as_str).unwrap();
        let key = key.to_owned();
        let lives = self.cloud.is_alive(&key);
        if undisturbed && !lives && !self.cloud.was_deleted_by_hand(&key) {
            self.broken.push(format!("key {key} was handed out dead"));
        }
        let is_warned = response
            .warnings
            .iter()
            .any(|text| text.contains("works from about"));
        if lives && !is_warned && !self.untried.contains(name) && !self.cloud.logs_in(&key) {
            self.broken
                .push(format!("key {key} was handed out before it works"));
        }
        if sharing == "token" {
            let token = token % TOKENS;
            let whose = *self.of_token.entry(key.clone()).or_insert(token);
            if whose != token {
                self.broken
                    .push(format!("key {key} of token {whose} was given to {token}"));
            }
        }
        if sharing == "lease" && self.host.held().iter().any(|lease| lease.key == key) {
            self.broken.push(format!("key {key} has two leases"));
        }
        self.host.register(name, response);
    }

    /// Two processes that both believe to be the only one read a role at the same
    /// moment, on storage that takes its time.
    pub(crate) async fn read_warm_twice(&mut self, role: usize, later: Duration) {
        self.freeze();
        self.thaw();
        // The one that takes over sees the spares.
        self.tick().await;
        // The same one and another, in turn.
        let token = usize::from(later.as_millis().is_multiple_of(2));
        let Some(old) = self.old.last().cloned() else {
            return;
        };
        self.storage.set_read_delay(Duration::from_millis(5));
        self.storage
            .set_write_delay(Duration::from_millis(10), Timing::Last);
        let second = async {
            tokio::time::sleep(later).await;
            ask(self.current.clone(), Self::reading(role, token)).await
        };
        let (one, two) = futures_util::join!(ask(old, Self::reading(role, 0)), second);
        self.storage.set_read_delay(Duration::ZERO);
        self.storage.set_write_delay(Duration::ZERO, Timing::Last);
        self.answered((role, 0), one, false);
        self.answered((role, token), two, false);
        self.go_on().await;
    }

    pub(crate) async fn hang_up_warm(&mut self, role: usize, after: Duration) {
        let asking = ask(self.current.clone(), Self::reading(role, 0));
        let _ = tokio::time::timeout(after, asking).await;
        self.go_on().await;
    }

    /// The process is frozen while a reader waits, and a new one takes over.
    pub(crate) async fn freeze_during_read_warm(&mut self, role: usize, after: Duration) {
        let running = self.current.clone();
        tokio::spawn(async move { ask(running, Self::reading(role, 0)).await });
        tokio::time::sleep(after).await;
        self.freeze();
    }

    /// Of the roles with spares those keys live that pointers name. Then the roles are
    /// deleted.
    pub(super) async fn settle_warm(&mut self) {
        let before = self.unjustified_warm().await;
        self.pass(Duration::from_mins(5), MINUTE).await;
        let mut stranded = self.unjustified_warm().await;
        stranded.retain(|key| before.contains(key));
        if !stranded.is_empty() {
            self.broken.push(format!("wrong spares: {stranded:?}"));
        }
        for role in 0..WARM.len() {
            self.delete_warm(role).await;
        }
        self.pass(Duration::from_hours(2), Duration::from_mins(1))
            .await;
    }

    /// What breaks this: a key is pinned if and only if a pointer names it, and each
    /// key that lives has a holder or a pin.
    async fn unjustified_warm(&self) -> BTreeSet<String> {
        let mut named: BTreeSet<String> = self
            .storage
            .disk()
            .keys()
            .iter()
            .filter_map(|place| place.strip_prefix("lockkeeper/spare/"))
            .filter_map(|place| Some(place.split_once('/')?.1.to_owned()))
            .collect();
        let mut wrong = BTreeSet::new();
        let is_live = |known: &&Credential| {
            matches!(known.state, State::Live { .. })
                && matches!(known.purpose, Purpose::Role { .. })
        };
        for known in self.ledger_records().await.iter().filter(is_live) {
            let id = known.id.to_string();
            if known.pinned != named.remove(&id) {
                wrong.insert(format!("{id}: pinned is {}", known.pinned));
            }
            if !known.is_justified() {
                wrong.insert(format!("{id}: nothing justifies it"));
            }
        }
        wrong.extend(named.into_iter().map(|id| format!("{id}: only a pointer")));
        wrong
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A reader of the process that is paused takes the spare that its successor hands
/// out meanwhile.
#[test]
fn a_paused_process_ends_no_key_that_its_successor_handed_out() {
    for role in 0..WARM.len() {
        for millis in 0..40 {
            let read = Action::ReadWarm { role, readers: 1 };
            keeps_all_promises(&[
                Action::WriteWarm { role, kind: 15 },
                Action::Pass(seconds(240)),
                Action::FreezeDuringReadWarm {
                    role,
                    after: Duration::from_millis(millis),
                },
                read,
                Action::Thaw,
                Action::Pass(seconds(200)),
                read,
                Action::Pass(seconds(60)),
                Action::EndOld,
                Action::Pass(seconds(120)),
            ]);
        }
    }
}

/// Two processes take the spare, or find none, at the same moment.
#[test]
fn two_processes_that_read_at_once_share_no_key_of_one_lease() {
    for role in 0..WARM.len() {
        for kind in [15, 3, 14, 24] {
            for millis in (0..60).step_by(3) {
                let twice = Action::ReadWarmTwice {
                    role,
                    later: Duration::from_millis(millis),
                };
                let read = Action::ReadWarm { role, readers: 2 };
                keeps_all_promises(&[
                    Action::WriteWarm { role, kind },
                    Action::Pass(seconds(240)),
                    twice,
                    Action::Revoke {
                        lease: 0,
                        with_id: true,
                    },
                    Action::Pass(seconds(200)),
                    twice,
                    read,
                    Action::EndOld,
                    Action::Pass(seconds(120)),
                ]);
            }
        }
    }
}

/// Seed 900: the process that is asked to end it did not know the lease that the other
/// one gave.
#[test]
fn no_lease_of_another_process_keeps_a_shared_key_that_nobody_holds() {
    for role in 0..WARM.len() {
        for millis in [15, 16] {
            keeps_all_promises(&[
                Action::WriteWarm { role, kind: 30 },
                Action::ReadWarm { role, readers: 1 },
                Action::ReadWarmTwice {
                    role,
                    later: Duration::from_millis(millis),
                },
                Action::RevokeAll,
            ]);
        }
    }
}
