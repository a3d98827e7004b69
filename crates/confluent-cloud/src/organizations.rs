//! `org/v2`: read and list organizations and their environments.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;

use crate::ids::{EnvironmentId, OrganizationId};
use crate::wire::Metadata;
use crate::{Client, Error, Listing};

const ORGANIZATIONS: &str = "/org/v2/organizations";
const ENVIRONMENTS: &str = "/org/v2/environments";

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub display_name: String,
}

/// An environment, which contains clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// Its name.
    pub display_name: String,
    /// Its Confluent resource name (CRN), which role bindings refer to.
    pub resource_name: Option<String>,
    /// When it was created, if the answer says so.
    pub created_at: Option<Timestamp>,
}

impl Client {
    /// Lists organizations (`GET /org/v2/organizations`). A Cloud API key sees
    /// only its own.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_organizations(&self) -> Result<Listing<Organization>, Error> {
        let listing = self
            .list(ORGANIZATIONS, &[], WireOrganization::read)
            .await?;
        if let ([one], true) = (&*listing.items, listing.complete) {
            self.learn_organization(Some(&one.id));
        }
        Ok(listing)
    }

    /// Reads an organization (`GET /org/v2/organizations/{id}`).
    ///
    /// # Errors
    /// See [`Error`]; [`Forbidden`](crate::ErrorKind::Forbidden) for a foreign
    /// one.
    pub async fn read_organization(&self, id: &OrganizationId) -> Result<Organization, Error> {
        let path = format!("{ORGANIZATIONS}/{id}");
        self.object(Method::GET, &path, &[], None, WireOrganization::read)
            .await
    }

    /// Lists the environments that the credentials may see
    /// (`GET /org/v2/environments`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_environments(&self) -> Result<Listing<Environment>, Error> {
        self.list(ENVIRONMENTS, &[], WireEnvironment::read).await
    }

    /// Reads an environment (`GET /org/v2/environments/{id}`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read_environment(&self, id: &EnvironmentId) -> Result<Environment, Error> {
        let path = format!("{ENVIRONMENTS}/{id}");
        self.object(Method::GET, &path, &[], None, WireEnvironment::read)
            .await
    }
}

#[derive(Deserialize)]
struct WireOrganization {
    id: String,
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct WireEnvironment {
    id: String,
    metadata: Option<Metadata>,
    display_name: Option<String>,
}

impl WireOrganization {
    fn read(self) -> Result<Organization, String> {
        Ok(Organization {
            id: OrganizationId::new(self.id).map_err(|error| error.to_string())?,
            display_name: self.display_name.unwrap_or_default(),
        })
    }
}

impl WireEnvironment {
    fn read(self) -> Result<Environment, String> {
        let metadata = self.metadata.unwrap_or_default();
        Ok(Environment {
            id: EnvironmentId::new(self.id).map_err(|error| error.to_string())?,
            display_name: self.display_name.unwrap_or_default(),
            created_at: metadata.created_at(),
            resource_name: metadata.resource_name,
        })
    }
}
