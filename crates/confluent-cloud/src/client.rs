//! The client and its settings: endpoint, credentials, retry policy, budgets. How
//! a request is sent is [`send`](crate::send)'s part.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::account::Account;
use crate::connections::Connections;
use crate::effects::TokioEffects;
use crate::ids::OrganizationId;
use crate::pace::{Class, Flow, PaceStatus};
use crate::{Budgets, Credentials, Effects, Endpoint, Recorder, RetryPolicy, tls};

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The address of the control plane.
    pub endpoint: Endpoint,
    /// The credentials to authenticate with.
    pub credentials: Credentials,
    /// Trusted roots in addition to the system's, PEM.
    pub ca_cert: Option<String>,
}

/// An invalid configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(String);

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidConfig {}

/// A client of one organization's control plane. Clones share connections.
///
/// A call, with all attempts, waits and pages, takes at most 29 s when it creates
/// something, 9 s when it deletes, and 30 s otherwise; a call of the sweep may
/// wait a minute longer for its turn. A request that creates something is sent
/// within the first 19 s, so that 10 s are left for the answer.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) connections: Connections,
    pub(crate) account: Arc<Account>,
    pub(crate) retries: RetryPolicy,
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
    pub(crate) budgets: Option<Budgets>,
    pub(crate) class: Class,
    pub(crate) flow: Flow,
    pub(crate) patience: Option<Duration>,
}

impl Client {
    /// A client that tries again by the default [`RetryPolicy`]; nothing is
    /// sent yet.
    ///
    /// # Errors
    /// When `ca_cert` holds no usable certificate.
    pub fn new(config: ClientConfig) -> Result<Self, InvalidConfig> {
        let tls = tls::config(config.ca_cert.as_deref()).map_err(InvalidConfig)?;
        let use_proxy = !config.endpoint.is_loopback();
        let connections = Connections::new(tls, use_proxy).map_err(InvalidConfig)?;
        let account = Account::new(config.endpoint, config.credentials, None);
        Ok(Self {
            connections,
            account: Arc::new(account),
            retries: RetryPolicy::default(),
            effects: Arc::new(TokioEffects),
            recorder: None,
            budgets: None,
            class: Class::default(),
            flow: Flow::default(),
            patience: None,
        })
    }

    /// The same client with another retry policy.
    #[must_use]
    pub fn with_retries(self, retries: RetryPolicy) -> Self {
        Self { retries, ..self }
    }

    /// The same client with another clock and source of randomness.
    #[must_use]
    pub fn with_effects(self, effects: Arc<dyn Effects>) -> Self {
        Self { effects, ..self }
    }

    /// The same client, which reports its requests.
    #[must_use]
    pub fn with_recorder(self, recorder: Arc<dyn Recorder>) -> Self {
        let recorder = Some(recorder);
        Self { recorder, ..self }
    }

    /// The same client within the budget of its organization. Without budgets
    /// no request waits for its turn.
    #[must_use]
    pub fn with_budgets(self, budgets: &Budgets) -> Self {
        let budgets = Some(budgets.clone());
        Self { budgets, ..self }
    }

    /// The same client for requests of this class, in turn with other flows of
    /// it.
    #[must_use]
    pub fn on_behalf_of(self, class: Class, flow: Flow) -> Self {
        Self {
            class,
            flow,
            ..self
        }
    }

    /// The same client, but requests that cannot be sent within this time are
    /// held back at once: see [`ErrorKind::HeldBack`](crate::ErrorKind). The time
    /// counts from the start of a call and is shared by all its attempts; a retry
    /// that need not wait for its turn is sent after it as well.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        let patience = Some(patience);
        Self { patience, ..self }
    }

    /// The organization that the credentials are of, once an answer has named
    /// it.
    pub fn organization(&self) -> Option<&OrganizationId> {
        self.account.organization.get()
    }

    /// The pace of the organization, for a client with budgets.
    pub fn pace(&self) -> Option<PaceStatus> {
        let budgets = self.budgets.as_ref()?;
        Some(budgets.status(&self.account, self.effects.now()))
    }

    /// Notes the organization that an answer names.
    pub(crate) fn learn_organization(&self, organization: Option<&OrganizationId>) {
        let Some(organization) = organization else {
            return;
        };
        if self.account.organization.set(organization.clone()).is_ok()
            && let Some(budgets) = &self.budgets
        {
            budgets.merge(self.effects.now(), &self.account);
        }
    }
}
