//! Lockout of users: after some wrong logins, logins of the same user are refused
//! for a while, right ones too.
//!
//! A user is the alias that a login would get, in one auth method. Wrong logins are
//! counted in memory; lockouts are stored, so that a restart ends none.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::{Clock, Error, NamedLocks, Storage};
use serde::{Deserialize, Serialize};

use crate::routing::{LockoutLimits, LockoutTuning};
use crate::storage::{Version, View};

/// Where it is stored who is locked out, by the accessor of the auth method.
const LOCKED: &str = "sys/lockout/";

/// What a server says of lockouts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserLockout {
    /// For all auth methods.
    pub all: LockoutTuning,
    /// For auth methods of one type, which goes before.
    pub by_type: BTreeMap<String, LockoutTuning>,
}

/// Who is locked out, and who may be soon.
pub(crate) struct Lockout {
    storage: View,
    clock: Arc<dyn Clock>,
    server: UserLockout,
    users: Mutex<Users>,
    /// Held by accessor while it is stored who is locked out.
    saving: NamedLocks,
}

/// Users by accessor of the auth method, and alias.
type Users = HashMap<String, BTreeMap<String, User>>;

#[derive(Debug, Clone, Copy)]
struct User {
    failures: u64,
    /// When the failures are forgotten.
    forgotten: Timestamp,
    locked_until: Option<Timestamp>,
}

/// As stored.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    #[serde(default)]
    version: Version<1>,
    /// Until when, by alias.
    users: BTreeMap<String, Timestamp>,
}

impl Lockout {
    /// Reads who is locked out.
    ///
    /// # Errors
    /// An error of storage, or a record that cannot be read.
    pub(crate) async fn open(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        server: UserLockout,
    ) -> Result<Self, Error> {
        let storage = View::new(storage, LOCKED);
        let mut users = Users::new();
        for accessor in storage.list("").await? {
            let stored: Stored = storage.read(&accessor).await?.unwrap_or_default();
            let locked = stored.users.into_iter().map(|(alias, until)| {
                let user = User {
                    failures: 0,
                    forgotten: until,
                    locked_until: Some(until),
                };
                (alias, user)
            });
            users.insert(accessor, locked.collect());
        }
        Ok(Self {
            storage,
            clock,
            server,
            users: Mutex::new(users),
            saving: NamedLocks::default(),
        })
    }

    /// What counts for an auth method of this type; none if it locks nobody out.
    pub(crate) fn limits(&self, kind: &str, mount: Option<LockoutTuning>) -> Option<LockoutLimits> {
        let of_type = self.server.by_type.get(kind).copied().unwrap_or_default();
        let mount = mount.unwrap_or_default();
        mount.or(of_type).or(self.server.all).limits()
    }

    /// Whether a user is locked out.
    pub(crate) fn is_locked(&self, accessor: &str, alias: &str) -> bool {
        let now = self.clock.now();
        let users = self.users();
        let user = users.get(accessor).and_then(|users| users.get(alias));
        user.is_some_and(|user| user.is_locked(now))
    }

    /// Counts a wrong login, and locks the user out when it is one too many.
    pub(crate) async fn failed(&self, accessor: &str, alias: &str, limits: LockoutLimits) {
        let now = self.clock.now();
        let is_locked = {
            let mut users = self.users();
            let of_mount = users.entry(accessor.to_owned()).or_default();
            let user = of_mount.entry(alias.to_owned()).or_insert(User {
                failures: 0,
                forgotten: now,
                locked_until: None,
            });
            if user.forgotten <= now {
                user.failures = 0;
            }
            user.failures += 1;
            user.forgotten = later(now, limits.counter_reset);
            let is_locked = user.failures >= limits.threshold;
            if is_locked {
                user.failures = 0;
                user.locked_until = Some(later(now, limits.duration));
            }
            is_locked
        };
        if is_locked {
            tracing::warn!(accessor, "a user is locked out after too many wrong logins");
            self.save_or_warn(accessor).await;
        }
    }

    /// Forgets the wrong logins of a user who logged in.
    pub(crate) fn succeeded(&self, accessor: &str, alias: &str) {
        let mut users = self.users();
        if let Some(of_mount) = users.get_mut(accessor) {
            of_mount.remove(alias);
        }
    }

    /// Lets a user in again.
    ///
    /// # Errors
    /// An error of storage; the user is let in until a restart.
    pub(crate) async fn unlock(&self, accessor: &str, alias: &str) -> Result<(), Error> {
        let removed = {
            let mut users = self.users();
            let of_mount = users.get_mut(accessor);
            of_mount.and_then(|users| users.remove(alias))
        };
        match removed {
            Some(_) => self.save(accessor).await,
            None => Ok(()),
        }
    }

    /// The aliases that are locked out, by the accessor of their auth method.
    pub(crate) fn locked(&self) -> BTreeMap<String, Vec<String>> {
        let now = self.clock.now();
        let users = self.users();
        let by_mount = users.iter().filter_map(|(accessor, users)| {
            let locked = users.iter().filter(|(_, user)| user.is_locked(now));
            let aliases: Vec<String> = locked.map(|(alias, _)| alias.clone()).collect();
            (!aliases.is_empty()).then(|| (accessor.clone(), aliases))
        });
        by_mount.collect()
    }

    /// Forgets what is over.
    pub(crate) async fn tidy(&self) {
        let now = self.clock.now();
        let mut ended = Vec::new();
        self.users().retain(|accessor, users| {
            let was_locked = users.values().any(|user| user.locked_until.is_some());
            users.retain(|_, user| user.forgotten > now || user.is_locked(now));
            let still = users.values().any(|user| user.is_locked(now));
            if was_locked && !still {
                ended.push(accessor.clone());
            }
            !users.is_empty()
        });
        for accessor in ended {
            self.save_or_warn(&accessor).await;
        }
    }

    async fn save_or_warn(&self, accessor: &str) {
        if let Err(error) = self.save(accessor).await {
            tracing::warn!(accessor, %error, "it cannot be stored who is locked out");
        }
    }

    /// Stores who of an auth method is locked out at the moment of the write.
    async fn save(&self, accessor: &str) -> Result<(), Error> {
        let _saving = self.saving.lock(accessor).await;
        let now = self.clock.now();
        let users: BTreeMap<String, Timestamp> = {
            let users = self.users();
            let of_mount = users.get(accessor).into_iter().flatten();
            let locked = of_mount.filter(|(_, user)| user.is_locked(now));
            locked
                .filter_map(|(alias, user)| Some((alias.clone(), user.locked_until?)))
                .collect()
        };
        if users.is_empty() {
            return self.storage.delete(accessor).await;
        }
        let stored = Stored {
            version: Version,
            users,
        };
        self.storage.write(accessor, &stored).await
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl User {
    fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }
}

/// `time` after `now`, or the end of all times.
fn later(now: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
