//! `iam/v2/service-accounts`: create, read, update, list and delete.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::ids::ServiceAccountId;
use crate::wire::Metadata;
use crate::{Client, Error, Listing};

const PATH: &str = "/iam/v2/service-accounts";

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its id.
    pub id: ServiceAccountId,
    /// Its name, which is unique in the organization.
    pub display_name: String,
    /// Human-readable description.
    pub description: String,
    /// When it was created, if the answer says so.
    pub created_at: Option<Timestamp>,
}

impl Client {
    /// Creates a service account (`POST /iam/v2/service-accounts`). After an error
    /// with [`Error::outcome_unknown`], find it by its name, which is unique.
    ///
    /// # Errors
    /// See [`Error`]; [`Conflict`](crate::ErrorKind::Conflict) when the name is
    /// in use.
    pub async fn create_service_account(
        &self,
        display_name: &str,
        description: &str,
    ) -> Result<ServiceAccount, Error> {
        let body = json!({ "display_name": display_name, "description": description });
        self.object(Method::POST, PATH, &[], Some(&body), Wire::read)
            .await
    }

    /// Reads a service account (`GET /iam/v2/service-accounts/{id}`).
    ///
    /// # Errors
    /// See [`Error`]; [`NotFound`](crate::ErrorKind::NotFound) when it is gone.
    pub async fn read_service_account(
        &self,
        id: &ServiceAccountId,
    ) -> Result<ServiceAccount, Error> {
        let path = format!("{PATH}/{id}");
        self.object(Method::GET, &path, &[], None, Wire::read).await
    }

    /// Lists service accounts (`GET /iam/v2/service-accounts`): all, or the one
    /// with a name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_service_accounts(
        &self,
        display_name: Option<&str>,
    ) -> Result<Listing<ServiceAccount>, Error> {
        let filter: Vec<_> = display_name
            .map(|name| ("display_name", name))
            .into_iter()
            .collect();
        self.list(PATH, &filter, Wire::read).await
    }

    /// Updates the description (`PATCH /iam/v2/service-accounts/{id}`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update_service_account(
        &self,
        id: &ServiceAccountId,
        description: &str,
    ) -> Result<ServiceAccount, Error> {
        let path = format!("{PATH}/{id}");
        let body = json!({ "description": description });
        self.object(Method::PATCH, &path, &[], Some(&body), Wire::read)
            .await
    }

    /// Deletes a service account and, with it, all of its API keys
    /// (`DELETE /iam/v2/service-accounts/{id}`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_service_account(&self, id: &ServiceAccountId) -> Result<(), Error> {
        let path = format!("{PATH}/{id}");
        self.send(Method::DELETE, &path, &[], None).await?;
        Ok(())
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    metadata: Option<Metadata>,
    display_name: Option<String>,
    description: Option<String>,
}

impl Wire {
    fn read(self) -> Result<ServiceAccount, String> {
        Ok(ServiceAccount {
            id: ServiceAccountId::new(self.id).map_err(|error| error.to_string())?,
            display_name: self.display_name.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            created_at: self.metadata.unwrap_or_default().created_at(),
        })
    }
}
