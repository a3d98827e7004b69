//! Paths with templates, such as `kv/data/{{identity.entity.name}}/*`: they stand
//! for other paths for each entity.
//!
//! What is filled in never widens a rule: a value that would be a wildcard, or more
//! than one segment, is refused (GHSA-59w7-v8rr-pr4p).

use crate::identity::Entity;

const OPENING: &str = "{{";
const CLOSING: &str = "}}";

/// What a value must not contain.
const FORBIDDEN: [char; 3] = ['*', '+', '/'];

/// A path with at least one part that depends on the entity of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Template {
    /// As it is written.
    pub(super) text: String,
    /// What comes before the first part.
    start: String,
    /// Each part, and the text after it.
    parts: Vec<(Selector, String)>,
}

/// What is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Selector {
    EntityId,
    EntityName,
    Alias {
        mount_accessor: String,
        member: AliasMember,
    },
    /// Something that no entity of this server has, such as a group.
    Nothing,
    /// Something that does not depend on the caller.
    Unsupported(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum AliasMember {
    Id,
    Name,
    Metadata(String),
}

/// A value must not be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forbidden(pub(super) char);

impl Template {
    /// The template of a path, or `None` if it has no part to be filled in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        const UNBALANCED: &str = "unbalanced templating characters";
        let mut pieces = text.split(OPENING);
        let start = pieces.next().unwrap_or_default();
        if start.contains(CLOSING) {
            return Err(UNBALANCED);
        }
        let mut parts = Vec::new();
        for piece in pieces {
            let (selector, after) = piece.split_once(CLOSING).ok_or(UNBALANCED)?;
            if after.contains(CLOSING) {
                return Err(UNBALANCED);
            }
            parts.push((Selector::parse(selector.trim()), after.to_owned()));
        }
        Ok((!parts.is_empty()).then(|| Self {
            text: text.to_owned(),
            start: start.to_owned(),
            parts,
        }))
    }

    /// A part that this server can fill in for nobody although others can.
    pub(super) fn unsupported(&self) -> Option<&str> {
        self.parts.iter().find_map(|(selector, _)| match selector {
            Selector::Unsupported(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The path for an entity, or `None` if the entity lacks a part of it.
    ///
    /// # Errors
    /// What a value contains that would widen the rule.
    pub(super) fn fill(&self, entity: &Entity) -> Result<Option<String>, Forbidden> {
        let mut path = self.start.clone();
        for (selector, after) in &self.parts {
            let value = selector.value(entity).filter(|value| !value.is_empty());
            let Some(value) = value else {
                return Ok(None);
            };
            if let Some(found) = value.chars().find(|letter| FORBIDDEN.contains(letter)) {
                return Err(Forbidden(found));
            }
            path.push_str(value);
            path.push_str(after);
        }
        Ok(Some(path))
    }
}

impl Selector {
    fn parse(text: &str) -> Self {
        if text.starts_with("time.") {
            return Self::Unsupported(text.to_owned());
        }
        match text.strip_prefix("identity.entity.") {
            Some("id") => Self::EntityId,
            Some("name") => Self::EntityName,
            Some(member) => member
                .strip_prefix("aliases.")
                .and_then(|alias| alias.split_once('.'))
                .and_then(|(accessor, member)| Self::of_alias(accessor, member))
                .unwrap_or(Self::Nothing),
            None => Self::Nothing,
        }
    }

    fn of_alias(mount_accessor: &str, member: &str) -> Option<Self> {
        let member = match member {
            "id" => AliasMember::Id,
            "name" => AliasMember::Name,
            other => AliasMember::Metadata(other.strip_prefix("metadata.")?.to_owned()),
        };
        Some(Self::Alias {
            mount_accessor: mount_accessor.to_owned(),
            member,
        })
    }

    fn value<'a>(&self, entity: &'a Entity) -> Option<&'a str> {
        match self {
            Self::EntityId => Some(&entity.id),
            Self::EntityName => Some(&entity.name),
            Self::Alias {
                mount_accessor,
                member,
            } => {
                let alias = &entity.alias;
                if alias.mount_accessor != *mount_accessor {
                    return None;
                }
                match member {
                    AliasMember::Id => Some(&alias.id),
                    AliasMember::Name => Some(&alias.name),
                    AliasMember::Metadata(key) => alias.metadata.get(key).map(String::as_str),
                }
            }
            Self::Nothing | Self::Unsupported(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::identity::tests::entity;

    use super::*;

    fn filled(text: &str, entity: &Entity) -> Result<Option<String>, Forbidden> {
        Template::parse(text).unwrap().unwrap().fill(entity)
    }

    #[test]
    fn every_part_that_an_entity_has_is_filled_in() {
        let entity = entity("app", &[("team", "blue"), ("a.b", "dotted")]);
        for (text, expected) in [
            ("kv/{{identity.entity.id}}/*", "kv/entity-id/*"),
            ("kv/{{ identity.entity.name }}", "kv/entity_1"),
            ("{{identity.entity.aliases.auth_a.name}}/x", "app/x"),
            ("x{{identity.entity.aliases.auth_a.id}}y", "xalias-idy"),
            (
                "{{identity.entity.aliases.auth_a.metadata.team}}/+/{{identity.entity.id}}",
                "blue/+/entity-id",
            ),
            ("{{identity.entity.aliases.auth_a.metadata.a.b}}", "dotted"),
        ] {
            assert_eq!(filled(text, &entity), Ok(Some(expected.into())), "{text}");
        }
    }

    #[test]
    fn a_part_that_an_entity_lacks_leaves_no_path() {
        let entity = entity("app", &[("empty", "")]);
        for part in [
            "",
            "foo",
            "identity",
            "identity.entity.",
            "identity.entity.foo",
            "identity.entity.metadata.team",
            "identity.entity.aliases.auth_b.name",
            "identity.entity.aliases.auth_a",
            "identity.entity.aliases.auth_a.foo",
            "identity.entity.aliases.auth_a.metadata.empty",
            "identity.entity.aliases.auth_a.metadata.team",
            "identity.groups.names.admins.id",
        ] {
            assert_eq!(filled(&format!("kv/{{{{{part}}}}}"), &entity), Ok(None));
        }
    }

    /// GHSA-59w7-v8rr-pr4p, promise P14.
    #[test]
    fn a_value_that_would_widen_a_rule_is_refused() {
        let text = "kv/{{identity.entity.aliases.auth_a.name}}/x";
        for (name, found) in [
            ("*", '*'),
            ("a*", '*'),
            ("+", '+'),
            ("a+b", '+'),
            ("a/b", '/'),
            ("/", '/'),
            ("a/../b", '/'),
        ] {
            assert_eq!(filled(text, &entity(name, &[])), Err(Forbidden(found)));
        }
        let nested = entity("{{identity.entity.id}}", &[]);
        let path = filled(text, &nested).unwrap().unwrap();
        assert_eq!(path, "kv/{{identity.entity.id}}/x", "filled in once");
    }

    #[test]
    fn braces_that_do_not_match_are_refused() {
        for text in ["{{a", "a}}", "}}{{", "{{a{{b}}c}}", "{{a}}b}}"] {
            let problem = Template::parse(text).unwrap_err();
            assert_eq!(problem, "unbalanced templating characters", "{text}");
        }
        assert_eq!(Template::parse("a/{b}/*"), Ok(None));
    }

    proptest::proptest! {
        /// Promise P14: whatever the value, the path has as many segments and
        /// wildcards as its template.
        #[test]
        fn no_value_adds_a_segment_or_a_wildcard(name in "[a-z*+/{}. ]{0,8}") {
            let text = "kv/{{identity.entity.aliases.auth_a.name}}/+/x*";
            if let Ok(Some(path)) = filled(text, &entity(&name, &[])) {
                let count = |letter| path.matches(letter).count();
                proptest::prop_assert_eq!([count('/'), count('+'), count('*')], [3, 1, 1]);
            }
        }
    }
}
