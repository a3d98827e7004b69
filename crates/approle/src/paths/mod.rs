//! The paths of the method, apart from `login`.

mod role;
mod role_field;
mod role_id;
mod secret_id;

use logical::Error;
use logical::framework::Path;

use crate::method::AppRole;
use crate::role::Role;

/// All of them; longer ones come first.
pub(crate) fn all() -> Vec<Path<AppRole>> {
    let mut paths = secret_id::paths();
    paths.extend(role_field::paths());
    paths.push(role_id::path());
    paths.extend(role::paths());
    paths
}

impl AppRole {
    /// A role that must exist.
    pub(crate) async fn required_role(&self, name: &str) -> Result<Role, Error> {
        let role = self.store.role(name).await?;
        role.ok_or_else(|| Error::not_found(format!("role {name:?} does not exist")))
    }
}
