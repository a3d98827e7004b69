//! Answers on the screen: tables as Vault's command line draws them, and JSON
//! as it writes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use vault_client::{Object, Secret};

use crate::arguments::Format;
use crate::failure::Failure;

/// What stands where a value is empty.
const EMPTY: &str = "n/a";
/// Between the columns of a table.
const GAP: usize = 4;

/// Shows an answer whole.
pub(crate) fn secret(secret: &Secret, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => json(secret),
        Format::Table => {
            say(&table(("Key", "Value"), &rows(secret)))?;
            warn(secret);
            Ok(())
        }
    }
}

/// Shows one member of an answer.
pub(crate) fn field(secret: &Secret, name: &str, format: Format) -> Result<(), Failure> {
    let value = member(secret, name)
        .ok_or_else(|| Failure::local(format!("Field \"{name}\" not present in secret")))?;
    let mut text = match format {
        Format::Json => pretty(&value)?,
        Format::Table => plain(&value),
    };
    if std::io::stdout().is_terminal() {
        text.push('\n');
    }
    write(&text)
}

/// Shows the names of a list; in detail, with what is told of each.
pub(crate) fn list(secret: &Secret, detailed: bool, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json if detailed => json(secret),
        Format::Json => json(&names(secret)),
        Format::Table => {
            warn(secret);
            let told = secret.data.as_ref().filter(|_| detailed);
            let told = told.and_then(|data| data.get("key_info")?.as_object());
            say(&listed(names(secret), told))
        }
    }
}

/// The names that an answer lists.
pub(crate) fn names(secret: &Secret) -> &[Value] {
    let data = secret.data.as_ref();
    let names = data.and_then(|data| data.get("keys")?.as_array());
    names.map_or(&[], Vec::as_slice)
}

/// Names in their order, each with what is told of it, in a column for each
/// member that any has.
fn listed(names: &[Value], told: Option<&Object>) -> String {
    let mut names: Vec<String> = names.iter().map(plain).collect();
    names.sort();
    let about = |name: &String| told?.get(name)?.as_object();
    let headings: BTreeSet<&String> = names
        .iter()
        .filter_map(about)
        .flat_map(Object::keys)
        .collect();
    let mut heading = vec!["Keys".to_owned()];
    heading.extend(headings.iter().map(|heading| (*heading).clone()));
    let rows = names.iter().map(|name| {
        let mut row = vec![name.clone()];
        if let Some(about) = about(name) {
            row.extend(headings.iter().map(|heading| {
                about
                    .get(*heading)
                    .map_or_else(String::new, |value| cell(heading, value))
            }));
        }
        row
    });
    columns(heading, rows.collect())
}

/// Shows anything as JSON, two spaces for each level.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    say(&pretty(value)?)
}

fn pretty<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Failure::local(format!("the answer cannot be shown: {error}")))
}

/// Shows a text on a line of its own.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let text = text.trim_end_matches('\n');
    write(&format!("{text}\n"))
}

/// A reader that went away, as `head` does, is no failure.
fn write(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::local(format!("cannot write the answer: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// What the server wants to be known beside, apart from the answer itself.
pub(crate) fn warn(secret: &Secret) {
    let warnings = secret.warnings.as_deref().unwrap_or_default();
    if warnings.is_empty() {
        return;
    }
    eprintln!("WARNING! The following warnings were returned:\n");
    for warning in warnings {
        eprintln!("  * {warning}");
    }
    eprintln!();
}

/// Two columns under their names.
pub(crate) fn table((left, right): (&str, &str), rows: &[(String, String)]) -> String {
    let rows = rows
        .iter()
        .map(|(key, value)| vec![key.clone(), value.clone()]);
    columns(vec![left.to_owned(), right.to_owned()], rows.collect())
}

/// Columns under their names. What is last in its row is as wide as it is.
fn columns(heading: Vec<String>, rows: Vec<Vec<String>>) -> String {
    let dashes = heading.iter().map(|name| "-".repeat(name.len())).collect();
    let lines = [vec![heading, dashes], rows].concat();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        let longest = cells.map(|cell| shown(cell).chars().count()).max();
        longest.map(|longest| longest + GAP)
    };
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let mut text = String::new();
    for line in &lines {
        let Some((last, before)) = line.split_last() else {
            continue;
        };
        // A string takes everything.
        for (cell, width) in before.iter().zip(&widths) {
            let _ = write!(text, "{:width$}", shown(cell));
        }
        let _ = writeln!(text, "{}", shown(last));
    }
    text
}

/// What stands in a table for a value.
fn shown(value: &str) -> &str {
    if value.is_empty() { EMPTY } else { value }
}

/// The rows of an answer: its lease, its token, its data.
fn rows(secret: &Secret) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: String| rows.push((key.to_owned(), value));
    let seconds = |seconds: i64| human(u64::try_from(seconds).unwrap_or(0));
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
        row(
            "token_policies",
            format!("[{}]", auth.token_policies.join(" ")),
        );
        row("policies", format!("[{}]", auth.policies.join(" ")));
    }
    if let Some(data) = &secret.data {
        for (key, value) in sorted(data) {
            row(key, cell(key, value));
        }
    }
    rows
}

/// A value under its name, as tables show it.
fn cell(name: &str, value: &Value) -> String {
    let duration = value.as_u64().filter(|_| names_a_duration(name));
    duration.map_or_else(|| plain(value), human)
}

/// A member by the name that `-field` takes: of the data, of the lease, or of
/// the token.
fn member(secret: &Secret, name: &str) -> Option<Value> {
    if let Some(value) = secret.data.as_ref().and_then(|data| data.get(name)) {
        return Some(value.clone());
    }
    let leased = !secret.lease_id.is_empty();
    let auth = secret.auth.as_ref();
    match name {
        "lease_id" if leased => Some(secret.lease_id.clone().into()),
        "lease_renewable" => Some(secret.renewable.into()),
        "lease_duration" | "refresh_interval" => Some(secret.lease_duration.into()),
        "token" => Some(auth?.client_token.as_ref()?.expose().into()),
        "token_accessor" => Some(auth?.accessor.clone().into()),
        "policies" => Some(auth?.policies.clone().into()),
        "data" => secret.data.clone().map(Value::from),
        _ => None,
    }
}

/// A value as Go prints it with `%v`, which scripts may rely on.
fn plain(value: &Value) -> String {
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
    fn what_is_told_of_names_stands_beside_them_in_columns() {
        let names = [json!("b"), json!("a"), json!("c")];
        let told = json!({
            "a": {"role": "app", "ttl": 60},
            "b": {"holders": 2},
            "other": {"hidden": true},
        });
        assert_eq!(
            listed(&names, told.as_object()),
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
            table(("Key", "Value"), &rows),
            "Key                Value\n\
             ---                -----\n\
             lease_renewable    true\n\
             x                  n/a\n"
        );
    }
}
