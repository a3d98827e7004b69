//! A client and what it is made of: where to ask, with what, how often, and at
//! whose pace. How one request is sent is [`send`](crate::send)'s part.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::credentials::Hidden;
use crate::effects::TokioEffects;
use crate::send::root_cause;
use crate::{Credentials, Effects, Endpoint, RetryPolicy, tls};

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
/// makes something, 9 s when it deletes, and 30 s otherwise.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) account: Arc<Account>,
    pub(crate) retries: RetryPolicy,
    pub(crate) effects: Arc<dyn Effects>,
}

/// Whom a client speaks for, and where.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
    pub(crate) hidden: Hidden,
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
            }),
            retries: RetryPolicy::default(),
            effects: Arc::new(TokioEffects),
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
}
