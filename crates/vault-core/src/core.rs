//! The core: sealed, or active with everything that storage holds.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use logical::{Error, Factory};
use tracing::Instrument as _;

use crate::active::Active;
use crate::answer::Answer;
use crate::effects::Effects;
use crate::errors::{self, Refusal};
use crate::request::{self, ClientRequest};
use crate::routing::MountRequest;
use crate::server_info::ServerInfo;
use crate::status::{Cluster, Status};
use crate::tokens::ClientToken;
use crate::{pipeline, random};

/// What a core is started with.
pub struct CoreConfig {
    /// What it tells of itself.
    pub server_info: ServerInfo,
    /// The engines that can be mounted, by the name that clients say.
    pub factories: BTreeMap<String, Arc<dyn Factory>>,
}

/// A running Vault without its network.
pub struct Core {
    effects: Effects,
    status: Status,
    state: RwLock<State>,
}

/// Whether the core has what storage holds.
enum State {
    Sealed,
    Active(Arc<Active>),
}

impl Core {
    /// Reads what storage holds, starts every mount and the work that ends
    /// leases.
    ///
    /// # Errors
    /// What storage or the backend of a mount says. A mount that does not
    /// start is an error, since its leases could not be revoked.
    pub async fn start(config: CoreConfig, effects: Effects) -> Result<Arc<Self>, Error> {
        let cluster = Cluster::open(&effects).await?;
        let version = format!("v{}", config.server_info.version);
        let active = Active::start(Arc::new(config.factories), version, &effects).await?;
        let status = Status::new(config.server_info, cluster, Arc::clone(&effects.clock));
        Ok(Arc::new(Self {
            effects,
            status,
            state: RwLock::new(State::Active(active)),
        }))
    }

    /// Makes a token that may do everything. Its text may be chosen, for
    /// development servers.
    ///
    /// # Errors
    /// When storage fails, or the core is sealed.
    pub async fn create_root_token(&self, text: Option<ClientToken>) -> Result<ClientToken, Error> {
        let active = self.active().ok_or_else(errors::sealed)?;
        active.tokens.create(text, &["root"]).await
    }

    /// Mounts an engine.
    ///
    /// # Errors
    /// A bad request when the path is taken or reserved, the engine unknown, or
    /// the limits contradict each other; what the engine says when it does not
    /// start; and when the core is sealed.
    pub async fn mount(&self, request: MountRequest) -> Result<(), Error> {
        let active = self.active().ok_or_else(errors::sealed)?;
        active.mounts.enable(request).await
    }

    /// Answers a request. It may be dropped at any time by a client that hangs
    /// up: what was made for it is then revoked, and what it began to change
    /// runs to completion.
    pub async fn handle(&self, mut request: ClientRequest) -> Answer {
        if let Err(refusal) = request::normalize(&mut request) {
            return errors::answer(&refusal);
        }
        let active = self.active();
        if let Some(answer) = self.status.answer(&request, active.is_none()) {
            return answer;
        }
        let Some(active) = active else {
            return errors::answer(&Refusal::Sealed);
        };
        let id = random::uuid(self.effects.entropy.as_ref());
        let span = tracing::info_span!("request", id, operation = request.operation.as_str());
        pipeline::run(&active, request, id).instrument(span).await
    }

    /// Ends all background work and every backend. Nothing is removed.
    pub async fn shut_down(&self) {
        self.seal().await;
    }

    /// Forgets everything that came from storage. Requests are refused from
    /// now on.
    pub(crate) async fn seal(&self) {
        let state = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *state, State::Sealed)
        };
        if let State::Active(active) = state {
            active.stop().await;
        }
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
