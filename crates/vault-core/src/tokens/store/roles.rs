//! Roles in storage.

use logical::{Error, Storage as _};

use super::super::role::TokenRole;
use super::TokenStore;

const ROLES: &str = "token/roles/";

impl TokenStore {
    /// A role.
    pub(crate) async fn role(&self, name: &str) -> Result<Option<TokenRole>, Error> {
        self.storage.read(&format!("{ROLES}{name}")).await
    }

    /// The names of all roles.
    pub(crate) async fn roles(&self) -> Result<Vec<String>, Error> {
        self.storage.list(ROLES).await
    }

    /// Stores a role.
    pub(crate) async fn put_role(&self, role: &TokenRole) -> Result<(), Error> {
        self.storage
            .write(&format!("{ROLES}{}", role.name), role)
            .await
    }

    /// Deletes a role.
    pub(crate) async fn delete_role(&self, name: &str) -> Result<(), Error> {
        self.storage.delete(&format!("{ROLES}{name}")).await
    }

    /// Excludes other changes of a role that is read, changed and written.
    pub(crate) async fn lock_role(&self, name: &str) -> logical::effects::NamedGuard<'_> {
        self.changing.lock(&format!("{ROLES}{name}")).await
    }
}
