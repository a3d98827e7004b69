//! A client and what it is made of: where to ask, with what, how often, and at
//! whose pace. How one request is sent is [`send`](crate::send)'s part.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::answer::root_cause;
use crate::credentials::Hidden;
use crate::effects::TokioEffects;
use crate::ids::OrganizationId;
use crate::{Budgets, Credentials, Effects, Endpoint, Purpose, RetryPolicy, tls};

/// Shorter than the shortest call, so that one more attempt is left.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// What a client is made of.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Where the control plane is.
    pub endpoint: Endpoint,
    /// What to authenticate with.
    pub credentials: Credentials,
    /// Roots to trust beside the system's, PEM.
    pub ca_cert: Option<String>,
}

/// A configuration that no client can be made of.
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
/// A whole call, with all attempts, waits and pages, takes at most 29 s when it
/// makes something, 9 s when it deletes, and 30 s otherwise. What makes
/// something is sent within the first 19 s, so that its answer has ten.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) account: Arc<Account>,
    pub(crate) retries: RetryPolicy,
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) budgets: Option<Budgets>,
    pub(crate) purpose: Purpose,
}

/// Whom a client speaks for, and where.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
    pub(crate) hidden: Hidden,
    /// Told by an answer: a credential is of one organization for life.
    pub(crate) organization: OnceLock<OrganizationId>,
}

impl Client {
    /// A client that tries again by the default [`RetryPolicy`]; nothing is
    /// sent yet.
    ///
    /// # Errors
    /// When `ca_cert` holds no usable certificate.
    pub fn new(config: ClientConfig) -> Result<Self, InvalidConfig> {
        let tls = tls::config(config.ca_cert.as_deref()).map_err(InvalidConfig)?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_LIMIT)
            // A redirect must not carry the credential elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("lockkeeper/", env!("CARGO_PKG_VERSION")));
        if config.endpoint.is_loopback() {
            http = http.no_proxy();
        }
        Ok(Self {
            http: http
                .build()
                .map_err(|error| InvalidConfig(root_cause(&error)))?,
            account: Arc::new(Account {
                endpoint: config.endpoint,
                hidden: config.credentials.hidden(),
                credentials: config.credentials,
                organization: OnceLock::new(),
            }),
            retries: RetryPolicy::default(),
            effects: Arc::new(TokioEffects),
            budgets: None,
            purpose: Purpose::Other,
        })
    }

    /// The same client with another way of trying again.
    #[must_use]
    pub fn with_retries(self, retries: RetryPolicy) -> Self {
        Self { retries, ..self }
    }

    /// The same client with another clock and other chance.
    #[must_use]
    pub fn with_effects(self, effects: Arc<dyn Effects>) -> Self {
        Self { effects, ..self }
    }

    /// The same client within the budget of its organization. Without budgets
    /// nothing is held back.
    #[must_use]
    pub fn with_budgets(self, budgets: &Budgets) -> Self {
        let budgets = Some(budgets.clone());
        Self { budgets, ..self }
    }

    /// The same client for requests of this purpose.
    #[must_use]
    pub fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// The organization that the credentials are of, once an answer has told
    /// it.
    pub fn organization(&self) -> Option<&OrganizationId> {
        self.account.organization.get()
    }

    /// An answer names the organization.
    pub(crate) fn is_of(&self, organization: Option<&OrganizationId>) {
        let Some(organization) = organization else {
            return;
        };
        if self.account.organization.set(organization.clone()).is_ok()
            && let Some(budgets) = &self.budgets
        {
            budgets.unite(self.effects.now(), &self.account);
        }
    }

    /// Waits until a request may be sent.
    ///
    /// # Errors
    /// How long the wait would be, when it does not end before `ends`.
    pub(crate) async fn turn(&self, ends: Instant) -> Result<(), Duration> {
        match &self.budgets {
            Some(budgets) => {
                let effects = &*self.effects;
                budgets
                    .turn(&self.account, self.purpose, effects, ends)
                    .await
            }
            None => Ok(()),
        }
    }

    /// The service wants to be left alone for a while.
    pub(crate) fn hold_back(&self, time: Duration) {
        if let Some(budgets) = &self.budgets {
            budgets.close(&self.account, self.effects.now(), time);
        }
    }
}
