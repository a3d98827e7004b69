//! `auth list`, `enable`, `tune`, `move`, `disable` and `help`.

use std::process::ExitCode;

use serde_json::{Value, json};
use vault_client::Object;

use super::client::{connect, detailed, format, trimmed};
use super::{mounts, progress};
use crate::arguments::{Auth, AuthDisable, AuthEnable, AuthHelp, AuthList, AuthMove, AuthTune};
use crate::failure::Failure;
use crate::output;

/// As Vault's command line has them.
const COLUMNS: &[&str] = &["Path", "Type", "Accessor", "Description", "Version"];
const DETAILED: &[&str] = &[
    "Path",
    "Plugin",
    "Accessor",
    "Default TTL",
    "Max TTL",
    "Token Type",
    "Replication",
    "Seal Wrap",
    "External Entropy Access",
    "Options",
    "Description",
    "UUID",
    "Version",
    "Running Version",
    "Running SHA256",
    "Deprecation Status",
];

pub(super) async fn run(auth: Auth) -> Result<ExitCode, Failure> {
    match auth {
        Auth::List(arguments) => list(arguments).await,
        Auth::Enable(arguments) => enable(arguments).await,
        Auth::Tune(arguments) => tune(arguments).await,
        Auth::Move(arguments) => relocate(arguments).await,
        Auth::Disable(arguments) => disable(arguments).await,
        Auth::Help(arguments) => help(arguments).await,
    }
}

async fn list(arguments: AuthList) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let detailed = detailed(arguments.detailed)?;
    let client = connect(arguments.connection)?;
    let methods = enabled(&client).await?;
    match output::structured(&methods, format)? {
        Some(text) => output::say(&text)?,
        None => output::say(&mounts::table(
            &methods,
            if detailed { DETAILED } else { COLUMNS },
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The methods by their paths.
async fn enabled(client: &vault_client::Client) -> Result<Object, Failure> {
    let answer = client.read("sys/auth", &[]).await;
    let answer = answer.map_err(|error| Failure::asking("listing enabled authentications", &error));
    Ok(answer?.and_then(|secret| secret.data).unwrap_or_default())
}

async fn enable(arguments: AuthEnable) -> Result<ExitCode, Failure> {
    let kind = arguments.kind.trim();
    let path = trimmed(arguments.path.as_deref().unwrap_or(kind)).to_owned();
    let mut given = mounts::given(arguments.settings)?;
    if let Some(kind) = arguments.token_type {
        given.config.insert("token_type".into(), kind.into());
    }
    let body = given.enabling(kind, &arguments.mount);
    let client = connect(arguments.connection)?;
    let enabled = client.write(&format!("sys/auth/{path}"), &body).await;
    enabled.map_err(|error| Failure::asking(format!("enabling {kind} auth"), &error))?;
    success(&format!("Success! Enabled {kind} auth method at: {path}/"))
}

async fn tune(arguments: AuthTune) -> Result<ExitCode, Failure> {
    let path = trimmed(&arguments.path);
    let mut given = mounts::given(arguments.settings)?;
    if let Some(kind) = arguments.token_type {
        given.config.insert("token_type".into(), kind.into());
    }
    let threshold = arguments.user_lockout_threshold;
    let lockout = [
        ("lockout_threshold", threshold.map(Value::from)),
        (
            "lockout_duration",
            arguments.user_lockout_duration.map(Value::from),
        ),
        (
            "lockout_counter_reset_duration",
            arguments
                .user_lockout_counter_reset_duration
                .map(Value::from),
        ),
        (
            "lockout_disable",
            arguments.user_lockout_disable.map(Value::from),
        ),
    ];
    let lockout: Object = lockout
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    if !lockout.is_empty() {
        given
            .config
            .insert("user_lockout_config".into(), lockout.into());
    }
    let body = given.tuning()?;
    let client = connect(arguments.connection)?;
    let tuned = client.write(&format!("sys/auth/{path}/tune"), &body).await;
    tuned.map_err(|error| Failure::asking(format!("tuning auth method {path}/"), &error))?;
    success(&format!("Success! Tuned the auth method at: {path}/"))
}

async fn relocate(arguments: AuthMove) -> Result<ExitCode, Failure> {
    let client = connect(arguments.connection)?;
    let (from, to) = (
        below_auth(&arguments.source),
        below_auth(&arguments.destination),
    );
    mounts::relocate(&client, &format!("auth method {from}"), &from, &to).await?;
    Ok(ExitCode::SUCCESS)
}

/// A path of a method, which may be given with or without `auth/`.
fn below_auth(path: &str) -> String {
    let path = trimmed(path);
    format!("auth/{}/", path.strip_prefix("auth/").unwrap_or(path))
}

async fn disable(arguments: AuthDisable) -> Result<ExitCode, Failure> {
    let path = trimmed(&arguments.path);
    let client = connect(arguments.connection)?;
    let mount = format!("sys/auth/{path}");
    let request = client.delete(&mount, &[]);
    let disabled = progress::shown(&format!("disabling {path}/"), request).await;
    let doing = format!("disabling auth method at {path}/");
    disabled.map_err(|error| Failure::asking(doing, &error))?;
    success(&format!(
        "Success! Disabled the auth method (if it existed) at: {path}/"
    ))
}

/// How to log in with a type, or with the method at a path. The types that need
/// more than `key=value` are known here; the others are the server's.
async fn help(arguments: AuthHelp) -> Result<ExitCode, Failure> {
    let given = trimmed(&arguments.method);
    if let Some(text) = usage(given, None) {
        output::say(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let client = connect(arguments.connection)?;
    let methods = enabled(&client).await?;
    let Some(method) = methods.get(&format!("{given}/")) else {
        return Err(Failure::local(format!(
            "No auth method available on the server at \"{given}/\""
        )));
    };
    let kind = method["type"].as_str().unwrap_or_default();
    if let Some(text) = usage(kind, Some(given)) {
        output::say(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer = client.help(&format!("auth/{given}")).await;
    let answer = answer.map_err(|error| Failure::asking("retrieving help", &error))?;
    let said = answer.get("help").cloned().unwrap_or(json!(""));
    output::say(&format!(
        "{}\n{}",
        usage_of_any(kind, Some(given)),
        said.as_str().unwrap_or_default()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// How to log in with a type that is known here.
fn usage(kind: &str, path: Option<&str>) -> Option<String> {
    let fields = match kind {
        "token" => {
            return Some(
                "Usage: lockkeeper login [TOKEN]\n\n\
                 Logs in with a token that exists. Without an argument, the token is asked for.\n\n\
                 \x20 lockkeeper login hvs.…\n\
                 \x20 lockkeeper login token=hvs.…\n"
                    .to_owned(),
            );
        }
        "approle" => "role_id=… secret_id=@secret-id.txt",
        "userpass" | "ldap" | "radius" | "okta" => "username=sally",
        "jwt" => "role=… jwt=@token.jwt",
        "kubernetes" => "role=… jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token",
        _ => return None,
    };
    let asked = if fields.starts_with("username") {
        "\nA password that is not given is asked for.\n"
    } else {
        ""
    };
    let login = login_line(kind, path);
    Some(format!(
        "Usage: {login} KEY=VALUE…\n\n\x20 {login} {fields}\n{asked}"
    ))
}

fn usage_of_any(kind: &str, path: Option<&str>) -> String {
    format!(
        "Usage: {} KEY=VALUE…\n\nThe keys are those of the method's path `login`.\n",
        login_line(kind, path)
    )
}

fn login_line(kind: &str, path: Option<&str>) -> String {
    let path = path.filter(|path| *path != kind);
    let path = path.map_or_else(String::new, |path| format!(" -path={path}"));
    format!("lockkeeper login -method={kind}{path}")
}

fn success(text: &str) -> Result<ExitCode, Failure> {
    output::say(text)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_moved_below_auth_however_it_is_named() {
        assert_eq!(below_auth("ci"), "auth/ci/");
        assert_eq!(below_auth("/auth/ci/"), "auth/ci/");
    }

    #[test]
    fn the_usage_of_a_method_names_its_path_where_it_is_not_the_type() {
        let said = usage("approle", Some("ci")).unwrap();
        assert!(said.contains("login -method=approle -path=ci role_id="));
        let said = usage("approle", Some("approle")).unwrap();
        assert!(!said.contains("-path"), "{said}");
    }
}
