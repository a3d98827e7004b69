//! The rules of all policies of one token, compiled for decisions.
//!
//! One rule decides about a path, the most specific one
//! (`vault/policy/acl.go` in OpenBao): the rule of exactly this path, otherwise
//! the one whose first wildcard comes last, and so on. Only what policies say
//! about the same text of a path adds up.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp;
use logical::{Error, Object, Operation};

use super::rule::{Capability, Pattern, Permissions, Policy, Segments};
use super::template::{Forbidden, Template};
use crate::identity::Entity;

/// What all policies of a token allow.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Acl {
    is_root: bool,
    exact: HashMap<String, Permissions>,
    /// By what comes before the `*`.
    prefixes: BTreeMap<String, Permissions>,
    /// Patterns with `+`, the most specific first.
    segments: Vec<(Segments, Permissions)>,
    /// Rules that are filled in for each entity, with the name of their policy.
    templates: Vec<(Template, String, Permissions)>,
    /// When the first rule ends that counts until a time.
    valid_until: Option<Timestamp>,
}

/// What a request wants to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) operation: Operation,
    /// The path with its mount.
    pub(crate) path: &'a str,
    pub(crate) data: &'a Object,
    /// For how long the answer is to be wrapped.
    pub(crate) wrap_ttl: Option<Duration>,
}

/// What the policies say about a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) is_allowed: bool,
    /// Whether paths that need sudo are allowed.
    pub(crate) has_sudo: bool,
}

/// How specific a pattern is. Larger is more specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Specificity<'a> {
    first_wildcard: usize,
    is_whole: bool,
    pluses: usize,
    text: &'a str,
}

impl Ord for Specificity<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.first_wildcard
            .cmp(&other.first_wildcard)
            .then(self.is_whole.cmp(&other.is_whole))
            .then(other.pluses.cmp(&self.pluses))
            .then(self.text.len().cmp(&other.text.len()))
            .then(self.text.cmp(other.text))
    }
}

impl PartialOrd for Specificity<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Specificity<'a> {
    fn of_prefix(prefix: &'a str) -> Self {
        Self {
            first_wildcard: prefix.len(),
            is_whole: false,
            pluses: 0,
            text: prefix,
        }
    }

    fn of_segments(segments: &'a Segments) -> Self {
        Self {
            first_wildcard: segments.first_wildcard(),
            is_whole: !segments.is_prefix,
            pluses: segments.pluses(),
            text: &segments.text,
        }
    }
}

impl Acl {
    /// The rules of a token that may do everything.
    pub(crate) fn root() -> Self {
        Self {
            is_root: true,
            ..Self::default()
        }
    }

    /// The rules of these policies, each with its name, that count now.
    pub(crate) fn new<'a>(
        policies: impl IntoIterator<Item = (&'a str, &'a Policy)>,
        now: Timestamp,
    ) -> Self {
        let mut acl = Self::default();
        let mut segments: BTreeMap<Segments, Permissions> = BTreeMap::new();
        let policies = policies.into_iter();
        let rules =
            policies.flat_map(|(name, policy)| policy.rules.iter().map(move |rule| (name, rule)));
        for (name, rule) in rules {
            if let Some(expiration) = rule.expiration {
                if expiration <= now {
                    continue;
                }
                let until = acl.valid_until.get_or_insert(expiration);
                *until = expiration.min(*until);
            }
            let permissions = &Permissions {
                granted_by: vec![(name.to_owned(), rule.permissions.capabilities)],
                ..rule.permissions.clone()
            };
            match &rule.pattern {
                Pattern::Exact(_) | Pattern::Prefix(_) => {
                    acl.insert(rule.pattern.clone(), permissions);
                }
                // Found faster than in the list.
                Pattern::Segments(pattern) => match segments.get_mut(pattern) {
                    Some(known) => known.merge(permissions),
                    None => {
                        segments.insert(pattern.clone(), permissions.clone());
                    }
                },
                Pattern::Template(template) => {
                    acl.templates
                        .push((template.clone(), name.to_owned(), permissions.clone()));
                }
            }
        }
        acl.segments = segments.into_iter().collect();
        acl.sort_segments();
        acl
    }

    /// Whether some rules depend on an entity.
    pub(crate) fn has_templates(&self) -> bool {
        !self.templates.is_empty()
    }

    /// The same with the rules for an entity. One of which the entity lacks a part
    /// stands for no path.
    ///
    /// # Errors
    /// A bad request if a value would widen a rule: then nothing is allowed, because
    /// the rule may be one that denies.
    pub(crate) fn filled(&self, entity: &Entity) -> Result<Self, Error> {
        let mut acl = self.clone();
        for (template, policy, permissions) in std::mem::take(&mut acl.templates) {
            let path = template.fill(entity).map_err(|Forbidden(found)| {
                Error::bad_request(format!(
                    "error parsing templated policy {policy:?}: path {:?}: template substitution \
                     contains forbidden value: \"{found}\"",
                    template.text
                ))
            })?;
            if let Some(path) = path {
                acl.insert(Pattern::new(&path), &permissions);
            }
        }
        acl.sort_segments();
        Ok(acl)
    }

    fn insert(&mut self, pattern: Pattern, permissions: &Permissions) {
        match pattern {
            Pattern::Exact(path) => {
                let known = self.exact.entry(path);
                known
                    .and_modify(|known| known.merge(permissions))
                    .or_insert_with(|| permissions.clone());
            }
            Pattern::Prefix(prefix) => {
                let known = self.prefixes.entry(prefix);
                known
                    .and_modify(|known| known.merge(permissions))
                    .or_insert_with(|| permissions.clone());
            }
            Pattern::Segments(pattern) => {
                let mut segments = self.segments.iter_mut();
                match segments.find(|(known, _)| *known == pattern) {
                    Some((_, known)) => known.merge(permissions),
                    None => self.segments.push((pattern, permissions.clone())),
                }
            }
            // What is filled in has none.
            Pattern::Template(_) => {}
        }
    }

    fn sort_segments(&mut self) {
        self.segments.sort_by(|(one, _), (other, _)| {
            Specificity::of_segments(other).cmp(&Specificity::of_segments(one))
        });
    }

    /// Whether it may do everything.
    pub(crate) fn is_root(&self) -> bool {
        self.is_root
    }

    /// Whether a rule has ended since the rules were compiled.
    pub(crate) fn is_outdated(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| until <= now)
    }

    /// Decides about a request.
    pub(crate) fn decide(&self, attempt: Attempt<'_>) -> Decision {
        if self.is_root {
            return Decision {
                is_allowed: true,
                has_sudo: true,
            };
        }
        // Help is allowed for every token.
        if attempt.operation == Operation::Help {
            return Decision {
                is_allowed: true,
                has_sudo: false,
            };
        }
        let is_list = matches!(attempt.operation, Operation::List | Operation::Scan);
        let Some(permissions) = self.find(attempt.path, is_list) else {
            return Decision::default();
        };
        let needed = Capability::needed(attempt.operation);
        let capabilities = permissions.capabilities;
        let is_allowed = !capabilities.is_denied()
            && needed.is_some_and(|needed| capabilities.has(needed))
            && permissions.allow_wrapping(attempt.wrap_ttl)
            && (!checks_parameters(attempt.operation)
                || permissions.allow_parameters(attempt.data));
        Decision {
            is_allowed,
            has_sudo: !capabilities.is_denied() && capabilities.has(Capability::Sudo),
        }
    }

    /// The names of the policies that allow a request which is allowed.
    pub(crate) fn granting(&self, operation: Operation, path: &str) -> Vec<String> {
        if self.is_root {
            return vec![super::ROOT.to_owned()];
        }
        let is_list = matches!(operation, Operation::List | Operation::Scan);
        let needed = Capability::needed(operation);
        let (Some(needed), Some(permissions)) = (needed, self.find(path, is_list)) else {
            return Vec::new();
        };
        let granted = permissions.granted_by.iter();
        let granted = granted.filter(|(_, capabilities)| capabilities.has(needed));
        let mut names: Vec<String> = granted.map(|(name, _)| name.clone()).collect();
        names.dedup();
        names
    }

    /// Whether a path that needs sudo is allowed, apart from its operation.
    pub(crate) fn has_sudo(&self, path: &str) -> bool {
        let found = self.find(path, false);
        self.is_root
            || found.is_some_and(|permissions| {
                let capabilities = permissions.capabilities;
                !capabilities.is_denied() && capabilities.has(Capability::Sudo)
            })
    }

    /// The names of the capabilities on a path, as in `sys/capabilities`.
    pub(crate) fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.is_root {
            return vec![super::ROOT];
        }
        self.find(path, true)
            .map_or_else(|| vec!["deny"], |found| found.capabilities.names())
    }

    /// Whether anything at or below a mount is allowed.
    pub(crate) fn reaches(&self, mount: &str) -> bool {
        let allows = |permissions: &Permissions| permissions.capabilities.allows_something();
        self.is_root
            || self
                .exact
                .iter()
                .any(|(path, rule)| allows(rule) && path.starts_with(mount))
            || self.prefixes.iter().any(|(prefix, rule)| {
                allows(rule) && (prefix.starts_with(mount) || mount.starts_with(prefix))
            })
            || self
                .segments
                .iter()
                .any(|(pattern, rule)| allows(rule) && pattern.reaches(mount))
    }

    /// Every path with its capabilities: exact ones, then those with wildcards.
    pub(crate) fn rules(&self) -> [BTreeMap<String, Vec<&'static str>>; 2] {
        let exact = self.exact.iter();
        let exact = exact.map(|(path, rule)| (path.clone(), rule.capabilities.names()));
        let prefixes = self.prefixes.iter();
        let prefixes = prefixes.map(|(path, rule)| (path.clone(), rule.capabilities.names()));
        let segments = self.segments.iter();
        let segments =
            segments.map(|(pattern, rule)| (pattern.text.clone(), rule.capabilities.names()));
        [exact.collect(), prefixes.chain(segments).collect()]
    }

    /// The rule that decides about a path. Lists also find rules that are
    /// written without the trailing slash.
    fn find(&self, path: &str, is_list: bool) -> Option<&Permissions> {
        if let Some(exact) = self.exact.get(path) {
            return Some(exact);
        }
        let without = path.strip_suffix('/').filter(|_| is_list);
        if let Some(exact) = without.and_then(|path| self.exact.get(path)) {
            return Some(exact);
        }
        let found = self.best_wildcard(path);
        let without = without.and_then(|path| self.best_wildcard(path));
        match (found, without) {
            // A more specific denial of the folder's name holds for its list.
            (Some((specificity, _)), Some((other, rule)))
                if rule.capabilities.is_denied() && other > specificity =>
            {
                Some(rule)
            }
            (Some((_, rule)), _) | (None, Some((_, rule))) => Some(rule),
            (None, None) => None,
        }
    }

    fn best_wildcard(&self, path: &str) -> Option<(Specificity<'_>, &Permissions)> {
        let prefix = self
            .longest_prefix(path)
            .map(|(prefix, rule)| (Specificity::of_prefix(prefix), rule));
        // They are sorted, so the first that matches is the best of them.
        let segments = self
            .segments
            .iter()
            .find(|(pattern, _)| pattern.matches(path))
            .map(|(pattern, rule)| (Specificity::of_segments(pattern), rule));
        match (prefix, segments) {
            (Some(prefix), Some(segments)) if segments.0 > prefix.0 => Some(segments),
            (Some(prefix), _) => Some(prefix),
            (None, segments) => segments,
        }
    }

    /// The longest prefix rule of a path.
    fn longest_prefix(&self, path: &str) -> Option<(&str, &Permissions)> {
        let mut limit = path;
        loop {
            let up_to = (Bound::Unbounded, Bound::Included(limit));
            let (prefix, rule) = self.prefixes.range::<str, _>(up_to).next_back()?;
            if path.starts_with(prefix.as_str()) {
                return Some((prefix, rule));
            }
            // Every prefix of the path that is left is one of what they share.
            limit = common_prefix(limit, prefix);
        }
    }
}

impl Permissions {
    fn allow_wrapping(&self, wrap_ttl: Option<Duration>) -> bool {
        let (min, max) = (self.min_wrapping_ttl, self.max_wrapping_ttl);
        let is_short = max.is_zero() || wrap_ttl.is_some_and(|ttl| ttl <= max);
        let is_long = min.is_zero() || wrap_ttl.is_some_and(|ttl| ttl >= min);
        is_short && is_long
    }
}

/// Whether the parameters of an operation count, as in OpenBao: those of a list
/// do not.
fn checks_parameters(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create
            | Operation::Read
            | Operation::Header
            | Operation::Update
            | Operation::Patch
    )
}

/// What two texts begin with alike.
fn common_prefix<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one
        .char_indices()
        .zip(other.chars())
        .find(|((_, left), right)| left != right);
    match same {
        Some(((at, _), _)) => &one[..at],
        None => &one[..one.len().min(other.len())],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::parse::parse;
    use super::*;
    use crate::identity::tests::entity;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn acl(texts: &[&str]) -> Acl {
        let policies: Vec<Policy> = texts.iter().map(|text| parse(text).unwrap()).collect();
        let names = ["first", "second", "third", "fourth"];
        Acl::new(names.into_iter().zip(&policies), now())
    }

    /// `path: capabilities` for each rule.
    fn rules(rules: &[(&str, &str)]) -> Acl {
        let rules = rules.iter().map(|(path, capabilities)| {
            let capabilities: Vec<&str> = capabilities.split_whitespace().collect();
            format!("path {path:?} {{ capabilities = {capabilities:?} }}")
        });
        let text = rules.collect::<Vec<_>>().join("\n");
        acl(&[&text])
    }

    fn allows(acl: &Acl, operation: Operation, path: &str) -> bool {
        let data = Object::new();
        acl.decide(Attempt {
            operation,
            path,
            data: &data,
            wrap_ttl: None,
        })
        .is_allowed
    }

    #[test]
    fn the_most_specific_rule_decides_alone() {
        let acl = rules(&[
            ("secret/*", "create read update"),
            ("secret/+/y*", "list"),
            ("secret/data/exact", "delete"),
            ("secret/data/*", "read"),
            ("secret/+/z", "update"),
            ("+/data/q", "list"),
        ]);
        let all = |path: &str| acl.capabilities(path).join(" ");
        assert_eq!(all("secret/data/exact"), "delete");
        assert_eq!(all("secret/data/other"), "read");
        assert_eq!(all("secret/other/y1"), "read update create");
        assert_eq!(all("secret/other/z"), "update");
        assert_eq!(
            all("secret/data/z"),
            "read",
            "the first wildcard comes later"
        );
        assert_eq!(all("other/data/q"), "list");
        assert_eq!(all("nothing"), "deny");
    }

    #[test]
    fn policies_add_up_on_the_same_path_and_a_deny_wins() {
        let acl = acl(&[
            r#"path "a" { capabilities = ["read"] } path "b/*" { capabilities = ["read"] }"#,
            r#"path "a" { capabilities = ["list"] } path "b/*" { capabilities = ["deny"] }"#,
        ]);
        assert_eq!(acl.capabilities("a"), ["read", "list"]);
        assert_eq!(acl.capabilities("b/c"), ["deny"]);
    }

    #[test]
    fn a_list_finds_rules_with_and_without_the_slash() {
        let acl = rules(&[
            ("a", "list"),
            ("b/", "list"),
            ("c/*", "list"),
            ("d*", "list"),
        ]);
        for path in ["a/", "b/", "c/", "c/x/", "d/"] {
            assert!(allows(&acl, Operation::List, path), "{path}");
        }
        assert!(!allows(&acl, Operation::Read, "a/"));
    }

    /// GHSA-xp3c-3jw3-4vcr.
    #[test]
    fn a_deny_on_a_more_specific_wildcard_holds_for_a_list_with_and_without_the_slash() {
        let acl = rules(&[("kv/metadata/*", "list read"), ("kv/metadata/+", "deny")]);
        assert!(!allows(&acl, Operation::List, "kv/metadata/foo/"));
        assert!(!allows(&acl, Operation::Read, "kv/metadata/foo"));
        assert!(allows(&acl, Operation::List, "kv/metadata/foo/bar/"));
        let acl = rules(&[("kv/*", "list"), ("kv/+", "read")]);
        assert!(
            allows(&acl, Operation::List, "kv/foo/"),
            "only a deny is carried over"
        );
    }

    #[test]
    fn a_rule_that_depends_on_an_entity_stands_for_no_path_without_one() {
        let acl = rules(&[
            ("kv/{{identity.entity.id}}/*", "read"),
            ("kv/+/{{identity.entity.name}}", "read"),
        ]);
        for path in [
            "kv/{{identity.entity.id}}/a",
            "kv//a",
            "kv/*/a",
            "kv/a/{{identity.entity.name}}",
        ] {
            assert_eq!(acl.capabilities(path), ["deny"], "{path}");
        }
    }

    #[test]
    fn a_filled_in_rule_adds_to_what_others_say_of_the_same_path() {
        let acl = rules(&[
            ("kv/app/*", "list"),
            ("kv/{{identity.entity.aliases.auth_a.name}}/*", "read"),
            ("kv/+/{{identity.entity.aliases.auth_a.name}}", "read"),
            ("kv/secret/+", "read"),
            ("kv/secret/{{identity.entity.aliases.auth_a.name}}", "deny"),
            ("kv/{{identity.entity.aliases.auth_b.name}}", "read"),
        ]);
        assert_eq!(acl.capabilities("kv/app/x"), ["list"]);
        let filled = acl.filled(&entity("app", &[])).unwrap();
        assert_eq!(filled.capabilities("kv/app/x"), ["read", "list"]);
        assert_eq!(filled.capabilities("kv/b/app"), ["read"]);
        assert_eq!(filled.capabilities("kv/secret/other"), ["read"]);
        assert_eq!(filled.capabilities("kv/secret/app"), ["deny"]);
        assert_eq!(filled.capabilities("kv/"), ["deny"]);
        let other = acl.filled(&entity("other", &[])).unwrap();
        assert_eq!(other.capabilities("kv/app/x"), ["list"]);
    }

    /// GHSA-59w7-v8rr-pr4p, promise P14: a rule that is left out may be one that
    /// denies.
    #[test]
    fn a_value_that_would_widen_a_rule_denies_everything() {
        let acl = rules(&[
            ("kv/*", "read"),
            ("kv/{{identity.entity.aliases.auth_a.name}}/*", "deny"),
        ]);
        for name in ["*", "+", "a/b"] {
            let error = acl.filled(&entity(name, &[])).unwrap_err();
            let error = error.message();
            assert!(error.contains("forbidden value"), "{error}");
            assert!(error.contains("policy \"first\""), "{error}");
        }
    }

    #[test]
    fn wrapping_must_be_within_its_limits() {
        let acl = acl(&[r#"
            path "w" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = 90 }
        "#]);
        let data = Object::new();
        let decide = |seconds: Option<u64>| {
            acl.decide(Attempt {
                operation: Operation::Read,
                path: "w",
                data: &data,
                wrap_ttl: seconds.map(Duration::from_secs),
            })
            .is_allowed
        };
        assert!(!decide(None) && !decide(Some(59)) && !decide(Some(91)));
        assert!(decide(Some(60)) && decide(Some(90)));
    }

    #[test]
    fn parameters_are_checked_when_something_is_read_or_written() {
        let acl = acl(&[r#"
            path "p" {
                capabilities = ["read", "update", "list"]
                allowed_parameters = { "a" = ["x"] }
            }
            path "q" { capabilities = ["read"] required_parameters = ["a"] }
        "#]);
        let decide_at = |path, operation, data: serde_json::Value| {
            let data = data.as_object().unwrap();
            acl.decide(Attempt {
                operation,
                path,
                data,
                wrap_ttl: None,
            })
            .is_allowed
        };
        let decide = |operation, data| decide_at("p", operation, data);
        for operation in [Operation::Update, Operation::Read, Operation::Header] {
            assert!(decide(operation, json!({"a": "x"})));
            assert!(!decide(operation, json!({"a": "y"})));
            assert!(!decide(operation, json!({"b": 1})));
            assert!(decide(operation, json!({})));
        }
        assert!(!decide_at("q", Operation::Read, json!({})));
        assert!(decide_at("q", Operation::Read, json!({"a": 1})));
        assert!(decide(Operation::List, json!({"b": 1})));
    }

    #[test]
    fn the_policies_that_allow_a_request_are_named() {
        let reading = r#"path "a/*" { capabilities = ["read"] }"#;
        let listing = r#"path "a/*" { capabilities = ["list", "read"] }"#;
        let exact = r#"path "a/b" { capabilities = ["read"] }"#;
        let acl = acl(&[reading, listing, exact]);
        let granting = |operation, path: &str| acl.granting(operation, path);
        assert_eq!(granting(Operation::Read, "a/x"), ["first", "second"]);
        assert_eq!(granting(Operation::List, "a/x/"), ["second"]);
        assert_eq!(granting(Operation::Read, "a/b"), ["third"]);
        assert!(granting(Operation::Update, "a/x").is_empty());
        assert_eq!(Acl::root().granting(Operation::Read, "a"), ["root"]);
    }

    #[test]
    fn a_rule_counts_until_its_expiration() {
        let text = r#"path "a" { capabilities = ["read"] expiration = "2027-01-15T08:00:01Z" }"#;
        let policy = parse(text).unwrap();
        let before = Acl::new([("p", &policy)], now());
        assert!(allows(&before, Operation::Read, "a"));
        let end = Timestamp::from_second(1_800_000_001).unwrap();
        assert!(!before.is_outdated(now()) && before.is_outdated(end));
        assert!(!allows(
            &Acl::new([("p", &policy)], end),
            Operation::Read,
            "a"
        ));
    }

    #[test]
    fn no_client_renews_or_revokes_a_lease_on_an_engines_path() {
        let acl = rules(&[("*", "create read update delete list sudo patch scan")]);
        for operation in [Operation::Renew, Operation::Revoke, Operation::Rollback] {
            assert!(!allows(&acl, operation, "a"));
        }
        assert!(allows(&Acl::default(), Operation::Help, "a"));
        assert!(acl.has_sudo("a") && !Acl::default().has_sudo("a"));
    }

    #[test]
    fn a_mount_is_reached_by_any_rule_that_allows_something_there() {
        let acl = rules(&[
            ("a/b/c", "read"),
            ("d*", "list"),
            ("+/x/*", "read"),
            ("no/*", "deny"),
        ]);
        for mount in ["a/", "a/b/", "data/", "q/x/"] {
            assert!(acl.reaches(mount), "{mount}");
        }
        let acl = rules(&[("a/b/c", "read"), ("d*", "list"), ("no/*", "deny")]);
        assert!(!acl.reaches("no/"));
        assert!(!Acl::default().reaches("a/") && Acl::root().reaches("a/"));
    }

    proptest! {
        /// The longest prefix is found as by trying all of them.
        #[test]
        fn the_longest_prefix_rule_is_found(
            prefixes in prop::collection::vec("[ab/é]{0,5}", 0..8),
            path in "[ab/é]{0,8}",
        ) {
            let written: Vec<(String, &str)> =
                prefixes.iter().map(|prefix| (format!("{prefix}*"), "read")).collect();
            let written: Vec<(&str, &str)> =
                written.iter().map(|(path, rule)| (path.as_str(), *rule)).collect();
            let acl = rules(&written);
            let stripped = prefixes.iter().map(|prefix| prefix.strip_prefix('/').unwrap_or(prefix));
            let longest = stripped
                .filter(|prefix| !prefix.contains("/+") && path.starts_with(prefix))
                .max_by_key(|prefix| prefix.len());
            prop_assert_eq!(acl.longest_prefix(&path).map(|(prefix, _)| prefix), longest);
        }
    }
}
