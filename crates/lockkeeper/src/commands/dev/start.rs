//! Starts the server of `dev`: a new one, or that of an earlier start, which it
//! unseals itself.

use std::path::Path;
use std::sync::Arc;

use confluent_simulator::Simulator;
use logical::{Error, Operation};
use serde_json::Value;
use vault_core::{ClientRequest, ClientToken, CoreConfig, Effects, MountRequest, Vault};
use zeroize::Zeroizing;

use super::super::engines::{ENGINE, core_config};
use super::MOUNT;
use super::kept::{Keeper, Kept, file_beside, shares_of, text_of};
use crate::failure::Failure;

/// A server that is unsealed.
pub(super) struct Running {
    pub(super) vault: Arc<Vault>,
    pub(super) root_token: ClientToken,
    /// The shares of the key as they are kept, of which there is one unless
    /// somebody made others.
    pub(super) unseal_key: Zeroizing<String>,
    /// Keeps those of later keys, if anything is kept.
    keeper: Option<Arc<Keeper>>,
    is_new: bool,
}

impl Running {
    /// Mounts what a development server has: the engine, whatever was done to it, and
    /// KV in a new server, as in those of Vault and OpenBao.
    ///
    /// # Errors
    /// When a mount cannot be made.
    pub(super) async fn mount(&self) -> Result<(), Failure> {
        let core = self.vault.core();
        let core = core.ok_or_else(|| broken(&"it was sealed meanwhile"))?;
        let mut wanted = Vec::new();
        let engine = format!("sys/mounts/{MOUNT}");
        if self.is_new || !answers(&self.vault, &self.root_token, &engine).await {
            wanted.push((MOUNT, ENGINE, "API keys of a simulated Confluent Cloud"));
        }
        if self.is_new {
            wanted.push(("secret", "kv-v2", "key/value secret storage"));
        }
        for (path, kind, description) in wanted {
            let mount = MountRequest {
                path: path.to_owned(),
                kind: kind.to_owned(),
                description: description.to_owned(),
                ..MountRequest::default()
            };
            core.mount(mount).await.map_err(|error| broken(&error))?;
        }
        Ok(())
    }

    /// What the next start needs.
    ///
    /// # Errors
    /// When the state of the simulated cloud cannot be written as JSON.
    pub(super) fn kept(&self, cloud: &Simulator) -> Result<Kept, Failure> {
        let admin = cloud.admin_key();
        let state = serde_json::to_value(cloud.state());
        Ok(Kept {
            unseal_key: self.unseal_key.as_str().to_owned(),
            newer_unseal_keys: self
                .keeper
                .as_ref()
                .map(|kept| kept.newer())
                .unwrap_or_default(),
            root_token: self.root_token.expose().to_owned(),
            admin_key: format!("{}:{}", admin.id, admin.secret.expose()),
            cloud: state.map_err(|error| broken(&error))?,
        })
    }
}

/// Starts a server on the store of `effects`, whose file is `file` if it has one.
///
/// # Errors
/// When the store cannot be read, or is not a development server's.
pub(super) async fn start(
    effects: Effects,
    file: Option<&Path>,
    kept: Option<Kept>,
    root_token: Option<ClientToken>,
) -> Result<Running, Failure> {
    let kind = if file.is_some() { "sqlite" } else { "inmem" };
    let keeper = file.map(|file| Arc::new(Keeper::beside(file)));
    let config = CoreConfig {
        share_keeper: keeper.clone().map(|keeper| keeper as _),
        ..core_config(kind)
    };
    let vault = Vault::load(config, effects).await;
    let vault = vault.map_err(|error| broken(&error))?;
    let started = match (is_initialized(&vault).await, kept, file) {
        (false, Some(_), Some(file)) => Err(Failure::local(format!(
            "-storage: `{}` is not there or empty, but `{}` has the keys of a store: put the store \
             back, or move that file away",
            file.display(),
            file_beside(file).display()
        ))),
        (false, _, _) => first(vault, root_token).await,
        (true, Some(kept), _) => again(vault, &kept, root_token).await,
        (true, None, Some(file)) => Err(Failure::local(format!(
            "-storage: `{}` is the store of a server whose key is not in `{}`: start it with \
             `lockkeeper server`, or name another file",
            file.display(),
            file_beside(file).display()
        ))),
        (true, None, None) => Err(broken(&"the store is not empty")),
    };
    started.map(|started| Running { keeper, ..started })
}

/// A new server.
async fn first(vault: Arc<Vault>, root_token: Option<ClientToken>) -> Result<Running, Failure> {
    let developed = vault.develop(root_token).await;
    let (_, made) = developed.map_err(|error| broken(&error))?;
    Ok(Running {
        unseal_key: Zeroizing::new(text_of(&made.shares)),
        keeper: None,
        root_token: made.root_token,
        is_new: true,
        vault,
    })
}

/// The server of an earlier start. Its root token works, whatever was done to it.
async fn again(
    vault: Arc<Vault>,
    kept: &Kept,
    root_token: Option<ClientToken>,
) -> Result<Running, Failure> {
    let unseal_key = unseal(&vault, kept).await?;
    let core = vault
        .core()
        .ok_or_else(|| broken(&"the key that was kept does not unseal it"))?;
    let token = root_token.unwrap_or_else(|| ClientToken::new(kept.root_token.as_str()));
    if !answers(&vault, &token, "auth/token/lookup-self").await {
        let created = core.create_root_token(Some(token.clone())).await;
        created.map_err(|error| broken(&error))?;
    }
    Ok(Running {
        unseal_key: Zeroizing::new(unseal_key.to_owned()),
        keeper: None,
        root_token: token,
        is_new: false,
        vault,
    })
}

/// Unseals with the shares that were kept, and returns those that did. The last ones
/// go first: they may have come into force before the server was cut off.
async fn unseal<'a>(vault: &Arc<Vault>, kept: &'a Kept) -> Result<&'a str, Failure> {
    let newer = kept.newer_unseal_keys.iter().rev();
    let mut refusal = Error::bad_request("the key that was kept does not unseal it");
    for text in newer.chain([&kept.unseal_key]) {
        vault.reset_unseal().map_err(|error| broken(&error))?;
        for share in shares_of(text) {
            if let Err(error) = vault.unseal(share).await {
                refusal = error;
                break;
            }
        }
        if vault.core().is_some() {
            return Ok(text);
        }
    }
    Err(broken(&refusal))
}

async fn is_initialized(vault: &Arc<Vault>) -> bool {
    let answer = vault
        .handle(ClientRequest::new(Operation::Read, "sys/init"))
        .await;
    let body: Option<Value> = answer
        .body()
        .and_then(|body| serde_json::from_slice(&body).ok());
    body.is_some_and(|body| body["initialized"] == true)
}

/// Whether a read succeeds.
async fn answers(vault: &Arc<Vault>, token: &ClientToken, path: &str) -> bool {
    let request = ClientRequest::new(Operation::Read, path).with_token(Some(token.clone()));
    vault.handle(request).await.status() == 200
}

fn broken(problem: &dyn std::fmt::Display) -> Failure {
    Failure::local(format!("the server does not start: {problem}"))
}
