//! Entities: who stands behind the logins of an auth method, whichever token they
//! got. Policies with templates are filled in from them.
//!
//! The first login of an alias makes an entity of it, in the transaction that
//! stores its token. An entity has one alias and ends with the alias's mount.

mod entity;
mod store;

pub(crate) use entity::Entity;
pub(crate) use store::Entities;

#[cfg(test)]
pub(crate) mod tests {
    use super::Entity;
    use super::entity::EntityAlias;
    use crate::storage::Version;

    /// An entity of the mount with the accessor `auth_a`.
    pub(crate) fn entity(alias: &str, metadata: &[(&str, &str)]) -> Entity {
        let metadata = metadata.iter();
        Entity {
            version: Version,
            id: "entity-id".into(),
            name: "entity_1".into(),
            creation_time: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
            alias: EntityAlias {
                id: "alias-id".into(),
                mount_accessor: "auth_a".into(),
                name: alias.into(),
                metadata: metadata
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
            },
        }
    }
}
