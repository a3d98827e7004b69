//! Roles of `auth/token`: what tokens may be created with each.

use ipnet::IpNet;
use logical::Error;
use serde::{Deserialize, Serialize};

use super::entry::TokenKind;
use super::policies;
use crate::policies::DEFAULT;
use crate::storage::Version;

/// A role. Durations in seconds; zero for none.
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of Vault's API that do not exclude each other"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenRole {
    #[serde(default)]
    pub(crate) version: Version<1>,
    pub(crate) name: String,
    pub(crate) allowed_policies: Vec<String>,
    pub(crate) allowed_policies_glob: Vec<String>,
    pub(crate) disallowed_policies: Vec<String>,
    pub(crate) disallowed_policies_glob: Vec<String>,
    pub(crate) allowed_entity_aliases: Vec<String>,
    pub(crate) orphan: bool,
    pub(crate) path_suffix: String,
    pub(crate) renewable: bool,
    pub(crate) bound_cidrs: Vec<IpNet>,
    pub(crate) explicit_max_ttl: u64,
    pub(crate) period: u64,
    pub(crate) num_uses: u32,
    pub(crate) no_default_policy: bool,
    pub(crate) kind: RoleKind,
    /// Whether `period`, `explicit_max_ttl` or `bound_cidrs` was given by its
    /// old name, which reads then show, too.
    pub(crate) old_names: bool,
}

/// The kind of tokens that a role creates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RoleKind {
    /// Service tokens unless the request asks for others.
    #[default]
    DefaultService,
    /// Batch tokens unless the request asks for others.
    DefaultBatch,
    Service,
    Batch,
}

impl RoleKind {
    /// The kind with this name; an empty one is the default.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "" | "default-service" => Self::DefaultService,
            "default-batch" => Self::DefaultBatch,
            "service" => Self::Service,
            "batch" => Self::Batch,
            _ => return None,
        })
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }

    /// The kind of a token, given the one that the request asks for.
    pub(crate) fn choose(self, asked: Option<TokenKind>) -> TokenKind {
        match self {
            Self::DefaultService => asked.unwrap_or(TokenKind::Service),
            Self::DefaultBatch => asked.unwrap_or(TokenKind::Batch),
            Self::Service => TokenKind::Service,
            Self::Batch => TokenKind::Batch,
        }
    }
}

impl TokenRole {
    /// A role that allows what its caller has.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            version: Version,
            name: name.into(),
            allowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            allowed_entity_aliases: Vec::new(),
            orphan: false,
            path_suffix: String::new(),
            renewable: true,
            bound_cidrs: Vec::new(),
            explicit_max_ttl: 0,
            period: 0,
            num_uses: 0,
            no_default_policy: false,
            kind: RoleKind::default(),
            old_names: false,
        }
    }

    /// Whether it says by itself which policies tokens may have. Otherwise the
    /// rules for tokens without a role count.
    pub(crate) fn decides_policies(&self) -> bool {
        let lists = [
            &self.allowed_policies,
            &self.allowed_policies_glob,
            &self.disallowed_policies,
            &self.disallowed_policies_glob,
        ];
        lists.iter().any(|list| !list.is_empty())
    }

    /// Whether tokens have only policies that it lists, by name or by pattern.
    pub(crate) fn allows_only_listed(&self) -> bool {
        !self.allowed_policies.is_empty() || !self.allowed_policies_glob.is_empty()
    }

    /// Whether tokens get `default` unless the request says no.
    pub(crate) fn adds_default(&self) -> bool {
        !self.no_default_policy && !self.disallows(DEFAULT)
    }

    fn disallows(&self, name: &str) -> bool {
        policies::clean(&self.disallowed_policies)
            .iter()
            .any(|disallowed| disallowed == name)
            || self
                .disallowed_policies_glob
                .iter()
                .any(|glob| policies::matches(glob, name))
    }

    /// Checks policies against the lists of the role. `default` is allowed where
    /// it is added.
    ///
    /// # Errors
    /// A bad request with Vault's text.
    pub(crate) fn check_policies(&self, names: &[String], adds_default: bool) -> Result<(), Error> {
        if self.allows_only_listed() {
            let mut allowed = policies::clean(&self.allowed_policies);
            if adds_default {
                allowed = policies::with_default(allowed);
            }
            let globs = &self.allowed_policies_glob;
            let is_allowed = |name: &String| {
                allowed.contains(name) || globs.iter().any(|glob| policies::matches(glob, name))
            };
            if !names.iter().all(is_allowed) {
                return Err(Error::bad_request(format!(
                    "token policies ({}) must be subset of the role's allowed policies ({}) or \
                     glob policies ({})",
                    quoted(names),
                    quoted(&allowed),
                    quoted(globs)
                )));
            }
        }
        match names.iter().find(|name| self.disallows(name)) {
            None => Ok(()),
            Some(name) => Err(Error::bad_request(format!(
                "token policy {name:?} is disallowed by this role"
            ))),
        }
    }
}

/// Names as Go prints a list of quoted texts.
fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("[{}]", names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn only_listed_policies_and_those_of_patterns_are_allowed() {
        let mut role = TokenRole::new("r");
        assert!(!role.decides_policies());
        role.allowed_policies = names(&["a", "b"]);
        assert!(role.check_policies(&names(&["a", "default"]), true).is_ok());
        let error = role
            .check_policies(&names(&["c", "default"]), true)
            .unwrap_err();
        assert_eq!(
            error.message(),
            "token policies ([\"c\" \"default\"]) must be subset of the role's allowed policies \
             ([\"a\" \"b\" \"default\"]) or glob policies ([])"
        );
        role.allowed_policies_glob = names(&["te*"]);
        assert!(role.check_policies(&names(&["test", "a"]), true).is_ok());
    }

    #[test]
    fn a_disallowed_policy_is_refused_by_name() {
        let mut role = TokenRole::new("r");
        role.disallowed_policies = names(&["x"]);
        role.disallowed_policies_glob = names(&["prod-*"]);
        assert!(role.check_policies(&names(&["y"]), true).is_ok());
        for bad in ["x", "prod-a"] {
            let error = role.check_policies(&names(&[bad]), true).unwrap_err();
            assert!(error.message().contains(bad), "{error}");
        }
    }
}
