//! Confluent Cloud in memory, with faults that are armed one by one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use engine::SecretText;
use engine::control_plane::{
    Access, CloudError, ControlPlane, CreatedKey, Failure, HeldRole, KeyList, Keys, KnownKey,
    Lookup, NewKey, Paced, Presence, Rights, Target,
};
use engine::ids::{EnvironmentId, KeyId, OrganizationId, OwnerId, ResourceId};
use jiff::Timestamp;

use readiness::Probe;
use tokio::time::Instant;

use super::limit::Limit;
use super::virtual_now;

pub(crate) const ORGANIZATION: &str = "0f0f0f0f-1111-2222-3333-444444444444";
pub(crate) const ADMIN_KEY: &str = "ADMINKEY23456777";
pub(crate) const ADMIN_SECRET: &str = "admin-secret-canary";
pub(crate) const OTHER_ORGANIZATION: &str = "0e0e0e0e-1111-2222-3333-444444444444";
pub(crate) const OTHER_ADMIN_KEY: &str = "ADMINKEYOTHER";
/// The next admin key of the first organization.
pub(crate) const NEXT_ADMIN_KEY: &str = "ADMINKEYNEXT";

/// What goes wrong at Confluent, once each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The key is made and the answer lost.
    LoseCreateAnswer,
    /// The quota is used up.
    Quota,
    /// There are too many requests for a key to be made.
    RateLimited,
    /// A creation would wait too long for its turn, and is not sent.
    HeldBack,
    /// A deletion fails before anything happens.
    FailDelete,
    /// A deletion is refused although the key lives.
    ForbidDelete,
    /// The admin key is not known for one deletion.
    UnknownAdmin,
    /// A key is made under another name than it was given.
    OtherName,
    /// The client of the API panics during a creation or a deletion.
    Panic,
}

struct LiveKey {
    name: String,
    target: Target,
    organization: &'static str,
    created_at: Timestamp,
}

/// Confluent Cloud in memory.
#[derive(Default)]
pub(crate) struct Cloud {
    keys: Mutex<BTreeMap<String, LiveKey>>,
    faults: Mutex<VecDeque<Fault>>,
    made: AtomicU64,
    /// How long a creation takes.
    pub(crate) create_delay: Mutex<Duration>,
    /// How long a deletion takes.
    pub(crate) delete_delay: Mutex<Duration>,
    pub(crate) descriptions: Mutex<Vec<String>>,
    /// Deletions that were asked for.
    pub(crate) deletes: AtomicU64,
    /// Whether every deletion fails.
    pub(crate) deletes_fail: AtomicBool,
    /// How long deletions would wait for their turn, if they are held back.
    pub(crate) held_back: Mutex<Option<Duration>>,
    /// At what pace deletions are sent, if that is limited.
    pub(crate) limit: Mutex<Option<Limit>>,
    /// The keys that were deleted, in their order.
    pub(crate) deleted: Mutex<Vec<String>>,
    /// Lists that were asked for.
    pub(crate) lists: AtomicU64,
    /// Whether lists fail.
    pub(crate) lists_fail: AtomicBool,
    /// How many keys a list shows at most.
    pub(crate) list_limit: Mutex<Option<usize>>,
    /// Whether no admin key is known.
    pub(crate) admin_refused: AtomicBool,
    /// Whether reads and lists do not show the keys that were made.
    pub(crate) shows_nothing: AtomicBool,
    /// An admin key that was deleted.
    pub(crate) admin_ended: Mutex<&'static str>,
    /// Whether admin keys may not read themselves.
    pub(crate) admin_hidden: AtomicBool,
    /// Whether the admin key lost its rights: lists leave out what it may not
    /// see, and everything else is forbidden.
    pub(crate) admin_narrowed: AtomicBool,
    /// An admin key that lost its rights.
    pub(crate) narrowed: Mutex<&'static str>,
    /// How often Confluent was asked with each admin key.
    asked_with: Mutex<BTreeMap<String, u64>>,
    /// The role of the admin key's owner.
    pub(crate) admin_role: Mutex<&'static str>,
    /// The addresses that a secret was sent to.
    pub(crate) sent_to: Mutex<BTreeSet<String>>,
    /// How long it takes to read a key.
    pub(crate) read_delay: Mutex<Duration>,
    /// How long new keys are refused where they are tried; none: nobody can try
    /// them.
    pub(super) propagation: Mutex<Option<Duration>>,
    /// How long it takes to try a key.
    pub(crate) probe_delay: Mutex<Duration>,
    /// Whether nobody can reach what keys are for.
    pub(crate) unreachable: AtomicBool,
    /// Whether owners may not do what keys are tried with.
    pub(crate) without_rights: AtomicBool,
    /// Owners and resources that do not exist.
    pub(crate) absent: Mutex<BTreeSet<&'static str>>,
    /// Called after every key that is made or deleted.
    pub(crate) changed: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Requests to the control plane.
    pub(crate) calls: AtomicU64,
    pace: Mutex<Option<Pace>>,
}

/// The pace that clients keep: requests wait for their turn.
struct Pace {
    apart: Duration,
    next: Instant,
}

impl Cloud {
    fn tell(&self) {
        if let Some(changed) = self.changed.get() {
            changed();
        }
    }

    pub(crate) fn live(&self) -> Vec<String> {
        self.keys.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// Requests are sent this far apart from now on.
    pub(crate) fn set_pace(&self, apart: Duration) {
        let next = Instant::now();
        *self.pace.lock().unwrap() = Some(Pace { apart, next });
    }

    /// Waits for the turn of a request.
    async fn turn(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let turn = self.pace.lock().unwrap().as_mut().map(|pace| {
            let turn = pace.next.max(Instant::now());
            pace.next = turn + pace.apart;
            turn
        });
        if let Some(turn) = turn {
            tokio::time::sleep_until(turn).await;
        }
    }

    pub(crate) fn arm(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }

    pub(crate) fn delete_by_hand(&self, key: &str) {
        self.keys.lock().unwrap().remove(key);
    }

    /// A key that somebody else made for `sa-1` and `lkc-1`.
    pub(crate) fn make_by_hand(&self, id: &str, name: &str) {
        self.make_by_hand_for(id, name, ("sa-1", "lkc-1"), ORGANIZATION);
    }

    /// A key that somebody else made for an owner and a resource of an organization.
    pub(crate) fn make_by_hand_for(
        &self,
        id: &str,
        name: &str,
        (owner, resource): (&str, &str),
        organization: &'static str,
    ) {
        let live = LiveKey {
            name: name.to_owned(),
            target: Target {
                owner: OwnerId::new(owner),
                resource: ResourceId::new(resource),
                environment: Some(EnvironmentId::new("env-1")),
            },
            organization,
            created_at: virtual_now(),
        };
        self.keys.lock().unwrap().insert(id.to_owned(), live);
    }

    pub(crate) fn created_at(&self, key: &str) -> Option<Timestamp> {
        let keys = self.keys.lock().unwrap();
        keys.get(key).map(|key| key.created_at)
    }

    pub(crate) fn name_of(&self, key: &str) -> String {
        self.keys.lock().unwrap()[key].name.clone()
    }

    pub(crate) fn owner_of(&self, key: &str) -> String {
        self.keys.lock().unwrap()[key].target.owner.to_string()
    }

    /// Whether a key is for a Schema Registry.
    pub(super) fn is_for_registry(&self, key: &str) -> bool {
        let keys = self.keys.lock().unwrap();
        let target = keys.get(key).map(|key| &key.target);
        target.is_some_and(|target| target.resource.as_str().starts_with("lsrc-"))
    }

    pub(crate) fn organization_of(&self, key: &str) -> &'static str {
        self.keys.lock().unwrap()[key].organization
    }

    fn fires(&self, fault: Fault) -> bool {
        let mut faults = self.faults.lock().unwrap();
        let fires = faults.front() == Some(&fault);
        if fires {
            faults.pop_front();
        }
        fires
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

    /// How often Confluent was asked with an admin key since the last question.
    pub(crate) fn take_asked_with(&self, admin: &str) -> u64 {
        self.asked_with.lock().unwrap().remove(admin).unwrap_or(0)
    }

    fn allowed(&self, access: &Access) -> Result<(), CloudError> {
        let narrowed = *self.narrowed.lock().unwrap() == access.key_id.as_str();
        if narrowed || self.admin_narrowed.load(Ordering::SeqCst) {
            return Err(failed(Failure::Forbidden, "forbidden", false));
        }
        Ok(())
    }

    fn presence(&self, id: &str) -> Presence {
        let absent = self.absent.lock().unwrap().contains(id);
        [Presence::Present, Presence::Absent][usize::from(absent)]
    }

    /// The organization of an admin key.
    fn organization(&self, access: &Access) -> Result<&'static str, CloudError> {
        self.sent_to.lock().unwrap().insert(access.url.clone());
        let admin = access.key_id.to_string();
        *self.asked_with.lock().unwrap().entry(admin).or_default() += 1;
        let organization = match access.key_id.as_str() {
            ADMIN_KEY | NEXT_ADMIN_KEY => ORGANIZATION,
            OTHER_ADMIN_KEY => OTHER_ORGANIZATION,
            _ => "",
        };
        let ended = *self.admin_ended.lock().unwrap() == access.key_id.as_str();
        let refused = self.admin_refused.load(Ordering::SeqCst) || ended;
        if organization.is_empty() || refused || access.secret.expose() != ADMIN_SECRET {
            return Err(failed(Failure::Unauthorized, "wrong admin key", false));
        }
        Ok(organization)
    }
}

fn failed(failure: Failure, message: &str, outcome_unknown: bool) -> CloudError {
    CloudError {
        failure,
        message: message.into(),
        outcome_unknown,
    }
}

#[async_trait]
impl Keys for Cloud {
    fn check_access(&self, access: &Access) -> Result<Vec<String>, String> {
        if access.url.starts_with("https://") {
            Ok(Vec::new())
        } else {
            Err("`url` must be https".into())
        }
    }

    /// None of the secrets of this world has a checksum, so that one which claims
    /// to have it is wrong.
    fn check_secret(&self, secret: &SecretText) -> Result<(), String> {
        if secret.expose().starts_with("cflt") {
            return Err("the checksum is wrong".into());
        }
        Ok(())
    }

    async fn create_key(&self, access: &Access, key: &NewKey) -> Result<CreatedKey, CloudError> {
        self.turn().await;
        let organization = self.organization(access)?;
        let delay = *self.create_delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        assert!(!self.fires(Fault::Panic), "the client panics");
        if self.fires(Fault::Quota) {
            return Err(failed(Failure::QuotaReached, "quota is used up", false));
        }
        if self.fires(Fault::RateLimited) {
            return Err(failed(Failure::RateLimited, "too many requests", false));
        }
        if self.fires(Fault::HeldBack) {
            let wait = Duration::from_secs(30);
            return Err(failed(Failure::HeldBack { wait }, "held back", false));
        }
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let id = format!("KEY{number:04}");
        let name = if self.fires(Fault::OtherName) {
            "display_name".to_owned()
        } else {
            key.display_name.clone()
        };
        let live = LiveKey {
            name,
            target: key.target.clone(),
            organization,
            created_at: virtual_now(),
        };
        let known = Self::known(&id, &live);
        self.descriptions
            .lock()
            .unwrap()
            .push(key.description.clone());
        self.keys.lock().unwrap().insert(id.clone(), live);
        self.tell();
        if self.fires(Fault::LoseCreateAnswer) {
            return Err(failed(Failure::Unavailable, "no answer", true));
        }
        Ok(CreatedKey {
            key: known,
            secret: SecretText::new(format!("secret-of-{id}")),
        })
    }

    async fn read_key(&self, access: &Access, id: &KeyId) -> Result<KnownKey, CloudError> {
        self.turn().await;
        let delay = *self.read_delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        let organization = self.organization(access)?;
        self.allowed(access)?;
        if *id == access.key_id && self.admin_hidden.load(Ordering::SeqCst) {
            return Err(failed(Failure::Forbidden, "forbidden", false));
        }
        if *id == access.key_id {
            return Ok(KnownKey {
                id: id.clone(),
                display_name: "admin".into(),
                created_at: None,
                organization: Some(OrganizationId::new(organization)),
                owner: Some(OwnerId::new("sa-admin")),
            });
        }
        let keys = self.keys.lock().unwrap();
        keys.get(id.as_str())
            .filter(|key| key.organization == organization)
            .filter(|_| !self.shows_nothing.load(Ordering::SeqCst))
            .map(|key| Self::known(id.as_str(), key))
            .ok_or_else(|| failed(Failure::Forbidden, "forbidden", false))
    }

    async fn list_keys(&self, access: &Access, target: &Target) -> Result<KeyList, CloudError> {
        self.turn().await;
        if self.lists_fail.load(Ordering::SeqCst) {
            return Err(failed(Failure::Unavailable, "no answer", true));
        }
        let organization = self.organization(access)?;
        let keys = self.keys.lock().unwrap();
        let sees = self.allowed(access).is_ok() && !self.shows_nothing.load(Ordering::SeqCst);
        self.lists.fetch_add(1, Ordering::SeqCst);
        let mut listed: Vec<KnownKey> = keys
            .iter()
            .filter(|_| sees)
            .filter(|(_, key)| key.organization == organization && key.target == *target)
            .map(|(id, key)| Self::known(id, key))
            .collect();
        let limit = self.list_limit.lock().unwrap().unwrap_or(usize::MAX);
        let complete = listed.len() <= limit;
        listed.truncate(limit);
        Ok(KeyList {
            keys: listed,
            complete,
        })
    }

    async fn delete_key(&self, access: &Access, id: &KeyId) -> Result<(), CloudError> {
        let organization = self.organization(access)?;
        if let Some(wait) = *self.held_back.lock().unwrap() {
            return Err(failed(Failure::HeldBack { wait }, "held back", false));
        }
        let turn = self
            .limit
            .lock()
            .unwrap()
            .as_mut()
            .map(|limit| limit.turn(access));
        match turn {
            Some(Err(wait)) => {
                return Err(failed(Failure::HeldBack { wait }, "held back", false));
            }
            Some(Ok(turn)) => tokio::time::sleep_until(turn).await,
            None => {}
        }
        self.turn().await;
        self.deletes.fetch_add(1, Ordering::SeqCst);
        self.allowed(access)?;
        if self.deletes_fail.load(Ordering::SeqCst) {
            return Err(failed(Failure::Unavailable, "no answer", true));
        }
        let delay = *self.delete_delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        assert!(!self.fires(Fault::Panic), "the client panics");
        if self.fires(Fault::UnknownAdmin) {
            return Err(failed(Failure::Unauthorized, "wrong admin key", false));
        }
        if self.fires(Fault::FailDelete) {
            return Err(failed(Failure::Unavailable, "no answer", true));
        }
        if self.fires(Fault::ForbidDelete) {
            return Err(failed(Failure::Forbidden, "forbidden", false));
        }
        let mut keys = self.keys.lock().unwrap();
        let known = keys.get(id.as_str());
        if known.is_none_or(|key| key.organization != organization) {
            return Err(failed(Failure::Forbidden, "forbidden", false));
        }
        keys.remove(id.as_str());
        drop(keys);
        self.tell();
        self.deleted.lock().unwrap().push(id.as_str().to_owned());
        Ok(())
    }
}

#[async_trait]
impl Rights for Cloud {
    async fn list_roles(
        &self,
        access: &Access,
        organization: &OrganizationId,
        owner: &OwnerId,
    ) -> Result<Vec<HeldRole>, CloudError> {
        self.turn().await;
        let own = self.organization(access)?;
        assert_eq!((organization.as_str(), owner.as_str()), (own, "sa-admin"));
        Ok(vec![HeldRole {
            name: self.admin_role.lock().unwrap().to_owned(),
            pattern: format!("crn://confluent.cloud/organization={own}"),
        }])
    }
}

#[async_trait]
impl Lookup for Cloud {
    async fn find_owner(&self, _: &Access, owner: &OwnerId) -> Result<Presence, CloudError> {
        self.turn().await;
        Ok(self.presence(owner.as_str()))
    }

    async fn find_resource(
        &self,
        _: &Access,
        resource: &ResourceId,
        _: Option<&EnvironmentId>,
    ) -> Result<Presence, CloudError> {
        self.turn().await;
        Ok(self.presence(resource.as_str()))
    }
}

impl ControlPlane for Cloud {
    fn prober(&self) -> Option<&dyn Probe<Access>> {
        let can_be_tried = self.propagation.lock().unwrap().is_some();
        can_be_tried.then_some(self as _)
    }

    fn paced(&self) -> Option<&dyn Paced> {
        Some(self)
    }

    fn rights(&self) -> Option<&dyn Rights> {
        Some(self)
    }

    fn lookup(&self) -> Option<&dyn Lookup> {
        Some(self)
    }
}
