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
    let set = |name: &'static str| {
        let value = lookup(name).filter(|value| !value.is_empty())?;
        Some((name, value))
    };
    let Some((name, value)) = set("BAO_FORMAT").or_else(|| set("VAULT_FORMAT")) else {
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

fn lookup(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
