//! `login`, `print token`, and `token lookup`, `renew`, `revoke` and
//! `capabilities`.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};
use vault_client::{Auth, Object, Secret, Token as ClientToken, token_file};
use zeroize::Zeroizing;

use super::client::{
    connect, connect_for_secrets, format, increment, local, lookup as environment, set, trimmed,
};
use super::{progress, shutdown_requested};
use crate::arguments::{
    Login, Print, Token, TokenCapabilities, TokenLookup, TokenRenew, TokenRevoke,
};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(token: Token) -> Result<ExitCode, Failure> {
    match token {
        Token::Lookup(arguments) => lookup(arguments).await,
        Token::Renew(arguments) => renew(arguments).await,
        Token::Revoke(arguments) => revoke(arguments).await,
        Token::Capabilities(arguments) => capabilities(arguments).await,
    }
}

/// Prints a value that the program uses.
pub(super) fn print(print: &Print) -> Result<ExitCode, Failure> {
    let Print::Token = print;
    let settings = vault_client::Settings::from_environment(environment).map_err(local)?;
    let token = settings.token.ok_or_else(|| {
        Failure::local("there is no token: set VAULT_TOKEN or use `lockkeeper login`")
    })?;
    output::say(token.expose())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn login(arguments: Login) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    // Before the prompt, so that nobody types a token that cannot be stored.
    let store = (!arguments.no_store)
        .then(|| token_file(environment).map_err(local))
        .transpose()?;
    let client = connect(arguments.connection)?;
    let token = given_token(arguments.token.as_deref()).await?;
    let client = client.with_token(token.clone());
    let answer = client.read("auth/token/lookup-self", &[]).await;
    let failed =
        |error| Failure::of_request(2, "Error authenticating: error looking up token", &error);
    let found = answer.map_err(failed)?.and_then(|secret| secret.data);
    let found = found.ok_or_else(|| Failure::server("Error authenticating: no such token"))?;
    if let Some(file) = &store {
        write_token(file, &token)?;
    }
    if arguments.no_print {
        return Ok(ExitCode::SUCCESS);
    }
    if store.is_some()
        && let Some((name, _)) = set(["BAO_TOKEN", "VAULT_TOKEN"])
    {
        output::tell(&format!(
            "WARNING! {name} is set and takes precedence over the stored token."
        ));
    }
    let authenticated = Secret {
        auth: Some(authenticated(token, &found)),
        ..Secret::default()
    };
    if let Some(text) = output::structured(&authenticated, format)? {
        output::say(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stored = match store {
        Some(file) => format!("The token is stored in {}.", file.display()),
        None => "The token was not stored.".to_owned(),
    };
    output::say(&format!("Success! You are now authenticated. {stored}\n"))?;
    output::say("")?;
    output::secret(&authenticated, format)?;
    Ok(ExitCode::SUCCESS)
}

/// The token: the argument, standard input, or what is typed at the prompt.
async fn given_token(argument: Option<&str>) -> Result<ClientToken, Failure> {
    let text = match argument {
        Some("-") => from_input()?,
        Some(token) => token.to_owned().into(),
        None if std::io::stdin().is_terminal() => prompted().await?,
        None => from_input()?,
    };
    ClientToken::new(text.as_str()).map_err(local)
}

fn from_input() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
    Ok(text)
}

/// Asks on the terminal, which does not show what is typed, and shows it again
/// afterwards, even when the person gives up with Ctrl-C.
async fn prompted() -> Result<Zeroizing<String>, Failure> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    let failed = |error: std::io::Error| {
        Failure::local(format!(
            "cannot ask for the token on this terminal: {error}"
        ))
    };
    let input = std::io::stdin();
    let before = tcgetattr(&input).map_err(|error| failed(error.into()))?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    let interrupted = shutdown_requested()?;
    let _ = std::io::stderr().write_all(b"Token (will be hidden): ");
    tcsetattr(&input, OptionalActions::Flush, &hidden).map_err(|error| failed(error.into()))?;
    let line = tokio::task::spawn_blocking(|| {
        let mut text = Zeroizing::new(String::new());
        std::io::stdin().read_line(&mut text).map(|_| text)
    });
    let read = tokio::select! {
        line = line => line.map_err(std::io::Error::other).flatten().map_err(failed),
        () = interrupted => Err(Failure::local("no token was given")),
    };
    let restored = tcsetattr(&input, OptionalActions::Flush, &before);
    output::tell("");
    let text = read?;
    restored.map_err(|error| failed(error.into()))?;
    Ok(text)
}

/// Stores a token for this user alone. The file appears whole or not at all.
fn write_token(file: &std::path::Path, token: &ClientToken) -> Result<(), Failure> {
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
fn authenticated(token: ClientToken, found: &Object) -> Auth {
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
        token_type: text("type"),
        orphan: flag("orphan"),
        num_uses: number("num_uses"),
    }
}

async fn lookup(arguments: TokenLookup) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.answer.output)?;
    let client = connect_for_secrets(arguments.connection, &arguments.answer.answer)?;
    let answer = match &arguments.token {
        None => client.read("auth/token/lookup-self", &[]).await,
        Some(token) => {
            let body = object(json!({"token": token}));
            client.write("auth/token/lookup", &body).await
        }
    };
    let answer = answer.map_err(|error| Failure::asking("looking up token", &error))?;
    let secret = answer.ok_or_else(|| Failure::server("Error looking up token: no such token"))?;
    match &arguments.answer.field {
        Some(name) => output::field(&secret, name, format)?,
        None => output::secret(&secret, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn renew(arguments: TokenRenew) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.output)?;
    let increment = increment(arguments.increment.as_deref())?;
    let client = connect_for_secrets(arguments.connection, &arguments.answer)?;
    let answer = client.renew_own_token(increment).await;
    let answer = answer.map_err(|error| Failure::asking("renewing token", &error))?;
    if let Some(secret) = answer {
        output::secret(&secret, format)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn revoke(arguments: TokenRevoke) -> Result<ExitCode, Failure> {
    let client = connect(arguments.connection)?;
    let body = Object::new();
    let request = client.write("auth/token/revoke-self", &body);
    let revoked = progress::shown("revoking the token", request).await;
    revoked.map_err(|error| Failure::asking("revoking token", &error))?;
    output::say("Success! Revoked token (if it existed)")?;
    Ok(ExitCode::SUCCESS)
}

async fn capabilities(arguments: TokenCapabilities) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let (token, path) = match arguments.token_and_path.as_slice() {
        [token, path] => (Some(token), path),
        [path] => (None, path),
        _ => return Err(Failure::local("give a path, or a token and a path")),
    };
    let path = trimmed(path);
    let client = connect(arguments.connection)?;
    let (endpoint, body) = match token {
        Some(token) => ("sys/capabilities", json!({"token": token, "path": path})),
        None => ("sys/capabilities-self", json!({"path": path})),
    };
    let answer = client.write(endpoint, &object(body)).await;
    let answer = answer.map_err(|error| Failure::asking("listing capabilities", &error))?;
    let data = answer.and_then(|secret| secret.data).unwrap_or_default();
    let found = data.get("capabilities").cloned().unwrap_or(json!([]));
    if let Some(text) = output::structured(&found, format)? {
        output::say(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let names = found.as_array().into_iter().flatten();
    let mut names: Vec<&str> = names.filter_map(Value::as_str).collect();
    names.sort_unstable();
    output::say(&names.join(", "))?;
    Ok(ExitCode::SUCCESS)
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
