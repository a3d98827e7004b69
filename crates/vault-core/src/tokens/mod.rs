//! Tokens: what each may do, where it comes from, and when it ends.
//!
//! The text of a token is returned once and never stored: storage has only its
//! salted hash. `creation`, `policies`, `role` and `ttl` are pure and decide;
//! `store` keeps.

mod batch;
mod client_token;
mod creation;
mod entry;
mod lease;
mod login;
mod policies;
mod role;
mod store;
mod ttl;
mod wrapping;

pub use client_token::ClientToken;
pub(crate) use creation::{CreationRequest, Creator, decide};
pub(crate) use entry::{TokenEntry, TokenKind, Uses};
pub(crate) use lease::{LEASES, TokenLease, lease_id};
pub(crate) use login::{LoginContext, entry_of_login};
pub(crate) use role::{RoleKind, TokenRole};
pub(crate) use store::{Children, KnownToken, NewToken, PREFIX, TEXT_LENGTH, TokenStore};
pub(crate) use ttl::{TtlWish, later};
pub(crate) use wrapping::entry_of_wrapping;

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use logical::Storage as _;

    use super::*;
    use crate::storage::Version;

    /// A token without any rights.
    pub(crate) fn entry() -> TokenEntry {
        TokenEntry {
            version: Version,
            accessor: "accessor".into(),
            policies: Vec::new(),
            display_name: "token".into(),
            path: "auth/token/create".into(),
            issue_time: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
            orphan: true,
            is_revoked: false,
            parent: String::new(),
            kind: TokenKind::Service,
            metadata: BTreeMap::new(),
            role: String::new(),
            uses: Uses::Unlimited,
            bound_cidrs: Vec::new(),
            renewable: false,
            lifetime: None,
            login: None,
            entity_id: String::new(),
        }
    }
    use crate::tests::World;

    #[tokio::test]
    async fn storage_never_holds_a_tokens_text() {
        let world = World::new();
        let effects = world.effects();
        let storage = Arc::clone(&effects.storage);
        let store = TokenStore::open(storage, effects.clock, effects.entropy)
            .await
            .unwrap();
        let token = store.create(None, &["root"]).await.unwrap();
        assert!(token.expose().starts_with("hvs.") && token.expose().len() == 28);
        for key in world.storage.keys() {
            let value = world.storage.get(&key).await.unwrap().unwrap();
            let value = String::from_utf8_lossy(&value);
            assert!(!key.contains(token.expose()) && !value.contains(token.expose()));
        }
        let known = store.lookup_salted(&store.salted(&token)).await.unwrap();
        assert_eq!(known.unwrap().policies, ["root"]);
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[tokio::test]
    async fn a_token_is_unknown_from_the_beginning_of_its_revocation() {
        let effects = World::new().effects();
        let store = TokenStore::open(effects.storage, effects.clock, effects.entropy)
            .await
            .unwrap();
        let token = ClientToken::new("root");
        store.create(Some(token.clone()), &["root"]).await.unwrap();
        let salted = store.salted(&token);
        assert!(
            store
                .begin_revocation(&salted, Children::Revoked)
                .await
                .unwrap()
        );
        assert_eq!(store.lookup_salted(&salted).await.unwrap(), None);
        store.end_revocation(&salted, true).await.unwrap();
        assert_eq!(store.lookup_salted(&salted).await.unwrap(), None);
        assert!(
            !store
                .begin_revocation(&salted, Children::Revoked)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_token_that_was_used_is_unknown_once_it_is_revoked() {
        let effects = World::new().effects();
        let store = TokenStore::open(effects.storage, effects.clock, effects.entropy)
            .await
            .unwrap();
        let salted = store.salted(&store.create(None, &["root"]).await.unwrap());
        let first = store.lookup_salted(&salted).await.unwrap().unwrap();
        let again = store.lookup_salted(&salted).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &again), "read once");
        store
            .begin_revocation(&salted, Children::Revoked)
            .await
            .unwrap();
        assert_eq!(store.lookup_salted(&salted).await.unwrap(), None);
    }
}
