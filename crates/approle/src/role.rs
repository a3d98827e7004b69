//! A role: what it takes to log in, and what tokens get.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object, TokenSettings, cidr};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) const NAME: &str = "role_name";
pub(crate) const ROLE_ID: &str = "role_id";
const BIND_SECRET_ID: &str = "bind_secret_id";
const SECRET_ID_BOUND_CIDRS: &str = "secret_id_bound_cidrs";
const BOUND_CIDR_LIST: &str = "bound_cidr_list";
const SECRET_ID_NUM_USES: &str = "secret_id_num_uses";
const SECRET_ID_TTL: &str = "secret_id_ttl";
const LOCAL_SECRET_IDS: &str = "local_secret_ids";
const POLICIES: &str = "policies";
const PERIOD: &str = "period";

/// A role, as it is stored. Times in seconds; zero for none. `Debug` does not
/// show its key.
#[expect(clippy::struct_field_names, reason = "`role_id` is Vault's word")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) role_id: String,
    /// The key of the hashes of its secret ids.
    pub(crate) key: RoleKey,
    pub(crate) bind_secret_id: bool,
    pub(crate) secret_id_bound_cidrs: Vec<IpNet>,
    /// How often a new secret id can be used; zero is unlimited.
    pub(crate) secret_id_num_uses: u32,
    pub(crate) secret_id_ttl: u64,
    pub(crate) local_secret_ids: bool,
    pub(crate) token: TokenSettings,
    /// Whether the policies were given by their old name, which reads then show,
    /// too.
    pub(crate) has_old_policies: bool,
    /// The same of the period.
    #[serde(default)]
    pub(crate) has_old_period: bool,
}

/// The key of the hashes of a role's secret ids.
#[derive(Clone, Default)]
pub(crate) struct RoleKey(Zeroizing<Vec<u8>>);

impl RoleKey {
    pub(crate) fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for RoleKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(STANDARD.encode(self.bytes()));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for RoleKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes());
        let bytes = bytes.map_err(|_| D::Error::custom("the key is not base64"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The fields that a write of a role takes.
pub(crate) fn fields() -> Vec<Field> {
    let mut fields = vec![
        name_field(),
        Field::new(
            ROLE_ID,
            FieldKind::Text,
            "Id of the role, unique in the mount; generated if it is not given.",
        ),
        Field::new(
            BIND_SECRET_ID,
            FieldKind::Flag,
            "Whether a login needs a secret id.",
        )
        .default_value(true),
        Field::new(
            SECRET_ID_BOUND_CIDRS,
            FieldKind::CommaList,
            "Addresses and networks from which a login is allowed.",
        ),
        Field::new(
            BOUND_CIDR_LIST,
            FieldKind::CommaList,
            "Use `secret_id_bound_cidrs`.",
        )
        .deprecated(),
        Field::new(
            SECRET_ID_NUM_USES,
            FieldKind::Integer,
            "How often a secret id can be used; 0 is unlimited.",
        ),
        Field::new(
            SECRET_ID_TTL,
            FieldKind::DurationSeconds,
            "After which time a secret id expires; 0 is never.",
        ),
        Field::new(
            LOCAL_SECRET_IDS,
            FieldKind::Flag,
            "Whether secret ids belong to this cluster alone. Only when the role is made.",
        ),
        Field::new(POLICIES, FieldKind::CommaList, "Use `token_policies`.").deprecated(),
        Field::new(PERIOD, FieldKind::DurationSeconds, "Use `token_period`.").deprecated(),
    ];
    fields.extend(TokenSettings::fields());
    fields
}

/// The field that names a role. Names are in lower case.
pub(crate) fn name_field() -> Field {
    Field::new(NAME, FieldKind::LowerCase, "Name of the role.")
}

impl Role {
    /// A new role of this name.
    pub(crate) fn new(name: String, role_id: String, key: RoleKey) -> Self {
        Self {
            name,
            role_id,
            key,
            bind_secret_id: true,
            secret_id_bound_cidrs: Vec::new(),
            secret_id_num_uses: 0,
            secret_id_ttl: 0,
            local_secret_ids: false,
            token: TokenSettings::default(),
            has_old_policies: false,
            has_old_period: false,
        }
    }

    /// Changes what the request gives, apart from the id.
    ///
    /// # Errors
    /// A bad request that names the field or the contradiction.
    pub(crate) fn change(&mut self, fields: &Fields, is_new: bool) -> Result<(), Error> {
        if let Some(flag) = fields.flag(LOCAL_SECRET_IDS) {
            if !is_new && flag != self.local_secret_ids {
                return Err(Error::bad_request(
                    "local_secret_ids can only be modified during role creation",
                ));
            }
            self.local_secret_ids = flag;
        }
        if let Some(flag) = fields.flag(BIND_SECRET_ID) {
            self.bind_secret_id = flag;
        }
        for name in [BOUND_CIDR_LIST, SECRET_ID_BOUND_CIDRS] {
            if let Some(texts) = fields.list(name) {
                self.secret_id_bound_cidrs = cidr::parse(name, texts)?;
            }
        }
        if let Some(number) = fields.integer(SECRET_ID_NUM_USES) {
            self.secret_id_num_uses = u32::try_from(number).map_err(|_| {
                Error::bad_request(format!("{SECRET_ID_NUM_USES} cannot be negative"))
            })?;
        }
        if let Some(ttl) = fields.duration(SECRET_ID_TTL) {
            self.secret_id_ttl = ttl.as_secs();
        }
        if let Some(policies) = fields.list(POLICIES) {
            self.token.set_policies(policies);
            self.has_old_policies = true;
        } else if fields.given("token_policies") {
            self.has_old_policies = false;
        }
        if let Some(period) = fields.duration(PERIOD) {
            self.token.period = period.as_secs();
            self.has_old_period = true;
        } else if fields.given("token_period") {
            self.has_old_period = false;
        }
        self.token.change(fields)?;
        let is_bound = !self.secret_id_bound_cidrs.is_empty() || !self.token.bound_cidrs.is_empty();
        if !self.bind_secret_id && !is_bound {
            return Err(Error::bad_request(
                "at least one constraint should be enabled on the role",
            ));
        }
        Ok(())
    }

    /// The role as answers show it, without its id.
    pub(crate) fn shown(&self) -> Object {
        let cidrs = match &self.secret_id_bound_cidrs {
            none if none.is_empty() => Value::Null,
            cidrs => json!(cidr::shown(cidrs)),
        };
        let members = [
            (BIND_SECRET_ID, Value::from(self.bind_secret_id)),
            (LOCAL_SECRET_IDS, self.local_secret_ids.into()),
            (SECRET_ID_BOUND_CIDRS, cidrs),
            (SECRET_ID_NUM_USES, self.secret_id_num_uses.into()),
            (SECRET_ID_TTL, self.secret_id_ttl.into()),
        ];
        let mut shown: Object = members
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect();
        self.token.insert_into(&mut shown);
        if self.has_old_policies && !self.token.policies.is_empty() {
            shown.insert(POLICIES.into(), json!(self.token.policies));
        }
        if self.has_old_period && self.token.period > 0 {
            shown.insert(PERIOD.into(), self.token.period.into());
        }
        shown
    }
}
