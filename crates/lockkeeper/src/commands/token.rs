//! `print token`, and `token create`, `lookup`, `renew`, `revoke` and
//! `capabilities`.

use std::process::ExitCode;

use serde_json::{Value, json};
use vault_client::{Object, Secret};

use super::client::{
    connect, connect_for_secrets, format, increment, local, lookup as environment, object, trimmed,
};
use super::{logical, progress};
use crate::arguments::{
    Print, RevokeMode, Token, TokenCapabilities, TokenCreate, TokenLookup, TokenRenew, TokenRevoke,
};
use crate::failure::Failure;
use crate::{data, output};

pub(super) async fn run(token: Token) -> Result<ExitCode, Failure> {
    match token {
        Token::Create(arguments) => create(*arguments).await,
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

async fn create(arguments: TokenCreate) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.answer.output)?;
    let body = wanted(&arguments)?;
    let endpoint = match (&arguments.role, arguments.orphan) {
        (Some(role), _) => format!("auth/token/create/{role}"),
        (None, true) => "auth/token/create-orphan".to_owned(),
        (None, false) => "auth/token/create".to_owned(),
    };
    let client = connect_for_secrets(arguments.connection, &arguments.answer.answer)?;
    let answer = client.write(&endpoint, &body).await;
    let answer = answer.map_err(|error| Failure::asking("creating token", &error))?;
    let secret = answer.ok_or_else(|| {
        Failure::server("Error creating token: the server answered without a token")
    })?;
    logical::show(&secret, &arguments.answer, format)
}

/// The body of a request for a token; what was not given is left out.
fn wanted(arguments: &TokenCreate) -> Result<Object, Failure> {
    let text = |given: &Option<String>| given.clone().map(Value::from);
    let metadata = data::pairs("-metadata", &arguments.metadata)?;
    let given = [
        ("id", text(&arguments.id)),
        ("display_name", text(&arguments.display_name)),
        ("ttl", text(&arguments.ttl)),
        ("explicit_max_ttl", text(&arguments.explicit_max_ttl)),
        ("period", text(&arguments.period)),
        ("type", text(&arguments.kind)),
        ("entity_alias", text(&arguments.entity_alias)),
        ("num_uses", arguments.use_limit.map(Value::from)),
        ("renewable", arguments.renewable.map(Value::from)),
        (
            "no_default_policy",
            arguments.no_default_policy.then_some(true.into()),
        ),
        (
            "policies",
            (!arguments.policy.is_empty()).then(|| arguments.policy.clone().into()),
        ),
        ("meta", (!metadata.is_empty()).then(|| metadata.into())),
    ];
    Ok(given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect())
}

async fn lookup(arguments: TokenLookup) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.answer.output)?;
    let client = connect_for_secrets(arguments.connection, &arguments.answer.answer)?;
    let answer = match (&arguments.token, arguments.accessor) {
        (None, true) => return Err(no_accessor()),
        (None, false) => client.read("auth/token/lookup-self", &[]).await,
        (Some(accessor), true) => {
            let body = object(json!({ "accessor": accessor }));
            client.write("auth/token/lookup-accessor", &body).await
        }
        (Some(token), false) => {
            let body = object(json!({ "token": token }));
            client.write("auth/token/lookup", &body).await
        }
    };
    let answer = answer.map_err(|error| Failure::asking("looking up token", &error))?;
    let secret = answer.ok_or_else(|| Failure::server("Error looking up token: no such token"))?;
    logical::show(&secret, &arguments.answer, format)
}

fn no_accessor() -> Failure {
    Failure::local("-accessor: give the accessor of a token")
}

async fn renew(arguments: TokenRenew) -> Result<ExitCode, Failure> {
    let format = format(&arguments.answer.output)?;
    let increment = increment(arguments.increment.as_deref())?;
    let client = connect_for_secrets(arguments.connection, &arguments.answer)?;
    let (endpoint, which) = match (&arguments.token, arguments.accessor) {
        (None, true) => return Err(no_accessor()),
        (None, false) => ("auth/token/renew-self", None),
        (Some(accessor), true) => ("auth/token/renew-accessor", Some(("accessor", accessor))),
        (Some(token), false) => ("auth/token/renew", Some(("token", token))),
    };
    let mut body = Object::new();
    if let Some((name, value)) = which {
        body.insert(name.into(), value.clone().into());
    }
    // Rounded up: 0 would leave it to the server.
    let seconds = increment.map_or(0, |increment| {
        increment.as_secs() + u64::from(increment.subsec_nanos() > 0)
    });
    body.insert("increment".into(), seconds.into());
    let answer = client.write(endpoint, &body).await;
    let answer = answer.map_err(|error| Failure::asking("renewing token", &error))?;
    if let Some(secret) = answer {
        output::secret(&secret, format)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn revoke(arguments: TokenRevoke) -> Result<ExitCode, Failure> {
    let (endpoint, body) = revocation(&arguments)?;
    let client = connect(arguments.connection)?;
    let request = client.write(&endpoint, &body);
    let revoked = progress::shown("revoking the token", request).await;
    revoked.map_err(|error| Failure::asking("revoking token", &error))?;
    output::say("Success! Revoked token (if it existed)")?;
    Ok(ExitCode::SUCCESS)
}

/// The request that revokes what the flags name.
fn revocation(arguments: &TokenRevoke) -> Result<(String, Object), Failure> {
    let refused = |problem: &str| Err(Failure::local(problem));
    let with = |name: &str, value: &str| object(json!({ name: value }));
    let (given, accessor) = (arguments.token.as_deref(), arguments.accessor);
    let endpoint = |name: &str| format!("auth/token/{name}");
    match (given, arguments.own) {
        (Some(_), true) => refused("-self means the token of the command: give no other"),
        (None, false) => {
            refused("give the token to revoke, or -self for the one that requests are sent with")
        }
        (None, true) if accessor || arguments.mode.is_some() => {
            refused("-self: leave -accessor and -mode out")
        }
        (None, true) => Ok((endpoint("revoke-self"), Object::new())),
        (Some(given), false) => match (arguments.mode, accessor) {
            (None, false) => Ok((endpoint("revoke"), with("token", given))),
            (None, true) => Ok((endpoint("revoke-accessor"), with("accessor", given))),
            (Some(RevokeMode::Orphan), false) => {
                Ok((endpoint("revoke-orphan"), with("token", given)))
            }
            (Some(RevokeMode::Path), false) => Ok((
                format!("sys/leases/revoke-prefix/{}", trimmed(given)),
                Object::new(),
            )),
            (Some(_), true) => refused("-mode and -accessor cannot be given together"),
        },
    }
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
    let data = answer.and_then(|secret: Secret| secret.data);
    let data = data.unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    use crate::arguments::{Arguments, Command};

    fn of(arguments: &[&str]) -> Result<(String, Object), String> {
        let all = [&["lockkeeper", "token", "revoke"], arguments].concat();
        let parsed = Arguments::try_parse_from(all).unwrap();
        let Command::Token(Token::Revoke(revoke)) = parsed.command else {
            panic!("not a revocation");
        };
        revocation(&revoke).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_prefix_is_revoked_only_where_a_path_was_asked_for() {
        let endpoint = |arguments: &[&str]| of(arguments).unwrap().0;
        assert_eq!(endpoint(&["--self"]), "auth/token/revoke-self");
        assert_eq!(endpoint(&["t"]), "auth/token/revoke");
        assert_eq!(endpoint(&["--accessor", "a"]), "auth/token/revoke-accessor");
        assert_eq!(
            endpoint(&["--mode=orphan", "t"]),
            "auth/token/revoke-orphan"
        );
        assert_eq!(
            endpoint(&["--mode=path", "auth/ci/"]),
            "sys/leases/revoke-prefix/auth/ci"
        );
    }

    #[test]
    fn flags_that_contradict_each_other_revoke_nothing() {
        for arguments in [
            &[][..],
            &["--self", "t"],
            &["--self", "--mode=orphan"],
            &["--accessor", "--mode=orphan", "a"],
            &["--mode=path"],
        ] {
            assert!(of(arguments).is_err(), "{arguments:?}");
        }
    }
}
