//! The stored entry of a mount, and its form in `sys/mounts`.

use std::collections::BTreeMap;
use std::time::Duration;

use logical::{Entropy, Error, Object, duration};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{LeaseTtls, MountTuning};
use crate::random;

/// TTLs of a mount's leases in seconds; zero inherits the server's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountConfig {
    /// TTL of a lease when the engine sets none.
    pub default_lease_ttl: u64,
    /// Maximum TTL of a lease.
    pub max_lease_ttl: u64,
}

/// The prefix of auth methods among all mounts.
pub(crate) const AUTH: &str = "auth/";

/// A request to mount an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountRequest {
    /// Path of the mount, with or without surrounding slashes; below `auth/` for
    /// an auth method.
    pub path: String,
    /// The name under which its factory is registered.
    pub kind: String,
    /// Human-readable description.
    pub description: String,
    /// TTLs of its leases.
    pub config: MountConfig,
    /// All other settings.
    pub tuning: MountTuning,
    /// Options that are passed to the backend.
    pub options: BTreeMap<String, String>,
    /// Whether the mount is local to this cluster.
    pub local: bool,
    /// Whether seal wrapping is requested for its storage.
    pub seal_wrap: bool,
    /// Whether the engine requests an external source of entropy.
    pub external_entropy_access: bool,
}

/// The stored entry of a mount.
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of Vault's API that do not exclude each other"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MountEntry {
    /// Path with a trailing slash.
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) accessor: String,
    pub(crate) uuid: String,
    pub(crate) config: MountConfig,
    #[serde(default)]
    pub(crate) tuning: MountTuning,
    /// `None` for built-in mounts.
    pub(crate) options: Option<BTreeMap<String, String>>,
    pub(crate) local: bool,
    pub(crate) seal_wrap: bool,
    #[serde(default)]
    pub(crate) external_entropy_access: bool,
    /// Whether the removal has begun. Older entries have this flag and no
    /// `state`.
    tainted: bool,
    #[serde(default)]
    state: State,
}

/// The stage of a mount's life. Recorded stages are resumed after a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// The backend is being started for the first time.
    Enabling,
    /// The mount serves requests.
    #[default]
    Active,
    /// The mount is being removed.
    Removing,
    /// The leases of the removed mount are revoked and its backend is stopped:
    /// only its storage and its entry are left.
    Wiping,
}

impl MountEntry {
    /// A new entry with a generated accessor and id.
    pub(crate) fn new(path: String, request: MountRequest, entropy: &dyn Entropy) -> Self {
        Self {
            accessor: accessor(&path, &request.kind, entropy),
            uuid: random::uuid(entropy),
            path,
            kind: request.kind,
            description: request.description,
            config: request.config,
            tuning: request.tuning,
            options: Some(request.options),
            local: request.local,
            seal_wrap: request.seal_wrap,
            external_entropy_access: request.external_entropy_access,
            tainted: false,
            state: State::Enabling,
        }
    }

    /// The entry of a built-in mount.
    pub(crate) fn builtin(
        path: &str,
        kind: &str,
        accessor: &str,
        description: &str,
        entropy: &dyn Entropy,
    ) -> Self {
        Self {
            path: path.into(),
            kind: kind.into(),
            description: description.into(),
            accessor: format!("{accessor}_{}", random::hex8(entropy)),
            uuid: random::uuid(entropy),
            config: MountConfig::default(),
            tuning: MountTuning::default(),
            options: None,
            local: path == "cubbyhole/",
            seal_wrap: path == "sys/",
            external_entropy_access: false,
            tainted: false,
            state: State::Active,
        }
    }

    /// Whether it is the mount of an auth method.
    pub(crate) fn is_auth(&self) -> bool {
        self.path.starts_with(AUTH)
    }

    fn insert_token_type(&self, shown: &mut Object) {
        if self.is_auth() {
            let token_type = self.tuning.token_type.as_str();
            shown.insert("token_type".into(), token_type.into());
        }
    }

    /// The current stage.
    pub(crate) fn state(&self) -> State {
        if self.tainted {
            State::Removing
        } else {
            self.state
        }
    }

    /// A copy of the entry in another state.
    #[must_use]
    pub(crate) fn in_state(&self, state: State) -> Self {
        Self {
            state,
            tainted: state == State::Removing,
            ..self.clone()
        }
    }

    /// Whether the removal of the mount has begun.
    pub(crate) fn is_tainted(&self) -> bool {
        matches!(self.state(), State::Removing | State::Wiping)
    }

    /// TTLs of its leases; those that it does not set are the server's.
    pub(crate) fn lease_ttls(&self, server: LeaseTtls) -> LeaseTtls {
        let or = |seconds, server| match seconds {
            0 => server,
            seconds => Duration::from_secs(seconds),
        };
        LeaseTtls {
            default: or(self.config.default_lease_ttl, server.default),
            max: or(self.config.max_lease_ttl, server.max),
        }
    }

    /// The mount as shown in `sys/mounts`; `version` is the running version of
    /// its backend.
    pub(crate) fn info(&self, version: &str) -> Object {
        let mut config = Object::new();
        let MountConfig {
            default_lease_ttl: default,
            max_lease_ttl: max,
        } = self.config;
        config.insert("default_lease_ttl".into(), default.into());
        config.insert("max_lease_ttl".into(), max.into());
        self.tuning.insert_into(&mut config);
        let mut info = Object::new();
        self.insert_token_type(&mut config);
        if let Some(lockout) = self.tuning.user_lockout {
            config.insert("user_lockout_config".into(), lockout.members().into());
        }
        if self.options.is_some() {
            info.insert("deprecation_status".into(), "supported".into());
        }
        let members = [
            ("accessor", self.accessor.clone().into()),
            ("config", config.into()),
            ("description", self.description.clone().into()),
            (
                "external_entropy_access",
                self.external_entropy_access.into(),
            ),
            ("local", self.local.into()),
            ("options", json!(self.options)),
            ("plugin_version", self.tuning.plugin_version.clone().into()),
            ("running_plugin_version", version.into()),
            ("running_sha256", "".into()),
            ("seal_wrap", self.seal_wrap.into()),
            ("type", self.kind.clone().into()),
            ("uuid", self.uuid.clone().into()),
        ];
        info.extend(members.map(|(key, value): (_, Value)| (key.to_owned(), value)));
        info
    }

    /// The mount as shown without a token when it is listed for everybody.
    pub(crate) fn public_info(&self) -> Object {
        let members = [
            ("description", self.description.clone().into()),
            ("options", json!(self.options)),
            ("type", self.kind.clone().into()),
        ];
        Object::from_iter(members.map(|(key, value): (_, Value)| (key.to_owned(), value)))
    }

    /// The mount as shown in `sys/mounts/<path>/tune`, with effective TTLs.
    pub(crate) fn tuning(&self, server: LeaseTtls) -> Object {
        let mut tuning = Object::new();
        let LeaseTtls { default, max } = self.lease_ttls(server);
        tuning.insert("default_lease_ttl".into(), default.as_secs().into());
        tuning.insert("description".into(), self.description.clone().into());
        tuning.insert("max_lease_ttl".into(), max.as_secs().into());
        self.tuning.insert_into(&mut tuning);
        self.insert_token_type(&mut tuning);
        if let Some(lockout) = self.tuning.user_lockout {
            tuning.extend(lockout.members());
        }
        if !self.tuning.plugin_version.is_empty() {
            let version = self.tuning.plugin_version.clone();
            tuning.insert("plugin_version".into(), version.into());
        }
        if let Some(options) = self.options.as_ref().filter(|options| !options.is_empty()) {
            tuning.insert("options".into(), json!(options));
        }
        tuning
    }
}

/// Checks that the TTLs of a new mount are consistent.
///
/// # Errors
/// A bad request with Vault's message.
pub(crate) fn check_new(config: MountConfig, server: LeaseTtls) -> Result<(), Error> {
    let MountConfig {
        default_lease_ttl: default,
        max_lease_ttl: max,
    } = config;
    if max > 0 && default > max {
        return Err(Error::bad_request(
            "given default lease TTL greater than given max lease TTL",
        ));
    }
    let system = server.max.as_secs();
    if max == 0 && default > system {
        return Err(Error::bad_request(format!(
            "given default lease TTL greater than system max lease TTL of {system}"
        )));
    }
    Ok(())
}

/// Checks that the TTLs of a tuned mount are consistent.
///
/// # Errors
/// A bad request with Vault's message.
pub(crate) fn check_tuned(config: MountConfig) -> Result<(), Error> {
    let MountConfig {
        default_lease_ttl: default,
        max_lease_ttl: max,
    } = config;
    if default > 0 && max > 0 && max < default {
        return Err(Error::bad_request(format!(
            "backend max lease TTL of {max} would be less than backend default lease TTL of {default}"
        )));
    }
    Ok(())
}

/// Parses a TTL: seconds or a duration; `system` and the empty string inherit
/// the system default.
///
/// # Errors
/// A bad request that names the field and quotes the value.
pub(crate) fn read_ttl(field: &str, value: &Value) -> Result<u64, Error> {
    let text = match value {
        Value::Null => return Ok(0),
        Value::String(text) if text == "system" => return Ok(0),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => {
            return Err(Error::bad_request(format!(
                "`{field}` is no duration: use seconds or units such as \"90s\" or \"1h30m\""
            )));
        }
    };
    duration::parse(&text)
        .map(|ttl| ttl.as_secs())
        .map_err(|error| error.context(format_args!("`{field}`")))
}

/// A name for the mount that stays the same when it is renamed.
fn accessor(path: &str, kind: &str, entropy: &dyn Entropy) -> String {
    let class = if path.starts_with(AUTH) { "auth_" } else { "" };
    format!("{class}{kind}_{}", random::hex8(entropy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(default_lease_ttl: u64, max_lease_ttl: u64) -> MountConfig {
        MountConfig {
            default_lease_ttl,
            max_lease_ttl,
        }
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused() {
        let server = LeaseTtls::default();
        assert!(check_new(config(7200, 3600), server).is_err());
        assert!(check_new(config(3_600_000, 0), server).is_err());
        assert!(check_new(config(0, 3600), server).is_ok());
        assert!(check_tuned(config(7200, 3600)).is_err());
        assert!(check_tuned(config(3_600_000, 0)).is_ok());
    }

    #[test]
    fn times_to_live_are_seconds_durations_or_inherited() {
        for (value, seconds) in [
            (json!("1h"), 3600),
            (json!(90), 90),
            (json!("system"), 0),
            (json!(""), 0),
            (json!(null), 0),
        ] {
            assert_eq!(read_ttl("max_lease_ttl", &value).unwrap(), seconds);
        }
        assert!(read_ttl("max_lease_ttl", &json!("x")).is_err());
        assert!(read_ttl("max_lease_ttl", &json!([1])).is_err());
        assert!(read_ttl("max_lease_ttl", &json!(-1)).is_err());
    }
}
