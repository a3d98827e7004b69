//! `secrets`: secrets engines and what is configured in them.

use serde_json::{Value, json};

use super::super::files::Node;
use super::super::object::{Field, Kind};
use super::super::place::Problem;
use super::Keys;
use super::sections::Sections;

impl Sections<'_> {
    pub(super) fn secrets_engine(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "a secrets engine")?;
        let kind = keys.needed("type")?;
        let path = keys.text("path")?.unwrap_or_else(|| kind.clone());
        let path = path.trim_matches('/').to_owned();
        let configuration = keys.take("configuration");
        keys.refuse(
            "max_versions",
            "write `configuration: {config: [{max_versions: N}]}`",
        )?;
        if self.is_existing(&mut keys)? {
            keys.end()?;
            return configuration.map_or(Ok(()), |node| self.configuration(&path, node));
        }
        let plugin = keys.text("plugin_name")?;
        let names = [
            "description",
            "config",
            "options",
            "local",
            "seal_wrap",
            "plugin_version",
        ];
        let mut members = Vec::new();
        for name in names {
            members.extend(keys.take(name).map(|node| (name, node)));
        }
        keys.end()?;
        let mut fields = self.fields(members)?;
        let (kind, version) = match (kind.as_str(), plugin) {
            ("kv-v2", _) => ("kv".to_owned(), Some("2")),
            ("kv-v1", _) => ("kv".to_owned(), Some("1")),
            ("plugin", Some(plugin)) => (plugin, None),
            ("plugin", None) => return Err(item.problem("`type: plugin` needs `plugin_name`")),
            _ => (kind, None),
        };
        let plain = |value| Field {
            value,
            is_secret: false,
        };
        fields.insert("type".to_owned(), plain(Value::String(kind)));
        if let Some(version) = version {
            fields.insert("options".to_owned(), plain(json!({ "version": version })));
        } else if let Some(options) = fields.get_mut("options") {
            // The API takes nothing but text here.
            as_texts(&mut options.value);
        }
        self.push(
            Kind::SecretsEngine,
            format!("sys/mounts/{path}"),
            fields,
            item,
        )?;
        configuration.map_or(Ok(()), |node| self.configuration(&path, node))
    }

    /// `configuration: {path: [objects]}`.
    fn configuration(&mut self, mount: &str, node: &Node) -> Result<(), Problem> {
        for (option, objects) in node.members("`configuration`")? {
            for item in objects.items(&format!("`{option}`"))? {
                let mut keys = Keys::of(item, "an object")?;
                let name = keys.text("name")?;
                let is_once = keys.flag("create_only")?;
                keys.refuse(
                    "rotate",
                    "rotate the credential once by hand with `lockkeeper write -force PATH`; \
                     `apply` leaves what was rotated alone",
                )?;
                keys.refuse(
                    "save_to",
                    "write the object by hand once and keep its answer with `lockkeeper kv put`",
                )?;
                let fields = self.fields(keys.rest())?;
                let option = option.trim_matches('/');
                let path = match name {
                    Some(name) => format!("{mount}/{option}/{name}"),
                    None => format!("{mount}/{option}"),
                };
                let is_config = option == "config" || option.starts_with("config/");
                let kind = if is_config || option.starts_with("root/") {
                    Kind::Config
                } else {
                    Kind::Role
                };
                self.push(kind, path, fields, item)?.is_once = is_once;
            }
        }
        Ok(())
    }

    /// `startupSecrets`: values that a path begins with.
    pub(super) fn seed(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "a startup secret")?;
        let kind = keys.text("type")?.unwrap_or_else(|| "kv".to_owned());
        if kind != "kv" {
            let text = format!(
                "`type: {kind}` of `startupSecrets` is not supported: write it under `configuration` of its secrets engine"
            );
            return Err(item.problem(text));
        }
        let path = keys.needed("path")?.trim_matches('/').to_owned();
        let once = keys.take("once");
        if let Some(node) = once.filter(|_| !self.is_ours) {
            return Err(node.problem("`once` needs `version: 1` in the same file"));
        }
        let is_once = once.map_or(Ok(false), |node| node.flag("`once`"))?;
        let data = keys.take("data");
        keys.end()?;
        let data = data.ok_or_else(|| item.problem("a startup secret needs `data`"))?;
        let members = data.members("`data`")?;
        let members = members.iter().map(|(key, node)| (key.as_str(), node));
        let mut fields = self.fields(members)?;
        // What a KV engine holds is never shown.
        for field in fields.values_mut() {
            field.is_secret = true;
        }
        self.push(Kind::Seed, path, fields, item)?.is_once = is_once;
        Ok(())
    }

    /// `raw`: any path.
    pub(super) fn raw(&mut self, item: &Node) -> Result<(), Problem> {
        let mut keys = Keys::of(item, "a raw path")?;
        let path = keys.needed("path")?.trim_matches('/').to_owned();
        let is_once = keys.flag("once")?;
        let compare = keys.take("compare");
        let data = keys.take("data");
        keys.end()?;
        let members = data.map_or(Ok(&[][..]), |data| data.members("`data`"))?;
        let members = members.iter().map(|(key, node)| (key.as_str(), node));
        let mut fields = self.fields(members)?;
        if let Some(compare) = compare {
            let mut compared = Vec::new();
            for name in compare.items("`compare`")? {
                let text = name.text("a name in `compare`")?;
                if !fields.contains_key(&text) {
                    return Err(
                        name.problem(format!("`data` has no `{text}`, which `compare` names"))
                    );
                }
                compared.push(text);
            }
            for (name, field) in &mut fields {
                // As a write-only one: it is sent when the file changes.
                field.is_secret |= !compared.contains(name);
            }
        }
        self.push(Kind::Raw, path, fields, item)?.is_once = is_once;
        Ok(())
    }
}

fn as_texts(value: &mut Value) {
    if let Value::Object(members) = value {
        for member in members.values_mut() {
            if !member.is_string() {
                *member = Value::String(member.to_string());
            }
        }
    }
}
