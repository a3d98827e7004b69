//! Translates between the engine's types and the client's.

use confluent_cloud::ids::{ApiKeyId, EnvironmentId, OwnerId};
use confluent_cloud::secret::SecretFormat;
use confluent_cloud::{
    ApiKey, ApiSecret, Class, Client, ClientConfig, CreatedApiKey, Credentials, Endpoint,
    ErrorKind, KeyResource, Listing, NewApiKey, PaceStatus, RemovalBy, RoleBinding,
};
use engine::SecretText;
use engine::control_plane::{
    self, Access, CloudError, CreatedKey, Failure, HeldRole, KnownKey, NewKey, Pace, Presence,
    Target, Waiting,
};
use engine::ids::{KeyId, OrganizationId};

/// Checks an account without asking Confluent, and gives warnings.
pub(crate) fn check(access: &Access) -> Result<Vec<String>, String> {
    let format = check_secret(&access.secret)
        .map_err(|error| format!("`ccloud_api_key_secret`: {error}"))?;
    config(access).and_then(|config| Client::new(config).map_err(|error| error.to_string()))?;
    Ok(match format {
        SecretFormat::OddLength => vec![
            "`ccloud_api_key_secret` has an unusual length for a secret of Confluent Cloud: check \
             that it was copied whole"
                .to_owned(),
        ],
        SecretFormat::Checked | SecretFormat::Legacy => Vec::new(),
    })
}

/// Checks the checksum of a secret, where it has one.
pub(crate) fn check_secret(secret: &SecretText) -> Result<SecretFormat, String> {
    let verified = ApiSecret::new(secret.expose()).verify();
    verified.map_err(|error| error.to_string())
}

/// A client of an account.
pub(crate) fn client(access: &Access) -> Result<Client, CloudError> {
    config(access)
        .and_then(|config| Client::new(config).map_err(|error| error.to_string()))
        .map_err(rejected)
}

fn config(access: &Access) -> Result<ClientConfig, String> {
    let key_id = ApiKeyId::new(access.key_id.as_str())
        .map_err(|error| format!("`ccloud_api_key_id`: {error}"))?;
    Ok(ClientConfig {
        endpoint: Endpoint::parse(&access.url).map_err(|error| error.to_string())?,
        credentials: Credentials::Basic {
            key_id,
            secret: ApiSecret::new(access.secret.expose()),
        },
        ca_cert: Some(access.ca_cert.clone()).filter(|pem| !pem.is_empty()),
    })
}

/// A key to be created.
pub(crate) fn new_key(key: &NewKey) -> Result<NewApiKey, CloudError> {
    Ok(NewApiKey {
        display_name: key.display_name.clone(),
        description: key.description.clone(),
        owner: owner(&key.target)?,
        resource: resource(&key.target)?,
    })
}

pub(crate) fn owner(target: &Target) -> Result<OwnerId, CloudError> {
    OwnerId::new(target.owner.as_str()).map_err(|error| rejected(format!("`owner`: {error}")))
}

pub(crate) fn resource(target: &Target) -> Result<KeyResource, CloudError> {
    let environment = target
        .environment
        .as_ref()
        .map(|id| EnvironmentId::new(id.as_str()))
        .transpose()
        .map_err(|error| rejected(format!("`resource_env`: {error}")))?;
    KeyResource::from_id(target.resource.as_str(), environment)
        .map_err(|error| rejected(format!("`resource`: {error}")))
}

pub(crate) fn key_id(id: &KeyId) -> Result<ApiKeyId, CloudError> {
    ApiKeyId::new(id.as_str()).map_err(|error| rejected(error.to_string()))
}

/// A key as the engine sees it.
pub(crate) fn known(key: ApiKey) -> KnownKey {
    KnownKey {
        id: KeyId::new(key.id.as_str()),
        display_name: key.display_name,
        created_at: key.created_at,
        organization: key.organization.map(|id| OrganizationId::new(id.as_str())),
        owner: key.owner.map(|id| engine::ids::OwnerId::new(id.as_str())),
    }
}

/// The role that may do everything.
const ORGANIZATION_ADMIN: &str = "OrganizationAdmin";

/// All roles of an owner. A list that is not complete does not show what is
/// missing, unless it shows that nothing can be.
pub(crate) fn held_roles(
    owner: &engine::ids::OwnerId,
    bindings: Listing<RoleBinding>,
) -> Result<Vec<HeldRole>, CloudError> {
    let mut items = bindings.items.iter();
    if !bindings.complete && !items.any(|binding| binding.role_name == ORGANIZATION_ADMIN) {
        return Err(rejected(format!(
            "`{owner}` has more role bindings than Confluent Cloud lists: give the account an owner \
             with fewer, or with {ORGANIZATION_ADMIN}"
        )));
    }
    let held = bindings.items.into_iter().map(|binding| HeldRole {
        name: binding.role_name,
        pattern: binding.crn_pattern,
    });
    Ok(held.collect())
}

pub(crate) fn created(created: CreatedApiKey) -> CreatedKey {
    CreatedKey {
        secret: SecretText::new(created.secret.expose()),
        key: known(created.key),
    }
}

/// The client's error as the engine's, whose text names request, status and
/// remedy.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that `map_err` calls"
)]
pub(crate) fn error(error: confluent_cloud::Error) -> CloudError {
    CloudError {
        failure: failure(&error.kind),
        outcome_unknown: error.outcome_unknown(),
        message: error.to_string(),
    }
}

/// Whether an object is there, by the answer to reading it. Confluent answers
/// 404 for some kinds of object that are not, and 403 for others.
pub(crate) fn presence<T>(read: Result<T, confluent_cloud::Error>) -> Result<Presence, CloudError> {
    match read.map_err(error) {
        Ok(_) => Ok(Presence::Present),
        Err(refusal) if matches!(refusal.failure, Failure::NotFound | Failure::Forbidden) => {
            Ok(Presence::Absent)
        }
        Err(failed) => Err(failed),
    }
}

fn failure(kind: &ErrorKind) -> Failure {
    match kind {
        ErrorKind::Unauthorized => Failure::Unauthorized,
        ErrorKind::Forbidden => Failure::Forbidden,
        ErrorKind::NotFound => Failure::NotFound,
        ErrorKind::QuotaExceeded => Failure::QuotaReached,
        ErrorKind::RateLimited { .. } => Failure::RateLimited,
        ErrorKind::HeldBack { wait } => Failure::HeldBack { wait: *wait },
        ErrorKind::Conflict | ErrorKind::Rejected => Failure::Rejected,
        ErrorKind::Upstream
        | ErrorKind::NotConfluent
        | ErrorKind::Unreachable
        | ErrorKind::Untrusted
        | ErrorKind::NotTls
        | ErrorKind::TimedOut
        | ErrorKind::Malformed => Failure::Unavailable,
    }
}

/// A refusal by this program, before anything was sent.
fn rejected(message: String) -> CloudError {
    CloudError {
        failure: Failure::Rejected,
        message,
        outcome_unknown: false,
    }
}

/// The class of a request.
pub(crate) fn class(class: control_plane::Class) -> Class {
    match class {
        control_plane::Class::Operator => Class::Operator,
        control_plane::Class::Reader => Class::Reader,
        control_plane::Class::Rotation => Class::Rotation,
        control_plane::Class::Removal(by) => Class::Removal(match by {
            control_plane::RemovalBy::Operator => RemovalBy::Operator,
            control_plane::RemovalBy::Host => RemovalBy::Host,
            control_plane::RemovalBy::Sweep => RemovalBy::Sweep,
        }),
        control_plane::Class::Proof => Class::Proof,
        control_plane::Class::Spare => Class::Spare,
        control_plane::Class::Look => Class::Look,
    }
}

/// The pace of an organization.
pub(crate) fn pace(status: PaceStatus) -> Pace {
    let waiting = status.waiting;
    Pace {
        requests_per_second: status.requests_per_second,
        waiting: Waiting {
            operator: waiting.operator,
            readers: waiting.readers,
            rotations: waiting.rotations,
            removals: waiting.removals,
            background: waiting.background,
        },
        oldest: status.oldest,
    }
}

#[cfg(test)]
mod tests {
    use confluent_cloud::ids::RoleBindingId;
    use engine::ids;

    use super::*;

    fn access(url: &str, secret: &str) -> Access {
        Access {
            url: url.into(),
            key_id: KeyId::new("ADMINKEY23456777"),
            secret: SecretText::new(secret),
            ca_cert: String::new(),
            caller: control_plane::Caller::default(),
        }
    }

    #[test]
    fn a_secret_with_a_wrong_checksum_is_refused_and_not_repeated() {
        let wrong = format!("cflt{}", "canary".repeat(10));
        let error = check(&access("https://api.example", &wrong)).unwrap_err();
        assert!(error.contains("`ccloud_api_key_secret`"), "{error}");
        assert!(!error.contains("canary"), "{error}");
        let error = check_secret(&SecretText::new(wrong)).unwrap_err();
        assert!(error.starts_with("the secret's checksum"), "{error}");
    }

    #[test]
    fn a_secret_of_an_odd_length_is_a_warning() {
        let warnings = check(&access("https://api.example", "short")).unwrap();
        assert_eq!(warnings.len(), 1);
        let usual = "x".repeat(64);
        assert!(
            check(&access("https://api.example", &usual))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn an_address_without_encryption_is_refused_but_on_loopback() {
        let usual = "x".repeat(64);
        assert!(check(&access("http://api.example", &usual)).is_err());
        assert!(check(&access("http://127.0.0.1:1", &usual)).is_ok());
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        let mut access = access("https://api.example", &"x".repeat(64));
        access.ca_cert = "no certificate".into();
        assert!(check(&access).is_err());
    }

    #[test]
    fn a_list_of_roles_that_is_not_complete_does_not_say_which_are_missing() {
        let owner = ids::OwnerId::new("sa-1");
        let bindings = |role: &str, complete| Listing {
            items: vec![RoleBinding {
                id: RoleBindingId::new("rb-1").unwrap(),
                principal: "User:sa-1".into(),
                role_name: role.into(),
                crn_pattern: "crn://x".into(),
                created_at: None,
            }],
            complete,
        };
        assert!(held_roles(&owner, bindings("ResourceOwner", true)).is_ok());
        assert!(held_roles(&owner, bindings("OrganizationAdmin", false)).is_ok());
        let unknown = held_roles(&owner, bindings("ResourceOwner", false)).unwrap_err();
        assert!(unknown.message.contains("`sa-1`"), "{}", unknown.message);
    }

    #[test]
    fn what_no_request_can_name_is_refused_before_one_is_sent() {
        let target = Target {
            owner: ids::OwnerId::new("nobody"),
            resource: ids::ResourceId::new("lkc-1"),
            environment: None,
        };
        let refused = owner(&target).unwrap_err();
        assert_eq!(refused.failure, Failure::Rejected);
        assert!(
            refused.message.starts_with("`owner`"),
            "{}",
            refused.message
        );
    }
}
