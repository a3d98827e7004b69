//! `iam/v2/api-keys`: create, read, update, list and delete.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::ids::{ApiKeyId, OrganizationId, OwnerId, OwnerKind};
use crate::wire::{Metadata, Reference};
use crate::{ApiSecret, Client, Credentials, Error, ErrorKind, KeyResource, Listing};

const PATH: &str = "/iam/v2/api-keys";

/// A new key is refused until it is known everywhere. After this time a refusal
/// is final.
const YOUNG_KEY_TIME: Duration = Duration::from_secs(7);

/// The pause before a refused key is tried again.
const YOUNG_KEY_PAUSE: Duration = Duration::from_secs(2);

/// A key to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its name in the console and in lists.
    pub display_name: String,
    /// Human-readable description.
    pub description: String,
    /// The service account or user that owns it.
    pub owner: OwnerId,
    /// The resource that it gives access to.
    pub resource: KeyResource,
}

/// A key as the API shows it, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name.
    pub display_name: String,
    /// Human-readable description.
    pub description: String,
    /// Its owner. A few internal keys are listed without one, or with one that
    /// is neither service account nor user.
    pub owner: Option<OwnerId>,
    /// What it gives access to.
    pub resource: Option<ResourceReference>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// The organization, cut from its resource name.
    pub organization: Option<OrganizationId>,
}

/// The resource that a key gives access to, as the service names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceReference {
    /// Its id, such as `lkc-…` or `cloud`.
    pub id: String,
    /// Its kind, such as `Cluster`; not every answer has it.
    pub kind: Option<String>,
    /// Id of its environment, where the kind has one in keys (Schema Registry,
    /// Flink).
    pub environment: Option<String>,
}

/// A key that was just created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedApiKey {
    /// The key.
    pub key: ApiKey,
    /// Its secret, which is shown only once.
    pub secret: ApiSecret,
}

/// Changes to a key; absent members stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeyChange {
    /// Its name.
    pub display_name: Option<String>,
    /// Human-readable description.
    pub description: Option<String>,
}

/// Which keys to list; absent means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Of this owner.
    pub owner: Option<OwnerId>,
    /// For this resource.
    pub resource: Option<KeyResource>,
}

impl Client {
    /// Creates a key (`POST /iam/v2/api-keys`). Not idempotent: after an error
    /// with [`Error::outcome_unknown`], search for the key by its name before
    /// trying again.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_api_key(&self, key: &NewApiKey) -> Result<CreatedApiKey, Error> {
        let answer = self
            .send(Method::POST, PATH, &[], Some(&creation(key)))
            .await?;
        let mut wire: WireKey = answer.json()?;
        let secret = wire.spec.secret.take();
        let key = wire.into_key().map_err(|why| answer.malformed(why))?;
        self.learn_organization(key.organization.as_ref());
        let Some(secret) = secret.filter(|secret| !secret.expose().is_empty()) else {
            let why = format!("key `{}` was made, and its secret is missing", key.id);
            return Err(answer.malformed(why));
        };
        Ok(CreatedApiKey { key, secret })
    }

    /// Reads a key (`GET /iam/v2/api-keys/{id}`).
    ///
    /// # Errors
    /// See [`Error`]. For a deleted key the service answers 403, for some kinds
    /// 404; neither alone proves that it was deleted.
    pub async fn read_api_key(&self, id: &ApiKeyId) -> Result<ApiKey, Error> {
        let path = format!("{PATH}/{id}");
        let key = self
            .object(Method::GET, &path, &[], None, WireKey::into_key)
            .await?;
        self.learn_organization(key.organization.as_ref());
        Ok(key)
    }

    /// Verifies the client's key by reading it through the API with its own
    /// credentials. After the first refusal (401) of a client's key it is retried
    /// for some seconds: the key may have been created a moment ago.
    ///
    /// # Errors
    /// See [`Error`]; [`Rejected`](ErrorKind::Rejected) for a client that
    /// authenticates with a token.
    pub async fn read_own_key(&self) -> Result<ApiKey, Error> {
        let Credentials::Basic { key_id, .. } = &self.account.credentials else {
            let detail = Some("the credentials are a token and no key".to_owned());
            return Err(Error::without_answer(PATH, ErrorKind::Rejected, detail));
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let read = self.read_api_key(key_id).await;
            if !matches!(&read, Err(error) if error.kind == ErrorKind::Unauthorized)
                || self.retries.is_last(attempt)
            {
                return read;
            }
            let now = self.effects.now();
            let refused_at = *self.account.refused_at.get_or_init(|| now);
            if now + YOUNG_KEY_PAUSE > refused_at + YOUNG_KEY_TIME {
                return read;
            }
            self.effects.sleep(YOUNG_KEY_PAUSE).await;
        }
    }

    /// Updates name and description of a key (`PATCH /iam/v2/api-keys/{id}`), the
    /// only members that can change, and returns the updated key.
    ///
    /// # Errors
    /// See [`Error`]; for a deleted key as [`Client::read_api_key`].
    pub async fn update_api_key(
        &self,
        id: &ApiKeyId,
        change: &ApiKeyChange,
    ) -> Result<ApiKey, Error> {
        let path = format!("{PATH}/{id}");
        let mut spec = serde_json::Map::new();
        for (name, text) in [
            ("display_name", &change.display_name),
            ("description", &change.description),
        ] {
            if let Some(text) = text {
                spec.insert(name.into(), text.as_str().into());
            }
        }
        let body = json!({ "spec": spec });
        self.object(Method::PATCH, &path, &[], Some(&body), WireKey::into_key)
            .await
    }

    /// Lists keys (`GET /iam/v2/api-keys`): all, or those of an owner or for a
    /// resource.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_api_keys(&self, filter: &ListFilter) -> Result<Listing<ApiKey>, Error> {
        let listing = self.list(PATH, &filter.query(), WireKey::into_key).await?;
        let told = listing
            .items
            .iter()
            .find_map(|key| key.organization.as_ref());
        self.learn_organization(told);
        Ok(listing)
    }

    /// Deletes a key (`DELETE /iam/v2/api-keys/{id}`).
    ///
    /// # Errors
    /// See [`Error`]; for a deleted key as [`Client::read_api_key`].
    pub async fn delete_api_key(&self, id: &ApiKeyId) -> Result<(), Error> {
        let path = format!("{PATH}/{id}");
        self.send(Method::DELETE, &path, &[], None).await?;
        Ok(())
    }
}

impl ListFilter {
    fn query(&self) -> Vec<(&'static str, &str)> {
        let owner = self.owner.as_ref().map(OwnerId::as_str);
        let resource = self.resource.as_ref().map(KeyResource::id);
        [("spec.owner", owner), ("spec.resource", resource)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

fn creation(key: &NewApiKey) -> serde_json::Value {
    let owner_kind = match key.owner.kind() {
        OwnerKind::ServiceAccount => "ServiceAccount",
        OwnerKind::User => "User",
    };
    let mut resource = json!({"id": key.resource.id()});
    if let Some((api_version, kind)) = key.resource.wire_type() {
        resource["api_version"] = api_version.into();
        resource["kind"] = kind.into();
    }
    if let Some(environment) = key.resource.environment() {
        resource["environment"] = environment.as_str().into();
    }
    json!({"spec": {
        "display_name": key.display_name,
        "description": key.description,
        "owner": {"id": key.owner.as_str(), "api_version": "iam/v2", "kind": owner_kind},
        "resource": resource,
    }})
}

#[derive(Deserialize)]
struct WireKey {
    id: String,
    metadata: Option<Metadata>,
    spec: WireSpec,
}

#[derive(Deserialize)]
struct WireSpec {
    display_name: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    secret: Option<ApiSecret>,
    owner: Option<Reference>,
    resource: Option<WireResource>,
}

#[derive(Deserialize)]
struct WireResource {
    id: Option<String>,
    kind: Option<String>,
    environment: Option<String>,
}

impl WireKey {
    fn into_key(self) -> Result<ApiKey, String> {
        let id = ApiKeyId::new(self.id).map_err(|error| error.to_string())?;
        let metadata = self.metadata.unwrap_or_default();
        let owner = self.spec.owner.and_then(|owner| owner.id);
        let resource = self.spec.resource.and_then(|resource| {
            Some(ResourceReference {
                id: resource.id?,
                kind: resource.kind,
                environment: resource.environment,
            })
        });
        Ok(ApiKey {
            id,
            display_name: self.spec.display_name.unwrap_or_default(),
            description: self.spec.description.unwrap_or_default(),
            owner: owner.and_then(|id| OwnerId::new(id).ok()),
            resource,
            created_at: metadata.created_at(),
            organization: metadata.organization(),
        })
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ApiSecret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(ApiSecret::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_a_key_is_read_whole() {
        let wire: WireKey =
            serde_json::from_str(include_str!("../fixtures/api_key_created.json")).unwrap();
        let key = wire.into_key().unwrap();
        assert_eq!(key.id.as_str(), "K7Q2M4ZB6RXN3TWD");
        assert_eq!(key.owner, OwnerId::new("sa-abc123").ok());
        let resource = key.resource.unwrap();
        assert_eq!(resource.id, "lkc-xyz789");
        assert_eq!(resource.kind.as_deref(), Some("Cluster"));
        assert_eq!(key.display_name, "orders-writer");
        assert!(key.created_at.is_some());
        assert_eq!(
            key.organization.unwrap().as_str(),
            "0f0f0f0f-1111-2222-3333-444444444444"
        );
    }

    #[test]
    fn a_list_with_sparse_members_is_read() {
        #[derive(Deserialize)]
        struct List {
            data: Vec<WireKey>,
        }
        let list: List =
            serde_json::from_str(include_str!("../fixtures/api_key_list.json")).unwrap();
        for wire in list.data {
            assert!(wire.into_key().is_ok());
        }
    }

    #[test]
    fn null_and_absent_members_mean_the_same() {
        let wire: WireKey = serde_json::from_str(
            r#"{"id":"A","metadata":null,"spec":{"secret":null,"owner":null,"resource":null}}"#,
        )
        .unwrap();
        let key = wire.into_key().unwrap();
        assert_eq!((key.owner, key.resource), (None, None));
        assert_eq!(key.display_name, "");
    }

    #[test]
    fn a_request_names_what_the_vendors_clients_name() {
        let body = |resource: &str| {
            creation(&NewApiKey {
                display_name: "n".into(),
                description: String::new(),
                owner: OwnerId::new("sa-1").unwrap(),
                resource: KeyResource::from_id(resource, None).unwrap(),
            })
        };
        assert_eq!(
            body("lkc-1"),
            json!({"spec": {
                "display_name": "n",
                "description": "",
                "owner": {"id": "sa-1", "api_version": "iam/v2", "kind": "ServiceAccount"},
                "resource": {"id": "lkc-1", "api_version": "cmk/v2", "kind": "Cluster"},
            }})
        );
        assert_eq!(body("cloud")["spec"]["resource"], json!({"id": "cloud"}));
        assert_eq!(
            body("env-1.aws.us-east-1")["spec"]["resource"],
            json!({
                "id": "aws.us-east-1",
                "api_version": "fcpm/v2",
                "kind": "Region",
                "environment": "env-1",
            })
        );
    }
}
