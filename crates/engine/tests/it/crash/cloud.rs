//! Confluent Cloud: two organizations with keys in them. It knows what the
//! host holds, and notes every key that dies too early.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use engine::SecretText;
use engine::control_plane::{
    Access, CloudError, ControlPlane, CreatedKey, Failure, KeyList, Keys, KnownKey, NewKey, Target,
};
use engine::ids::{EnvironmentId, KeyId, OrganizationId, OwnerId, ResourceId};
use jiff::{SignedDuration, Timestamp};
use logical::Clock as _;
use readiness::{Candidate, Observation, Place, Probe, Probed, Resource};
use virtual_world::{Process, VirtualClock};

use super::fault::{Fault, Faults};

/// Admin keys: id, secret, organization.
pub(crate) const ADMINS: [(&str, &str, &str); 3] = [
    (
        "ADMINONE",
        "admin-secret-canary-one",
        "0f0f0f0f-1111-2222-3333-444444444444",
    ),
    (
        "ADMINTWO",
        "admin-secret-canary-two",
        "0f0f0f0f-1111-2222-3333-444444444444",
    ),
    (
        "ADMINOTHER",
        "admin-secret-canary-other",
        "0e0e0e0e-1111-2222-3333-444444444444",
    ),
];

/// How old a key must be to stand in a stale list.
const STALE: SignedDuration = SignedDuration::from_secs(90);

/// How long a key that a person deleted may still be handed out.
const UNNOTICED: Duration = Duration::from_mins(5);

/// How long a new key is refused where it is tried.
pub(crate) const PROPAGATION: SignedDuration = SignedDuration::from_secs(70);

struct LiveKey {
    name: String,
    target: Target,
    organization: &'static str,
    created_at: Timestamp,
}

/// Who is asked whether a key may die.
pub(crate) trait Holders: Send + Sync {
    /// The lease within its time that holds this key, if one does.
    fn holder_of(&self, key: &str) -> Option<String>;
}

/// A creation that is under way, until it is answered or cut off.
struct Unanswered<'a>(&'a AtomicUsize);

impl<'a> Unanswered<'a> {
    fn one(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The keys of all organizations.
pub(crate) struct Cloud {
    keys: Mutex<BTreeMap<String, LiveKey>>,
    made: Mutex<u64>,
    /// Creations that were not answered yet.
    unanswered: AtomicUsize,
    /// The keys whose last probe was answered with a lie.
    lied: Mutex<BTreeSet<String>>,
    time: Arc<VirtualClock>,
    pub(crate) faults: Arc<Faults>,
    holders: Arc<dyn Holders>,
    early_deaths: Mutex<Vec<String>>,
    by_hand: Mutex<BTreeMap<String, Duration>>,
    /// The time between two deletions, and when the next may be sent.
    pace: Mutex<(Duration, Duration)>,
}

impl Cloud {
    pub(crate) fn new(
        time: Arc<VirtualClock>,
        faults: Arc<Faults>,
        holders: Arc<dyn Holders>,
    ) -> Self {
        Self {
            keys: Mutex::default(),
            made: Mutex::new(0),
            unanswered: AtomicUsize::new(0),
            lied: Mutex::default(),
            time,
            faults,
            holders,
            early_deaths: Mutex::default(),
            by_hand: Mutex::default(),
            pace: Mutex::default(),
        }
    }

    /// So much time passes between two deletions.
    pub(crate) fn set_pace(&self, between: Duration) {
        *self.pace.lock().unwrap() = (between, Duration::ZERO);
    }

    /// How long a deletion waits for its turn, unless that is too long.
    fn turn(&self, patience: Duration) -> Result<Duration, CloudError> {
        let now = self.time.monotonic();
        let mut pace = self.pace.lock().unwrap();
        let (between, next) = *pace;
        let wait = next.saturating_sub(now);
        if wait > patience {
            return Err(failed(Failure::HeldBack { wait }, false));
        }
        *pace = (between, next.max(now) + between);
        Ok(wait)
    }

    /// Whether a creation is under way.
    pub(crate) fn is_making(&self) -> bool {
        self.unanswered.load(Ordering::SeqCst) > 0
    }

    /// The ids of all keys that live.
    pub(crate) fn live(&self) -> Vec<String> {
        self.keys.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn is_alive(&self, key: &str) -> bool {
        self.keys.lock().unwrap().contains_key(key)
    }

    /// The ids of the keys that live and have this word in their names.
    pub(crate) fn live_named(&self, word: &str) -> Vec<String> {
        let keys = self.keys.lock().unwrap();
        let named = keys.iter().filter(|(_, key)| key.name.ends_with(word));
        named.map(|(id, _)| id.clone()).collect()
    }

    /// Whether a key logs in where it is used.
    pub(crate) fn logs_in(&self, key: &str) -> bool {
        let keys = self.keys.lock().unwrap();
        keys.get(key)
            .is_some_and(|key| self.time.true_time().duration_since(key.created_at) >= PROPAGATION)
    }

    /// A person makes a key in the console, long ago.
    pub(crate) fn give(&self, id: &str, cluster: &str) {
        let key = LiveKey {
            name: "made by hand".to_owned(),
            target: Target {
                owner: OwnerId::new("sa-1"),
                resource: ResourceId::new(cluster),
                environment: Some(EnvironmentId::new("env-1")),
            },
            organization: ADMINS[0].2,
            created_at: self.time.true_time() - SignedDuration::from_hours(24),
        };
        self.keys.lock().unwrap().insert(id.to_owned(), key);
    }

    /// A person deletes a key in the console.
    pub(crate) fn delete_by_hand(&self, key: &str) {
        self.keys.lock().unwrap().remove(key);
        let now = self.time.monotonic();
        self.by_hand.lock().unwrap().insert(key.to_owned(), now);
    }

    /// Whether a person deleted a key.
    pub(crate) fn was_deleted_by_hand(&self, key: &str) -> bool {
        self.by_hand.lock().unwrap().contains_key(key)
    }

    /// Whether a person deleted a key, and so lately that nobody need know.
    pub(crate) fn was_just_deleted(&self, key: &str) -> bool {
        let now = self.time.monotonic();
        let by_hand = self.by_hand.lock().unwrap();
        by_hand
            .get(key)
            .is_some_and(|then| now.saturating_sub(*then) < UNNOTICED)
    }

    /// Keys that were deleted while a lease held them.
    pub(crate) fn early_deaths(&self) -> Vec<String> {
        self.early_deaths.lock().unwrap().clone()
    }

    fn create(&self, organization: &'static str, new: &NewKey) -> CreatedKey {
        let mut made = self.made.lock().unwrap();
        let id = format!("KEY{:05}", *made);
        *made += 1;
        let key = LiveKey {
            name: new.display_name.clone(),
            target: new.target.clone(),
            organization,
            created_at: self.time.true_time(),
        };
        let known = known(&id, &key);
        let secret = SecretText::new(format!("secret-canary-of-{id}"));
        self.keys.lock().unwrap().insert(id, key);
        CreatedKey { key: known, secret }
    }

    fn delete(&self, organization: &str, id: &str) -> Result<(), CloudError> {
        let mut keys = self.keys.lock().unwrap();
        if keys
            .get(id)
            .is_none_or(|key| key.organization != organization)
        {
            return Err(failed(Failure::Forbidden, false));
        }
        keys.remove(id);
        drop(keys);
        if let Some(lease) = self.holders.holder_of(id) {
            let death = format!("key {id} was deleted while {lease} held it");
            self.early_deaths.lock().unwrap().push(death);
        }
        Ok(())
    }
}

fn known(id: &str, key: &LiveKey) -> KnownKey {
    KnownKey {
        id: KeyId::new(id),
        display_name: key.name.clone(),
        created_at: Some(key.created_at),
        organization: Some(OrganizationId::new(key.organization)),
        owner: Some(key.target.owner.clone()),
    }
}

fn failed(failure: Failure, outcome_unknown: bool) -> CloudError {
    CloudError {
        failure,
        message: format!("the cloud answered {failure:?}"),
        outcome_unknown,
    }
}

fn organization(access: &Access) -> Result<&'static str, CloudError> {
    ADMINS
        .iter()
        .find(|(id, secret, _)| access.key_id.as_str() == *id && access.secret.expose() == *secret)
        .map(|(_, _, organization)| *organization)
        .ok_or_else(|| failed(Failure::Unauthorized, false))
}

/// The cloud as one process reaches it.
pub(crate) struct ProcessCloud {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) process: Arc<Process>,
}

#[async_trait]
impl Keys for ProcessCloud {
    fn check_access(&self, _: &Access) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn check_secret(&self, _: &SecretText) -> Result<(), String> {
        Ok(())
    }

    async fn create_key(&self, access: &Access, key: &NewKey) -> Result<CreatedKey, CloudError> {
        let call = async {
            let organization = organization(access)?;
            let _unanswered = Unanswered::one(&self.cloud.unanswered);
            let fault = self.cloud.faults.of_create();
            match fault {
                Some(Fault::CreateHeldBack(wait)) => Err(failed(Failure::HeldBack { wait }, false)),
                Some(Fault::CreateFails) => Err(failed(Failure::Unavailable, true)),
                Some(Fault::CreateQuota) => Err(failed(Failure::QuotaReached, false)),
                Some(Fault::CreateLimited) => Err(failed(Failure::RateLimited, false)),
                Some(Fault::CreateLate(delay)) => {
                    // Goes on at Confluent's when nobody listens any more.
                    let (cloud, key) = (Arc::clone(&self.cloud), key.clone());
                    let making = tokio::spawn(async move {
                        tokio::time::sleep(delay).await;
                        cloud.create(organization, &key)
                    });
                    making.await.map_err(|_| failed(Failure::Unavailable, true))
                }
                Some(Fault::CreateSlow(delay)) => {
                    let created = self.cloud.create(organization, key);
                    tokio::time::sleep(delay).await;
                    Ok(created)
                }
                Some(Fault::CreateLost) => {
                    self.cloud.create(organization, key);
                    Err(failed(Failure::Unavailable, true))
                }
                _ => {
                    let created = self.cloud.create(organization, key);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    Ok(created)
                }
            }
        };
        self.process.step(call).await
    }

    async fn read_key(&self, access: &Access, id: &KeyId) -> Result<KnownKey, CloudError> {
        let call = async {
            let organization = organization(access)?;
            if let Some((admin, _, organization)) =
                ADMINS.iter().find(|(admin, _, _)| id.as_str() == *admin)
            {
                Ok(KnownKey {
                    id: KeyId::new(*admin),
                    display_name: "admin".into(),
                    created_at: None,
                    organization: Some(OrganizationId::new(*organization)),
                    owner: Some(OwnerId::new("sa-admin")),
                })
            } else {
                let keys = self.cloud.keys.lock().unwrap();
                keys.get(id.as_str())
                    .filter(|key| key.organization == organization)
                    .map(|key| known(id.as_str(), key))
                    .ok_or_else(|| failed(Failure::Forbidden, false))
            }
        };
        self.process.step(call).await
    }

    async fn list_keys(&self, access: &Access, target: &Target) -> Result<KeyList, CloudError> {
        let call = async {
            let organization = organization(access)?;
            let fault = self.cloud.faults.of_list();
            let now = self.cloud.time.true_time();
            let keys: Vec<KnownKey> = {
                let keys = self.cloud.keys.lock().unwrap();
                let listed = keys
                    .iter()
                    .filter(|(_, key)| key.organization == organization && key.target == *target)
                    .filter(|(_, key)| {
                        fault != Some(Fault::ListStale)
                            || now.duration_since(key.created_at) > STALE
                    });
                listed.map(|(id, key)| known(id, key)).collect()
            };
            match fault {
                Some(Fault::ListFails) => Err(failed(Failure::Unavailable, false)),
                Some(Fault::ListCut) => Ok(KeyList {
                    keys: keys.into_iter().skip(1).collect(),
                    complete: false,
                }),
                _ => Ok(KeyList {
                    keys,
                    complete: true,
                }),
            }
        };
        self.process.step(call).await
    }

    async fn delete_key(&self, access: &Access, id: &KeyId) -> Result<(), CloudError> {
        let call = async {
            let organization = organization(access)?;
            let patience = access.caller.patience.unwrap_or(Duration::from_mins(1));
            let turn = self.cloud.turn(patience);
            if let Ok(wait) = &turn {
                tokio::time::sleep(*wait).await;
            }
            match self.cloud.faults.of_delete() {
                _ if turn.is_err() => turn.map(|_| ()),
                Some(Fault::DeleteHeldBack(wait)) => Err(failed(Failure::HeldBack { wait }, false)),
                Some(Fault::DeleteFails) => Err(failed(Failure::Unavailable, true)),
                Some(Fault::DeleteForbidden) => Err(failed(Failure::Forbidden, false)),
                Some(Fault::DeleteLost) => {
                    let _ = self.cloud.delete(organization, id.as_str());
                    Err(failed(Failure::Unavailable, true))
                }
                Some(Fault::DeleteSlow(delay)) => {
                    tokio::time::sleep(delay).await;
                    self.cloud.delete(organization, id.as_str())
                }
                _ => {
                    let answer = self.cloud.delete(organization, id.as_str());
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    answer
                }
            }
        };
        self.process.step(call).await
    }
}

impl ControlPlane for ProcessCloud {
    fn prober(&self) -> Option<&dyn Probe<Access>> {
        Some(self)
    }
}

#[async_trait]
impl Probe<Access> for ProcessCloud {
    async fn probe(
        &self,
        _: &Access,
        _: &Resource,
        _: Option<&Place>,
        key: Candidate<'_>,
    ) -> Probed {
        let call = async {
            let observed = |observation| Probed::Observed {
                observation,
                detail: None,
            };
            match self.cloud.faults.of_probe() {
                Some(Fault::ProbeHeldBack(wait)) => Probed::HeldBack { wait },
                // Once of each key: two lies in a row are a proof.
                Some(_) if self.cloud.lied.lock().unwrap().insert(key.id.to_owned()) => {
                    observed(Observation::LoggedIn)
                }
                _ => {
                    self.cloud.lied.lock().unwrap().remove(key.id);
                    observed(if self.cloud.logs_in(key.id) {
                        Observation::LoggedIn
                    } else {
                        Observation::NotYet
                    })
                }
            }
        };
        self.process.step(call).await
    }
}
