//! The server that a command asks, from flags and the environment.

use vault_client::{Client, Settings, Trust};

use crate::arguments::{Connection, Form, Format};
use crate::failure::Failure;

/// A client as flags and environment say.
///
/// # Errors
/// When a flag or variable cannot be understood.
pub(crate) fn connect(connection: Connection) -> Result<Client, Failure> {
    let local = |error: vault_client::Error| Failure::local(error.to_string());
    let mut settings = Settings::from_environment(lookup).map_err(local)?;
    if let Some(address) = &connection.address {
        settings.address = Settings::parse_address(address).map_err(local)?;
    }
    if let Some(file) = connection.ca_cert {
        settings.trust = Trust::File(file);
    }
    if connection.tls_skip_verify {
        settings.trust = Trust::Everything;
    }
    if connection.namespace.is_some() {
        settings.namespace = connection.namespace;
    }
    Client::new(settings).map_err(local)
}

/// The form of the answer: the flag, the environment, a table.
///
/// # Errors
/// When the variable names another form.
pub(crate) fn format(form: &Form) -> Result<Format, Failure> {
    if let Some(format) = form.format {
        return Ok(format);
    }
    let Some((name, value)) = set(["BAO_FORMAT", "VAULT_FORMAT"]) else {
        return Ok(Format::Table);
    };
    match value.as_str() {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        other => Err(Failure::local(format!(
            "{name} is `{other}`: use `table` or `json`"
        ))),
    }
}

/// Whether a list is detailed: the flag, or the environment.
///
/// # Errors
/// When the variable is neither true nor false.
pub(crate) fn detailed(flag: bool) -> Result<bool, Failure> {
    let Some((name, value)) = set(["BAO_DETAILED", "VAULT_DETAILED"]).filter(|_| !flag) else {
        return Ok(flag);
    };
    match value.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Ok(true),
        "0" | "f" | "false" => Ok(false),
        _ => Err(Failure::local(format!(
            "{name} is `{value}`: use `true` or `false`"
        ))),
    }
}

/// The first of these variables that says something.
fn set(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| {
        let value = lookup(name).filter(|value| !value.is_empty())?;
        Some((name, value))
    })
}

fn lookup(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
