//! A secret in a KV engine, of either version.

use serde_json::{Value, json};
use vault_client::{Client, Error, Object};

/// Where a secret is, as operators write it: without the `data/` of version 2.
#[derive(Debug)]
pub(super) struct KvSecret {
    client: Client,
    path: String,
}

/// A secret as it was read.
pub(super) struct Found {
    /// Where it is in the API.
    path: String,
    /// Its fields; none if there is no secret.
    pub(super) fields: Object,
    /// Its version; none where the engine keeps one alone.
    pub(super) version: Option<u64>,
}

impl KvSecret {
    pub(super) fn new(client: &Client, path: &str) -> Self {
        Self {
            client: client.without_wrapping(),
            path: path.trim_matches('/').to_owned(),
        }
    }

    /// Reads the secret, after the server was asked which engine has it.
    pub(super) async fn read(&self) -> Result<Found, Error> {
        let asked = format!("sys/internal/ui/mounts/{}", self.path);
        let mount = match self.client.read(&asked, &[]).await {
            // An old server has version 1 only.
            Err(error) if error.reason_of_absence().is_some() => None,
            answer => answer?,
        };
        let mount = mount.and_then(|answer| answer.data).unwrap_or_default();
        let is_second = mount
            .get("options")
            .is_some_and(|options| options["version"] == "2");
        if !is_second {
            let read = self.client.read(&self.path, &[]).await?;
            return Ok(Found {
                path: self.path.clone(),
                fields: read.and_then(|answer| answer.data).unwrap_or_default(),
                version: None,
            });
        }
        let known = mount.get("path").and_then(Value::as_str);
        let known = known.unwrap_or_default().trim_end_matches('/');
        let key = self.path.strip_prefix(known).unwrap_or(&self.path);
        let path = format!("{known}/data{key}");
        let read = self.client.read(&path, &[]).await?;
        let data = read.and_then(|answer| answer.data).unwrap_or_default();
        let metadata = data.get("metadata");
        let version = metadata.and_then(|metadata| metadata["version"].as_u64());
        Ok(Found {
            path,
            fields: match data.get("data") {
                Some(Value::Object(fields)) => fields.clone(),
                // There is none, or its newest version was deleted.
                _ => Object::new(),
            },
            version: Some(version.unwrap_or_default()),
        })
    }

    /// Writes the fields of a secret that was read. Where the engine has versions,
    /// a change of somebody else since is not overwritten.
    pub(super) async fn write(&self, found: Found) -> Result<(), Error> {
        let body = match found.version {
            None => found.fields,
            Some(version) => {
                let options = json!({ "cas": version });
                let members = [
                    ("data".to_owned(), Value::Object(found.fields)),
                    ("options".to_owned(), options),
                ];
                members.into_iter().collect()
            }
        };
        self.client.write(&found.path, &body).await.map(drop)
    }
}
