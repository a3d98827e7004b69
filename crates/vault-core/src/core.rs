//! The way of a request: token, existence check, policy, mount, engine, lease,
//! answer. Here the parts of the core are joined; each decides for itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use logical::framework::Framework;
use logical::{
    Backend, Error, Existence, Factory, Object, Operation, Request, Response, RunToCompletion,
    TaskGroup,
};
use tokio::sync::OwnedRwLockReadGuard;

use crate::answer::{Answer, Envelope};
use crate::auth::TokenPaths;
use crate::effects::Effects;
use crate::errors::{self, Origin};
use crate::leases::{self, Granted, Leases};
use crate::mounts::{Mount, MountRequest, Mounts, Router};
use crate::random;
use crate::status::{Cluster, Status};
use crate::sys::SysPaths;
use crate::tokens::{ClientToken, TokenEntry, TokenStore};
use crate::{auth, locate, sys};

/// How often backends do their periodic work.
const TICK: Duration = Duration::from_mins(1);
/// How long background work of the core may run on at its end.
const TASKS_GRACE: Duration = Duration::from_secs(5);

/// What a server tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The version of Vault's API that is spoken; clients choose by it what
    /// they ask for.
    pub version: String,
    /// Our own version.
    pub lockkeeper_version: String,
    /// The kind of store, as `sys/seal-status` names it.
    pub storage_type: String,
}

/// What a core is started with.
pub struct CoreConfig {
    /// What it tells of itself.
    pub identity: Identity,
    /// The engines that can be mounted, by the name that clients say.
    pub factories: BTreeMap<String, Arc<dyn Factory>>,
}

/// A request as the network brought it.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    /// What to do. Writing is [`Operation::Update`]: whether it creates is
    /// found out here.
    pub operation: Operation,
    /// Where, below `/v1/`, without a leading slash.
    pub path: String,
    /// Body or query.
    pub data: Object,
    /// Who asks.
    pub token: Option<ClientToken>,
}

/// A running Vault without its network.
pub struct Core {
    effects: Effects,
    router: Arc<Router>,
    mounts: Arc<Mounts>,
    leases: Arc<Leases>,
    tokens: Arc<TokenStore>,
    sys: Framework<SysPaths>,
    token_paths: Framework<TokenPaths>,
    status: Status,
    /// Work that ends by itself.
    tasks: Arc<dyn TaskGroup>,
    /// Work that never does.
    loops: Arc<dyn TaskGroup>,
}

/// Where a request goes.
enum Place {
    /// A path under `sys/`, with the rest of it.
    Sys(String),
    /// A path under `auth/token/`, with the rest of it.
    Token(String),
    /// An engine, with the path inside its mount.
    Engine(Arc<Mount>, String),
}

impl Core {
    /// Reads what storage holds, starts every mount and the work that ends
    /// leases.
    ///
    /// # Errors
    /// What storage or the backend of a mount says. A mount that does not
    /// start is an error, since its leases could not be revoked.
    pub async fn start(config: CoreConfig, effects: Effects) -> Result<Arc<Self>, Error> {
        let tasks = (effects.task_groups)();
        let loops = (effects.task_groups)();
        let tokens = TokenStore::open(
            Arc::clone(&effects.storage),
            Arc::clone(&effects.clock),
            Arc::clone(&effects.entropy),
        );
        let tokens = Arc::new(tokens.await?);
        let cluster = Cluster::open(&effects).await?;
        let router = Arc::new(Router::default());
        let leases = Arc::new(Leases::new(
            &effects,
            Arc::clone(&router),
            Arc::clone(&tokens),
            Arc::clone(&tasks) as _,
        ));
        let mounts = Mounts::open(
            effects.clone(),
            config.factories,
            Arc::clone(&router),
            Arc::clone(&leases),
            Arc::clone(&tasks),
            format!("v{}", config.identity.version),
        );
        let mounts = Arc::new(mounts.await?);
        leases.run(loops.as_ref());
        let core = Arc::new(Self {
            sys: sys::paths(&mounts, &leases, &tokens, &tasks)?,
            token_paths: auth::paths(&tokens, &leases)?,
            status: Status::new(config.identity, cluster, Arc::clone(&effects.clock)),
            effects,
            router,
            mounts,
            leases,
            tokens,
            tasks,
            loops,
        });
        core.tick_for_ever();
        Ok(core)
    }

    /// Makes a token that may do everything. Its text may be chosen, for
    /// development servers.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn create_root_token(&self, text: Option<ClientToken>) -> Result<ClientToken, Error> {
        self.tokens.create(text, &["root"]).await
    }

    /// Mounts an engine.
    ///
    /// # Errors
    /// A bad request when the path is taken or reserved, the engine unknown, or
    /// the limits contradict each other; what the engine says when it does not
    /// start.
    pub async fn mount(&self, request: MountRequest) -> Result<(), Error> {
        self.mounts.enable(request).await
    }

    /// Answers a request. It may be dropped at any time by a client that hangs
    /// up: what was made for it is then revoked.
    pub async fn handle(&self, mut request: ClientRequest) -> Answer {
        if let Err(refusal) = locate::check(&mut request) {
            return refusal;
        }
        if let Some(answer) = self.status.answer(&request) {
            return answer;
        }
        let token = match self.authenticate(&request).await {
            Ok(token) => token,
            Err(answer) => return answer,
        };
        let request_id = random::uuid(self.effects.entropy.as_ref());
        self.authorized(request, token, request_id)
            .await
            .unwrap_or_else(|answer| answer)
    }

    /// Ends all background work and every backend. Nothing is removed.
    pub async fn shut_down(&self) {
        self.loops.shut_down(Duration::ZERO).await;
        self.tasks.shut_down(TASKS_GRACE).await;
        self.mounts.shut_down().await;
    }

    /// The caller's token with its salted hash.
    async fn authenticate(
        &self,
        request: &ClientRequest,
    ) -> Result<(String, Arc<TokenEntry>), Answer> {
        let token = request.token.as_ref().ok_or_else(errors::unauthenticated)?;
        let salted = self.tokens.salted(token);
        let known = self.tokens.lookup_salted(&salted).await;
        known
            .map_err(|error| errors::answer(&error, Origin::Core))?
            .map(|entry| (salted, entry))
            .ok_or_else(errors::unauthenticated)
    }

    async fn authorized(
        &self,
        request: ClientRequest,
        (salted, token): (String, Arc<TokenEntry>),
        request_id: String,
    ) -> Result<Answer, Answer> {
        let acl = token.acl();
        let path = request.path.clone();
        let place = self.place(&path);
        let mut asked = Request::new(request.operation, "").with_data(request.data);
        asked.id.clone_from(&request_id);
        asked.display_name.clone_from(&token.display_name);
        asked.client_token.clone_from(&salted);
        asked.client_token_accessor.clone_from(&token.accessor);
        if let Some(Place::Engine(mount, inside)) = &place {
            asked.path.clone_from(inside);
            asked.mount_point = mount.path();
            asked.mount_accessor = mount.settings.read(|entry| entry.accessor.clone());
            if asked.operation == Operation::Update && !mount.is_tainted() {
                asked.operation = creates_or_updates(mount, &asked).await?;
            }
        }
        if !acl.allows(asked.operation, &path) {
            return Err(errors::denied());
        }
        let envelope = Envelope {
            request_id,
            doubled: locate::is_doubled(&path),
            ..Envelope::default()
        };
        match place {
            Some(Place::Engine(mount, _)) => self.ask_engine(&mount, &path, asked, envelope).await,
            Some(Place::Sys(inside)) => {
                ask_core(&self.sys, inside, asked, "system", envelope).await
            }
            Some(Place::Token(inside)) => {
                asked
                    .data
                    .extend(auth::told_of_caller(&inside, request.token.as_ref()));
                ask_core(&self.token_paths, inside, asked, "token", envelope).await
            }
            None => Err(errors::no_route(&path)),
        }
    }

    fn place(&self, path: &str) -> Option<Place> {
        if let Some(inside) = below("sys", path) {
            return Some(Place::Sys(inside.to_owned()));
        }
        if let Some(inside) = below("auth/token", path) {
            return Some(Place::Token(inside.to_owned()));
        }
        let (mount, inside) = self.router.route(path)?;
        Some(Place::Engine(mount, inside))
    }

    async fn ask_engine(
        &self,
        mount: &Arc<Mount>,
        path: &str,
        request: Request,
        envelope: Envelope,
    ) -> Result<Answer, Answer> {
        let inside = Arc::clone(&mount.gate).read_owned().await;
        if mount.is_tainted() {
            return Err(errors::tainted(path));
        }
        let operation = request.operation;
        let token = request.client_token.clone();
        let response = mount.backend.handle(request).await;
        let mut response = response.map_err(|error| errors::answer(&error, Origin::Engine))?;
        let mut envelope = Envelope {
            mount_type: mount.settings.read(|entry| entry.kind.clone()),
            ..envelope
        };
        if operation == Operation::Help {
            return Ok(help(response));
        }
        if let Some(leased) = response.take_if(|response| response.secret.is_some()) {
            let granted = self.lease(mount, inside, path, token, leased).await;
            let (granted, mut leased) =
                granted.map_err(|error| errors::answer(&error, Origin::Core))?;
            envelope.lease_id = granted.id;
            envelope.renewable = granted.renewable;
            envelope.lease_duration = granted.ttl.as_secs();
            leased.warnings.extend(granted.warning);
            response = Some(leased);
        }
        Ok(Answer::respond(operation, response, envelope))
    }

    /// Registers the lease of a response. A client that hangs up now leaves a
    /// lease that ends at once, not a secret that nobody knows of: what is left
    /// to do then goes on as a task. It stays `inside` the mount, so that
    /// removing the mount finds the lease.
    async fn lease(
        &self,
        mount: &Arc<Mount>,
        inside: OwnedRwLockReadGuard<()>,
        path: &str,
        token: String,
        response: Response,
    ) -> Result<(Granted, Response), Error> {
        let (leases, mount) = (Arc::clone(&self.leases), Arc::clone(mount));
        let path = path.to_owned();
        let registering = async move {
            let origin = leases::Origin {
                path: &path,
                token: &token,
            };
            let granted = leases.register(&mount, origin, response).await;
            drop(inside);
            granted
        };
        let leases = Arc::clone(&self.leases);
        let untaken = |granted: Result<(Granted, Response), Error>| async move {
            if let Ok((untaken, _)) = granted
                && let Err(error) = leases.revoke(&untaken.id, leases::Mode::Async).await
            {
                tracing::warn!(
                    lease = untaken.id,
                    %error,
                    "the lease of a client that hung up lives until its time is over"
                );
            }
        };
        RunToCompletion::new(Arc::clone(&self.tasks) as _, registering)
            .or_abandoned(untaken)
            .await
    }

    fn tick_for_ever(self: &Arc<Self>) {
        let mounts = Arc::clone(&self.mounts);
        let loops = Arc::clone(&self.loops);
        self.loops.spawn(Box::pin(async move {
            loop {
                mounts.tick();
                loops.sleep(TICK).await;
            }
        }));
    }
}

/// The rest of a path that lies below `prefix`, or is it.
fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    match rest.strip_prefix('/') {
        Some(inside) => Some(inside),
        None => rest.is_empty().then_some(""),
    }
}

/// Whether a write makes its object, as far as the engine can tell.
async fn creates_or_updates(mount: &Mount, request: &Request) -> Result<Operation, Answer> {
    match mount.backend.exists(request.clone()).await {
        Ok(Existence::Absent) => Ok(Operation::Create),
        Ok(Existence::Present | Existence::Unchecked) => Ok(Operation::Update),
        // The engine says the same of the request itself.
        Err(error) if error.class() == logical::ErrorClass::UnsupportedPath => {
            Ok(Operation::Update)
        }
        Err(error) => Err(errors::answer(&error, Origin::Engine)),
    }
}

async fn ask_core<S: logical::framework::Hooks>(
    paths: &Framework<S>,
    inside: String,
    mut request: Request,
    mount_type: &str,
    envelope: Envelope,
) -> Result<Answer, Answer> {
    request.path = inside;
    let operation = request.operation;
    let response = paths.handle(request).await;
    let mut response = response.map_err(|error| errors::answer(&error, Origin::Core))?;
    if operation == Operation::Help {
        return Ok(help(response));
    }
    let mut envelope = Envelope {
        mount_type: mount_type.to_owned(),
        ..envelope
    };
    // A renewal tells of a lease, whose data is not told again.
    if let Some(renewed) = response
        .as_mut()
        .and_then(|response| response.secret.take())
    {
        envelope.lease_id = renewed.lease_id;
        envelope.renewable = renewed.lease.renewable;
        envelope.lease_duration = renewed.lease.ttl.as_secs();
    }
    Ok(Answer::respond(operation, response, envelope))
}

/// Help stands without the envelope.
fn help(response: Option<Response>) -> Answer {
    match response.and_then(|response| response.data) {
        Some(data) => Answer::bare(200, data),
        None => Answer::wordless(404),
    }
}

#[cfg(test)]
mod tests;
