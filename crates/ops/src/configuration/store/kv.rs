//! Records in a KV engine of version 2.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Document, Documents, Neighbours, Saved, Unreadable, Version};
use crate::configuration::mounts::Mounts;
use crate::configuration::place::Problem;
use crate::configuration::server::{Reading, Server, ServerError};
use crate::configuration::state::State;

/// The end of the lock's name, beside that of the record.
const LOCK: &str = ".lock";

pub(super) struct KvStore {
    server: Arc<dyn Server>,
    mount: String,
    /// Below the mount.
    path: String,
}

impl KvStore {
    pub(super) async fn open(server: &Arc<dyn Server>, path: &str) -> Result<Self, Problem> {
        let mounts = Mounts::read(server.as_ref()).await?;
        match mounts.versioned(path) {
            Some((mount, inner)) if !inner.is_empty() => Ok(Self {
                server: Arc::clone(server),
                mount: mount.to_owned(),
                path: inner.to_owned(),
            }),
            _ => Err(Problem::general(format!(
                "the record cannot be kept at `{path}`: no KV engine of version 2 is mounted there; \
                 enable one, or name another place with -state=kv:MOUNT/PATH or -state=file:PATH"
            ))),
        }
    }

    fn name(&self, document: Document) -> String {
        match document {
            Document::Record => self.path.clone(),
            Document::Lock => format!("{}{LOCK}", self.path),
        }
    }

    async fn data(&self, path: &str) -> Result<(Option<Value>, Version), Problem> {
        let path = format!("{}/data/{path}", self.mount);
        let read = self
            .server
            .read(&path)
            .await
            .map_err(|error| failed(&error))?;
        let Reading::Found(answer) = read else {
            return Ok((None, Version(0)));
        };
        let version = answer
            .get("metadata")
            .and_then(|of| of.get("version")?.as_u64());
        let value = answer.get("data").filter(|data| !data.is_null());
        Ok((value.cloned(), Version(version.unwrap_or(0))))
    }
}

#[async_trait]
impl Documents for KvStore {
    async fn load(&self, document: Document) -> Result<(Option<Value>, Version), Problem> {
        self.data(&self.name(document)).await
    }

    async fn save(
        &self,
        document: Document,
        value: &Value,
        from: &Version,
    ) -> Result<Saved, Problem> {
        let path = format!("{}/data/{}", self.mount, self.name(document));
        let body = json!({ "data": value, "options": { "cas": from.0 } });
        let body = body.as_object().cloned().unwrap_or_default();
        match self.server.write(&path, &body).await {
            Ok(()) => Ok(Saved::Now(Version(from.0 + 1))),
            Err(error) if is_cas_mismatch(&error) => Ok(Saved::Changed),
            Err(error) => Err(failed(&error)),
        }
    }

    fn path(&self) -> Option<String> {
        Some(format!("{}/{}", self.mount, self.path))
    }

    async fn others(&self) -> Result<Neighbours, Problem> {
        let (folder, own) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let names = self
            .server
            .list(&format!("{}/metadata/{folder}", self.mount))
            .await;
        let names = match names {
            // Owners need not see each other.
            Err(error) if error.status == Some(403) => return Ok(Neighbours::default()),
            names => names.map_err(|error| failed(&error))?,
        };
        let mut found = Neighbours::default();
        for name in names {
            if name == own || name.ends_with(LOCK) || name.ends_with('/') {
                continue;
            }
            let path = format!("{folder}/{name}");
            let path = path.trim_start_matches('/');
            let read = self
                .server
                .read(&format!("{}/data/{path}", self.mount))
                .await;
            let unreadable = |reason: String| Unreadable {
                path: format!("{}/{path}", self.mount),
                reason,
            };
            let answer = match read {
                Ok(Reading::Found(answer)) => answer,
                Err(error) if error.status != Some(403) => {
                    found.unreadable.push(unreadable(error.to_string()));
                    continue;
                }
                _ => continue,
            };
            // What lies there may be anything; only records count.
            let Some(value) = answer
                .get("data")
                .filter(|data| data.get("format").is_some())
            else {
                continue;
            };
            match State::any_from_json(value) {
                Ok(state) => found.states.push(state),
                Err(reason) => found.unreadable.push(unreadable(reason)),
            }
        }
        Ok(found)
    }
}

/// Whether a write was refused because the version has changed.
pub(crate) fn is_cas_mismatch(error: &ServerError) -> bool {
    error.status == Some(400) && error.text.contains("check-and-set")
}

fn failed(error: &ServerError) -> Problem {
    Problem::general(format!("the record of the owner: {error}"))
}
