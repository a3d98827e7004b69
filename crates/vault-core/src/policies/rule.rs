//! A parsed policy.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use logical::Operation;
use logical::lease::smaller_limit;
use serde_json::Value;

use super::template::Template;

/// What a policy says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Policy {
    pub(crate) rules: Vec<Rule>,
}

/// What a policy says about some paths.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) permissions: Permissions,
    /// From when the rule counts no more.
    pub(super) expiration: Option<Timestamp>,
}

/// The paths of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Pattern {
    /// One path.
    Exact(String),
    /// Every path that begins with this.
    Prefix(String),
    /// Segments, of which `+` stands for any one; the last may be the beginning
    /// of the rest.
    Segments(Segments),
    /// It stands for other paths for each entity, and for none without one.
    Template(Template),
}

/// A pattern with `+` segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Segments {
    /// As it is written.
    pub(super) text: String,
    /// Whether `*` ends it.
    pub(super) is_prefix: bool,
}

/// What may be done, and with which parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Permissions {
    pub(super) capabilities: Capabilities,
    /// By lower-case name; an empty list allows any value.
    pub(super) allowed_parameters: BTreeMap<String, Vec<Value>>,
    /// By lower-case name; an empty list denies any value.
    pub(super) denied_parameters: BTreeMap<String, Vec<Value>>,
    /// Lower-case names.
    pub(super) required_parameters: Vec<String>,
    /// Zero for none.
    pub(super) min_wrapping_ttl: Duration,
    /// Zero for none.
    pub(super) max_wrapping_ttl: Duration,
    /// Which policies say so, and what each of them allows.
    pub(super) granted_by: Vec<(String, Capabilities)>,
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Capabilities(u16);

/// One capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capability {
    Sudo,
    Read,
    List,
    Update,
    Delete,
    Create,
    Patch,
    Scan,
    Deny,
}

impl Capability {
    /// All of them, in the order in which answers list them.
    const ALL: [(Self, &'static str); 9] = [
        (Self::Sudo, "sudo"),
        (Self::Read, "read"),
        (Self::List, "list"),
        (Self::Update, "update"),
        (Self::Delete, "delete"),
        (Self::Create, "create"),
        (Self::Patch, "patch"),
        (Self::Scan, "scan"),
        (Self::Deny, "deny"),
    ];

    /// The capability with this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(capability, _)| *capability)
    }

    /// What an operation needs; `None` for one that no policy allows.
    pub(super) fn needed(operation: Operation) -> Option<Self> {
        Some(match operation {
            Operation::Create => Self::Create,
            Operation::Read | Operation::Header => Self::Read,
            Operation::Update => Self::Update,
            Operation::Patch => Self::Patch,
            Operation::Delete => Self::Delete,
            Operation::List => Self::List,
            Operation::Scan => Self::Scan,
            Operation::Help | Operation::Renew | Operation::Revoke | Operation::Rollback => {
                return None;
            }
        })
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

impl Capabilities {
    pub(super) fn with(self, capability: Capability) -> Self {
        Self(self.0 | capability.bit())
    }

    pub(super) fn has(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    pub(super) fn is_denied(self) -> bool {
        self.has(Capability::Deny)
    }

    /// Whether anything is allowed.
    pub(super) fn allows_something(self) -> bool {
        !self.is_denied() && self.0 != 0
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names in the order of answers; `deny` alone when nothing is allowed.
    pub(super) fn names(self) -> Vec<&'static str> {
        if !self.allows_something() {
            return vec!["deny"];
        }
        let known = Capability::ALL.iter();
        let had = known.filter(|(capability, _)| self.has(*capability));
        had.map(|(_, name)| *name).collect()
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::default(), Self::with)
    }
}

impl Pattern {
    /// The pattern of a path without templates and without a leading slash.
    pub(super) fn new(text: &str) -> Self {
        let has_segments = text == "+" || text.starts_with("+/") || text.contains("/+");
        match (has_segments, text.strip_suffix('*')) {
            (true, prefix) => Self::Segments(Segments {
                text: text.to_owned(),
                is_prefix: prefix.is_some(),
            }),
            (false, Some(prefix)) => Self::Prefix(prefix.to_owned()),
            (false, None) => Self::Exact(text.to_owned()),
        }
    }
}

impl Segments {
    /// Whether a path is one of the pattern's.
    pub(super) fn matches(&self, path: &str) -> bool {
        let pattern = self.text.strip_suffix('*').unwrap_or(&self.text);
        let mut parts = path.split('/');
        let mut wanted = pattern.split('/').peekable();
        while let Some(segment) = wanted.next() {
            let Some(part) = parts.next() else {
                return false;
            };
            let is_last = wanted.peek().is_none();
            if is_last && self.is_prefix {
                return part.starts_with(segment);
            }
            if segment != "+" && segment != part {
                return false;
            }
        }
        parts.next().is_none()
    }

    /// Whether some path at or below a folder is one of the pattern's.
    pub(super) fn reaches(&self, folder: &str) -> bool {
        let pattern = self.text.strip_suffix('*').unwrap_or(&self.text);
        let wanted: Vec<&str> = pattern.split('/').collect();
        for (at, part) in folder.trim_end_matches('/').split('/').enumerate() {
            let Some(segment) = wanted.get(at) else {
                return false;
            };
            if at + 1 == wanted.len() && self.is_prefix {
                return part.starts_with(segment) || segment.starts_with(part);
            }
            if *segment != "+" && *segment != part {
                return false;
            }
        }
        true
    }

    /// The bytes before the first wildcard.
    pub(super) fn first_wildcard(&self) -> usize {
        let plus = if self.text.starts_with('+') {
            Some(0)
        } else {
            self.text.find("/+").map(|slash| slash + 1)
        };
        plus.unwrap_or(self.text.len())
    }

    /// How many segments are `+`.
    pub(super) fn pluses(&self) -> usize {
        self.text.split('/').filter(|part| *part == "+").count()
    }
}

impl Permissions {
    /// Adds what another policy says about the same paths.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.capabilities.is_denied() {
            return;
        }
        if other.capabilities.is_denied() {
            *self = Self {
                capabilities: Capabilities::default().with(Capability::Deny),
                ..Self::default()
            };
            return;
        }
        self.capabilities = self.capabilities.union(other.capabilities);
        self.granted_by.extend(other.granted_by.iter().cloned());
        self.min_wrapping_ttl = smaller_limit(self.min_wrapping_ttl, other.min_wrapping_ttl);
        self.max_wrapping_ttl = smaller_limit(self.max_wrapping_ttl, other.max_wrapping_ttl);
        merge_parameters(&mut self.allowed_parameters, &other.allowed_parameters);
        merge_parameters(&mut self.denied_parameters, &other.denied_parameters);
        for name in &other.required_parameters {
            if !self.required_parameters.contains(name) {
                self.required_parameters.push(name.clone());
            }
        }
    }
}

/// Every name of both, with the values of both; any value if one takes any.
fn merge_parameters(into: &mut BTreeMap<String, Vec<Value>>, other: &BTreeMap<String, Vec<Value>>) {
    for (name, values) in other {
        match into.get_mut(name) {
            None => {
                into.insert(name.clone(), values.clone());
            }
            Some(known) if known.is_empty() => {}
            Some(known) if values.is_empty() => known.clear(),
            Some(known) => known.extend(values.iter().cloned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(text: &str) -> Segments {
        match Pattern::new(text) {
            Pattern::Segments(segments) => segments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plus_stands_for_one_segment() {
        for (pattern, path, expected) in [
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a/b/d/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a/b/", false),
            ("+", "a", true),
            ("+/b*", "x/bcd/e", true),
            ("a/+/*", "a/b/c/d", true),
            ("a/+/*", "a/b", false),
            ("a/+b", "a/xb", false),
            ("a/+b", "a/+b", true),
        ] {
            assert_eq!(
                segments(pattern).matches(path),
                expected,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn a_pattern_reaches_a_mount_that_it_may_have_paths_below() {
        assert!(segments("+/data/*").reaches("kv/"));
        assert!(segments("a/+/c").reaches("a/b/"));
        assert!(segments("a/+/c*").reaches("a/b/cd/"));
        assert!(!segments("a/+/c").reaches("b/"));
        assert!(!segments("a/+").reaches("a/b/c/"));
    }

    #[test]
    fn a_deny_clears_everything_else() {
        let read: Capabilities = [Capability::Read].into_iter().collect();
        let mut permissions = Permissions {
            capabilities: read,
            ..Permissions::default()
        };
        let deny = Permissions {
            capabilities: [Capability::Deny, Capability::Read].into_iter().collect(),
            ..Permissions::default()
        };
        permissions.merge(&deny);
        assert_eq!(permissions.capabilities.names(), ["deny"]);
        permissions.merge(&Permissions {
            capabilities: read,
            ..Permissions::default()
        });
        assert_eq!(permissions.capabilities.names(), ["deny"]);
    }

    #[test]
    fn names_are_in_vaults_order() {
        let all = Capability::ALL.iter().map(|(capability, _)| *capability);
        let all: Capabilities = all.filter(|one| *one != Capability::Deny).collect();
        let names = "sudo read list update delete create patch scan";
        assert_eq!(all.names().join(" "), names);
        assert_eq!(Capabilities::default().names(), ["deny"]);
    }
}
