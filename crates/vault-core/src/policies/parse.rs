//! Reads the text of a policy, in HCL or JSON.
//!
//! A key that this server does not support is an error: a condition that is
//! ignored would allow more than was written.

use std::collections::BTreeMap;
use std::time::Duration;

use hcl1::{Body, Item, Literal, LiteralKind, Position};
use logical::{Error, duration};
use serde_json::{Number, Value};

use super::rule::{Capabilities, Capability, Pattern, Permissions, Policy, Rule};
use super::template::Template;

/// Keys of rules in Vault or OpenBao that restrict a rule in a way that this
/// server does not have.
const UNSUPPORTED: [&str; 4] = [
    "control_group",
    "list_scan_response_keys_filter_path",
    "mfa_methods",
    "pagination_limit",
];

const RULE_KEYS: &str = "`capabilities`, `policy`, `allowed_parameters`, `denied_parameters`, \
                         `required_parameters`, `min_wrapping_ttl`, `max_wrapping_ttl`, \
                         `expiration` and `comment`";

/// Parses the text of a policy.
///
/// # Errors
/// A bad request that names the place and what was expected there.
pub(super) fn parse(text: &str) -> Result<Policy, Error> {
    read(text, Foreign::Refused)
}

/// What `policy fmt` checks: the text is a policy, for this server or for
/// another one.
///
/// # Errors
/// A bad request that names the place and what was expected there.
pub fn check_policy(text: &str) -> Result<(), Error> {
    read(text, Foreign::Accepted).map(drop)
}

/// Whether a rule may have keys that only other servers support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Accepted,
    Refused,
}

fn read(text: &str, foreign: Foreign) -> Result<Policy, Error> {
    let document = hcl1::parse(text).map_err(|error| failed(&error))?;
    if let Some(key) = document.body.repeated_key() {
        return Err(failed(&format!(
            "{}: `{}` is set twice: remove one of the two",
            key.position, key.name
        )));
    }
    let mut policy = Policy::default();
    for item in &document.body.items {
        let Some(key) = item.keys.first() else {
            continue;
        };
        match &*key.name {
            "name" => {}
            "path" => rules(item, foreign, &mut policy.rules)?,
            other => {
                return Err(failed(&format!(
                    "{}: invalid key {other:?}: a policy has `path` and `name`",
                    key.position
                )));
            }
        }
    }
    Ok(policy)
}

fn failed(problem: &dyn std::fmt::Display) -> Error {
    Error::bad_request(format!("failed to parse policy: {problem}"))
}

/// `path "a" {…}`, or the blocks that JSON has below `path`.
fn rules(item: &Item, foreign: Foreign, rules: &mut Vec<Rule>) -> Result<(), Error> {
    let hcl1::Value::Object(block) = &item.value else {
        return Err(failed(&format!(
            "{}: `path` is {}: write `path \"secret/data/app\" {{ … }}`",
            item.value.position(),
            item.value.describe()
        )));
    };
    match item.keys.as_slice() {
        [_] => {
            for inner in &block.body.items {
                let (Some(path), hcl1::Value::Object(rule)) = (inner.keys.first(), &inner.value)
                else {
                    return Err(failed(&format!(
                        "{}: expected a path with the object of its rule",
                        inner.value.position()
                    )));
                };
                rules.push(rule_of(&path.name, path.position, &rule.body, foreign)?);
            }
            Ok(())
        }
        [_, path] => {
            rules.push(rule_of(&path.name, path.position, &block.body, foreign)?);
            Ok(())
        }
        [_, _, extra, ..] => Err(failed(&format!(
            "{}: a rule has one path: {:?} is too much",
            extra.position, extra.name
        ))),
        [] => Ok(()),
    }
}

fn rule_of(
    written: &str,
    position: Position,
    body: &Body,
    foreign: Foreign,
) -> Result<Rule, Error> {
    let path = written.strip_prefix('/').unwrap_or(written);
    let wrong = |position: Position, problem: String| {
        failed(&format!("{position}: path {written:?}: {problem}"))
    };
    if path.contains("+*") {
        return Err(wrong(
            position,
            "invalid use of wildcards ('+*' is forbidden)".into(),
        ));
    }
    let template = Template::parse(path).map_err(|problem| wrong(position, problem.into()))?;
    if foreign == Foreign::Refused
        && let Some(part) = template.as_ref().and_then(Template::unsupported)
    {
        let problem = format!("the template `{part}` is not supported by this server");
        return Err(wrong(position, problem));
    }
    let mut permissions = Permissions::default();
    let mut expiration = None;
    for item in &body.items {
        let Some(key) = item.keys.first() else {
            continue;
        };
        let wrong = |problem: String| wrong(key.position, problem);
        let named = |problem: String| wrong(format!("`{}`: {problem}", key.name));
        match &*key.name {
            "capabilities" => {
                for name in texts(&item.value).map_err(named)? {
                    let capability = Capability::parse(&name)
                        .ok_or_else(|| wrong(format!("invalid capability {name:?}")))?;
                    permissions.capabilities = permissions.capabilities.with(capability);
                }
            }
            "policy" => {
                let name = text(&item.value).map_err(named)?;
                let old = old_policy(&name);
                let old = old.ok_or_else(|| wrong(format!("invalid policy {name:?}")))?;
                permissions.capabilities = permissions.capabilities.union(old);
            }
            "allowed_parameters" => {
                permissions.allowed_parameters = parameters(&item.value).map_err(named)?;
            }
            "denied_parameters" => {
                permissions.denied_parameters = parameters(&item.value).map_err(named)?;
            }
            "required_parameters" => {
                let names = texts(&item.value).map_err(named)?;
                permissions.required_parameters =
                    names.iter().map(|name| name.to_lowercase()).collect();
            }
            "min_wrapping_ttl" => {
                permissions.min_wrapping_ttl = ttl(&item.value).map_err(named)?;
            }
            "max_wrapping_ttl" => {
                permissions.max_wrapping_ttl = ttl(&item.value).map_err(named)?;
            }
            "expiration" => {
                let text = text(&item.value).map_err(named)?;
                let time = text.parse().map_err(|_| {
                    named(format!("{text:?} is no time: write 2030-01-31T12:00:00Z"))
                })?;
                expiration = Some(time);
            }
            "comment" => {
                text(&item.value).map_err(named)?;
            }
            name if UNSUPPORTED.contains(&name) && foreign == Foreign::Accepted => {}
            name if UNSUPPORTED.contains(&name) => {
                return Err(wrong(format!("`{name}` is not supported by this server")));
            }
            name => return Err(wrong(format!("invalid key {name:?}: use {RULE_KEYS}"))),
        }
    }
    let (min, max) = (permissions.min_wrapping_ttl, permissions.max_wrapping_ttl);
    if !max.is_zero() && max < min {
        return Err(wrong(
            position,
            "max_wrapping_ttl cannot be less than min_wrapping_ttl".into(),
        ));
    }
    if permissions.capabilities.is_denied() {
        permissions = Permissions {
            capabilities: Capabilities::default().with(Capability::Deny),
            ..Permissions::default()
        };
    }
    Ok(Rule {
        pattern: template.map_or_else(|| Pattern::new(path), Pattern::Template),
        permissions,
        expiration,
    })
}

/// The short words that Vault had before capabilities. None has `patch`, which
/// is newer.
fn old_policy(word: &str) -> Option<Capabilities> {
    use Capability::{Create, Delete, Deny, List, Read, Sudo, Update};
    let capabilities: &[Capability] = match word {
        "deny" => &[Deny],
        "read" => &[Read, List],
        "write" => &[Create, Read, Update, Delete, List],
        "sudo" => &[Create, Read, Update, Delete, List, Sudo],
        _ => return None,
    };
    Some(capabilities.iter().copied().collect())
}

fn text(value: &hcl1::Value) -> Result<String, String> {
    match value {
        hcl1::Value::Literal(literal) => literal.text().map(str::to_owned),
        _ => None,
    }
    .ok_or_else(|| format!("expected a string, not {}", value.describe()))
}

fn texts(value: &hcl1::Value) -> Result<Vec<String>, String> {
    match value {
        hcl1::Value::List(list) => list.values.iter().map(text).collect(),
        other => Err(format!("expected a list, not {}", other.describe())),
    }
}

/// Names with the values that they may have.
fn parameters(value: &hcl1::Value) -> Result<BTreeMap<String, Vec<Value>>, String> {
    let hcl1::Value::Object(object) = value else {
        return Err(format!("expected an object, not {}", value.describe()));
    };
    let mut parameters = BTreeMap::new();
    for item in &object.body.items {
        let Some(key) = item.keys.first() else {
            continue;
        };
        let hcl1::Value::List(list) = &item.value else {
            return Err(format!(
                "{:?} is {}: write the list of its values, or [] for any",
                key.name,
                item.value.describe()
            ));
        };
        let values = list.values.iter().map(json).collect::<Result<_, _>>()?;
        parameters.insert(key.name.to_lowercase(), values);
    }
    Ok(parameters)
}

fn json(value: &hcl1::Value) -> Result<Value, String> {
    Ok(match value {
        hcl1::Value::Literal(literal) => literal_json(literal)?,
        hcl1::Value::List(list) => {
            Value::Array(list.values.iter().map(json).collect::<Result<_, _>>()?)
        }
        hcl1::Value::Object(object) => {
            let members = object.body.items.iter().filter_map(|item| {
                // Further keys are objects inside the first one's.
                let (key, inner) = item.keys.split_first()?;
                let value = inner.iter().rfold(json(&item.value), |value, key| {
                    value.map(|value| Value::from_iter([(key.name.to_string(), value)]))
                });
                Some(value.map(|value| (key.name.to_string(), value)))
            });
            Value::Object(members.collect::<Result<_, _>>()?)
        }
    })
}

fn literal_json(literal: &Literal) -> Result<Value, String> {
    Ok(match &literal.kind {
        LiteralKind::Bool(value) => Value::Bool(*value),
        LiteralKind::Number(text) => match literal.integer() {
            Some(number) => number.into(),
            None => return Err(format!("{text} is no number of 64 bits")),
        },
        LiteralKind::Float(text) => {
            let number = text.parse().ok().and_then(Number::from_f64);
            Value::Number(number.ok_or_else(|| format!("{text} is no number"))?)
        }
        LiteralKind::String(text) | LiteralKind::Heredoc(text) => text.clone().into(),
        LiteralKind::Null => Value::Null,
    })
}

/// Seconds, or text with units. A negative one is none, as in Vault.
fn ttl(value: &hcl1::Value) -> Result<Duration, String> {
    let hcl1::Value::Literal(literal) = value else {
        return Err(format!("expected a duration, not {}", value.describe()));
    };
    if let Some(seconds) = literal.integer() {
        return Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    }
    let text = literal.text();
    let text = text.ok_or_else(|| format!("expected a duration, not {}", value.describe()))?;
    duration::parse(text).map_err(|error| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text).unwrap_err().message().to_owned()
    }

    #[test]
    fn hcl_and_json_say_the_same() {
        let hcl = parse(
            r#"path "a/*" { capabilities = ["read", "list"] } path "/b" { policy = "write" }"#,
        );
        let json = parse(
            r#"{"path": {"a/*": {"capabilities": ["list", "read"]}, "b": {"policy": "write"}}}"#,
        );
        assert_eq!(hcl.unwrap(), json.unwrap());
        assert!(parse("name = \"x\"").unwrap().rules.is_empty());
    }

    #[test]
    fn a_policy_for_another_server_is_checked_but_not_installed() {
        let foreign = r#"path "a" { capabilities = ["list"] pagination_limit = 10 }"#;
        assert!(check_policy(foreign).is_ok());
        assert!(refused(foreign).contains("pagination_limit"));
        assert!(check_policy(r#"path "a" { capabilities = ["fly"] }"#).is_err());
        assert!(check_policy("path \"a\" {").is_err());
    }

    #[test]
    fn an_old_word_adds_to_the_capabilities_and_a_deny_stays() {
        let names = |text: &str| {
            let policy = parse(&format!("path \"a\" {{ {text} }}")).unwrap();
            policy.rules[0].permissions.capabilities.names().join(" ")
        };
        for (text, expected) in [
            ("policy = \"read\"", "read list"),
            ("policy = \"write\"", "read list update delete create"),
            ("policy = \"sudo\"", "sudo read list update delete create"),
            (
                "capabilities = [\"patch\"] policy = \"read\"",
                "read list patch",
            ),
            (
                "policy = \"read\" capabilities = [\"patch\"]",
                "read list patch",
            ),
            ("capabilities = [\"deny\"] policy = \"read\"", "deny"),
            ("policy = \"deny\" capabilities = [\"read\"]", "deny"),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn an_object_inside_a_parameter_is_kept_whole() {
        let text = r#"{"path": {"a": {"capabilities": ["read"],
            "allowed_parameters": {"p": ["x", {"a": {"b": {"c": 1}}}]}}}}"#;
        let policy = parse(text).unwrap();
        let allowed = &policy.rules[0].permissions.allowed_parameters;
        let nested = serde_json::json!({"a": {"b": {"c": 1}}});
        assert_eq!(allowed["p"], ["x".into(), nested]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, parts) in [
            ("foo = 1", &["line 1, column 1", "invalid key \"foo\""][..]),
            (
                "path \"a\" { foo = 1 }",
                &["column 12", "invalid key \"foo\""],
            ),
            (
                "path \"a\" { capabilities = [\"raad\"] }",
                &["path \"a\"", "invalid capability \"raad\""],
            ),
            (
                "path \"a\" { capabilities = \"read\" }",
                &["`capabilities`", "expected a list, not a string"],
            ),
            (
                "path \"a\" { policy = \"foo\" }",
                &["invalid policy \"foo\""],
            ),
            (
                "path \"a/+*\" { capabilities = [] }",
                &["'+*' is forbidden"],
            ),
            ("path \"{{x\" {}", &["unbalanced templating"]),
            (
                "path \"a/{{time.now}}\" {}",
                &["`time.now` is not supported"],
            ),
            ("path \"a\" \"b\" {}", &["one path"]),
            (
                "path \"a\" { mfa_methods = [\"x\"] }",
                &["`mfa_methods` is not supported"],
            ),
            (
                "path \"a\" { min_wrapping_ttl = \"1m\" max_wrapping_ttl = 1 }",
                &["cannot be less"],
            ),
            (
                "path \"a\" { min_wrapping_ttl = \"x\" }",
                &["`min_wrapping_ttl`"],
            ),
            (
                "path \"a\" { allowed_parameters = { x = \"a\" } }",
                &["`allowed_parameters`", "\"x\" is a string"],
            ),
            (
                "path \"a\" { expiration = \"soon\" }",
                &["`expiration`", "\"soon\""],
            ),
            (
                "path \"a\" { capabilities = [] capabilities = [] }",
                &["set twice"],
            ),
            ("path \"a\" {", &["line 1"]),
        ] {
            let said = refused(text);
            assert!(said.starts_with("failed to parse policy: "), "{said}");
            for part in parts {
                assert!(said.contains(part), "{text}: {said}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-z{}\\[\\]\"=+*/ \n]{0,60}") {
            let _ = parse(&text);
        }
    }
}
