//! The core: everything that is unsealed. Once it was stopped it stays so.

use std::sync::{Arc, PoisonError, RwLock};

use logical::Error;
use tracing::Instrument as _;

use crate::active::Active;
use crate::answer::Answer;
use crate::config::CoreConfig;
use crate::effects::Effects;
use crate::errors::{self, Refusal};
use crate::request::{self, ClientRequest};
use crate::routing::MountRequest;
use crate::status::Cluster;
use crate::tokens::ClientToken;
use crate::unseal_keys::RootKeys;
use crate::{pipeline, random};

/// A running Vault without a network.
pub struct Core {
    effects: Effects,
    cluster: Cluster,
    state: RwLock<State>,
}

/// Active, or stopped.
enum State {
    Sealed,
    Active(Arc<Active>),
}

impl Core {
    /// Loads the state from storage, starts every mount and the expiration of
    /// leases.
    ///
    /// # Errors
    /// An error of storage or of a mount's backend. A mount that fails to start
    /// is an error, because its leases could not be revoked.
    pub async fn start(config: CoreConfig, effects: Effects) -> Result<Arc<Self>, Error> {
        Self::start_with_keys(config, effects, None).await
    }

    /// As [`Core::start`], on the storage of a barrier, of whose keys `sys/`
    /// reports.
    pub(crate) async fn start_with_keys(
        config: CoreConfig,
        effects: Effects,
        keys: Option<Arc<RootKeys>>,
    ) -> Result<Arc<Self>, Error> {
        let cluster = Cluster::open(&effects).await?;
        let active = Active::start(config, keys, &effects).await?;
        Ok(Arc::new(Self {
            effects,
            cluster,
            state: RwLock::new(State::Active(active)),
        }))
    }

    /// Creates a root token. Its text may be given, for development servers.
    ///
    /// # Errors
    /// If storage fails or the core is sealed.
    pub async fn create_root_token(&self, text: Option<ClientToken>) -> Result<ClientToken, Error> {
        let active = self.active().ok_or_else(errors::sealed)?;
        active.tokens.create(text, &["root"]).await
    }

    /// Mounts an engine.
    ///
    /// # Errors
    /// A bad request if the path is taken or reserved, the engine is unknown,
    /// or the settings are inconsistent; the error of an engine that does not
    /// start; or an error if the core is sealed.
    pub async fn mount(&self, request: MountRequest) -> Result<(), Error> {
        let active = self.active().ok_or_else(errors::sealed)?;
        active.mounts.enable(request).await
    }

    /// Answers a request. The future may be dropped at any time, when a client
    /// hangs up: secrets issued for it are then revoked, and changes that it
    /// began run to completion.
    pub async fn handle(&self, mut request: ClientRequest) -> Answer {
        if let Err(refusal) = request::normalize(&mut request) {
            return errors::answer(&refusal);
        }
        self.handle_normalized(request).await
    }

    /// As [`Core::handle`], for a request that was normalized.
    pub(crate) async fn handle_normalized(&self, request: ClientRequest) -> Answer {
        let Some(active) = self.active() else {
            return errors::answer(&Refusal::Sealed);
        };
        let id = random::uuid(self.effects.entropy.as_ref());
        let operation = request.operation.as_str();
        let span = tracing::info_span!("request", request_id = id, operation);
        pipeline::run(&active, request, id).instrument(span).await
    }

    /// Opens audit devices again, and makes them those that are declared by now.
    ///
    /// # Errors
    /// Of the first device that is not in use.
    pub(crate) async fn reload_audit(&self) -> Result<(), Error> {
        let active = self.active().ok_or_else(errors::sealed)?;
        active.audit.reload().await
    }

    /// Stops all background work and every backend. Nothing is removed.
    pub async fn shut_down(&self) {
        self.seal().await;
    }

    /// Drops all state that came from storage. Requests are refused from now
    /// on.
    pub(crate) async fn seal(&self) {
        let state = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *state, State::Sealed)
        };
        if let State::Active(active) = state {
            active.stop().await;
        }
    }

    /// Name and id of the cluster.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(crate) fn active(&self) -> Option<Arc<Active>> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Sealed => None,
            State::Active(active) => Some(Arc::clone(active)),
        }
    }
}

#[cfg(test)]
mod tests;
