//! What a server accepts and its operator did not mean.

use hcl1::{Body, Value};

use super::likeness::closest;
use super::mounts::is_below;
use super::object::{Kind, Object};
use super::place::Problem;

/// The capabilities of Vault and `OpenBao`.
const CAPABILITIES: &[&str] = &[
    "create",
    "read",
    "update",
    "patch",
    "delete",
    "list",
    "scan",
    "sudo",
    "deny",
    "subscribe",
    "recover",
];
/// What comes after the mount in a KV engine of version 2.
const VERSIONED: &[&str] = &[
    "data",
    "metadata",
    "delete",
    "undelete",
    "destroy",
    "subkeys",
    "detailed-metadata",
    "config",
];

/// What was found.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// One rule of a policy.
struct Rule {
    path: String,
    capabilities: Vec<String>,
}

/// Looks at the objects of files; no server is asked.
pub(crate) fn lint(objects: &[Object]) -> Findings {
    let mut findings = Findings::default();
    let versioned: Vec<&str> = objects.iter().filter_map(versioned_mount).collect();
    for object in objects {
        match object.kind {
            Kind::Policy => policy(object, &versioned, &mut findings),
            Kind::SecretsEngine | Kind::AuthMethod => nested(object, objects, &mut findings),
            _ => {}
        }
    }
    findings
}

/// The path of a KV engine of version 2.
fn versioned_mount(object: &Object) -> Option<&str> {
    let path = object.path.strip_prefix("sys/mounts/")?;
    let options = &object.fields.get("options")?.value;
    (options.get("version")?.as_str() == Some("2")).then_some(path)
}

/// A mount below another one is refused by the server, whichever is first.
fn nested(object: &Object, objects: &[Object], findings: &mut Findings) {
    let outer = objects
        .iter()
        .find(|other| other.kind == object.kind && is_below(&object.path, &other.path));
    if let Some(outer) = outer {
        let text = format!(
            "`{}` is below `{}`, which no server accepts",
            object.path, outer.path
        );
        findings.problems.push(object.place.problem(text));
    }
}

fn policy(object: &Object, versioned: &[&str], findings: &mut Findings) {
    let name = object.path.rsplit('/').next().unwrap_or_default();
    let text = object.fields.get("policy");
    let text = text
        .and_then(|field| field.value.as_str())
        .unwrap_or_default();
    for rule in rules(text) {
        let path = &rule.path;
        for capability in &rule.capabilities {
            if !CAPABILITIES.contains(&capability.as_str()) {
                let like = closest(capability, CAPABILITIES.iter().copied());
                let hint = like.map(|like| format!("; did you mean `{like}`?"));
                let hint = hint.unwrap_or_default();
                let text =
                    format!("policy `{name}`, `{path}`: unknown capability `{capability}`{hint}");
                findings.problems.push(object.place.problem(text));
            }
        }
        let mut warn = |text: &str| {
            let text = format!("policy `{name}`, `{path}`: {text}");
            findings.warnings.push(object.place.problem(text));
        };
        if let Some(mount) = misses_data(path, versioned) {
            warn(&format!(
                "`{mount}` is a KV engine of version 2, whose paths go on with `data/` or `metadata/`"
            ));
        }
        let may = |capability: &str| rule.capabilities.iter().any(|has| has == capability);
        let writes = may("create") || may("update");
        if path == "*" && (writes || may("sudo")) {
            warn("it allows everything");
        } else if may("sudo") && path.starts_with("sys/") {
            warn("it allows what only root may");
        }
        if writes && reaches_secret_ids(path) {
            warn("it makes secret ids, and with them logs in as the role");
        }
    }
}

/// The mount, if a path in it goes on with something that its engine does not have.
fn misses_data<'a>(path: &str, versioned: &[&'a str]) -> Option<&'a str> {
    let mounts = versioned.iter().filter(|mount| is_below(path, mount));
    let mount = mounts.max_by_key(|mount| mount.len())?;
    let first = path[mount.len() + 1..]
        .split('/')
        .next()
        .unwrap_or_default();
    let is_known = VERSIONED.contains(&first.trim_end_matches('*'));
    let is_pattern = first.contains(['*', '+']) || first.is_empty();
    (!is_known && !is_pattern).then_some(*mount)
}

fn reaches_secret_ids(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    matches!(
        segments.as_slice(),
        ["auth", _, "role", _, "secret-id" | "custom-secret-id" | "*"] | ["auth", _, "role", "*"]
    )
}

/// The rules of a policy, in HCL or JSON. What is no policy has none: that is told
/// elsewhere.
fn rules(text: &str) -> Vec<Rule> {
    let Ok(document) = hcl1::parse(text) else {
        return Vec::new();
    };
    let mut rules = Vec::new();
    for item in &document.body.items {
        let names: Vec<&str> = item.keys.iter().map(|key| &*key.name).collect();
        match (names.as_slice(), &item.value) {
            (["path", path], Value::Object(rule)) => rules.push(Rule::of(path, &rule.body)),
            (["path"], Value::Object(paths)) => {
                for item in &paths.body.items {
                    if let (Some(key), Value::Object(rule)) = (item.keys.first(), &item.value) {
                        rules.push(Rule::of(&key.name, &rule.body));
                    }
                }
            }
            _ => {}
        }
    }
    rules
}

impl Rule {
    fn of(path: &str, body: &Body) -> Self {
        let mut capabilities = Vec::new();
        for item in &body.items {
            let is_list = item
                .keys
                .first()
                .is_some_and(|key| &*key.name == "capabilities");
            if let (true, Value::List(list)) = (is_list, &item.value) {
                let texts = list.values.iter().filter_map(|value| match value {
                    Value::Literal(literal) => literal.text(),
                    _ => None,
                });
                capabilities.extend(texts.map(str::to_owned));
            }
        }
        Self {
            path: path.to_owned(),
            capabilities,
        }
    }
}
