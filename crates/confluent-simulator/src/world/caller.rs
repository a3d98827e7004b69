//! An authenticated principal, and what it may change.

use confluent_cloud::ids::{ApiKeyId, OwnerId};

/// An authenticated principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(super) owner: OwnerId,
    /// The key, unless it was a session.
    pub(super) credential: Option<ApiKeyId>,
    pub(super) admin: bool,
    /// Names of what it owns by role, some with `*` at the end.
    pub(super) owned: Vec<String>,
    pub(super) organization: String,
}

impl Caller {
    /// Whether it may make keys for `owner`, and read, change and delete them:
    /// an `OrganizationAdmin` all keys, a user its own, a `ResourceOwner` of a
    /// service account those of that account, others none.
    pub fn may_manage(&self, owner: &str) -> bool {
        let own = self.owner.as_str() == owner && owner.starts_with("u-");
        self.admin || own || self.owns(&format!("service-account={owner}"))
    }

    /// Whether it may change anything but keys, which takes an
    /// `OrganizationAdmin`.
    pub(crate) fn is_admin(&self) -> bool {
        self.admin
    }

    /// Id of the service account or user that asks.
    pub(crate) fn owner(&self) -> &OwnerId {
        &self.owner
    }

    fn owns(&self, within: &str) -> bool {
        let name = format!("{}/{within}", self.organization);
        self.owned
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => *pattern == name,
            })
    }
}
