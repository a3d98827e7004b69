//! The client for a command, from flags and the environment.

use std::time::Duration;

use vault_client::{Client, ClientCertificate, Pem, Settings, Trust};

use crate::arguments::{AnswerOptions, Connection, Format, OutputOptions};
use crate::failure::Failure;

/// The command that prints the token, in place of the token itself.
const PRINT_TOKEN: &str = "lockkeeper print token";

/// A client with the settings of the flags and the environment. It is for
/// answers without secrets, which are not wrapped.
///
/// # Errors
/// When a flag or variable cannot be understood.
pub(crate) fn connect(connection: Connection) -> Result<Client, Failure> {
    let client = Client::new(settings(connection)?).map_err(local)?;
    Ok(client.without_wrapping())
}

/// As [`connect`], for answers that may hold secrets: they are wrapped if the
/// flag or the environment asks for it.
///
/// # Errors
/// When a flag or variable cannot be understood.
pub(crate) fn connect_for_secrets(
    connection: Connection,
    answer: &AnswerOptions,
) -> Result<Client, Failure> {
    let mut settings = settings(connection)?;
    if let Some(ttl) = &answer.wrap_ttl {
        settings.wrap_ttl = Settings::parse_wrap_ttl(ttl)
            .map_err(|error| Failure::local(format!("-wrap-ttl: {error}")))?;
    }
    Client::new(settings).map_err(local)
}

/// The settings of a command: flags come before the environment.
///
/// # Errors
/// When a flag or variable cannot be understood.
pub(crate) fn settings(connection: Connection) -> Result<Settings, Failure> {
    let mut settings = Settings::from_environment(lookup).map_err(local)?;
    if let Some(address) = connection.agent_address.or(connection.address) {
        settings.address = Settings::parse_address(&address).map_err(local)?;
    }
    if let Some(folder) = connection.ca_path {
        settings.trust = Trust::Folder(folder);
    }
    if let Some(file) = connection.ca_cert {
        settings.trust = Trust::File(file);
    }
    if connection.tls_skip_verify {
        settings.trust = Trust::SkipVerification;
    }
    if connection.tls_server_name.is_some() {
        settings.tls_server_name = connection.tls_server_name;
    }
    if let (Some(certificate), Some(key)) = (connection.client_cert, connection.client_key) {
        settings.client_certificate = Some(ClientCertificate {
            certificate: Pem::File(certificate),
            key: Pem::File(key),
        });
    }
    if connection.namespace.is_some() {
        settings.namespace = connection.namespace;
    }
    if connection.disable_redirects {
        settings.follow_redirects = false;
    }
    if connection.output_curl_string {
        settings.output_curl = Some(PRINT_TOKEN.to_owned());
    }
    Ok(settings)
}

/// The format of the output: the flag, the environment, a table.
///
/// # Errors
/// When the variable names another format.
pub(crate) fn format(output: &OutputOptions) -> Result<Format, Failure> {
    if let Some(format) = output.format {
        return Ok(format);
    }
    let Some((name, value)) = set(["BAO_FORMAT", "VAULT_FORMAT"]) else {
        return Ok(Format::Table);
    };
    match value.to_ascii_lowercase().as_str() {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        "yaml" | "yml" => Ok(Format::Yaml),
        _ => Err(Failure::local(format!(
            "{name} is `{value}`: use `table`, `json` or `yaml`"
        ))),
    }
}

/// Whether details are wanted: the flag, or the environment.
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

/// The increment of a renewal.
///
/// # Errors
/// When it is not a duration.
pub(crate) fn increment(given: Option<&str>) -> Result<Option<Duration>, Failure> {
    given
        .map(::logical::duration::parse)
        .transpose()
        .map_err(|error| Failure::local(format!("-increment: {error}")))
}

/// The members of a JSON object that was written as one.
pub(crate) fn object(value: serde_json::Value) -> vault_client::Object {
    match value {
        serde_json::Value::Object(object) => object,
        _ => vault_client::Object::new(),
    }
}

/// Vault's command line drops slashes around a path.
pub(crate) fn trimmed(path: &str) -> &str {
    path.trim().trim_matches('/')
}

/// The first of these variables that is set, if any.
pub(crate) fn set(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| {
        let value = lookup(name).filter(|value| !value.is_empty())?;
        Some((name, value))
    })
}

/// The environment. What is not UTF-8 is replaced by characters that no setting
/// has, so that it is refused by its name and not taken for absent.
pub(crate) fn lookup(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    Some(value.to_string_lossy().into_owned())
}

/// The error of a setting.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(crate) fn local(error: vault_client::Error) -> Failure {
    Failure::local(error.to_string())
}
