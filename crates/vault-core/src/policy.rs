//! Policies: the rights of tokens. The default is deny.
//!
//! There are two: `root` allows everything, `default` lets a token manage
//! itself. Other names are accepted in tokens and grant nothing.

use logical::Operation;

/// A capability of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    Create,
    Read,
    Update,
    Patch,
    Delete,
    List,
    Scan,
}

/// The name of the policy that allows everything.
pub(crate) const ROOT: &str = "root";
/// The name of the policy that every ordinary token has.
pub(crate) const DEFAULT: &str = "default";

/// The rules of `default`.
const DEFAULT_RULES: &[(&str, &[Capability])] = &[
    ("auth/token/lookup-self", &[Capability::Read]),
    ("auth/token/renew-self", &[Capability::Update]),
    ("auth/token/revoke-self", &[Capability::Update]),
    ("sys/capabilities-self", &[Capability::Update]),
    ("sys/leases/lookup", &[Capability::Update]),
    ("sys/leases/renew", &[Capability::Update]),
];

/// The rules of all policies of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acl {
    root: bool,
    default: bool,
}

impl Acl {
    /// The combined rules of these policies.
    pub(crate) fn new<'a>(policies: impl IntoIterator<Item = &'a str>) -> Self {
        let mut acl = Self {
            root: false,
            default: false,
        };
        for policy in policies {
            acl.root |= policy == ROOT;
            acl.default |= policy == DEFAULT;
        }
        acl
    }

    /// Whether the operation is allowed on a path.
    pub(crate) fn allows(&self, operation: Operation, path: &str) -> bool {
        if self.root {
            return true;
        }
        let Some(needed) = needed(operation) else {
            // Help is allowed for every token.
            return operation == Operation::Help;
        };
        self.rules(path).contains(&needed)
    }

    /// Whether paths that require sudo are allowed.
    pub(crate) fn allows_sudo(&self) -> bool {
        self.root
    }

    /// The names of the capabilities on a path, as in `sys/capabilities`.
    pub(crate) fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.root {
            return vec![ROOT];
        }
        let shown: Vec<_> = self.rules(path).iter().map(|rule| name(*rule)).collect();
        if shown.is_empty() {
            return vec!["deny"];
        }
        shown
    }

    /// Whether anything at or below a mount is allowed.
    pub(crate) fn reaches(&self, mount: &str) -> bool {
        let below = |(path, _): &(&str, _)| path.starts_with(mount);
        self.root || (self.default && DEFAULT_RULES.iter().any(below))
    }

    fn rules(&self, path: &str) -> &'static [Capability] {
        if !self.default {
            return &[];
        }
        DEFAULT_RULES
            .iter()
            .find(|(rule, _)| *rule == path)
            .map_or(&[], |(_, capabilities)| capabilities)
    }
}

fn needed(operation: Operation) -> Option<Capability> {
    match operation {
        Operation::Create => Some(Capability::Create),
        Operation::Read | Operation::Header => Some(Capability::Read),
        Operation::Update => Some(Capability::Update),
        Operation::Patch => Some(Capability::Patch),
        Operation::Delete => Some(Capability::Delete),
        Operation::List => Some(Capability::List),
        Operation::Scan => Some(Capability::Scan),
        Operation::Help | Operation::Renew | Operation::Revoke | Operation::Rollback => None,
    }
}

fn name(capability: Capability) -> &'static str {
    match capability {
        Capability::Create => "create",
        Capability::Read => "read",
        Capability::Update => "update",
        Capability::Patch => "patch",
        Capability::Delete => "delete",
        Capability::List => "list",
        Capability::Scan => "scan",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_may_do_everything() {
        let acl = Acl::new(["root"]);
        assert!(acl.allows(Operation::Delete, "sys/mounts/a"));
        assert!(acl.allows_sudo() && !Acl::new(["default"]).allows_sudo());
        assert_eq!(acl.capabilities("a"), ["root"]);
    }

    #[test]
    fn default_lets_a_token_look_after_itself_and_nothing_else() {
        let acl = Acl::new(["default", "no-such-policy"]);
        assert!(acl.allows(Operation::Read, "auth/token/lookup-self"));
        assert!(!acl.allows(Operation::Update, "auth/token/lookup-self"));
        assert!(!acl.allows(Operation::Read, "sys/mounts"));
        assert!(!acl.allows(Operation::Read, "confluent/creds/app"));
        assert_eq!(acl.capabilities("sys/mounts"), ["deny"]);
        assert!(acl.reaches("sys/") && !acl.reaches("confluent/"));
    }

    #[test]
    fn a_token_without_known_policies_may_do_nothing() {
        let acl = Acl::new(["unknown"]);
        assert!(!acl.allows(Operation::Read, "auth/token/lookup-self"));
    }

    #[test]
    fn no_client_may_renew_or_revoke_an_engines_lease_directly() {
        for operation in [Operation::Renew, Operation::Revoke, Operation::Rollback] {
            assert!(!Acl::new(["default"]).allows(operation, "confluent/creds/app"));
        }
    }
}
