//! `login`: gets a token from an auth method, or checks one that exists, and
//! stores it for later commands.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;
use vault_client::{Auth, Client, Object, Secret, Token, token_file};

use super::client::{
    connect, connect_for_secrets, format, local, lookup as environment, set, trimmed,
};
use super::typed;
use crate::arguments::{AnswerOptions, Format, Login, OutputOptions};
use crate::failure::Failure;
use crate::{data, output};

/// Auth methods whose users are part of the path.
const WITH_USERS: [&str; 4] = ["userpass", "ldap", "radius", "okta"];

pub(super) async fn run(arguments: Login) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let stored = !arguments.no_store && !arguments.token_only;
    // Before anything is asked, so that nobody types a secret for a token that
    // cannot be stored.
    let store = stored
        .then(|| token_file(environment).map_err(local))
        .transpose()?;
    let field = match (&arguments.field, arguments.token_only) {
        (_, true) => Some("token"),
        (field, false) => field.as_deref(),
    };
    let secret = if arguments.method == "token" {
        with_token(arguments.connection, &arguments.given).await?
    } else {
        let answer = AnswerOptions {
            output: OutputOptions { format: None },
            wrap_ttl: arguments.wrap_ttl,
        };
        let client = connect_for_secrets(arguments.connection, &answer)?;
        let path = trimmed(arguments.path.as_deref().unwrap_or(&arguments.method));
        let secret = with_method(&client, &arguments.method, path, &arguments.given).await?;
        match (&secret.wrap_info, &store) {
            (Some(wrapped), Some(_)) => unwrapped(&client, wrapped.token.clone()).await?,
            // A wrapped token is handed on as it is.
            (Some(_), None) => {
                let field = field.map(|name| match name {
                    "token" => "wrapping_token",
                    other => other,
                });
                return super::logical::show_field(&secret, field, format);
            }
            (None, _) => secret,
        }
    };
    let token = token_of(&secret)?;
    if let Some(file) = &store {
        write_token(file, &token)?;
        if let Some((name, _)) = set(["BAO_TOKEN", "VAULT_TOKEN"]) {
            output::tell(&format!(
                "WARNING! {name} is set and takes precedence over the stored token."
            ));
        }
    }
    if arguments.no_print {
        return Ok(ExitCode::SUCCESS);
    }
    if format == Format::Table && field.is_none() {
        let stored = match store {
            Some(file) => format!("The token is stored in {}.", file.display()),
            None => "The token was not stored.".to_owned(),
        };
        output::say(&format!("Success! You are now authenticated. {stored}\n"))?;
        output::say("")?;
    }
    super::logical::show_field(&secret, field, format)
}

/// Checks a token that exists; `lookup=false` takes it as it is.
async fn with_token(
    connection: crate::arguments::Connection,
    given: &[String],
) -> Result<Secret, Failure> {
    let client = connect(connection)?;
    let (token, rest) = match given.split_first() {
        Some((first, rest)) if !first.contains('=') => (Some(first.as_str()), rest),
        _ => (None, given),
    };
    let mut settings = data::read(rest, &mut std::io::stdin())?;
    let named = settings.remove("token");
    let token = token.or_else(|| named.as_ref().and_then(Value::as_str));
    let lookup = settings.remove("lookup");
    if let Some(name) = settings.keys().next() {
        return Err(Failure::local(format!(
            "the method `token` takes `token` and `lookup`, not `{name}`: name another method with \
             -method"
        )));
    }
    let text = typed::secret(token, "Token (will be hidden): ").await?;
    let token = Token::new(text.as_str()).map_err(local)?;
    let found = if lookup == Some("false".into()) {
        Object::new()
    } else {
        let answer = client
            .with_token(token.clone())
            .read("auth/token/lookup-self", &[])
            .await;
        let beginning = "Error authenticating: error looking up token";
        let answer = answer.map_err(|error| Failure::of_request(2, beginning, &error))?;
        let found = answer.and_then(|secret| secret.data);
        found.ok_or_else(|| Failure::server("Error authenticating: no such token"))?
    };
    Ok(Secret {
        auth: Some(authenticated(token, &found)),
        ..Secret::default()
    })
}

/// Logs in with the `KEY=VALUE` that a method takes.
async fn with_method(
    client: &Client,
    method: &str,
    path: &str,
    given: &[String],
) -> Result<Secret, Failure> {
    let mut body = data::read(given, &mut std::io::stdin())?;
    let mut endpoint = format!("auth/{path}/login");
    if WITH_USERS.contains(&method) {
        let name = body.remove("username");
        let name = name.as_ref().and_then(Value::as_str).ok_or_else(|| {
            Failure::local(format!(
                "the method `{method}` wants a user: give `username=NAME`"
            ))
        })?;
        endpoint = format!("{endpoint}/{name}");
        if !body.contains_key("password") {
            let password = typed::secret(None, "Password (will be hidden): ").await?;
            let password = password.trim_end_matches(['\r', '\n']);
            body.insert("password".into(), password.into());
        }
    }
    let answer = client.without_token().write(&endpoint, &body).await;
    let answer = answer.map_err(|error| Failure::asking("authenticating", &error))?;
    answer.ok_or_else(no_token)
}

async fn unwrapped(client: &Client, token: Option<Token>) -> Result<Secret, Failure> {
    let answer = client.without_token().unwrap(token).await;
    let answer = answer.map_err(|error| Failure::asking("unwrapping token", &error))?;
    answer.ok_or_else(no_token)
}

fn token_of(secret: &Secret) -> Result<Token, Failure> {
    let auth = secret.auth.as_ref().ok_or_else(no_token)?;
    if auth.mfa_requirement.is_some() {
        return Err(Failure::server(
            "Error authenticating: the server wants a second factor, for which this program cannot \
             ask: log in with `vault` or `bao`",
        ));
    }
    auth.client_token.clone().ok_or_else(no_token)
}

fn no_token() -> Failure {
    Failure::server("Error authenticating: the server answered without a token")
}

/// Stores a token for this user alone. The file appears whole or not at all.
fn write_token(file: &Path, token: &Token) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let failed = |error: std::io::Error| {
        Failure::local(format!(
            "cannot store the token in `{}`: {error}",
            file.display()
        ))
    };
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let fresh = std::path::PathBuf::from(name);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut opened| {
            opened.write_all(token.expose().as_bytes())?;
            opened.sync_all()
        })
        .and_then(|()| std::fs::rename(&fresh, file));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&fresh);
        failed(error)
    })
}

/// The answer to a login, made of what the server knows about the token.
fn authenticated(token: Token, found: &Object) -> Auth {
    let text = |name: &str| {
        let text = found.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let number = |name: &str| found.get(name).and_then(Value::as_i64).unwrap_or(0);
    let flag = |name: &str| found.get(name).and_then(Value::as_bool).unwrap_or(false);
    let list = |name: &str| -> Vec<String> {
        let items = found.get(name).and_then(Value::as_array);
        let texts = items.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let identity_policies = list("identity_policies");
    let token_policies = list("policies");
    Auth {
        client_token: Some(token),
        accessor: text("accessor"),
        policies: [token_policies.clone(), identity_policies.clone()].concat(),
        token_policies,
        identity_policies,
        metadata: found.get("meta").and_then(Value::as_object).cloned(),
        lease_duration: number("ttl"),
        renewable: flag("renewable"),
        entity_id: text("entity_id"),
        orphan: flag("orphan"),
        mfa_requirement: None,
    }
}
