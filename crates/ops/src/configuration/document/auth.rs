//! `auth`: methods, their configuration, roles, users, groups and mappings.

use super::super::files::{Content, Node};
use super::super::object::{Field, Kind};
use super::super::place::Problem;
use super::Keys;
use super::sections::Sections;

/// Methods whose names of roles or users a server lists in lower case, whatever
/// case they were written in.
const FOLDED: &[&str] = &["approle", "userpass", "ldap", "okta", "radius"];

impl Sections<'_> {
    pub(super) fn auth_method(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "an auth method")?;
        let kind = keys.needed("type")?;
        let path = keys.text("path")?.unwrap_or_else(|| kind.clone());
        let path = path.trim_matches('/').to_owned();
        keys.refuse(
            "usersOrGroupsKey",
            "write what it names under `users` or `groups`",
        )?;
        let config = keys.take("config");
        let lists = [
            ("roles", keys.take("roles")),
            ("users", keys.take("users")),
            ("groups", keys.take("groups")),
            ("crossaccountrole", keys.take("crossaccountrole")),
        ];
        let map = keys.take("map");
        let is_existing = self.is_existing(&mut keys)?;
        // bank-vaults calls the settings of the mount `options`.
        let settings = keys.take("options");
        let mut members = Vec::new();
        for key in ["description", "local", "seal_wrap", "plugin_version"] {
            members.extend(keys.take(key).map(|node| (key, node)));
        }
        keys.end()?;
        if kind == "token" || is_existing {
            if let Some((key, node)) = members
                .first()
                .copied()
                .or(settings.map(|node| ("options", node)))
            {
                let text = format!("`{key}` cannot be set here: the method is there already");
                return Err(node.problem(text));
            }
        } else {
            let mut fields = self.fields(members)?;
            if let Some(settings) = settings {
                fields.extend(self.fields([("config", settings)])?);
            }
            let field = Field {
                value: kind.clone().into(),
                is_secret: false,
            };
            fields.insert("type".to_owned(), field);
            self.push(Kind::AuthMethod, format!("sys/auth/{path}"), fields, item)?;
        }
        if kind == "kubernetes" {
            check_kubernetes(config, item)?;
        }
        if let Some(config) = config {
            let place = if kind == "aws" {
                "config/client"
            } else {
                "config"
            };
            let members = config.members("`config`")?;
            let members = members.iter().map(|(key, node)| (key.as_str(), node));
            let fields = self.fields(members)?;
            self.push(Kind::Config, format!("auth/{path}/{place}"), fields, config)?;
        }
        for (key, list) in lists {
            if let Some(list) = list {
                self.members_of(&kind, &path, key, list)?;
            }
        }
        map.map_or(Ok(()), |map| self.mappings(&path, map))
    }

    /// Roles, users or groups: a list of items with names, or a map by name.
    fn members_of(
        &mut self,
        kind: &str,
        path: &str,
        key: &str,
        list: &Node,
    ) -> Result<(), Problem> {
        let (folder, name_key) = match (kind, key) {
            ("token", "roles") => ("roles", "name"),
            ("cert", "roles") => ("certs", "name"),
            (_, "roles") => ("role", "name"),
            (_, "users") => ("users", "username"),
            (_, "crossaccountrole") => ("config/sts", "sts_account"),
            _ => ("groups", "name"),
        };
        let base = if kind == "token" { "token" } else { path };
        let mut named = Vec::new();
        if let Content::Map(members) = &list.content {
            named.extend(members.iter().map(|(name, item)| (name.clone(), item)));
        } else {
            for item in list.items(&format!("`{key}`"))? {
                let mut keys = Keys::of(item, "an item")?;
                named.push((keys.needed(name_key)?, item));
            }
        }
        for (name, item) in named {
            let members = item.members("an item")?.iter();
            let members = members.filter(|(key, _)| key != name_key);
            let fields = self.fields(members.map(|(key, node)| (key.as_str(), node)))?;
            let name = if FOLDED.contains(&kind) {
                name.to_lowercase()
            } else {
                name
            };
            let path = format!("auth/{base}/{folder}/{name}");
            self.push(Kind::Role, path, fields, item)?;
        }
        Ok(())
    }

    /// `map`, as the method for GitHub has it: policies by team or user.
    fn mappings(&mut self, path: &str, map: &Node) -> Result<(), Problem> {
        for (of, mapping) in map.members("`map`")? {
            for (name, policies) in mapping.members("a mapping")? {
                let fields = self.fields([("value", policies)])?;
                let path = format!("auth/{path}/map/{of}/{name}");
                self.push(Kind::Role, path, fields, policies)?;
            }
        }
        Ok(())
    }
}

/// bank-vaults fills in the cluster that it runs in. This program may run
/// anywhere.
fn check_kubernetes(config: Option<&Node>, item: &Node) -> Result<(), Problem> {
    let members = config.map_or(Ok(&[][..]), |config| config.members("`config`"))?;
    if members.iter().any(|(key, _)| key == "kubernetes_host") {
        return Ok(());
    }
    Err(item.problem(
        "a `kubernetes` method without `kubernetes_host` is not supported, because this program may \
         run outside of the cluster: write `config: {kubernetes_host: https://…}`",
    ))
}
