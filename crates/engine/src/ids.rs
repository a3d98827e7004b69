//! Identifiers: Confluent's, which are opaque texts with known prefixes, and
//! our own, which are random.

use std::fmt;

use logical::Entropy;
use serde::{Deserialize, Serialize, Serializer};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes a text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
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

text_id!(
    /// Id of an API key, for example `K7Q2M4ZB6RXN3TWD`.
    KeyId
);
text_id!(
    /// Id of a service account (`sa-…`) or user (`u-…`) that owns keys.
    OwnerId
);
text_id!(
    /// Id of what a key gives access to: `lkc-…`, `lsrc-…`, `lksqlc-…`,
    /// `aws.us-east-1`, `tableflow`, `cloud` or `global`.
    ResourceId
);
text_id!(
    /// Id of an environment, `env-…`.
    EnvironmentId
);
text_id!(
    /// Id of an organization, a UUID.
    OrganizationId
);
text_id!(
    /// Name of a role, in lower case.
    RoleName
);
text_id!(
    /// Our id of an account, never given to another one of another
    /// organization. Accounts of earlier versions have their organization's id.
    AccountId
);

/// The account that earlier versions stored before its organization was known.
const UNPROVEN: &str = "unproven";

impl AccountId {
    /// A new random id.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(CredentialId::random(entropy).to_string())
    }

    /// The id of an account that has the place which earlier versions gave it:
    /// by its organization, or one place for the account of an unknown one.
    pub fn by_organization(organization: Option<&OrganizationId>) -> Self {
        Self::new(organization.map_or(UNPROVEN, OrganizationId::as_str))
    }

    /// The organization that earlier versions take the id for.
    pub fn as_organization(&self) -> Option<OrganizationId> {
        (self.0 != UNPROVEN).then(|| OrganizationId::new(self.as_str()))
    }
}

/// What an owner of keys is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKind {
    /// A service account, `sa-…`.
    ServiceAccount,
    /// A user, `u-…`. Keys end with the user.
    User,
}

impl OwnerId {
    /// Parses an id of a service account or user.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self::new(text);
        (is_id(text) && id.kind().is_some()).then_some(id)
    }

    /// What the id is one of; none for an id of another kind.
    pub fn kind(&self) -> Option<OwnerKind> {
        if self.0.starts_with("sa-") {
            Some(OwnerKind::ServiceAccount)
        } else if self.0.starts_with("u-") {
            Some(OwnerKind::User)
        } else {
            None
        }
    }
}

/// What keys give access to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// A Kafka cluster, `lkc-…`.
    Kafka,
    /// A Schema Registry, `lsrc-…`.
    SchemaRegistry,
    /// A ksqlDB cluster, `lksqlc-…`.
    Ksql,
    /// A region of Flink, such as `aws.us-east-1`.
    FlinkRegion,
    /// `tableflow`.
    Tableflow,
    /// Confluent Cloud's own API, `cloud`.
    Cloud,
    /// `global`.
    Global,
}

impl ResourceId {
    /// Parses an id of a resource. The words among them are taken in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let word = Self::new(text.to_ascii_lowercase());
        if let Some(ResourceKind::Tableflow | ResourceKind::Cloud | ResourceKind::Global) =
            word.kind()
        {
            return Some(word);
        }
        let id = Self::new(text);
        (is_id(text) && id.kind().is_some()).then_some(id)
    }

    /// What the id is one of; none for an id of another kind.
    pub fn kind(&self) -> Option<ResourceKind> {
        let prefixes = [
            ("lkc-", ResourceKind::Kafka),
            ("lsrc-", ResourceKind::SchemaRegistry),
            ("lksqlc-", ResourceKind::Ksql),
            ("aws.", ResourceKind::FlinkRegion),
            ("gcp.", ResourceKind::FlinkRegion),
            ("azure.", ResourceKind::FlinkRegion),
        ];
        match self.0.as_str() {
            "tableflow" => Some(ResourceKind::Tableflow),
            "cloud" => Some(ResourceKind::Cloud),
            "global" => Some(ResourceKind::Global),
            id => prefixes
                .into_iter()
                .find(|(prefix, _)| id.starts_with(prefix))
                .map(|(_, kind)| kind),
        }
    }
}

impl From<ResourceKind> for readiness::Kind {
    fn from(kind: ResourceKind) -> Self {
        match kind {
            ResourceKind::Kafka => Self::Kafka,
            ResourceKind::SchemaRegistry => Self::SchemaRegistry,
            ResourceKind::Ksql => Self::Ksqldb,
            ResourceKind::FlinkRegion => Self::Flink,
            ResourceKind::Tableflow => Self::Tableflow,
            ResourceKind::Cloud => Self::Cloud,
            ResourceKind::Global => Self::Global,
        }
    }
}

impl EnvironmentId {
    /// Parses an id of an environment.
    pub fn parse(text: &str) -> Option<Self> {
        (text.starts_with("env-") && is_id(text)).then(|| Self::new(text))
    }
}

/// Confluent's ids are up to 255 characters; these are the ones they are made
/// of.
fn is_id(text: &str) -> bool {
    text.len() <= 255
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// Why a text is no name of a role as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameError {
    /// The role has this name, in lower case.
    UpperCase(RoleName),
    /// No role can have such a name.
    Characters,
}

impl RoleName {
    /// Parses a name: ASCII letters in lower case, digits, `_`, and inside it
    /// `-`, `.` and `@`.
    ///
    /// # Errors
    /// When it has other characters, or letters in upper case.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let at_ends = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let inside = |byte: u8| at_ends(byte) || matches!(byte, b'-' | b'.' | b'@');
        let (Some(first), Some(last)) = (text.bytes().next(), text.bytes().last()) else {
            return Err(NameError::Characters);
        };
        if text.len() > 255 || !at_ends(first) || !at_ends(last) || !text.bytes().all(inside) {
            return Err(NameError::Characters);
        }
        let name = Self::new(text.to_ascii_lowercase());
        if name.as_str() == text {
            Ok(name)
        } else {
            Err(NameError::UpperCase(name))
        }
    }
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Ordered by the number, which is not the order of the texts.
        // The number and not the text, since there are some for each lease.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(u64);

        impl $name {
            /// A new random id: 64 bits, written as 13 characters of base32.
            pub fn random(entropy: &dyn Entropy) -> Self {
                let mut bytes = [0; 8];
                entropy.fill(&mut bytes);
                Self(u64::from_be_bytes(bytes))
            }

            /// An id from a text that one of these was written as.
            pub fn parse(text: &str) -> Option<Self> {
                number(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digits = base32(self.0);
                f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, &'static str> {
                Self::parse(&text).ok_or("no id of 13 characters")
            }
        }
    };
}

random_id!(
    /// Our id of a credential; also the nonce in its key's marker.
    CredentialId
);
random_id!(
    /// Our id of a holder, which is one lease on a credential.
    HolderId
);
random_id!(
    /// Id of a mount's storage; the first half of every marker.
    StorageId
);
random_id!(
    /// Which shared key a role's readers get. A role that is made again or
    /// given another target has a new one.
    Generation
);

impl CredentialId {
    /// The id of a key that another engine made: it derives from the key's, so
    /// that one key never has two records.
    pub fn of_key(key: &KeyId) -> Self {
        Self(digest(key.as_str()))
    }
}

impl HolderId {
    /// The name of an entry of several holders, derived from what identifies
    /// it: a write that is made again writes the same entry.
    pub(crate) fn derived(from: &str) -> Self {
        Self(digest(from))
    }
}

/// A name in storage for a text that need not be fit for one.
pub(crate) fn short_name(text: &str) -> String {
    base32(digest(text))
        .iter()
        .copied()
        .map(char::from)
        .collect()
}

/// FNV-1a, 64 bits.
pub(crate) fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// 64 bits in base32.
const DIGITS: usize = 13;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// 13 digits of five bits, the most significant first.
fn base32(number: u64) -> [u8; DIGITS] {
    let mut digits = [0; DIGITS];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = BASE32[(rest & 31) as usize];
        rest >>= 5;
    }
    digits
}

/// The number that 13 digits tell, if it is one of 64 bits: they have 65.
fn number(text: &str) -> Option<u64> {
    let digits = <&[u8; DIGITS]>::try_from(text.as_bytes()).ok()?;
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        Some(number.checked_mul(32)? | u64::from(value))
    })
}

/// What the display name of every key of ours begins with: the storage's id
/// and the credential's, 26 characters. Two mounts never share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl Marker {
    /// The marker of a credential in a storage.
    pub fn new(storage: &StorageId, credential: &CredentialId) -> Self {
        Self(format!("{storage}{credential}"))
    }

    /// A display name that begins with the marker.
    pub fn display_name(&self, words: &str) -> String {
        format!("{} {words}", self.0)
    }

    /// The storage and the credential that a display name's marker tells, if it
    /// begins with one: any mount's.
    pub fn read(display_name: &str) -> Option<(StorageId, CredentialId)> {
        let (storage, rest) = display_name.split_at_checked(13)?;
        let (credential, rest) = rest.split_at_checked(13)?;
        let ends = rest.is_empty() || rest.starts_with(' ');
        ends.then_some(())?;
        Some((StorageId::parse(storage)?, CredentialId::parse(credential)?))
    }

    /// Whether a display name begins with the marker.
    pub fn marks(&self, display_name: &str) -> bool {
        display_name.starts_with(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn resources_and_owners_are_told_apart_by_their_ids() {
        for (text, kind) in [
            ("lkc-1", Some(ResourceKind::Kafka)),
            ("lsrc-1", Some(ResourceKind::SchemaRegistry)),
            ("lksqlc-1", Some(ResourceKind::Ksql)),
            ("aws.us-east-1", Some(ResourceKind::FlinkRegion)),
            ("Tableflow", Some(ResourceKind::Tableflow)),
            ("CLOUD", Some(ResourceKind::Cloud)),
            ("global", Some(ResourceKind::Global)),
            ("LKC-1", None),
            ("lkc-1/..", None),
            ("cluster", None),
            ("", None),
        ] {
            let parsed = ResourceId::parse(text).and_then(|id| id.kind());
            assert_eq!(parsed, kind, "{text}");
        }
        let kind = |text| OwnerId::parse(text).and_then(|id| id.kind());
        assert_eq!(kind("sa-1"), Some(OwnerKind::ServiceAccount));
        assert_eq!(kind("u-1"), Some(OwnerKind::User));
        assert_eq!(kind("sa-1/../u-2"), None);
        assert_eq!(kind("bob"), None);
    }

    #[test]
    fn a_name_in_another_spelling_is_told_apart_from_one_that_no_role_can_have() {
        let orders = RoleName::new("orders");
        assert_eq!(RoleName::parse("orders"), Ok(orders.clone()));
        assert_eq!(RoleName::parse("Orders"), Err(NameError::UpperCase(orders)));
        for text in ["", "a b", "-a", "a/b", "\u{130}"] {
            assert_eq!(RoleName::parse(text), Err(NameError::Characters), "{text}");
        }
    }

    #[test]
    fn random_ids_use_all_64_bits() {
        assert_eq!(CredentialId::random(&Fixed(0)).to_string(), "AAAAAAAAAAAAA");
        assert_eq!(
            CredentialId::random(&Fixed(255)).to_string(),
            "P777777777777"
        );
    }

    #[test]
    fn an_id_is_stored_as_its_text_and_read_back_only_if_it_is_one() {
        let id = HolderId::random(&Fixed(7));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<HolderId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<HolderId>("\"a/b\"").is_err());
    }

    #[test]
    fn what_is_no_id_is_not_parsed() {
        assert!(HolderId::parse("AAAAAAAAAAAAA").is_some());
        assert!(HolderId::parse("AAAAAAAAAAAA").is_none());
        assert!(HolderId::parse("aaaaaaaaaaaaa").is_none());
        assert!(HolderId::parse("../../config.").is_none());
        assert!(HolderId::parse("AAAAAAAAAAAA8").is_none());
    }

    #[test]
    fn a_text_of_more_than_64_bits_is_no_id() {
        assert!(HolderId::parse("P777777777777").is_some());
        for text in [
            "QAAAAAAAAAAAA",
            "ZAAAAAAAAAAAA",
            "2AAAAAAAAAAAA",
            "7777777777777",
        ] {
            assert_eq!(HolderId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        for text in [
            "AAAAAAAAAAAAA",
            "AAAAAAAAAAAAB",
            "PABCXYZ234567",
            "HOLDER2LEASE7",
        ] {
            assert_eq!(HolderId::parse(text).unwrap().to_string(), text);
        }
        for byte in 0..=255 {
            let id = HolderId::random(&Fixed(byte));
            assert_eq!(HolderId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn an_id_is_the_key_of_a_stored_map() {
        let map = BTreeMap::from([(HolderId::random(&Fixed(7)), 1)]);
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(json, r#"{"AOBYHA4DQOBYH":1}"#);
        assert_eq!(
            serde_json::from_str::<BTreeMap<HolderId, u8>>(&json).unwrap(),
            map
        );
    }

    #[test]
    fn an_id_takes_eight_bytes() {
        assert_eq!(size_of::<HolderId>(), 8);
    }

    #[test]
    fn the_id_of_a_foreign_key_stays_the_same() {
        let id = CredentialId::of_key(&KeyId::new("K7Q2M4ZB6RXN3TWD"));
        assert_eq!(id.to_string(), short_name("K7Q2M4ZB6RXN3TWD"));
    }

    #[test]
    fn a_marker_is_26_characters_and_marks_only_its_own() {
        let storage = StorageId::random(&Fixed(1));
        let marker = Marker::new(&storage, &CredentialId::random(&Fixed(2)));
        let other = Marker::new(&storage, &CredentialId::random(&Fixed(3)));
        let name = marker.display_name("app");
        assert_eq!(name.len(), 26 + 1 + 3);
        assert!(marker.marks(&name));
        assert!(!other.marks(&name));
        assert_eq!(Marker::read(&name).unwrap().0, storage);
    }

    #[test]
    fn a_name_without_a_whole_marker_tells_none() {
        for name in [
            "",
            "orders",
            "AAAAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAB app",
            "aaaaaaaaaaaaaaaaaaaaaaaaaa app",
            "ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ app",
        ] {
            assert_eq!(Marker::read(name), None, "{name}");
        }
    }
}
