//! The keys under which objects stand, and what all of them share.

use std::collections::BTreeMap;

use super::super::files::{Content, Node};
use super::super::likeness::closest;
use super::super::object::{Field, Kind, Object};
use super::super::place::Problem;
use super::super::secret_names::{has_login, is_secret};
use super::{Gathered, Keys};

/// Every key under which objects stand.
const KEYS: &[&str] = &[
    "policies",
    "auth",
    "secrets",
    "startupSecrets",
    "plugins",
    "audit",
    "groups",
    "group-aliases",
    "quotas",
    "raw",
];
/// Those of them that are ours.
const OURS: &[&str] = &["quotas", "raw"];

/// Reads the objects of one key.
pub(super) struct Sections<'a> {
    pub(super) is_ours: bool,
    pub(super) allow_literal_secrets: bool,
    pub(super) gathered: &'a mut Gathered,
}

impl Sections<'_> {
    pub(super) fn read(&mut self, key: &str, node: &Node) {
        if OURS.contains(&key) && !self.is_ours {
            let text = format!("`{key}` needs `version: 1` in the same file");
            return self.gathered.problems.push(node.problem(text));
        }
        let read_item: fn(&mut Self, &Node) -> Result<(), Problem> = match key {
            "policies" => Self::policy,
            "auth" => Self::auth_method,
            "secrets" => Self::secrets_engine,
            "startupSecrets" => Self::seed,
            "plugins" => Self::plugin,
            "audit" => Self::audit_device,
            "groups" => Self::group,
            "group-aliases" => Self::group_alias,
            "quotas" => Self::quota,
            "raw" => Self::raw,
            other => return self.gathered.problems.push(unknown(other, node)),
        };
        let items = match node.items(&format!("`{key}`")) {
            Ok(items) => items,
            Err(problem) => return self.gathered.problems.push(problem),
        };
        for item in items {
            if let Err(problem) = read_item(self, item) {
                self.gathered.problems.push(problem);
            }
        }
    }

    /// Adds an object.
    pub(super) fn push(
        &mut self,
        kind: Kind,
        path: String,
        fields: BTreeMap<String, Field>,
        item: &Node,
    ) -> Result<&mut Object, Problem> {
        check_path(&path, item)?;
        self.gathered.objects.push(Object {
            kind,
            path,
            fields,
            is_once: false,
            place: item.place.clone(),
        });
        let last = self.gathered.objects.last_mut();
        last.ok_or_else(|| item.problem("it cannot be kept"))
    }

    /// Whether a mount is made by somebody else, so that only what is in it is
    /// managed. The key is ours.
    pub(super) fn is_existing(&self, keys: &mut Keys<'_>) -> Result<bool, Problem> {
        let Some(node) = keys.take("existing") else {
            return Ok(false);
        };
        if !self.is_ours {
            return Err(node.problem("`existing` needs `version: 1` in the same file"));
        }
        node.flag("`existing`")
    }

    /// Members as fields. A field is a secret if its name says so, or if its value
    /// comes from the environment or from a file.
    pub(super) fn fields<'n>(
        &mut self,
        members: impl IntoIterator<Item = (&'n str, &'n Node)>,
    ) -> Result<BTreeMap<String, Field>, Problem> {
        let mut fields = BTreeMap::new();
        for (name, node) in members {
            if matches!(node.content, Content::Null) {
                continue;
            }
            if let Content::Map(_) = &node.content
                && let Some(key) = kubernetes_reference(node)
            {
                return Err(node.problem(format!(
                    "`{key}` is not supported: hand the value in with `${{env \"NAME\"}}` or `${{file \"PATH\"}}`"
                )));
            }
            self.refuse_literal(name, node)?;
            let is_secret = has_secret(name, node) || node.has_outside();
            let value = node.json();
            fields.insert(name.to_owned(), Field { value, is_secret });
        }
        Ok(fields)
    }

    /// A secret that stands in the file itself.
    fn refuse_literal(&mut self, name: &str, node: &Node) -> Result<(), Problem> {
        if let Content::Map(members) = &node.content {
            return members
                .iter()
                .try_for_each(|(name, node)| self.refuse_literal(name, node));
        }
        if let Content::List(items) = &node.content {
            return items
                .iter()
                .try_for_each(|node| self.refuse_literal(name, node));
        }
        let is_literal = matches!(&node.content, Content::Text(text) if !text.is_empty());
        if !is_literal || !has_secret(name, node) || node.is_outside {
            return Ok(());
        }
        let text = format!(
            "`{name}` holds a secret that stands in the file: hand it in with `${{env \"NAME\"}}` or `${{file \"PATH\"}}`"
        );
        if !self.is_ours || self.allow_literal_secrets {
            self.gathered.warnings.push(node.problem(text));
            return Ok(());
        }
        Err(node.problem(format!("{text}, or allow it with -allow-literal-secrets")))
    }
}

/// Whether it is a secret, or one stands somewhere within.
fn has_secret(name: &str, node: &Node) -> bool {
    is_secret(name)
        || match &node.content {
            Content::Map(members) => members.iter().any(|(name, node)| has_secret(name, node)),
            Content::List(items) => items.iter().any(|node| has_secret(name, node)),
            Content::Text(text) => has_login(name, text),
            _ => false,
        }
}

fn kubernetes_reference(node: &Node) -> Option<&str> {
    let members = node.members("it").ok()?;
    let names = members.iter().map(|(name, _)| name.as_str());
    names
        .into_iter()
        .find(|name| matches!(*name, "secretKeyRef" | "configMapKeyRef" | "valueFrom"))
}

fn unknown(key: &str, node: &Node) -> Problem {
    if key == super::PURGE {
        return node.problem(format!(
            "`{key}` stands at the top of a file, not in a block"
        ));
    }
    let hint = closest(key, KEYS.iter().copied());
    let hint = hint.map(|like| format!("; did you mean `{like}`?"));
    node.problem(format!("unknown key `{key}`{}", hint.unwrap_or_default()))
}

/// Paths are sent as they are, so they must be ones that a server can have.
fn check_path(path: &str, item: &Node) -> Result<(), Problem> {
    let is_odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    if path.split('/').any(is_odd) || path.contains(char::is_control) {
        let text = format!(
            "`{path}` is not a valid path: it has an empty segment, `.`, `..` or a control character"
        );
        return Err(item.problem(text));
    }
    Ok(())
}
