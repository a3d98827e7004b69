//! The settings of tokens that every auth method has on its roles
//! (`sdk/helper/tokenutil` in Vault): fields, parsing, and how they are shown.

use core::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cidr;
use crate::framework::{Field, FieldKind, Fields};
use crate::{Auth, Error, LeaseOptions, Object, TokenType};

const TTL: &str = "token_ttl";
const MAX_TTL: &str = "token_max_ttl";
const EXPLICIT_MAX_TTL: &str = "token_explicit_max_ttl";
const PERIOD: &str = "token_period";
const POLICIES: &str = "token_policies";
const NO_DEFAULT_POLICY: &str = "token_no_default_policy";
const NUM_USES: &str = "token_num_uses";
const TYPE: &str = "token_type";
const BOUND_CIDRS: &str = "token_bound_cidrs";
const STRICTLY_BIND_IP: &str = "token_strictly_bind_ip";

/// What tokens of a role are. Times in seconds; zero for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenSettings {
    /// TTL of a login.
    pub ttl: u64,
    /// Maximum TTL, read again at each renewal.
    pub max_ttl: u64,
    /// Maximum TTL that is fixed at the login.
    pub explicit_max_ttl: u64,
    /// TTL of each renewal, without a maximum.
    pub period: u64,
    /// Names of policies, as they were given. Tokens have them in lower case.
    pub policies: Vec<String>,
    /// Whether `default` is left out.
    pub no_default_policy: bool,
    /// How often a token can be used; zero is unlimited.
    pub num_uses: u32,
    /// Type of the tokens.
    pub token_type: RoleTokenType,
    /// Addresses from which tokens can be used.
    pub bound_cidrs: Vec<IpNet>,
    /// Whether tokens can be used from the address of their login only.
    pub strictly_bind_ip: bool,
}

/// The type of a role's tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleTokenType {
    /// As the mount is tuned.
    #[default]
    Default,
    /// Stored tokens.
    Service,
    /// Self-contained tokens.
    Batch,
    /// Stored tokens, unless a request asks for others.
    DefaultService,
    /// Self-contained tokens, unless a request asks for others.
    DefaultBatch,
}

impl RoleTokenType {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Default, "default"),
        (Self::Service, "service"),
        (Self::Batch, "batch"),
        (Self::DefaultService, "default-service"),
        (Self::DefaultBatch, "default-batch"),
    ];

    fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(known, _)| *known == self);
        found.map_or("default", |(_, word)| word)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let text = if text.is_empty() { "default" } else { text };
        let found = Self::ALL.iter().find(|(_, word)| *word == text);
        found
            .map(|(kind, _)| *kind)
            .ok_or_else(|| Error::bad_request(format!("invalid '{TYPE}' value {text:?}")))
    }

    fn is_batch(self) -> bool {
        matches!(self, Self::Batch | Self::DefaultBatch)
    }
}

impl TokenSettings {
    /// The fields of a path that sets all of them.
    pub fn fields() -> Vec<Field> {
        vec![
            Field::new(TTL, FieldKind::DurationSeconds, "TTL of tokens."),
            Field::new(
                MAX_TTL,
                FieldKind::DurationSeconds,
                "Maximum TTL of tokens.",
            ),
            Field::new(
                EXPLICIT_MAX_TTL,
                FieldKind::DurationSeconds,
                "Maximum TTL that is fixed at the login, whatever is changed later.",
            ),
            Field::new(
                PERIOD,
                FieldKind::DurationSeconds,
                "TTL of each renewal of a token, without a maximum.",
            ),
            Field::new(POLICIES, FieldKind::CommaList, "Policies of tokens."),
            Field::new(
                NO_DEFAULT_POLICY,
                FieldKind::Flag,
                "Whether tokens do not get the policy `default`.",
            ),
            Field::new(
                NUM_USES,
                FieldKind::Integer,
                "How often a token can be used; 0 is unlimited.",
            ),
            Field::new(
                TYPE,
                FieldKind::Text,
                "Type of tokens: `service`, `batch`, or `default` for that of the mount.",
            )
            .default_value("default-service"),
            Field::new(
                BOUND_CIDRS,
                FieldKind::CommaList,
                "Addresses and networks from which tokens can be used.",
            ),
            Field::new(
                STRICTLY_BIND_IP,
                FieldKind::Flag,
                "Whether a token can be used from the address of its login only.",
            ),
        ]
    }

    /// Changes what the request gives.
    ///
    /// # Errors
    /// A bad request that names the field, or the contradiction.
    pub fn change(&mut self, fields: &Fields) -> Result<(), Error> {
        for (name, seconds) in [
            (TTL, &mut self.ttl),
            (MAX_TTL, &mut self.max_ttl),
            (EXPLICIT_MAX_TTL, &mut self.explicit_max_ttl),
            (PERIOD, &mut self.period),
        ] {
            if let Some(duration) = fields.duration(name) {
                *seconds = duration.as_secs();
            }
        }
        if let Some(policies) = fields.list(POLICIES) {
            let names = policies.iter().map(|policy| policy.trim().to_owned());
            self.policies = names.filter(|policy| !policy.is_empty()).collect();
        }
        if let Some(flag) = fields.flag(NO_DEFAULT_POLICY) {
            self.no_default_policy = flag;
        }
        if let Some(flag) = fields.flag(STRICTLY_BIND_IP) {
            self.strictly_bind_ip = flag;
        }
        if let Some(number) = fields.integer(NUM_USES) {
            self.num_uses = u32::try_from(number).map_err(|_| {
                Error::bad_request(format!("'{NUM_USES}' cannot be negative: it is {number}"))
            })?;
        }
        if let Some(text) = fields.text_given(TYPE) {
            self.token_type = RoleTokenType::parse(text)?;
        }
        if let Some(texts) = fields.list(BOUND_CIDRS) {
            self.bound_cidrs = cidr::parse(BOUND_CIDRS, texts)?;
        }
        self.check()
    }

    /// Sets the policies, in lower case and sorted, as a method does with those that
    /// are given by an older name.
    pub fn set_policies(&mut self, policies: &[String]) {
        let mut policies: Vec<String> = policies
            .iter()
            .map(|policy| policy.trim().to_lowercase())
            .filter(|policy| !policy.is_empty())
            .collect();
        policies.sort_unstable();
        policies.dedup();
        self.policies = policies;
    }

    fn check(&self) -> Result<(), Error> {
        if self.max_ttl > 0 && self.ttl > self.max_ttl {
            return Err(Error::bad_request(format!(
                "'{TTL}' cannot be greater than '{MAX_TTL}'"
            )));
        }
        if self.token_type.is_batch() {
            let batch = "'token_type' cannot be 'batch' or 'default_batch' when set to generate";
            if self.period > 0 {
                return Err(Error::bad_request(format!("{batch} periodic tokens")));
            }
            if self.num_uses > 0 {
                return Err(Error::bad_request(format!(
                    "{batch} tokens with limited use count"
                )));
            }
            if self.explicit_max_ttl > 0 {
                return Err(Error::bad_request(format!(
                    "{batch} tokens with an explicit max TTL"
                )));
            }
        }
        Ok(())
    }

    /// Warnings about times that are longer than the mount allows.
    pub fn warnings(&self, mount_max_ttl: Duration) -> Option<String> {
        (Duration::from_secs(self.max_ttl) > mount_max_ttl).then(|| {
            format!(
                "{MAX_TTL} is greater than the backend mount's maximum TTL value; issued tokens' \
                 max TTL value will be truncated"
            )
        })
    }

    /// Adds the settings to the answer of a read.
    pub fn insert_into(&self, shown: &mut Object) {
        let members = [
            (BOUND_CIDRS, json!(cidr::shown_short(&self.bound_cidrs))),
            (EXPLICIT_MAX_TTL, self.explicit_max_ttl.into()),
            (MAX_TTL, self.max_ttl.into()),
            (NO_DEFAULT_POLICY, self.no_default_policy.into()),
            (NUM_USES, self.num_uses.into()),
            (PERIOD, self.period.into()),
            (POLICIES, json!(self.policies)),
            (STRICTLY_BIND_IP, self.strictly_bind_ip.into()),
            (TTL, self.ttl.into()),
            (TYPE, self.token_type.word().into()),
        ];
        shown.extend(members.map(|(name, value): (_, Value)| (name.to_owned(), value)));
    }

    /// Fills in what a login proposes to its host. `address` is where it comes
    /// from.
    pub fn apply_to(&self, auth: &mut Auth, address: Option<IpAddr>) {
        let seconds = Duration::from_secs;
        auth.lease = self.lease();
        auth.policies.clone_from(&self.policies);
        auth.no_default_policy = self.no_default_policy;
        auth.num_uses = self.num_uses;
        auth.period = seconds(self.period);
        auth.explicit_max_ttl = seconds(self.explicit_max_ttl);
        auth.bound_cidrs = cidr::shown_short(&self.bound_cidrs);
        if let Some(address) = address.filter(|_| self.strictly_bind_ip) {
            auth.bound_cidrs = vec![address.to_canonical().to_string()];
        }
        auth.token_type = match self.token_type {
            RoleTokenType::Default => TokenType::Default,
            RoleTokenType::Service | RoleTokenType::DefaultService => TokenType::Service,
            RoleTokenType::Batch | RoleTokenType::DefaultBatch => TokenType::Batch,
        };
    }

    /// The lease that a login or its renewal proposes.
    pub fn lease(&self) -> LeaseOptions {
        LeaseOptions::renewable(
            Duration::from_secs(self.ttl),
            Duration::from_secs(self.max_ttl),
        )
    }
}
