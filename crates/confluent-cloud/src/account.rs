//! The account of a client: its credentials and the endpoint they belong to.

use std::sync::OnceLock;
use std::time::Instant;

use crate::credentials::Hidden;
use crate::ids::OrganizationId;
use crate::{Credentials, Endpoint};

/// Credentials, their endpoint, and what answers revealed about them.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
    pub(crate) hidden: Hidden,
    /// Learned from an answer: credentials belong to one organization for life.
    pub(crate) organization: OnceLock<OrganizationId>,
    /// When the credentials were refused for the first time.
    pub(crate) refused_at: OnceLock<Instant>,
}

impl Account {
    pub(crate) fn new(
        endpoint: Endpoint,
        credentials: Credentials,
        organization: Option<OrganizationId>,
    ) -> Self {
        Self {
            endpoint,
            hidden: credentials.hidden(),
            credentials,
            organization: organization.map(OnceLock::from).unwrap_or_default(),
            refused_at: OnceLock::new(),
        }
    }

    /// A name that is unique to endpoint and credentials.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.endpoint, self.credentials.name())
    }

    /// A name that all accounts of an organization share, once it is known.
    pub(crate) fn shared_name(&self) -> Option<String> {
        let organization = self.organization.get()?;
        Some(format!("{} organization {organization}", self.endpoint))
    }

    /// Names the organization in an error.
    pub(crate) fn organization_in_words(&self) -> String {
        match self.organization.get() {
            Some(organization) => format!("organization `{organization}`"),
            None => format!("the organization of {}", self.credentials.name()),
        }
    }
}
