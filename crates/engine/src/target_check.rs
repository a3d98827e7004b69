//! Whether what roles name is there at Confluent: owners, and clusters in
//! their environments. Operators see the result when they write a role and in
//! `config/check`; whether a key can be made is decided when one is.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use logical::effects::within;

use crate::account::AskError;
use crate::control_plane::{Access, Caller, Presence, Target};
use crate::ids::{EnvironmentId, OwnerId, ResourceId};
use crate::role::Role;
use crate::state::Engine;

/// How long the writer of a role waits to be told.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// How long `config/check` looks things up.
const CHECK_LIMIT: Duration = Duration::from_secs(20);

/// How many owners and resources `config/check` looks up: each is a request,
/// and readers of `creds/` share the pace.
const CHECK_AT_MOST: usize = 100;

/// How many are looked up at once.
const AT_ONCE: usize = 4;

/// Something that a role names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Owner(OwnerId),
    Resource(ResourceId, Option<EnvironmentId>),
}

impl Named {
    fn by(target: &Target) -> [Self; 2] {
        [
            Self::Owner(target.owner.clone()),
            Self::Resource(target.resource.clone(), target.environment.clone()),
        ]
    }

    /// That it is not there.
    fn absent(&self) -> String {
        match self {
            Self::Owner(owner) => format!(
                "Confluent Cloud shows no `{owner}` to the account: check `owner`, since no key can \
                 be made for an owner that does not exist"
            ),
            Self::Resource(resource, Some(environment)) => format!(
                "Confluent Cloud shows no `{resource}` in `{environment}` to the account: check \
                 `resource` and `resource_env`"
            ),
            Self::Resource(resource, None) => {
                format!("Confluent Cloud shows no `{resource}` to the account: check `resource`")
            }
        }
    }
}

impl Engine {
    /// What a target names that is not there. Without an account, and while
    /// Confluent does not answer, that is not known and nothing is said.
    pub(crate) async fn absent_of(&self, target: &Target) -> Vec<String> {
        let looks = async {
            let [owner, resource] = Named::by(target);
            let (owner, resource) =
                futures_util::join!(self.is_absent(&owner), self.is_absent(&resource));
            [owner, resource].into_iter().flatten().collect()
        };
        let told = within(&*self.tasks, WRITE_LIMIT, looks).await;
        told.unwrap_or_default()
    }

    /// What the roles of the mount name that is not there, with the first role
    /// that names it; and what was not looked up, if anything.
    pub(crate) async fn absent_of_all(&self, roles: &[Role]) -> (Vec<String>, Option<String>) {
        let all: BTreeSet<Named> = roles
            .iter()
            .flat_map(|role| Named::by(&role.target))
            .collect();
        let looks: Vec<_> = all
            .iter()
            .take(CHECK_AT_MOST)
            .map(|named| self.absent_by_role(named, roles))
            .collect();
        let looks = async {
            let told: Vec<Option<String>> = stream::iter(looks).buffered(AT_ONCE).collect().await;
            told.into_iter().flatten().collect()
        };
        let told: Option<Vec<String>> = within(&*self.tasks, CHECK_LIMIT, looks).await;
        let note = match &told {
            None => Some("whether owners and resources exist took too long to look up".to_owned()),
            Some(_) if all.len() > CHECK_AT_MOST => Some(format!(
                "of {} owners and resources {CHECK_AT_MOST} were looked up",
                all.len()
            )),
            Some(_) => None,
        };
        (told.unwrap_or_default(), note)
    }

    /// That something is not there, with the first role that names it.
    async fn absent_by_role(&self, named: &Named, roles: &[Role]) -> Option<String> {
        let absent = self.is_absent(named).await?;
        let by = roles
            .iter()
            .find(|role| Named::by(&role.target).contains(named))?;
        Some(format!("role `{}`: {absent}", by.name))
    }

    /// That something is not there, if that is certain.
    async fn is_absent(&self, named: &Named) -> Option<String> {
        let lookup = self.control.lookup()?;
        let account = self.accounts.required().await.ok()?;
        let asked = match named {
            Named::Owner(owner) => {
                let find = |access: Access| async move {
                    let access = access.on_behalf_of(Caller::operator());
                    lookup.find_owner(&access, owner).await
                };
                self.accounts.ask_as(&account.id, find).await
            }
            Named::Resource(resource, environment) => {
                let environment = environment.as_ref();
                let find = |access: Access| async move {
                    let access = access.on_behalf_of(Caller::operator());
                    lookup.find_resource(&access, resource, environment).await
                };
                self.accounts.ask_as(&account.id, find).await
            }
        };
        match asked {
            Ok(Presence::Absent) => Some(named.absent()),
            Ok(Presence::Present | Presence::Unknown)
            | Err(AskError::Account(_) | AskError::Cloud(_)) => None,
        }
    }
}
