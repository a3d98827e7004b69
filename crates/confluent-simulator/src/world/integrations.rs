//! Provider integrations: how managed connectors reach an account at a cloud
//! provider. No cloud is asked: an integration whose configuration is complete
//! counts as set up.

use confluent_cloud::ids::EnvironmentId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CloudProvider, World};
use crate::Refusal;

/// An integration with a cloud provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderIntegration {
    /// `cspi-…`.
    pub id: String,
    /// Its environment.
    pub environment: EnvironmentId,
    /// Its name.
    pub display_name: String,
    /// The cloud provider.
    pub provider: CloudProvider,
    /// What the customer has told of the account: the ARN of a role, the id of a
    /// tenant, or the name of a service account. None while it is a draft.
    pub customer_account: Option<String>,
    /// Which version of the API shows it.
    pub(crate) api: IntegrationApi,
    /// What identifies Confluent to the provider: the external id for a role of
    /// AWS, the id of the application for a tenant of Azure.
    pub(crate) confluent_identity: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The versions of the API, each of which shows its own integrations only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum IntegrationApi {
    /// `pim/v1`: AWS, complete from the beginning.
    #[serde(rename = "v1")]
    V1,
    /// `pim/v2`: a draft first.
    #[serde(rename = "v2")]
    V2,
}

/// How far an integration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntegrationStatus {
    /// The customer's account is not known yet.
    Draft,
    /// It can be used.
    Created,
    /// A connector uses it.
    Active,
}

/// An integration to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewIntegration {
    pub(crate) environment: String,
    pub(crate) display_name: String,
    pub(crate) provider: CloudProvider,
    pub(crate) customer_account: Option<String>,
    pub(crate) api: IntegrationApi,
}

impl IntegrationStatus {
    /// As `pim/v2` writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Created => "CREATED",
            Self::Active => "ACTIVE",
        }
    }
}

impl World {
    /// The provider integrations of all environments.
    pub fn provider_integrations(&self) -> &[ProviderIntegration] {
        &self.provider_integrations
    }

    /// Reads an integration of one environment.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(crate) fn provider_integration(
        &self,
        api: IntegrationApi,
        environment: &str,
        id: &str,
    ) -> Result<&ProviderIntegration, Refusal> {
        let mut all = self.provider_integrations.iter();
        all.find(|known| {
            known.api == api && known.environment.as_str() == environment && known.id == id
        })
        .ok_or_else(gone)
    }

    /// How far an integration is.
    pub(crate) fn integration_status(
        &self,
        integration: &ProviderIntegration,
    ) -> IntegrationStatus {
        if integration.customer_account.is_none() {
            IntegrationStatus::Draft
        } else if self.users_of(&integration.id).next().is_some() {
            IntegrationStatus::Active
        } else {
            IntegrationStatus::Created
        }
    }

    /// Makes an integration.
    ///
    /// # Errors
    /// 403 when the environment does not exist.
    pub(crate) fn create_integration(
        &mut self,
        now: Timestamp,
        new: NewIntegration,
    ) -> Result<ProviderIntegration, Refusal> {
        let environment = self
            .environment_id(&new.environment)
            .ok_or_else(Refusal::forbidden)?;
        let integration = ProviderIntegration {
            id: self.new_integration_id(),
            environment,
            display_name: new.display_name,
            provider: new.provider,
            customer_account: new.customer_account,
            api: new.api,
            confluent_identity: self.random.integrations.uuid(),
            created_at: now,
        };
        self.provider_integrations.push(integration.clone());
        Ok(integration)
    }

    /// Completes a draft.
    ///
    /// # Errors
    /// 404 when there is none, 409 when it is complete.
    pub(crate) fn complete_integration(
        &mut self,
        environment: &str,
        id: &str,
        customer_account: String,
    ) -> Result<ProviderIntegration, Refusal> {
        let api = IntegrationApi::V2;
        let known = self.provider_integration(api, environment, id)?;
        if known.customer_account.is_some() {
            return Err(Refusal::kafka(
                409,
                409,
                "the provider integration has its configuration: make another",
            ));
        }
        let completed = ProviderIntegration {
            customer_account: Some(customer_account),
            ..known.clone()
        };
        for known in &mut self.provider_integrations {
            if known.id == completed.id {
                *known = completed.clone();
            }
        }
        Ok(completed)
    }

    /// Deletes an integration that no connector uses.
    ///
    /// # Errors
    /// 404 when there is none, 409 when a connector uses it.
    pub(crate) fn delete_integration(
        &mut self,
        api: IntegrationApi,
        environment: &str,
        id: &str,
    ) -> Result<(), Refusal> {
        self.provider_integration(api, environment, id)?;
        if self.users_of(id).next().is_some() {
            return Err(Refusal::kafka(
                409,
                409,
                "connectors use the provider integration: see its `usages`",
            ));
        }
        self.provider_integrations.retain(|known| known.id != id);
        Ok(())
    }

    fn new_integration_id(&mut self) -> String {
        loop {
            let id = format!("cspi-{}", self.random.integrations.suffix());
            if self
                .provider_integrations
                .iter()
                .all(|known| known.id != id)
            {
                return id;
            }
        }
    }
}

fn gone() -> Refusal {
    Refusal::kafka(404, 404, "the provider integration was not found")
}
