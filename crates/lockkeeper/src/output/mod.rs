//! What is printed: tables, JSON and YAML in the forms of Vault's command line.

mod table;
mod yaml;

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;
use serde_json::Value;
use vault_client::{Object, Secret};

pub(crate) use self::table::{columns, key_values, plain, rows, seconds, section, under_title};
use crate::arguments::Format;
use crate::failure::Failure;

/// Prints a whole answer.
pub(crate) fn secret(secret: &Secret, format: Format) -> Result<(), Failure> {
    let text = match structured(secret, format)? {
        Some(text) => text,
        None => table::secret(secret),
    };
    say(&text).map_err(|failure| failure.leaving(&secret.lease_id))?;
    if format == Format::Table {
        warn(secret);
    }
    Ok(())
}

/// Prints one field of an answer.
pub(crate) fn field(secret: &Secret, name: &str, format: Format) -> Result<(), Failure> {
    let value = field_of(secret, name)
        .ok_or_else(|| Failure::local(format!("Field \"{name}\" not present in secret")))
        .map_err(|failure| failure.leaving(&secret.lease_id))?;
    self::value(&value, format).map_err(|failure| failure.leaving(&secret.lease_id))
}

/// Prints a value alone, without a line break unless to a terminal.
pub(crate) fn value(value: &Value, format: Format) -> Result<(), Failure> {
    let mut text = match structured(value, format)? {
        Some(text) => text,
        None => plain(value),
    };
    if std::io::stdout().is_terminal() && !text.ends_with('\n') {
        text.push('\n');
    }
    write(&text)
}

/// Prints an object: as a table of its members, or structured.
pub(crate) fn data(data: &Object, format: Format) -> Result<(), Failure> {
    match structured(data, format)? {
        Some(text) => say(&text),
        None => say(&table::data(data)),
    }
}

/// Prints the names of a list, with their details if those are wanted.
pub(crate) fn list(secret: &Secret, detailed: bool, format: Format) -> Result<(), Failure> {
    let structured = if detailed {
        structured(secret, format)?
    } else {
        structured(&names(secret), format)?
    };
    if let Some(text) = structured {
        return say(&text);
    }
    warn(secret);
    let details = secret.data.as_ref().filter(|_| detailed);
    let details = details.and_then(|data| data.get("key_info")?.as_object());
    say(&table::names(names(secret), details))
}

/// The names in the answer to a list.
pub(crate) fn names(secret: &Secret) -> &[Value] {
    let data = secret.data.as_ref();
    let names = data.and_then(|data| data.get("keys")?.as_array());
    names.map_or(&[], Vec::as_slice)
}

/// A value as JSON or YAML; none in the format of tables.
pub(crate) fn structured<T: Serialize>(
    value: &T,
    format: Format,
) -> Result<Option<String>, Failure> {
    let failed =
        |error: serde_json::Error| Failure::local(format!("the answer cannot be printed: {error}"));
    match format {
        Format::Table => Ok(None),
        Format::Json => serde_json::to_string_pretty(value)
            .map(Some)
            .map_err(failed),
        Format::Yaml => {
            let value = serde_json::to_value(value).map_err(failed)?;
            Ok(Some(yaml::document(&value)))
        }
    }
}

/// Prints a text on lines of its own.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let text = text.trim_end_matches('\n');
    write(&format!("{text}\n"))
}

/// A reader that went away, as `head` does, is not a failure.
pub(crate) fn write(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::local(format!("cannot print the answer: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints the warnings of an answer, apart from the answer itself.
pub(crate) fn warn(secret: &Secret) {
    let warnings = secret.warnings.as_deref().unwrap_or_default();
    if warnings.is_empty() {
        return;
    }
    let mut text = "WARNING! The following warnings were returned:\n\n".to_owned();
    for warning in warnings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  * {warning}");
    }
    tell(&text);
}

/// Prints a text and a line break to standard error. When nobody reads that any
/// more, there is no other place to say so.
pub(crate) fn tell(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// A field by the name that `-field` takes: of the data, of the lease, of the
/// token, or of the wrapping. A wrapped answer has no other fields.
fn field_of(secret: &Secret, name: &str) -> Option<Value> {
    if let Some(value) = secret.data.as_ref().and_then(|data| data.get(name)) {
        return Some(value.clone());
    }
    let leased = !secret.lease_id.is_empty();
    let auth = secret.auth.as_ref();
    let wrapped = secret.wrap_info.as_ref();
    match name {
        "lease_id" if leased => Some(secret.lease_id.clone().into()),
        "lease_renewable" => Some(secret.renewable.into()),
        "lease_duration" | "refresh_interval" => Some(secret.lease_duration.into()),
        "token" => Some(auth?.client_token.as_ref()?.expose().into()),
        "token_accessor" => Some(auth?.accessor.clone().into()),
        "token_duration" => Some(auth?.lease_duration.into()),
        "token_renewable" => Some(auth?.renewable.into()),
        "token_policies" => Some(auth?.token_policies.clone().into()),
        "identity_policies" => Some(auth?.identity_policies.clone().into()),
        "policies" => Some(auth?.policies.clone().into()),
        "wrapping_token" => Some(wrapped?.token.as_ref()?.expose().into()),
        "wrapping_accessor" => Some(wrapped?.accessor.clone().into()),
        "wrapping_token_ttl" => Some(wrapped?.ttl.into()),
        "wrapping_token_creation_time" => Some(wrapped?.creation_time.clone().into()),
        "wrapping_token_creation_path" => Some(wrapped?.creation_path.clone().into()),
        "wrapped_accessor" => Some(wrapped?.wrapped_accessor.clone().into()),
        "data" => secret.data.clone().map(Value::from),
        _ => None,
    }
}
