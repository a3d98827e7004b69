//! Groups of identities, and their names at auth methods.

use serde_json::{Map, Value, json};

use super::{Import, Part, settings};
use crate::configuration::group_alias;
use crate::configuration::place::Problem;
use crate::configuration::server::Data;

/// What a server computes of a group.
const COMPUTED: &[&str] = &[
    "alias",
    "creation_time",
    "id",
    "last_update_time",
    "modify_index",
    "name",
    "namespace_id",
    "parent_group_ids",
];

impl Import<'_> {
    /// `groups`.
    pub(super) async fn groups(&self) -> Result<Vec<Value>, Problem> {
        let groups = self.all_groups().await?.into_iter();
        let groups = groups.map(|(name, answer)| {
            let mut group = Map::new();
            group.insert("name".to_owned(), json!(name));
            group.extend(settings(answer, COMPUTED));
            Value::Object(group)
        });
        Ok(groups.collect())
    }

    /// `group-aliases`.
    pub(super) async fn aliases(&self) -> Result<Vec<Value>, Problem> {
        let groups = self.all_groups().await?.into_iter();
        let aliases = groups.filter_map(|(group, answer)| {
            let (method, name) = group_alias::of_group(&answer, &self.mounts)?;
            Some(json!({ "name": name, "mountpath": method, "group": group }))
        });
        Ok(aliases.collect())
    }

    async fn all_groups(&self) -> Result<Vec<(String, Data)>, Problem> {
        let mut groups = Vec::new();
        if !self.has(Part::Groups) {
            return Ok(groups);
        }
        for name in self.list("identity/group/name").await? {
            if let Some(answer) = self.read(&format!("identity/group/name/{name}")).await? {
                groups.push((name, answer));
            }
        }
        Ok(groups)
    }
}
