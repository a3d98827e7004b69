//! Identifiers of Confluent Cloud: opaque strings of up to 255 characters, whose
//! prefixes say what kind of object they name.
//!
//! The service documents no alphabet, so that only characters which would change
//! the meaning of a URL are rejected.

use std::fmt;

/// A string that cannot be an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    what: &'static str,
    text: String,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not an {}: copy it as Confluent Cloud shows it",
            self.text, self.what
        )
    }
}

impl std::error::Error for InvalidId {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Accepts a string that is safe in a URL.
            ///
            /// # Errors
            /// When it is empty, longer than 255 characters, or contains a space,
            /// a slash or another character with a meaning in URLs.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if fits(&text) && $fits(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId { what: $what, text: text.chars().take(64).collect() })
                }
            }

            /// The identifier as a string.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// Id of an API key: 16 characters of base32, sometimes more.
    ApiKeyId,
    "id of an API key",
    any
);
id!(
    /// Id of what a key gives access to, such as `lkc-…`.
    ResourceId,
    "id of a resource",
    any
);
id!(
    /// Id of an environment, `env-…`.
    EnvironmentId,
    "id of an environment",
    any
);
id!(
    /// Id of an organization, a UUID.
    OrganizationId,
    "id of an organization",
    any
);
id!(
    /// Id of a key's owner: a service account (`sa-…`) or user (`u-…`). Nothing
    /// else can own a key.
    OwnerId,
    "id of a service account (`sa-…`) or user (`u-…`)",
    is_owner
);

id!(
    /// Id of a service account, `sa-…`.
    ServiceAccountId,
    "id of a service account (`sa-…`)",
    is_service_account
);
id!(
    /// Id of a role binding, `rb-…`.
    RoleBindingId,
    "id of a role binding",
    any
);

impl From<ServiceAccountId> for OwnerId {
    fn from(id: ServiceAccountId) -> Self {
        Self(id.0)
    }
}

/// The kinds of owners that can have keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKind {
    /// `sa-…`.
    ServiceAccount,
    /// `u-…`.
    User,
}

impl OwnerId {
    /// The kind of owner, by the id's prefix.
    pub fn kind(&self) -> OwnerKind {
        if self.0.starts_with("u-") {
            OwnerKind::User
        } else {
            OwnerKind::ServiceAccount
        }
    }
}

fn fits(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !br#"/\?#%"'`<>"#.contains(&byte);
    let dots_only = text.bytes().all(|byte| byte == b'.');
    (1..=255).contains(&text.len()) && text.bytes().all(plain) && !dots_only
}

fn any(_: &str) -> bool {
    true
}

fn is_owner(text: &str) -> bool {
    is_service_account(text) || begins_with(text, "u-")
}

fn is_service_account(text: &str) -> bool {
    begins_with(text, "sa-")
}

fn begins_with(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_place_in_an_address() {
        for text in [
            "", ".", "..", "a/b", "a\\b", "a?b", "a%2fb", "a b", "a\nb", "ä",
        ] {
            assert!(ApiKeyId::new(text).is_err(), "{text:?}");
        }
        assert!(ResourceId::new("new:kind=of(id)").is_ok());
        assert!(ApiKeyId::new("A".repeat(255)).is_ok());
        assert!(ApiKeyId::new("A".repeat(256)).is_err());
    }

    #[test]
    fn the_prefix_of_an_owner_tells_its_kind() {
        assert_eq!(OwnerId::new("u-1").unwrap().kind(), OwnerKind::User);
        assert_eq!(
            OwnerId::new("sa-1").unwrap().kind(),
            OwnerKind::ServiceAccount
        );
    }

    #[test]
    fn a_service_account_is_an_owner_and_a_user_is_no_service_account() {
        let id = ServiceAccountId::new("sa-1").unwrap();
        assert_eq!(OwnerId::from(id), OwnerId::new("sa-1").unwrap());
        for text in ["u-1", "sa-", "pool-1"] {
            assert!(ServiceAccountId::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_service_accounts_and_users_own_keys() {
        for text in ["pool-1", "group-1", "sa-", "u-", "SA-1", "12345"] {
            let error = OwnerId::new(text).unwrap_err().to_string();
            assert!(error.contains("`sa-…`"), "{error}");
        }
    }
}
