//! The paths under `sys/`: mounts, leases, policies, the seal, and the endpoints
//! of user interfaces. Those without authentication are in `seal` and `status`.

mod access;
mod catalog;
mod interface;
mod leases;
mod mounts;
mod policies;
mod seal;
mod tuning;

use std::sync::Arc;

use barrier::Barrier;
use logical::framework::{Definition, Framework, Hooks};
use logical::{Error, Response, SpecialPaths, TaskGroup};

use crate::leases::Leases;
use crate::mounts::Mounts;
use crate::policies::PolicyStore;
use crate::tokens::TokenStore;

/// Paths that need sudo (`vault/logical_system.go` in Vault).
const NEED_SUDO: [&str; 10] = [
    "auth/*",
    "leases",
    "leases/",
    "leases/lookup/*",
    "leases/revoke-prefix/*",
    "leases/revoke-force/*",
    "plugins/catalog/*",
    "revoke-prefix/*",
    "revoke-force/*",
    "seal",
];

/// Paths whose handlers check the caller's rights themselves.
const NEED_NO_TOKEN: [&str; 2] = ["internal/ui/mounts", "internal/ui/mounts/*"];

/// State shared by the paths.
pub(crate) struct SysPaths {
    mounts: Arc<Mounts>,
    leases: Arc<Leases>,
    tokens: Arc<TokenStore>,
    policies: Arc<PolicyStore>,
    tasks: Arc<dyn TaskGroup>,
    /// The keys of storage, if it has any.
    keys: Option<Arc<Barrier>>,
}

impl Hooks for SysPaths {}

/// The paths of `sys/`.
///
/// # Errors
/// An internal error that names an invalid path pattern.
pub(crate) fn paths(
    mounts: &Arc<Mounts>,
    leases: &Arc<Leases>,
    tokens: &Arc<TokenStore>,
    policies: &Arc<PolicyStore>,
    tasks: &Arc<dyn TaskGroup>,
    keys: Option<Arc<Barrier>>,
) -> Result<Framework<SysPaths>, Error> {
    let state = Arc::new(SysPaths {
        mounts: Arc::clone(mounts),
        leases: Arc::clone(leases),
        tokens: Arc::clone(tokens),
        policies: Arc::clone(policies),
        tasks: Arc::clone(tasks),
        keys,
    });
    let mut paths = self::mounts::paths();
    paths.extend(self::leases::paths());
    paths.extend(access::paths());
    paths.extend(self::policies::paths());
    paths.extend(interface::paths());
    paths.extend(catalog::paths());
    paths.extend(seal::paths());
    let definition = Definition {
        help: "The system itself: mounts, leases, policies, and who may do what.",
        paths,
        secrets: Vec::new(),
        special_paths: SpecialPaths::new()
            .root(NEED_SUDO)
            .unauthenticated(NEED_NO_TOKEN),
    };
    Framework::new(state, definition)
}

/// The response to work that continues in the background: 202.
fn accepted() -> Response {
    crate::answer::status_only(202)
}

#[cfg(test)]
mod tests;
