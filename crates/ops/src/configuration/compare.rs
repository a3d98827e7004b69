//! Whether a server's value is what a file says.
//!
//! A file and a server write the same thing in several ways: durations as text or
//! as seconds, lists as text with commas, numbers and booleans as text, names in
//! any case. What the server answers decides the form in which both are compared.
//! Members that only the server has are computed, and not compared.

use std::collections::BTreeSet;

use serde_json::Value;

/// Fields under a second name: the first was used before Vault 1.2 and is still
/// taken, but a server need not answer under it.
const RENAMED: &[(&str, &str)] = &[
    ("policies", "token_policies"),
    ("period", "token_period"),
    ("ttl", "token_ttl"),
    ("max_ttl", "token_max_ttl"),
    ("num_uses", "token_num_uses"),
    ("bound_cidrs", "token_bound_cidrs"),
    ("bound_cidr_list", "secret_id_bound_cidrs"),
    ("policy", "rules"),
];

/// Fields whose order means nothing, because servers sort them.
const SETS: &[&str] = &[
    "policies",
    "token_policies",
    "allowed_policies",
    "disallowed_policies",
    "allowed_roles",
    "bound_cidrs",
    "token_bound_cidrs",
    "secret_id_bound_cidrs",
    "bound_service_account_names",
    "bound_service_account_namespaces",
    "bound_audiences",
    "allowed_domains",
    "allowed_redirect_uris",
];

/// The server's value of a field, also under its second name.
pub(crate) fn find<'a>(
    answer: &'a serde_json::Map<String, Value>,
    field: &str,
) -> Option<&'a Value> {
    answer.get(field).or_else(|| {
        let (_, second) = RENAMED.iter().find(|(first, _)| *first == field)?;
        answer.get(*second)
    })
}

/// The server's value with the members that the file has too. The others are not
/// the file's, and may be secrets.
pub(crate) fn projected(wanted: &Value, there: &Value) -> Value {
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => {
            let members = wanted.iter().filter_map(|(name, wanted)| {
                let there = there.get(name)?;
                Some((name.clone(), projected(wanted, there)))
            });
            Value::Object(members.collect())
        }
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            let items = wanted.iter().zip(there);
            Value::Array(
                items
                    .map(|(wanted, there)| projected(wanted, there))
                    .collect(),
            )
        }
        _ => there.clone(),
    }
}

/// Whether both say the same of a field.
pub(crate) fn is_same(field: &str, wanted: &Value, there: &Value) -> bool {
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => wanted.iter().all(|(name, value)| {
            let there = there.get(name);
            value.is_null()
                || there.map_or_else(|| is_empty(value), |there| is_same(name, value, there))
        }),
        (Value::Array(wanted), Value::Array(there)) => same_list(field, wanted, there),
        (Value::String(text), Value::Array(there)) => same_list(field, &split(text), there),
        (Value::Array(wanted), Value::String(text)) => same_list(field, wanted, &split(text)),
        (wanted, Value::Null) => is_empty(wanted),
        (Value::Null, _) => true,
        _ => same_scalar(field, wanted, there),
    }
}

/// Nothing, in one of the forms in which it is written.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::String(text) => text.is_empty() || text == "false" || seconds(value) == Some(0),
        Value::Number(_) => seconds(value) == Some(0),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
    }
}

fn same_list(field: &str, wanted: &[Value], there: &[Value]) -> bool {
    if SETS.contains(&field) {
        // Servers drop repeated ones, and write names of policies in lower case.
        let folded = field.ends_with("policies");
        let set = |items: &[Value]| -> BTreeSet<String> {
            let texts = items.iter().map(text);
            texts
                .map(|text| if folded { text.to_lowercase() } else { text })
                .collect()
        };
        return set(wanted) == set(there);
    }
    wanted.len() == there.len()
        && wanted
            .iter()
            .zip(there)
            .all(|(wanted, there)| is_same("", wanted, there))
}

fn same_scalar(field: &str, wanted: &Value, there: &Value) -> bool {
    let (given, answered) = (text(wanted), text(there));
    if given == answered {
        return true;
    }
    if field == "policy" || field == "rules" {
        return given.trim_end() == answered.trim_end();
    }
    // A quota's path is a mount, which the server answers with its slash.
    if field == "path" && given.trim_end_matches('/') == answered.trim_end_matches('/') {
        return true;
    }
    // A duration on both sides, if one of them says so.
    let is_duration = |value: &Value| value.is_string() && seconds(value).is_some();
    if is_duration(wanted) || is_duration(there) || (wanted.is_number() && there.is_number()) {
        let (wanted, there) = (seconds(wanted), seconds(there));
        return wanted.is_some() && wanted == there;
    }
    let inherits = given == "system" && seconds(there) == Some(0);
    inherits || (there.is_boolean() && boolean(&given) == there.as_bool())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn split(text: &str) -> Vec<Value> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items.map(Value::from).collect()
}

/// A duration: a number of seconds, or Go's form with days beside it.
fn seconds(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => return number.as_u64(),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let unit = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(unit);
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86400,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(factor)?;
        total = total.checked_add(part)?;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_thing_in_another_form_is_no_difference() {
        for (field, wanted, there) in [
            ("token_ttl", json!("1h"), json!(3600)),
            ("token_ttl", json!("90m"), json!("1h30m0s")),
            ("token_ttl", json!(60), json!("60")),
            ("max_lease_ttl", json!("30d"), json!(2_592_000)),
            ("default_lease_ttl", json!("system"), json!(0)),
            ("token_policies", json!("B,a"), json!(["a", "b"])),
            ("policies", json!(["a", "a", "B"]), json!(["b", "a"])),
            ("key_usage", json!("A, B"), json!(["A", "B"])),
            ("version", json!(2), json!("2")),
            ("bind_secret_id", json!("true"), json!(true)),
            ("path", json!("auth/machines"), json!("auth/machines/")),
            ("description", json!(""), json!(null)),
            ("token_bound_cidrs", json!([]), json!(null)),
            (
                "options",
                json!({"version": 2}),
                json!({"version": "2", "x": "y"}),
            ),
            ("policy", json!("path \"a\" {}\n"), json!("path \"a\" {}")),
        ] {
            assert!(is_same(field, &wanted, &there), "{field}: {wanted} {there}");
        }
    }

    #[test]
    fn another_thing_is_a_difference() {
        for (field, wanted, there) in [
            ("token_ttl", json!("1h"), json!(60)),
            ("token_policies", json!("a"), json!(["a", "b"])),
            ("key_usage", json!("B,A"), json!(["A", "B"])),
            ("bind_secret_id", json!(false), json!(true)),
            ("description", json!("a"), json!(null)),
            ("description", json!("A"), json!("a")),
            ("options", json!({"version": "2"}), json!({"version": "1"})),
            ("options", json!({"version": "2"}), json!(null)),
            ("policy", json!("path \"a\" {}"), json!("path \"b\" {}")),
        ] {
            assert!(
                !is_same(field, &wanted, &there),
                "{field}: {wanted} {there}"
            );
        }
    }

    #[test]
    fn an_answer_under_the_second_name_is_found() {
        let answer = json!({"token_policies": ["a"]});
        let found = find(answer.as_object().unwrap(), "policies");
        assert_eq!(found, Some(&json!(["a"])));
    }
}
