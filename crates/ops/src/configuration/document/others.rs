//! `policies`, `plugins`, `audit`, `groups` and `quotas`.

use serde_json::{Value, json};

use super::super::files::Node;
use super::super::group_alias;
use super::super::object::{Field, Kind};
use super::super::place::Problem;
use super::Keys;
use super::sections::Sections;

/// Policies that a server has by itself.
const BUILT_IN: &[&str] = &["root", "response-wrapping"];

impl Sections<'_> {
    pub(super) fn policy(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "a policy")?;
        // The server keeps names in lower case.
        let name = keys.needed("name")?.to_lowercase();
        let rules = keys.take("rules");
        keys.end()?;
        let rules = rules.ok_or_else(|| item.problem("a policy needs `rules`"))?;
        let text = rules.text("`rules`")?;
        if BUILT_IN.contains(&name.as_str()) {
            let text = format!("the policy `{name}` is built in and cannot be changed");
            return Err(item.problem(text));
        }
        hcl1::parse(&text)
            .map_err(|error| rules.problem(format!("the rules of `{name}`: {error}")))?;
        let field = Field {
            value: Value::String(text),
            // A policy is no secret, also if it stands in a file of its own.
            is_secret: false,
        };
        let fields = [("policy".to_owned(), field)].into();
        self.push(
            Kind::Policy,
            format!("sys/policies/acl/{name}"),
            fields,
            item,
        )?;
        Ok(())
    }

    pub(super) fn plugin(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "a plugin")?;
        let name = keys.needed("plugin_name")?;
        let kind = keys.needed("type")?;
        let command = keys.needed("command")?;
        let sum = keys.needed("sha256")?;
        let args = keys.take("args").map(Node::json);
        keys.end()?;
        // bank-vaults has the arguments in the command.
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().unwrap_or_default();
        let args = args.unwrap_or_else(|| words.collect());
        let mut fields = std::collections::BTreeMap::new();
        for (name, value) in [
            ("command", json!(program)),
            ("sha256", json!(sum)),
            ("args", args),
        ] {
            let field = Field {
                value,
                is_secret: false,
            };
            fields.insert(name.to_owned(), field);
        }
        let path = format!("sys/plugins/catalog/{kind}/{name}");
        self.push(Kind::Plugin, path, fields, item)?;
        Ok(())
    }

    pub(super) fn audit_device(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "an audit device")?;
        let kind = keys.needed("type")?;
        let path = keys.text("path")?.unwrap_or_else(|| kind.clone());
        let mut members = Vec::new();
        for name in ["description", "options", "local"] {
            members.extend(keys.take(name).map(|node| (name, node)));
        }
        keys.end()?;
        let mut fields = self.fields(members)?;
        let field = Field {
            value: Value::String(kind),
            is_secret: false,
        };
        fields.insert("type".to_owned(), field);
        let path = format!("sys/audit/{}", path.trim_matches('/'));
        self.push(Kind::Audit, path, fields, item)?;
        Ok(())
    }

    pub(super) fn group(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "a group")?;
        let name = keys.needed("name")?;
        let fields = self.fields(keys.rest())?;
        self.push(
            Kind::Group,
            format!("identity/group/name/{name}"),
            fields,
            item,
        )?;
        Ok(())
    }

    pub(super) fn group_alias(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "a group alias")?;
        let name = keys.needed("name")?;
        let method = keys.needed("mountpath")?;
        let group = keys.needed("group")?;
        keys.end()?;
        if group.contains('/') || name.contains('/') {
            return Err(item.problem("the names of a group and of its alias may not have `/`"));
        }
        let path = group_alias::path(&group, method.trim_matches('/'), &name);
        self.push(
            Kind::GroupAlias,
            path,
            std::collections::BTreeMap::new(),
            item,
        )?;
        Ok(())
    }

    pub(super) fn quota(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "a quota")?;
        let name = keys.needed("name")?;
        let kind = keys
            .text("type")?
            .unwrap_or_else(|| "rate-limit".to_owned());
        let fields = self.fields(keys.rest())?;
        self.push(
            Kind::Quota,
            format!("sys/quotas/{kind}/{name}"),
            fields,
            item,
        )?;
        Ok(())
    }
}
