//! The preflight: what the account may do, and what it may not do but the roles
//! of the mount need. It judges by what Confluent tells of the admin key and of
//! its owner's roles; nothing is made to find out.

use logical::Error;

use crate::account::{AskError, NamedAccount, no_account};
use crate::control_plane::{Access, Caller, Failure, HeldRole, KnownKey};
use crate::ids::{KeyId, OrganizationId, OwnerId, OwnerKind, ResourceKind};
use crate::role::Role;
use crate::state::Engine;

/// May make every key.
const ORGANIZATION_ADMIN: &str = "OrganizationAdmin";

/// Beside it a service account may make keys for those that it owns
/// (Confluent's page on API keys for service accounts).
const RESOURCE_OWNER: &str = "ResourceOwner";

/// Makes keys of clusters and registries, but none for itself and no Cloud,
/// Flink or global keys (Confluent's table of predefined roles).
const RESOURCE_KEY_ADMIN: &str = "ResourceKeyAdmin";

/// What a preflight found.
#[derive(Default)]
pub(crate) struct Preflight {
    /// The admin key's id, where there is an account.
    pub(crate) id: Option<KeyId>,
    /// The admin key, as far as it could be read.
    pub(crate) key: Option<KnownKey>,
    /// The names of its owner's roles, if they could be read.
    pub(crate) roles: Vec<String>,
    /// What stands in the way, as sentences with a remedy.
    pub(crate) problems: Vec<String>,
    /// What was not looked at.
    pub(crate) notes: Vec<String>,
}

impl Engine {
    /// Checks the current account. What Confluent refuses is a problem.
    ///
    /// # Errors
    /// When storage fails.
    pub(crate) async fn check_account(&self) -> Result<Preflight, Error> {
        let Some(account) = self.accounts.current().await? else {
            return Ok(Preflight {
                problems: vec![no_account().message().to_owned()],
                ..Preflight::default()
            });
        };
        let id = &account.key_id;
        let mut found = Preflight {
            id: Some(id.clone()),
            ..Preflight::default()
        };
        let read = |access: Access| async move {
            let access = access.on_behalf_of(Caller::operator());
            self.control.read_key(&access, id).await
        };
        let key = match self.accounts.ask_as(&account.id, read).await {
            Ok(key) => key,
            Err(AskError::Account(error)) => return Err(error),
            Err(AskError::Cloud(error)) => {
                found.problems.push(match error.failure {
                    Failure::Forbidden | Failure::NotFound => format!(
                        "Confluent Cloud accepts key `{id}` but does not let it read API keys, so it \
                         can neither make nor delete any: give its owner the role \
                         {ORGANIZATION_ADMIN}"
                    ),
                    _ => format!(
                        "asking `url` `{}` for key `{id}`: {}",
                        account.url, error.message
                    ),
                });
                return Ok(found);
            }
        };
        match self.control.check_access(&account.access()) {
            Ok(warnings) => found.problems.extend(warnings),
            Err(fault) => found.problems.push(fault),
        }
        let held = match (&key.organization, &key.owner) {
            (Some(organization), Some(owner)) => {
                self.held_roles(&account, organization, owner).await?
            }
            _ => Err("Confluent Cloud does not tell who owns the key".to_owned()),
        };
        let roles = self.roles.all().await?;
        found.problems.extend(judged(&key, held.as_deref(), &roles));
        let (absent, note) = self.absent_of_all(&roles).await;
        found.problems.extend(absent);
        found.notes.extend(note);
        found.roles = held
            .unwrap_or_default()
            .into_iter()
            .map(|role| role.name)
            .collect();
        found.roles.sort();
        found.roles.dedup();
        found.key = Some(key);
        Ok(found)
    }

    /// The roles of an owner, or why the account may not see them.
    async fn held_roles(
        &self,
        account: &NamedAccount,
        organization: &OrganizationId,
        owner: &OwnerId,
    ) -> Result<Result<Vec<HeldRole>, String>, Error> {
        let Some(rights) = self.control.rights() else {
            return Ok(Err("there is no way to ask for them".to_owned()));
        };
        let list = |access: Access| async move {
            let access = access.on_behalf_of(Caller::operator());
            rights.list_roles(&access, organization, owner).await
        };
        match self.accounts.ask_as(&account.id, list).await {
            Ok(held) => Ok(Ok(held)),
            Err(AskError::Cloud(error)) => Ok(Err(error.message)),
            Err(AskError::Account(error)) => Err(error),
        }
    }
}

/// What stands in the way of the mount's roles.
fn judged(key: &KnownKey, held: Result<&[HeldRole], &String>, roles: &[Role]) -> Vec<String> {
    let mut problems = Vec::new();
    let owner = key.owner.as_ref().map_or("", OwnerId::as_str);
    let kind = key.owner.as_ref().and_then(OwnerId::kind);
    if kind == Some(OwnerKind::User) {
        problems.push(format!(
            "key `{}` belongs to user `{owner}` and ends with that user: make one for a service \
             account",
            key.id
        ));
    }
    let held = match held {
        Ok(held) => held,
        Err(why) => {
            problems.push(format!(
                "what the account may do is not known, since its roles could not be read: {why}"
            ));
            return problems;
        }
    };
    if held.iter().any(|role| role.name == ORGANIZATION_ADMIN) {
        return problems;
    }
    for role in roles {
        problems.extend(lacking(owner, held, role));
    }
    problems
}

/// Why the keys of a role cannot be made by an account that is not the
/// organization's administrator.
fn lacking(admin: &str, held: &[HeldRole], role: &Role) -> Option<String> {
    let (owner, resource) = (&role.target.owner, &role.target.resource);
    let owns = held.iter().any(|held| {
        held.name == RESOURCE_OWNER && held.pattern.ends_with(&format!("/service-account={owner}"))
    });
    if owner.as_str() != admin && !owns {
        return Some(format!(
            "role `{}` makes keys for `{owner}`, which needs the role {ORGANIZATION_ADMIN}, or \
             {RESOURCE_OWNER} on that service account",
            role.name
        ));
    }
    let by_key_admin_alone = held
        .iter()
        .all(|held| held.name == RESOURCE_OWNER || held.name == RESOURCE_KEY_ADMIN);
    let beyond = matches!(
        resource.kind(),
        Some(ResourceKind::Cloud | ResourceKind::Global | ResourceKind::FlinkRegion)
    );
    if by_key_admin_alone && (beyond || owner.as_str() == admin) {
        return Some(format!(
            "role `{}` makes keys for `{owner}` and `{resource}`, which {RESOURCE_KEY_ADMIN} does not \
             allow: it makes no Cloud, global and Flink keys and none for itself; use \
             {ORGANIZATION_ADMIN}",
            role.name
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::Target;
    use crate::ids::{Generation, ResourceId, RoleName};

    fn key(owner: &str) -> KnownKey {
        KnownKey {
            id: KeyId::new("ADMIN"),
            display_name: String::new(),
            created_at: None,
            organization: Some(OrganizationId::new("org-1")),
            owner: Some(OwnerId::new(owner)),
        }
    }

    fn role(owner: &str, resource: &str) -> Role {
        Role {
            name: RoleName::new("app"),
            target: Target {
                owner: OwnerId::new(owner),
                resource: ResourceId::new(resource),
                environment: None,
            },
            owner_environment: None,
            ttl_seconds: 0,
            max_ttl_seconds: 0,
            key_description: String::new(),
            multi_use_key: false,
            output: crate::output::Output::default(),
            readiness: crate::role::unasked(),
            spares: crate::spare_settings::SpareSettings::default(),
            generation: Generation::parse("GGGGGGGGGGGGG").unwrap(),
        }
    }

    fn held(name: &str, below: &str) -> HeldRole {
        HeldRole {
            name: name.into(),
            pattern: format!("crn://confluent.cloud/organization=org-1{below}"),
        }
    }

    fn check(admin: &str, held: &[HeldRole], role: Role, expected: Option<&str>) {
        let problems = judged(&key(admin), Ok(held), &[role]);
        match expected {
            Some(words) => assert!(problems.concat().contains(words), "{problems:?}"),
            None => assert_eq!(problems, Vec::<String>::new()),
        }
    }

    #[test]
    fn an_organization_admin_may_make_every_key() {
        let admin = [held(ORGANIZATION_ADMIN, "")];
        check("sa-admin", &admin, role("sa-1", "cloud"), None);
        check("sa-admin", &admin, role("sa-admin", "aws.us-east-1"), None);
    }

    #[test]
    fn others_need_to_own_the_service_account_that_keys_are_for() {
        let key_admin = held(RESOURCE_KEY_ADMIN, "");
        let owns = held(RESOURCE_OWNER, "/service-account=sa-1");
        let needs = Some("ResourceOwner on that service account");
        check("sa-admin", &[], role("sa-1", "lkc-1"), needs);
        let one = [key_admin.clone()];
        check("sa-admin", &one, role("sa-1", "lkc-1"), needs);
        let both = [key_admin, owns];
        check("sa-admin", &both, role("sa-1", "lkc-1"), None);
        check("sa-admin", &both, role("sa-12", "lkc-1"), needs);
    }

    #[test]
    fn a_resource_key_admin_makes_no_cloud_keys_and_none_for_itself() {
        let roles = [
            held(RESOURCE_KEY_ADMIN, ""),
            held(RESOURCE_OWNER, "/service-account=sa-1"),
        ];
        for resource in ["cloud", "global", "aws.us-east-1"] {
            let needs = Some("does not allow");
            check("sa-admin", &roles, role("sa-1", resource), needs);
        }
        check(
            "sa-admin",
            &roles,
            role("sa-admin", "lkc-1"),
            Some("itself"),
        );
    }

    #[test]
    fn a_key_of_a_user_and_roles_that_are_hidden_are_told() {
        let problems = judged(&key("u-1"), Err(&"403".to_owned()), &[]);
        assert!(problems[0].contains("service account"), "{problems:?}");
        assert!(problems[1].contains("could not be read"), "{problems:?}");
    }
}
