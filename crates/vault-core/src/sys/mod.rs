//! The paths under `sys/`: mounts, leases, policies, wrapped answers, audit devices,
//! the seal, and the endpoints of user interfaces. Those without authentication are in `seal` and
//! `status`.

mod access;
mod audit;
mod catalog;
mod interface;
mod lease_count;
mod leases;
mod locked_users;
mod mounts;
mod passwords;
mod policies;
mod quotas;
mod raft;
mod remount;
mod root_generation;
mod root_rotation;
mod rotation;
mod seal;
mod tuning;
mod wrapping;

use std::sync::Arc;

use logical::framework::{Definition, Framework, Hooks};
use logical::{Entropy, Error, Object, Response, SpecialPaths, TaskGroup};
use serde_json::Value;

use crate::audit::Audit;
use crate::config::WithoutToken;
use crate::effects::Effects;
use crate::leases::Leases;
use crate::lockout::Lockout;
use crate::mounts::Mounts;
use crate::policies::PolicyStore;
use crate::quotas::Quotas;
use crate::revocation::Revocation;
use crate::rights::Rights;
use crate::storage::View;
use crate::tokens::TokenStore;
use crate::unseal_keys::RootKeys;
use crate::wrapping::Wrapping;

/// Paths that need sudo (`vault/logical_system.go` in Vault).
const NEED_SUDO: [&str; 16] = [
    "audit",
    "audit/*",
    "auth/*",
    "leases",
    "leases/",
    "leases/lookup/*",
    "leases/revoke-prefix/*",
    "leases/revoke-force/*",
    "plugins/catalog/*",
    "remount",
    "revoke-prefix/*",
    "revoke-force/*",
    "rotate",
    "rotate/keyring",
    "rotate/root",
    "seal",
];

/// Paths whose handlers check the caller's rights themselves, or that only compute.
const NEED_NO_TOKEN: [&str; 4] = [
    "decode-token",
    "internal/ui/mounts",
    "internal/ui/mounts/*",
    "wrapping/lookup",
];

/// Paths that need no token where [`WithoutToken`] says so.
const REKEY: [&str; 3] = ["rekey/init", "rekey/update", "rekey/verify"];
const GENERATE_ROOT: [&str; 2] = ["generate-root/attempt", "generate-root/update"];

/// Where password policies are stored.
const PASSWORDS: &str = "sys/password-policy/";

/// State shared by the paths.
pub(crate) struct SysPaths {
    mounts: Arc<Mounts>,
    leases: Arc<Leases>,
    tokens: Arc<TokenStore>,
    policies: Arc<PolicyStore>,
    rights: Arc<Rights>,
    wrapping: Arc<Wrapping>,
    quotas: Arc<Quotas>,
    lockout: Arc<Lockout>,
    audit: Arc<Audit>,
    tasks: Arc<dyn TaskGroup>,
    entropy: Arc<dyn Entropy>,
    revocation: Arc<Revocation>,
    moves: remount::Moves,
    passwords: View,
    /// The keys of storage, if it has any.
    keys: Option<Arc<RootKeys>>,
}

impl Hooks for SysPaths {}

/// What the paths of `sys/` need.
pub(crate) struct Parts<'a> {
    pub(crate) mounts: &'a Arc<Mounts>,
    pub(crate) leases: &'a Arc<Leases>,
    pub(crate) tokens: &'a Arc<TokenStore>,
    pub(crate) policies: &'a Arc<PolicyStore>,
    pub(crate) rights: &'a Arc<Rights>,
    pub(crate) wrapping: &'a Arc<Wrapping>,
    pub(crate) quotas: &'a Arc<Quotas>,
    pub(crate) lockout: &'a Arc<Lockout>,
    pub(crate) audit: &'a Arc<Audit>,
    pub(crate) tasks: &'a Arc<dyn TaskGroup>,
    pub(crate) effects: &'a Effects,
    pub(crate) revocation: &'a Arc<Revocation>,
    pub(crate) without_token: WithoutToken,
    /// The keys of storage, if it has any.
    pub(crate) keys: Option<Arc<RootKeys>>,
}

/// The paths of `sys/`.
///
/// # Errors
/// An internal error that names an invalid path pattern.
pub(crate) fn paths(parts: Parts<'_>) -> Result<Framework<SysPaths>, Error> {
    let effects = parts.effects;
    let state = Arc::new(SysPaths {
        mounts: Arc::clone(parts.mounts),
        leases: Arc::clone(parts.leases),
        tokens: Arc::clone(parts.tokens),
        policies: Arc::clone(parts.policies),
        rights: Arc::clone(parts.rights),
        wrapping: Arc::clone(parts.wrapping),
        quotas: Arc::clone(parts.quotas),
        lockout: Arc::clone(parts.lockout),
        audit: Arc::clone(parts.audit),
        tasks: Arc::clone(parts.tasks),
        entropy: Arc::clone(&effects.entropy),
        revocation: Arc::clone(parts.revocation),
        moves: remount::Moves::default(),
        passwords: View::new(Arc::clone(&effects.storage), PASSWORDS),
        keys: parts.keys,
    });
    let mut paths = self::mounts::paths();
    paths.extend(self::leases::paths());
    paths.extend(access::paths());
    paths.extend(self::policies::paths());
    paths.extend(interface::paths());
    paths.extend(catalog::paths());
    paths.extend(self::wrapping::paths());
    paths.extend(remount::paths());
    paths.extend(self::passwords::paths());
    paths.extend(seal::paths());
    paths.extend(rotation::paths());
    paths.extend(locked_users::paths());
    paths.extend(self::quotas::paths());
    paths.extend(lease_count::paths());
    paths.extend(raft::paths());
    paths.extend(root_rotation::paths());
    paths.extend(root_generation::paths());
    paths.extend(self::audit::paths());
    let definition =
        Definition::new("The system itself: mounts, leases, policies, and who may do what.")
            .paths(paths)
            .special_paths(
                SpecialPaths::new()
                    .root(NEED_SUDO)
                    .unauthenticated(need_no_token(parts.without_token)),
            );
    Framework::new(state, definition)
}

fn need_no_token(configured: WithoutToken) -> Vec<&'static str> {
    let mut paths = NEED_NO_TOKEN.to_vec();
    if configured.rekey {
        paths.extend(REKEY);
    }
    if configured.generate_root {
        paths.extend(GENERATE_ROOT);
    }
    paths
}

/// The response to work that continues in the background: 202.
fn accepted() -> Response {
    crate::answer::status_only(202)
}

/// An object without the envelope.
fn bare(data: &Object) -> Response {
    self::wrapping::raw(&Value::Object(data.clone()).to_string())
}

#[cfg(test)]
mod tests;
