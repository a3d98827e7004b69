//! The configuration file of a server: HCL 1 or JSON, with the keys of Vault's.
//!
//! Text in, configuration out: nothing is opened here. A wrong value is an error
//! with its place, and so is a key that Vault has and whose absence would weaken
//! the server. Any other unknown key is a warning.

mod audit;
mod listener;
mod values;
mod without_effect;

use std::path::PathBuf;
use std::time::Duration;

use hcl1::{Body, Error, Item, Key, Position};
use server::Limits;
use vault_core::{AuditDevice, LeaseTtls, LockoutTuning, UserLockout, WithoutToken};

use self::listener::{Kind, limit};
pub(crate) use self::listener::{Listener, Place, Socket};
use self::values::{
    blocks, boolean, duration, first, log_format, log_level, member, number, positive, text, url,
    wrong,
};
use super::super::logging::LogFormat;

/// What is said of a key that is not known.
const UNKNOWN: &str = "unknown key, which has no effect";

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) storage: Storage,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) api_addr: Option<String>,
    pub(crate) log_level: &'static str,
    pub(crate) log_format: LogFormat,
    /// What mounts inherit.
    pub(crate) lease_ttls: LeaseTtls,
    /// When wrong logins lock a user out.
    pub(crate) user_lockout: UserLockout,
    pub(crate) audit: Vec<(Position, AuditDevice)>,
    /// Whether clients may make audit devices, which write to any file that the
    /// server can write.
    pub(crate) unsafe_allow_api_audit_creation: bool,
    /// What clients may do with shares and without a token.
    pub(crate) without_token: WithoutToken,
    /// What has no effect.
    pub(crate) warnings: Vec<Error>,
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In memory, for trials.
    Memory,
    /// In one file.
    Sqlite(PathBuf),
}

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Config, Error> {
    let document = hcl1::parse(text)?;
    if let Some(key) = document.body.repeated_key() {
        return Err(Error::new(
            key.position,
            format!("`{}` is set twice: remove one of the two", key.name),
        ));
    }
    let mut reading = Reading::default();
    for item in &document.body.items {
        reading.item(item)?;
    }
    reading.finish()
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    storage: Option<Storage>,
    listeners: Vec<(Kind, Position, Body)>,
    api_addr: Option<String>,
    log_level: Option<&'static str>,
    log_format: LogFormat,
    default_lease_ttl: Option<(Duration, Position)>,
    max_lease_ttl: Option<(Duration, Position)>,
    user_lockout: UserLockout,
    limits: Limits,
    audit: Vec<(Position, AuditDevice)>,
    /// `compatibility = "vault"`: what is not said is as it is in Vault.
    like_vault: bool,
    unsafe_allow_api_audit_creation: Option<bool>,
    disable_unauthed_rekey_endpoints: Option<bool>,
    disable_unauthed_generate_root_endpoints: Option<bool>,
    warnings: Vec<Error>,
}

impl Reading {
    fn item(&mut self, item: &Item) -> Result<(), Error> {
        let key = first(item)?;
        match &*key.name {
            "storage" | "backend" => self.storage(item, key)?,
            "listener" => self.listener(item)?,
            "api_addr" => self.api_addr = Some(url(item, key)?),
            "cluster_addr" => {
                url(item, key)?;
            }
            "disable_mlock" => {
                boolean(item, key)?;
            }
            "log_level" => self.log_level = Some(log_level(item, key)?),
            "log_format" => self.log_format = log_format(item, key)?,
            "default_lease_ttl" => self.default_lease_ttl = lease_ttl(item, key)?,
            "max_lease_ttl" => self.max_lease_ttl = lease_ttl(item, key)?,
            "default_max_request_duration" => {
                self.limits.max_request_duration = positive(item, key)?;
            }
            _ if limit(&mut self.limits, item, key)? => {}
            "user_lockout" => self.user_lockout(item)?,
            "seal" => seal(item)?,
            "audit" => self.audit.extend(audit::devices(item)?),
            "unsafe_allow_api_audit_creation" => {
                self.unsafe_allow_api_audit_creation = Some(boolean(item, key)?);
            }
            "compatibility" => self.compatibility(item, key)?,
            "disable_unauthed_rekey_endpoints" => {
                self.disable_unauthed_rekey_endpoints = Some(boolean(item, key)?);
            }
            "disable_unauthed_generate_root_endpoints" => {
                self.disable_unauthed_generate_root_endpoints = Some(boolean(item, key)?);
            }
            "ha_storage" | "ha_backend" => {
                return Err(Error::new(
                    key.position,
                    format!(
                        "`{}`: this server runs alone, without others that could take over; remove it",
                        key.name
                    ),
                ));
            }
            _ => {
                if let Some(why) = without_effect::why(item, key)? {
                    self.warn(key, why);
                }
            }
        }
        Ok(())
    }

    fn compatibility(&mut self, item: &Item, key: &Key) -> Result<(), Error> {
        match text(&item.value, key)? {
            "vault" => self.like_vault = true,
            other => return Err(wrong(key, other, "`vault`, or leave it out")),
        }
        Ok(())
    }

    fn warn(&mut self, key: &Key, why: &str) {
        let problem = format!("`{}`: {why}", key.name);
        self.warnings.push(Error::new(key.position, problem));
    }

    fn warn_unknown(&mut self, body: &Body, known: &[&str]) -> Result<(), Error> {
        for item in &body.items {
            let key = first(item)?;
            if !known.contains(&&*key.name) {
                self.warn(key, UNKNOWN);
            }
        }
        Ok(())
    }

    fn storage(&mut self, item: &Item, key: &Key) -> Result<(), Error> {
        for (kind, body) in blocks(item)? {
            if self.storage.is_some() {
                return Err(Error::new(
                    key.position,
                    "there are two storages: remove one",
                ));
            }
            self.storage = Some(match &*kind.name {
                "inmem" => {
                    self.warn_unknown(body, &[])?;
                    Storage::Memory
                }
                "sqlite" => {
                    self.warn_unknown(body, &["path"])?;
                    let path = member(body, "path")?;
                    let (path, key) = path.ok_or_else(|| {
                        Error::new(kind.position, "`sqlite` needs the `path` of its file")
                    })?;
                    let path = text(path, key)?;
                    if path.is_empty() {
                        return Err(wrong(key, path, "the path of a file"));
                    }
                    Storage::Sqlite(path.into())
                }
                "postgresql" => {
                    return Err(Error::new(
                        kind.position,
                        "`postgresql` is not supported by this release: use `sqlite`, and move with the API later",
                    ));
                }
                other => {
                    return Err(Error::new(
                        kind.position,
                        format!("storage `{other}` is unknown: use `sqlite` or `inmem`"),
                    ));
                }
            });
        }
        Ok(())
    }

    /// `user_lockout "all"`, or for the auth methods of one type.
    fn user_lockout(&mut self, item: &Item) -> Result<(), Error> {
        for (kind, body) in blocks(item)? {
            let tuning = self.lockout(body)?;
            match &*kind.name {
                "all" => self.user_lockout.all = tuning,
                "approle" => {
                    self.user_lockout
                        .by_type
                        .insert("approle".to_owned(), tuning);
                }
                _ => self.warn(kind, "no auth method of this type locks users out"),
            }
        }
        Ok(())
    }

    fn lockout(&mut self, body: &Body) -> Result<LockoutTuning, Error> {
        let mut tuning = LockoutTuning::default();
        for item in &body.items {
            let key = first(item)?;
            match &*key.name {
                "lockout_threshold" => tuning.threshold = Some(number(item, key)?),
                "lockout_duration" => tuning.duration = Some(duration(item, key)?.as_secs()),
                "lockout_counter_reset" => {
                    tuning.counter_reset = Some(duration(item, key)?.as_secs());
                }
                "disable_lockout" => tuning.disable = Some(boolean(item, key)?),
                _ => self.warn(key, UNKNOWN),
            }
        }
        Ok(tuning)
    }

    fn listener(&mut self, item: &Item) -> Result<(), Error> {
        for (kind, body) in blocks(item)? {
            let kind_of = Kind::of(kind)?;
            self.listeners.push((kind_of, kind.position, body.clone()));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Config, Error> {
        audit::check_names(&self.audit)?;
        let storage = self.storage.take().ok_or_else(|| {
            Error::new(
                Position::START,
                "there is no `storage`: add `storage \"sqlite\" { path = \"...\" }`",
            )
        })?;
        let mut listeners = Vec::new();
        for (kind, position, body) in std::mem::take(&mut self.listeners) {
            let limits = self.limits;
            listeners.push(kind.read(position, &body, limits, |key, why| self.warn(key, why))?);
        }
        if listeners.is_empty() {
            return Err(Error::new(
                Position::START,
                "there is no `listener`: add `listener \"tcp\" { ... }`",
            ));
        }
        Ok(Config {
            storage,
            listeners,
            api_addr: self.api_addr,
            log_level: self.log_level.unwrap_or("info"),
            log_format: self.log_format,
            lease_ttls: lease_ttls(self.default_lease_ttl, self.max_lease_ttl)?,
            user_lockout: self.user_lockout,
            audit: self.audit,
            unsafe_allow_api_audit_creation: self
                .unsafe_allow_api_audit_creation
                .unwrap_or(self.like_vault),
            without_token: WithoutToken {
                rekey: !self
                    .disable_unauthed_rekey_endpoints
                    .unwrap_or(!self.like_vault),
                generate_root: !self
                    .disable_unauthed_generate_root_endpoints
                    .unwrap_or(!self.like_vault),
            },
            warnings: self.warnings,
        })
    }
}

/// A TTL and where it stands; none for zero, which in Vault, too, is the same as
/// leaving it out.
fn lease_ttl(item: &Item, key: &Key) -> Result<Option<(Duration, Position)>, Error> {
    let ttl = duration(item, key)?;
    Ok((!ttl.is_zero()).then_some((ttl, key.position)))
}

/// The TTLs that mounts inherit. One alone must fit to the usual value of the
/// other.
fn lease_ttls(
    default: Option<(Duration, Position)>,
    max: Option<(Duration, Position)>,
) -> Result<LeaseTtls, Error> {
    let usual = LeaseTtls::default();
    let ttls = LeaseTtls {
        default: default.map_or(usual.default, |(ttl, _)| ttl),
        max: max.map_or(usual.max, |(ttl, _)| ttl),
    };
    if ttls.default <= ttls.max {
        return Ok(ttls);
    }
    let position = max.or(default).map_or(Position::START, |(_, at)| at);
    Err(Error::new(
        position,
        format!(
            "`default_lease_ttl`, {} s, is longer than `max_lease_ttl`, {} s: set both, and the default to at most the maximum",
            ttls.default.as_secs(),
            ttls.max.as_secs()
        ),
    ))
}

/// Shares are the one seal; another would leave the store open to anyone who
/// expects it.
fn seal(item: &Item) -> Result<(), Error> {
    for (kind, _) in blocks(item)? {
        if &*kind.name != "shamir" {
            return Err(Error::new(
                kind.position,
                format!(
                    "seal `{}` is not supported: use `shamir`, or remove `seal`",
                    kind.name
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
