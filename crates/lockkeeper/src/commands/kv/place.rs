//! Where a secret is: the mount, the version of its engine, and the paths of the
//! API that follow.

use serde_json::Value;
use vault_client::Client;

use super::super::client::trimmed;
use crate::failure::Failure;

/// The version of a KV engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// One value for each key.
    One,
    /// A history for each key.
    Two,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) version: Version,
    mount: String,
    /// In the engine; empty for its root.
    key: String,
}

impl Place {
    /// Asks the server which mount has the path, and its version. An old server,
    /// which has no answer, has version 1 only.
    ///
    /// # Errors
    /// When the server refuses: most often there is no mount, or the token may
    /// do nothing in it.
    pub(super) async fn find(
        client: &Client,
        mount: Option<&str>,
        path: &str,
    ) -> Result<Self, Failure> {
        let path = trimmed(path);
        let asked = mount.map_or(path, trimmed);
        let client = client.for_lookups();
        let answer = client
            .read(&format!("sys/internal/ui/mounts/{asked}"), &[])
            .await;
        let answer = match answer {
            Err(error) if error.reason_of_absence().is_some() => None,
            answer => answer.map_err(|error| Failure::of_server(&error))?,
        };
        let found = answer.and_then(|secret| secret.data).unwrap_or_default();
        let version = match found.get("options").map(|options| &options["version"]) {
            Some(Value::String(version)) if version == "2" => Version::Two,
            _ => Version::One,
        };
        let known = found.get("path").and_then(Value::as_str).map(trimmed);
        Ok(match mount {
            Some(mount) => Self::at(version, known.unwrap_or_else(|| trimmed(mount)), path),
            None => Self::at(version, known.unwrap_or_default(), key_in(path, known)),
        })
    }

    fn at(version: Version, mount: &str, key: &str) -> Self {
        Self {
            version,
            mount: mount.to_owned(),
            key: key.to_owned(),
        }
    }

    /// The path of the API below `prefix`, such as `data`; version 1 has none.
    pub(super) fn below(&self, prefix: &str) -> String {
        let prefix = match self.version {
            Version::One => "",
            Version::Two => prefix,
        };
        let parts = [self.mount.as_str(), prefix, self.key.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("/")
    }
}

/// What remains of a path after that of its mount. The server may know the mount
/// under a longer path, which begins with a namespace.
fn key_in<'p>(path: &'p str, mount: Option<&str>) -> &'p str {
    let mut mount = mount.unwrap_or_default();
    loop {
        if let Some(rest) = path.strip_prefix(mount)
            && (rest.is_empty() || rest.starts_with('/') || mount.is_empty())
        {
            return rest.trim_start_matches('/');
        }
        let Some((_, shorter)) = mount.split_once('/') else {
            return path;
        };
        mount = shorter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_version_2_have_a_prefix_after_the_mount() {
        let place = Place::at(Version::Two, "team/kv", "a/b");
        assert_eq!(place.below("data"), "team/kv/data/a/b");
        let root = Place::at(Version::Two, "team/kv", "");
        assert_eq!(root.below("metadata"), "team/kv/metadata");
        let old = Place::at(Version::One, "kv", "a");
        assert_eq!(old.below("data"), "kv/a");
    }

    #[test]
    fn the_key_is_what_follows_the_mount() {
        assert_eq!(key_in("team/kv/a/b", Some("team/kv")), "a/b");
        assert_eq!(key_in("team/kv", Some("team/kv")), "");
        assert_eq!(key_in("kv/a", Some("ns/kv")), "a");
        assert_eq!(key_in("kvx/a", Some("kv")), "kvx/a");
        assert_eq!(key_in("kv/a", None), "kv/a");
    }
}
