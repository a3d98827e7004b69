//! The pool of connections of a client, which is emptied after a time-out.
//!
//! A connection that swallows one request swallows the next as well, and a pool
//! may hold many of them. The HTTP client cannot empty its pool, so that it is
//! replaced.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::ClientConfig;

use crate::answer::root_cause;

/// Shorter than the shortest call, so that one more attempt is left.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// A pool of connections. Clones are the same pool.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tls: ClientConfig,
    use_proxy: bool,
    current: Mutex<Pool>,
    /// Keeps no connection for another request.
    unpooled: OnceLock<reqwest::Client>,
}

/// The pool of one epoch.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) http: reqwest::Client,
    epoch: u64,
}

impl Connections {
    /// An empty pool.
    ///
    /// # Errors
    /// A sentence that says why there can be none.
    pub(crate) fn new(tls: ClientConfig, use_proxy: bool) -> Result<Self, String> {
        let http = build(&tls, use_proxy).map_err(|error| root_cause(&error))?;
        Ok(Self(Arc::new(Inner {
            tls,
            use_proxy,
            current: Mutex::new(Pool { http, epoch: 0 }),
            unpooled: OnceLock::new(),
        })))
    }

    pub(crate) fn pool(&self) -> Pool {
        self.current().clone()
    }

    /// For requests that each make a connection of their own, so that the next
    /// may meet another server.
    pub(crate) fn unpooled(&self) -> reqwest::Client {
        let unpooled = self.0.unpooled.get_or_init(|| {
            let builder = builder(&self.0.tls, self.0.use_proxy).pool_max_idle_per_host(0);
            // The pool was built before with the same settings.
            builder.build().unwrap_or_else(|_| self.pool().http)
        });
        unpooled.clone()
    }

    /// Empties the pool, unless that was done since `stale` was obtained.
    pub(crate) fn empty(&self, stale: &Pool) {
        let mut current = self.current();
        if current.epoch != stale.epoch {
            return;
        }
        // It was built before with the same settings.
        if let Ok(http) = build(&self.0.tls, self.0.use_proxy) {
            *current = Pool {
                http,
                epoch: stale.epoch + 1,
            };
        }
    }

    fn current(&self) -> MutexGuard<'_, Pool> {
        let current = self.0.current.lock();
        current.unwrap_or_else(PoisonError::into_inner)
    }
}

fn build(tls: &ClientConfig, use_proxy: bool) -> reqwest::Result<reqwest::Client> {
    builder(tls, use_proxy).build()
}

fn builder(tls: &ClientConfig, use_proxy: bool) -> reqwest::ClientBuilder {
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .connect_timeout(CONNECT_LIMIT)
        // A redirect must not carry the credential elsewhere.
        .redirect(Policy::none())
        .user_agent(concat!("lockkeeper/", env!("CARGO_PKG_VERSION")));
    if use_proxy { http } else { http.no_proxy() }
}
