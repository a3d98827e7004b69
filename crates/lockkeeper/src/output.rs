//! Answers on the screen: tables as Vault's command line draws them, and JSON
//! as it writes it.

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

/// Shows names below a heading.
pub(crate) fn names(names: &[Value], format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => json(&names),
        Format::Table => {
            let mut text = String::from("Keys\n----\n");
            for name in names {
                text.push_str(&plain(name));
                text.push('\n');
            }
            write(&text)
        }
    }
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
    let longest = rows.iter().map(|(key, _)| key.chars().count()).max();
    let width = longest.unwrap_or(0).max(left.len()) + GAP;
    let dashes = |text: &str| "-".repeat(text.len());
    let heading = [
        (left.to_owned(), right.to_owned()),
        (dashes(left), dashes(right)),
    ];
    let mut text = String::new();
    for (key, value) in heading.iter().chain(rows) {
        let value = if value.is_empty() { EMPTY } else { value };
        // A string takes everything.
        let _ = writeln!(text, "{key:width$}{value}");
    }
    text
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
            let duration = value.as_u64().filter(|_| names_a_duration(key));
            row(key, duration.map_or_else(|| plain(value), human));
        }
    }
    rows
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
