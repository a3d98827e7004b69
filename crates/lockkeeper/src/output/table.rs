//! Tables as Vault's command line draws them. Nested values, which it prints on
//! one line, get a row for each of their members here.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use vault_client::{Auth, Object, Secret, WrapInfo};

/// Printed in place of an empty value.
const EMPTY: &str = "n/a";
/// The width between two columns.
const GAP: usize = 4;

/// A whole answer.
pub(crate) fn secret(secret: &Secret) -> String {
    key_values(("Key", "Value"), &members_of_answer(secret))
}

/// The members of an object.
pub(crate) fn data(data: &Object) -> String {
    key_values(("Key", "Value"), &members(data))
}

/// The members of an object under a title as wide as their table
/// (`getHeaderForMap` in Vault).
pub(crate) fn section(title: &str, data: &Object) -> String {
    let longest = data.keys().map(String::len).max().unwrap_or(0);
    let width = longest + GAP + "value".len();
    format!("{}\n{}", titled(title, width), self::data(data))
}

/// A text under a title.
pub(crate) fn under_title(title: &str, text: &str) -> String {
    format!("{}\n{text}\n", titled(title, text.len()))
}

/// A title between equal signs, two at least on either side.
fn titled(title: &str, width: usize) -> String {
    let signs = match width.saturating_sub(title.len() + 2) {
        0 => 2,
        rest => rest.div_ceil(2),
    };
    let signs = "=".repeat(signs);
    format!("{signs} {title} {signs}")
}

/// A text under a heading.
pub(crate) fn key_values((left, right): (&str, &str), rows: &[(String, String)]) -> String {
    let rows = rows
        .iter()
        .map(|(key, value)| vec![key.clone(), value.clone()]);
    columns(vec![left.to_owned(), right.to_owned()], rows.collect())
}

/// Sorted names, each with its details in a column for every detail that any
/// name has.
pub(crate) fn names(names: &[Value], details: Option<&Object>) -> String {
    let mut names: Vec<String> = names.iter().map(plain).collect();
    names.sort();
    let details_of = |name: &String| details?.get(name)?.as_object();
    let headings: BTreeSet<&String> = names
        .iter()
        .filter_map(details_of)
        .flat_map(Object::keys)
        .collect();
    let mut heading = vec!["Keys".to_owned()];
    heading.extend(headings.iter().map(|heading| (*heading).clone()));
    let rows = names.iter().map(|name| {
        let mut row = vec![name.clone()];
        if let Some(details) = details_of(name) {
            row.extend(headings.iter().map(|heading| {
                details
                    .get(*heading)
                    .map_or_else(String::new, |value| cell(heading, value))
            }));
        }
        row
    });
    columns(heading, rows.collect())
}

/// Columns under their headings.
pub(crate) fn columns(heading: Vec<String>, rows: Vec<Vec<String>>) -> String {
    let dashes = heading.iter().map(|name| "-".repeat(name.len())).collect();
    self::rows(&[vec![heading, dashes], rows].concat())
}

/// Columns without headings. The last cell of a row is not padded.
pub(crate) fn rows(lines: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        let longest = cells.map(|cell| shown(cell).chars().count()).max();
        longest.map(|longest| longest + GAP)
    };
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let mut text = String::new();
    for line in lines {
        let Some((last, before)) = line.split_last() else {
            continue;
        };
        // Writing to a string cannot fail.
        for (cell, width) in before.iter().zip(&widths) {
            let _ = write!(text, "{:width$}", shown(cell));
        }
        let _ = writeln!(text, "{}", shown(last));
    }
    text
}

fn shown(value: &str) -> &str {
    if value.is_empty() { EMPTY } else { value }
}

/// The rows of an answer: its lease, its token, its data.
fn members_of_answer(secret: &Secret) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: String| rows.push((key.to_owned(), value));
    if secret.lease_duration > 0 {
        if secret.lease_id.is_empty() {
            row("refresh_interval", seconds(secret.lease_duration));
        } else {
            row("lease_id", secret.lease_id.clone());
            row("lease_duration", seconds(secret.lease_duration));
            row("lease_renewable", secret.renewable.to_string());
        }
    }
    if let Some(auth) = &secret.auth {
        auth_rows(auth, &mut row);
    }
    if let Some(wrapped) = &secret.wrap_info {
        wrap_rows(wrapped, &mut row);
    }
    rows.extend(secret.data.iter().flat_map(members));
    rows
}

fn members(data: &Object) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (key, value) in sorted(data) {
        flatten(key, key, value, &mut rows);
    }
    rows
}

fn auth_rows(auth: &Auth, row: &mut impl FnMut(&str, String)) {
    let token = auth.client_token.as_ref();
    row(
        "token",
        token.map_or_else(String::new, |token| token.expose().to_owned()),
    );
    row("token_accessor", auth.accessor.clone());
    let duration = match auth.lease_duration {
        0 => "∞".to_owned(),
        left => seconds(left),
    };
    row("token_duration", duration);
    row("token_renewable", auth.renewable.to_string());
    row("token_policies", quoted(&auth.token_policies));
    row("identity_policies", quoted(&auth.identity_policies));
    row("policies", quoted(&auth.policies));
    for (name, value) in auth.metadata.iter().flat_map(sorted) {
        row(&format!("token_meta_{name}"), plain(value));
    }
}

/// The names end in a colon, as those of Vault's command line do.
fn wrap_rows(wrapped: &WrapInfo, row: &mut impl FnMut(&str, String)) {
    let token = wrapped.token.as_ref();
    row(
        "wrapping_token:",
        token.map_or_else(String::new, |token| token.expose().to_owned()),
    );
    row("wrapping_accessor:", wrapped.accessor.clone());
    row("wrapping_token_ttl:", seconds(wrapped.ttl));
    row(
        "wrapping_token_creation_time:",
        wrapped.creation_time.clone(),
    );
    row(
        "wrapping_token_creation_path:",
        wrapped.creation_path.clone(),
    );
    if !wrapped.wrapped_accessor.is_empty() {
        row("wrapped_accessor:", wrapped.wrapped_accessor.clone());
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("[{}]", names.join(" "))
}

/// A row for a simple value; for a nested one a row for each member, under
/// names such as `waiting.K7Q2.role` or `unrecorded_keys.0.owner`. `key` is the
/// last part of `name`, or the list that it is an index of.
fn flatten(name: &str, key: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in sorted(members) {
                flatten(&format!("{name}.{key}"), key, value, rows);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{name}.{index}"), key, item, rows);
            }
        }
        value => rows.push((name.to_owned(), cell(key, value))),
    }
}

/// A value under its name.
fn cell(name: &str, value: &Value) -> String {
    let duration = value.as_u64().filter(|_| names_a_duration(name));
    duration.map_or_else(|| plain(value), human)
}

/// A value in the form of Go's `%v`, which scripts may rely on.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let members: Vec<String> = sorted(members)
                .map(|(key, value)| format!("{key}:{}", plain(value)))
                .collect();
            format!("map[{}]", members.join(" "))
        }
    }
}

fn sorted(members: &Object) -> impl Iterator<Item = (&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(key, _)| *key);
    members.into_iter()
}

/// Names whose numbers are seconds (`command/format.go` in Vault).
fn names_a_duration(name: &str) -> bool {
    ["period", "ttl", "duration"]
        .iter()
        .any(|word| name == *word || name.ends_with(&format!("_{word}")))
        || matches!(name, "lease_max" | "ttl_max")
}

/// Seconds of the envelope, which are never negative.
pub(crate) fn seconds(seconds: i64) -> String {
    human(u64::try_from(seconds).unwrap_or(0))
}

/// Seconds for people: `1h30m`, `5s`, without parts that are zero.
fn human(seconds: u64) -> String {
    let text = logical::duration::go(Duration::from_secs(seconds));
    let text = match text.strip_suffix("m0s") {
        Some(minutes) => format!("{minutes}m"),
        None => text,
    };
    text.replacen("h0m", "h", 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn seconds_are_shown_without_parts_that_are_zero() {
        for (seconds, text) in [
            (0, "0s"),
            (5, "5s"),
            (600, "10m"),
            (3600, "1h"),
            (3605, "1h5s"),
            (5400, "1h30m"),
            (2_764_800, "768h"),
        ] {
            assert_eq!(human(seconds), text);
        }
    }

    #[test]
    fn values_are_printed_as_go_prints_them() {
        let value = json!({"b": [1, "x", null], "a": true});
        assert_eq!(plain(&value), "map[a:true b:[1 x <nil>]]");
    }

    #[test]
    fn nested_values_get_a_row_for_each_member() {
        let data = json!({
            "entries": 2,
            "waiting": {"K7": {"role": "app", "ttl": 60}},
            "unrecorded_keys": [{"owner": "sa-1"}, {"owner": "sa-2"}],
            "deleted_keys": ["A", "B"],
            "none": {},
        });
        let answer = Secret {
            data: data.as_object().cloned(),
            ..Secret::default()
        };
        assert_eq!(
            secret(&answer),
            "Key                        Value\n\
             ---                        -----\n\
             deleted_keys               [A B]\n\
             entries                    2\n\
             none                       map[]\n\
             unrecorded_keys.0.owner    sa-1\n\
             unrecorded_keys.1.owner    sa-2\n\
             waiting.K7.role            app\n\
             waiting.K7.ttl             1m\n"
        );
    }

    #[test]
    fn a_section_has_a_title_as_wide_as_its_table() {
        let data = json!({"custom_metadata": null, "version": 1});
        assert_eq!(
            section("Metadata", data.as_object().unwrap()),
            "======= Metadata =======\n\
             Key                Value\n\
             ---                -----\n\
             custom_metadata    <nil>\n\
             version            1\n"
        );
        assert_eq!(
            under_title("Secret Path", "kv/data/a"),
            "== Secret Path ==\nkv/data/a\n"
        );
        assert_eq!(
            under_title("Metadata Path", "secret/metadata/a"),
            "= Metadata Path =\nsecret/metadata/a\n"
        );
    }

    #[test]
    fn details_of_names_stand_beside_them_in_columns() {
        let given = [json!("b"), json!("a"), json!("c")];
        let details = json!({
            "a": {"role": "app", "ttl": 60},
            "b": {"holders": 2},
            "other": {"hidden": true},
        });
        assert_eq!(
            names(&given, details.as_object()),
            "Keys    holders    role    ttl\n\
             ----    -------    ----    ---\n\
             a       n/a        app     1m\n\
             b       2          n/a     n/a\n\
             c\n"
        );
    }

    #[test]
    fn a_table_is_as_wide_as_its_longest_key() {
        let rows = [
            ("lease_renewable".to_owned(), "true".to_owned()),
            ("x".into(), String::new()),
        ];
        assert_eq!(
            key_values(("Key", "Value"), &rows),
            "Key                Value\n\
             ---                -----\n\
             lease_renewable    true\n\
             x                  n/a\n"
        );
    }
}
