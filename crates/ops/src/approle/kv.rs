//! Delivery to a field of a KV secret.

use async_trait::async_trait;
use serde_json::Value;
use vault_client::Client;

use super::error::{Error, Result};
use super::kv_secret::{Found, KvSecret};
use super::secret_id::SecretId;
use super::target::Target;

/// A field of a secret in a KV engine of the same server. Other fields stay as
/// they are.
#[derive(Debug)]
pub struct KvTarget {
    name: String,
    secret: KvSecret,
    field: String,
}

impl KvTarget {
    /// The field of the secret at `path`, without the `data/` of version 2.
    pub fn new(client: &Client, path: &str, field: &str) -> Self {
        Self {
            name: format!("kv:{path}#{field}"),
            secret: KvSecret::new(client, path),
            field: field.to_owned(),
        }
    }

    async fn found(&self) -> Result<Found> {
        let found = self.secret.read().await;
        found.map_err(|error| Error::target(&self.name, error.to_string()))
    }
}

#[async_trait]
impl Target for KvTarget {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Result<()> {
        self.found().await.map(drop)
    }

    async fn read(&self) -> Result<Option<SecretId>> {
        let found = self.found().await?;
        let field = found.fields.get(&self.field).and_then(Value::as_str);
        Ok(field.and_then(SecretId::new))
    }

    async fn deliver(&self, id: &SecretId) -> Result<()> {
        let mut found = self.found().await?;
        found
            .fields
            .insert(self.field.clone(), Value::from(id.expose()));
        self.secret.write(found).await.map_err(|error| {
            let text = error.to_string().replace(id.expose(), "…");
            Error::target(&self.name, text)
        })
    }
}
