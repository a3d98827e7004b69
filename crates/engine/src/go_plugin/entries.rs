//! The Go plugin's entries in a mount's storage, as its source writes them
//! (`path_config.go`, `path_roles.go` of confluent-cloud-secrets-engine).

use logical::{Error, Storage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::SecretText;
use crate::control_plane::Target;
use crate::ids::{EnvironmentId, KeyId, OwnerId, ResourceId, RoleName};

const CONFIG: &str = "config";
const ROLES: &str = "role/";

/// Its account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) api_key_id: String,
    #[serde(default = "no_secret")]
    pub(crate) api_key_secret: SecretText,
    #[serde(default)]
    pub(crate) url: String,
}

impl Config {
    /// Whether a later account of the Go plugin has another address and the
    /// same secret. Its `config` keeps the secret when only `url` is written,
    /// so nobody gave it for that address.
    pub(crate) fn moves_its_secret_to(&self, later: &Self) -> bool {
        self.api_key_secret == later.api_key_secret && self.url != later.url
    }
}

/// One of its roles. The counter of uses is left out: it can be wrong.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Role {
    #[serde(default)]
    pub(crate) owner: String,
    #[serde(default)]
    pub(crate) owner_env: String,
    #[serde(default)]
    pub(crate) resource: String,
    #[serde(default)]
    pub(crate) resource_env: String,
    /// Nanoseconds, as Go writes durations.
    #[serde(default)]
    ttl: i64,
    /// Nanoseconds.
    #[serde(default)]
    max_ttl: i64,
    #[serde(default)]
    pub(crate) key_description: String,
    #[serde(default)]
    pub(crate) multi_use_key: bool,
    /// The live shared key, or empty.
    #[serde(default)]
    pub(crate) cc_key_id: String,
    /// Its secret; left out where only the rest is compared.
    #[serde(default = "no_secret", skip_serializing)]
    pub(crate) cc_key_secret: SecretText,
}

fn no_secret() -> SecretText {
    SecretText::new("")
}

impl Role {
    pub(crate) fn ttl_seconds(&self) -> u64 {
        seconds(self.ttl)
    }

    pub(crate) fn max_ttl_seconds(&self) -> u64 {
        seconds(self.max_ttl)
    }

    pub(crate) fn target(&self) -> Target {
        let resource = self.resource.trim();
        Target {
            owner: OwnerId::new(self.owner.trim()),
            resource: ResourceId::new(if resource.is_empty() {
                "cloud"
            } else {
                resource
            }),
            environment: environment(&self.resource_env),
        }
    }

    pub(crate) fn owner_environment(&self) -> Option<EnvironmentId> {
        environment(&self.owner_env)
    }

    /// The key that its readers share, if there is one.
    pub(crate) fn shared_key(&self) -> Option<(KeyId, SecretText)> {
        let is_there = self.multi_use_key
            && !self.cc_key_id.is_empty()
            && !self.cc_key_secret.expose().is_empty();
        is_there.then(|| {
            (
                KeyId::new(self.cc_key_id.clone()),
                self.cc_key_secret.clone(),
            )
        })
    }

    /// Without what a comparison does not need.
    pub(crate) fn without_secret(&self) -> Self {
        Self {
            cc_key_secret: no_secret(),
            ..self.clone()
        }
    }
}

/// Whole seconds of nanoseconds; what is negative is none.
fn seconds(nanoseconds: i64) -> u64 {
    u64::try_from(nanoseconds).unwrap_or(0) / 1_000_000_000
}

fn environment(text: &str) -> Option<EnvironmentId> {
    let text = text.trim();
    (!text.is_empty()).then(|| EnvironmentId::new(text))
}

/// Its account, if it has one that can be used.
pub(crate) async fn config(storage: &dyn Storage) -> Result<Option<Config>, Error> {
    let config: Option<Config> = read(storage, CONFIG).await?;
    Ok(config.filter(|config| {
        !config.api_key_id.is_empty() && !config.api_key_secret.expose().is_empty()
    }))
}

/// Its roles.
pub(crate) async fn roles(storage: &dyn Storage) -> Result<Vec<(RoleName, Role)>, Error> {
    let mut roles = Vec::new();
    for name in storage.list(ROLES).await? {
        if let Some(role) = read(storage, &format!("{ROLES}{name}")).await? {
            roles.push((RoleName::new(name.to_lowercase()), role));
        }
    }
    Ok(roles)
}

/// An entry; one that is damaged is none, so that the rest is taken over.
async fn read<T: DeserializeOwned>(storage: &dyn Storage, key: &str) -> Result<Option<T>, Error> {
    let Some(bytes) = storage.get(key).await? else {
        return Ok(None);
    };
    let entry = serde_json::from_slice(&bytes);
    if entry.is_err() {
        // The bytes are not quoted: they hold secrets.
        tracing::error!(
            entry = key,
            "an entry of the Go plugin cannot be read and is not taken over: write it anew"
        );
    }
    Ok(entry.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_with_the_members_that_the_go_plugin_writes_is_read() {
        let role: Role = serde_json::from_str(
            r#"{"owner":"sa-1","owner_env":"env-0","resource":"lkc-1","resource_env":"env-1",
                "ttl":3600000000000,"max_ttl":7200000000000,"multi_use_key":true,"usage_count":-3,
                "cc_key_id":"K","cc_key_secret":"canary","key_description":"words"}"#,
        )
        .unwrap();
        assert_eq!((role.ttl_seconds(), role.max_ttl_seconds()), (3600, 7200));
        assert_eq!(role.target().environment, Some(EnvironmentId::new("env-1")));
        assert_eq!(role.shared_key().unwrap().0, KeyId::new("K"));
        let copy = serde_json::to_string(&role).unwrap();
        assert!(!copy.contains("canary"), "{copy}");
    }

    #[test]
    fn what_the_go_plugin_left_out_is_empty() {
        let role: Role =
            serde_json::from_str(r#"{"owner":"sa-1","multi_use_key":false,"ttl":-5}"#).unwrap();
        assert_eq!(role.ttl_seconds(), 0);
        assert_eq!(role.target().resource, ResourceId::new("cloud"));
        assert!(role.shared_key().is_none());
    }
}
