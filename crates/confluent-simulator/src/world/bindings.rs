//! Role bindings: which principal has which role where.

use confluent_cloud::ids::{OwnerId, ResourceId};
use jiff::Timestamp;

use super::World;
use super::quotas::Quota;
use crate::Refusal;

pub(super) const ORGANIZATION_ADMIN: &str = "OrganizationAdmin";
const ENVIRONMENT_ADMIN: &str = "EnvironmentAdmin";
const RESOURCE_OWNER: &str = "ResourceOwner";

/// A role that may be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    /// The scope that the vendor binds it in.
    pub(crate) scope: &'static str,
    /// The group of roles that the vendor's command line asks for.
    pub(crate) namespace: &'static str,
}

const fn role(name: &'static str, scope: &'static str) -> Role {
    Role {
        name,
        scope,
        namespace: "public",
    }
}

const fn flink(name: &'static str) -> Role {
    Role {
        name,
        scope: "environment",
        namespace: "flink",
    }
}

/// The roles. The vendor has more namespaces than two, but which role is in
/// which of them is not known, apart from those of Flink.
pub(crate) const ROLES: [Role; 20] = [
    role(ORGANIZATION_ADMIN, "organization"),
    role("AccountAdmin", "organization"),
    role("Assigner", "organization"),
    role("CCloudRoleBindingAdmin", "root"),
    role("NetworkAdmin", "organization"),
    role(ENVIRONMENT_ADMIN, "environment"),
    flink("FlinkAdmin"),
    flink("FlinkDeveloper"),
    flink("FlinkFunctionDeveloper"),
    role("DataDiscovery", "environment"),
    role("DataSteward", "environment"),
    role("CloudClusterAdmin", "cluster"),
    role("Operator", "cluster"),
    role("MetricsViewer", "cluster"),
    role(RESOURCE_OWNER, "cluster"),
    role("ResourceKeyAdmin", "cluster"),
    role("KsqlAdmin", "ksql-cluster"),
    role("DeveloperRead", "cluster"),
    role("DeveloperWrite", "cluster"),
    role("DeveloperManage", "cluster"),
];

/// A role of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleBinding {
    /// `rb-…`.
    pub id: ResourceId,
    /// Such as `User:sa-…`.
    pub principal: String,
    /// The role.
    pub role_name: String,
    /// Where: a name, which may end in `*`.
    pub crn_pattern: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it counts.
    pub effective_at: Timestamp,
}

/// A role binding to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewBinding {
    pub(crate) principal: String,
    pub(crate) role_name: String,
    pub(crate) crn_pattern: String,
}

impl World {
    /// Whether an owner may do everything at this time.
    pub(super) fn is_admin(&self, now: Timestamp, owner: &OwnerId) -> bool {
        let organization = self.organization_name();
        self.roles_of(now, owner).any(|binding| {
            binding.role_name == ORGANIZATION_ADMIN && binding.crn_pattern == organization
        })
    }

    /// Whether an owner has a role on a place or a part of it, or administers
    /// the environment that it is in.
    pub(super) fn has_role(
        &self,
        now: Timestamp,
        owner: &OwnerId,
        environment: &str,
        place: &str,
    ) -> bool {
        self.roles_of(now, owner).any(|binding| {
            let pattern = binding.crn_pattern.as_str();
            let within = pattern.strip_prefix(place);
            let here = within.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            here || (pattern == environment && binding.role_name == ENVIRONMENT_ADMIN)
        })
    }

    /// CRN patterns of everything that an owner has the role `ResourceOwner` on.
    pub(super) fn owned_by(&self, now: Timestamp, owner: &OwnerId) -> Vec<String> {
        self.roles_of(now, owner)
            .filter(|binding| binding.role_name == RESOURCE_OWNER)
            .map(|binding| binding.crn_pattern.clone())
            .collect()
    }

    /// Reads a role binding.
    ///
    /// # Errors
    /// 403 with a code of its own when there is none.
    pub fn role_binding(&self, id: &str) -> Result<&RoleBinding, Refusal> {
        self.bindings
            .iter()
            .find(|binding| binding.id.as_str() == id)
            .ok_or_else(Refusal::no_binding)
    }

    /// Lists role bindings whose pattern contains a text, of a principal and
    /// with a role where these are given.
    pub fn list_role_bindings<'a>(
        &'a self,
        crn_pattern: &'a str,
        principal: Option<&'a str>,
        role_name: Option<&'a str>,
    ) -> impl Iterator<Item = &'a RoleBinding> {
        let part = crn_pattern.trim_end_matches('*');
        self.bindings.iter().filter(move |binding| {
            binding.crn_pattern.contains(part)
                && principal.is_none_or(|wanted| binding.principal == wanted)
                && role_name.is_none_or(|wanted| binding.role_name == wanted)
        })
    }

    /// Makes a role binding, which counts once it has propagated.
    ///
    /// # Errors
    /// 400 for an unknown role, 422 for a principal or pattern that cannot be
    /// one, 409 when there is such a binding, 402 when there are as many as may
    /// be.
    pub(crate) fn create_role_binding(
        &mut self,
        now: Timestamp,
        new: NewBinding,
    ) -> Result<RoleBinding, Refusal> {
        if !ROLES.iter().any(|role| role.name == new.role_name) {
            return Err(Refusal::invalid_role(&new.role_name));
        }
        self.check_principal(&new.principal)?;
        let organization = self.organization_name();
        let within = new.crn_pattern.strip_prefix(&organization);
        if !within.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err(Refusal::member(
                "/crn_pattern",
                "crn_pattern does not begin with the name of this organization",
            ));
        }
        let same = |binding: &&RoleBinding| {
            binding.principal == new.principal
                && binding.role_name == new.role_name
                && binding.crn_pattern == new.crn_pattern
        };
        if let Some(other) = self.bindings.iter().find(same) {
            return Err(Refusal::exists_already(other.id.as_str()));
        }
        self.has_room(Quota::RoleBindings, self.organization.as_str())?;
        let binding = RoleBinding {
            id: self.new_binding_id()?,
            principal: new.principal,
            role_name: new.role_name,
            crn_pattern: new.crn_pattern,
            created_at: now,
            effective_at: self.propagation.of_binding(now),
        };
        self.bindings.push(binding.clone());
        Ok(binding)
    }

    /// Makes a service account or user the `ResourceOwner` of a service
    /// account.
    ///
    /// # Errors
    /// As [`World::create_role_binding`].
    pub(crate) fn assign_resource_owner(
        &mut self,
        now: Timestamp,
        owner: &str,
        account: &OwnerId,
    ) -> Result<RoleBinding, Refusal> {
        let organization = self.organization_name();
        let new = NewBinding {
            principal: format!("User:{owner}"),
            role_name: RESOURCE_OWNER.into(),
            crn_pattern: format!("{organization}/service-account={account}"),
        };
        self.create_role_binding(now, new)
    }

    /// Deletes a role binding and returns it.
    ///
    /// # Errors
    /// As [`World::role_binding`].
    pub fn delete_role_binding(&mut self, id: &str) -> Result<RoleBinding, Refusal> {
        let binding = self.role_binding(id)?.clone();
        self.bindings.retain(|other| other.id != binding.id);
        Ok(binding)
    }

    fn roles_of(&self, now: Timestamp, owner: &OwnerId) -> impl Iterator<Item = &RoleBinding> {
        self.bindings.iter().filter(move |binding| {
            binding.effective_at <= now
                && binding.principal.strip_prefix("User:") == Some(owner.as_str())
        })
    }

    /// Service accounts and users must exist; pools and groups are outside of
    /// this world and taken as they are.
    fn check_principal(&self, principal: &str) -> Result<(), Refusal> {
        let refused = || Refusal::member("/principal", "principal is no User:… or Group:…");
        let (kind, id) = principal.split_once(':').ok_or_else(refused)?;
        let ours = kind == "User" && (id.starts_with("sa-") || id.starts_with("u-"));
        if ours && self.owner(id).is_none() {
            return Err(Refusal::member(
                "/principal",
                "the principal does not exist",
            ));
        }
        if ["User", "Group"].contains(&kind) && !id.is_empty() {
            Ok(())
        } else {
            Err(refused())
        }
    }

    fn new_binding_id(&mut self) -> Result<ResourceId, Refusal> {
        loop {
            let id = ResourceId::new(format!("rb-{}", self.random.bindings.suffix()))
                .map_err(|_| Refusal::not_found())?;
            if self.role_binding(id.as_str()).is_err() {
                return Ok(id);
            }
        }
    }
}
