//! `purgeUnmanagedConfig`: whether what nobody manages is deleted, and of which
//! kinds.

use std::collections::BTreeSet;

use super::super::files::Node;
use super::super::object::Kind;
use super::super::place::{Place, Problem};
use super::Keys;

/// The kinds that can be purged, by their key in the files.
const KINDS: &[(&str, Kind)] = &[
    ("audit", Kind::Audit),
    ("auth", Kind::AuthMethod),
    ("groups", Kind::Group),
    ("group-aliases", Kind::GroupAlias),
    ("plugins", Kind::Plugin),
    ("policies", Kind::Policy),
    ("secrets", Kind::SecretsEngine),
];

/// What the files say of objects that nobody manages.
#[derive(Debug, Clone)]
pub(crate) struct Purge {
    excluded: BTreeSet<Kind>,
    pub(crate) place: Place,
}

impl Purge {
    /// Of all files that say something: what one excludes is excluded, and nothing
    /// is purged unless all of them enable it.
    pub(super) fn read(nodes: &[Node]) -> Result<Option<Self>, Problem> {
        let mut found: Option<Self> = None;
        let mut is_enabled = true;
        for node in nodes {
            let mut keys = Keys::of(node, "`purgeUnmanagedConfig`")?;
            is_enabled &= keys.flag("enabled")?;
            let exclude = keys.take("exclude");
            keys.end()?;
            let mut excluded = BTreeSet::new();
            if let Some(exclude) = exclude {
                let mut keys = Keys::of(exclude, "`exclude`")?;
                for (key, kind) in KINDS {
                    if keys.flag(key)? {
                        excluded.insert(*kind);
                    }
                }
                keys.end()?;
            }
            let purge = found.get_or_insert_with(|| Self {
                excluded: BTreeSet::new(),
                place: node.place.clone(),
            });
            purge.excluded.extend(excluded);
        }
        Ok(found.filter(|_| is_enabled))
    }

    /// Whether objects of this kind are purged.
    pub(crate) fn includes(&self, kind: Kind) -> bool {
        KINDS.iter().any(|(_, known)| *known == kind) && !self.excluded.contains(&kind)
    }
}
