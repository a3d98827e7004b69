//! `auth/token/`: creation, lookup, renewal and revocation of tokens, and the
//! roles with which they are created (`vault/token_store.go` in Vault).

mod create;
mod fields;
mod lookup;
mod maintenance;
mod renew;
mod revoke;
mod roles;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use logical::framework::{Definition, Framework, Hooks};
use logical::{Auth, Clock, CreatedToken, Error, LeaseOptions, SpecialPaths, TaskGroup, TokenType};
use serde_json::Value;

use self::fields::TOKEN;
use crate::leases::Leases;
use crate::policies::PolicyStore;
use crate::revocation::Revocation;
use crate::rights::Rights;
use crate::routing::LeaseTtls;
use crate::routing::Router;
use crate::tokens::{ClientToken, TokenEntry, TokenKind, TokenStore, Uses};

/// The type of the mount that serves these paths.
pub(crate) const TOKEN_MOUNT: &str = "token";

/// The path of that mount.
const PATH: &str = "auth/token/";

/// What the paths begin with that create tokens.
pub(crate) const CREATE: &str = "auth/token/create";

/// Paths that need sudo (`vault/token_store.go` in Vault).
const NEED_SUDO: [&str; 2] = ["accessors/", "revoke-orphan"];

/// State shared by the paths.
pub(crate) struct TokenPaths {
    tokens: Arc<TokenStore>,
    policies: Arc<PolicyStore>,
    rights: Arc<Rights>,
    revocation: Arc<Revocation>,
    leases: Arc<Leases>,
    router: Arc<Router>,
    tasks: Arc<dyn TaskGroup>,
    clock: Arc<dyn Clock>,
}

impl Hooks for TokenPaths {}

/// What the paths need.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) tokens: &'a Arc<TokenStore>,
    pub(crate) policies: &'a Arc<PolicyStore>,
    pub(crate) rights: &'a Arc<Rights>,
    pub(crate) revocation: &'a Arc<Revocation>,
    pub(crate) leases: &'a Arc<Leases>,
    pub(crate) router: &'a Arc<Router>,
    pub(crate) tasks: &'a Arc<dyn TaskGroup>,
    pub(crate) clock: &'a Arc<dyn Clock>,
}

/// The paths of `auth/token/`.
///
/// # Errors
/// An internal error that names an invalid path pattern.
pub(crate) fn paths(parts: Parts<'_>) -> Result<Framework<TokenPaths>, Error> {
    let state = Arc::new(TokenPaths {
        tokens: Arc::clone(parts.tokens),
        policies: Arc::clone(parts.policies),
        rights: Arc::clone(parts.rights),
        revocation: Arc::clone(parts.revocation),
        leases: Arc::clone(parts.leases),
        router: Arc::clone(parts.router),
        tasks: Arc::clone(parts.tasks),
        clock: Arc::clone(parts.clock),
    });
    let mut paths = lookup::paths();
    paths.extend(renew::paths());
    paths.extend(revoke::paths());
    paths.extend(roles::paths());
    paths.extend(create::paths());
    paths.extend(maintenance::paths());
    let definition = Definition::new("Tokens: creation, lookup, renewal and revocation.")
        .paths(paths)
        .special_paths(SpecialPaths::new().root(NEED_SUDO));
    Framework::new(state, definition)
}

/// The extra fields of a request about its own token. Only paths whose answer
/// repeats the text of the token get it.
pub(crate) fn caller_fields(
    path: &str,
    data: &logical::Object,
    token: Option<&ClientToken>,
) -> Option<(String, Value)> {
    let is_about_caller = match path {
        "lookup-self" | "renew-self" => true,
        "lookup" => data.get(TOKEN).is_none_or(|given| given == ""),
        _ => false,
    };
    let token = token.filter(|_| is_about_caller)?;
    Some((TOKEN.to_owned(), token.expose().into()))
}

impl TokenPaths {
    /// The TTLs of this mount.
    fn limits(&self) -> Result<LeaseTtls, Error> {
        let mount = self.router.get(PATH);
        let mount = mount.ok_or_else(|| Error::internal(format!("`{PATH}` is not mounted")))?;
        Ok(mount.settings.lease_ttls())
    }

    /// The salted hash of the token with an accessor.
    async fn by_accessor(&self, accessor: &str) -> Result<Option<String>, Error> {
        if accessor.is_empty() {
            return Err(Error::bad_request("missing accessor"));
        }
        self.tokens.by_accessor(accessor).await
    }
}

/// A token as the answer of its creation, login or renewal shows it. The text is empty
/// where the answer must not show it.
pub(crate) fn created(entry: &TokenEntry, text: &str, now: Timestamp) -> Auth {
    let lease = LeaseOptions::fixed(entry.ttl(now)).with_renewable(entry.renewable);
    let mut auth = Auth::new(&*entry.display_name, entry.policies.iter().cloned(), lease);
    auth.metadata.clone_from(&entry.metadata);
    auth.num_uses = match entry.uses {
        Uses::Left(left) => left,
        Uses::Unlimited | Uses::Spent => 0,
    };
    auth.token_type = match entry.kind {
        TokenKind::Service => TokenType::Service,
        TokenKind::Batch => TokenType::Batch,
    };
    auth.token = CreatedToken::new(text, &*entry.accessor);
    auth.token.orphan = entry.orphan;
    auth.token.entity_id.clone_from(&entry.entity_id);
    auth
}
