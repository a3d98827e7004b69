//! Makes the mounts of a run.

use std::fmt::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use vault_client::{Client, Object, Secret};
use zeroize::Zeroizing;

use super::names::{Names, ROLE};
use super::{Error, Kind, RunId, SECRETS, Workload};
use crate::load::targets::{Target, Turns};

/// The role whose token the requests send.
const REQUESTS: &str = "requests";
/// The role of the logins that are counted.
const LOGINS: &str = "logins";
/// How long the token of a counted login lives: long enough to weigh on the
/// server, short enough that a long test does not fill it.
const LOGIN_TTL: &str = "1m";
/// Attempts at the first write to a KV engine, which is unavailable for a moment
/// after it was mounted.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// How credentials are made: an engine and a role in it.
pub struct Credentials {
    /// The type of the engine.
    pub engine: String,
    /// What is written to its `config`.
    pub config: Object,
    /// What is written to a role of it.
    pub role: Object,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// The ids of a login.
pub struct Login {
    /// The role id.
    pub role_id: String,
    /// The secret id.
    pub secret_id: Zeroizing<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

impl Login {
    pub(super) fn new(role_id: &str, secret_id: Zeroizing<String>) -> Self {
        Self {
            role_id: role_id.to_owned(),
            secret_id,
        }
    }

    /// The body of a login.
    pub(super) fn body(&self) -> Bytes {
        let body = json!({ "role_id": self.role_id, "secret_id": self.secret_id.as_str() });
        Bytes::from_owner(Zeroizing::new(body.to_string().into_bytes()))
    }
}

/// What is ready to be loaded.
#[derive(Debug)]
pub struct Ready {
    /// What is sent.
    pub targets: Vec<Target>,
    /// Whose turn it is.
    pub turns: Turns,
    /// The path of the login for the token that the requests send.
    pub login_path: String,
    /// The ids for that login.
    pub login: Login,
}

/// The body of a write to the KV engine.
pub(super) fn secret() -> Bytes {
    Bytes::from_static(b"{\"data\":{\"value\":\"0123456789abcdef0123456789abcdef\"}}")
}

impl Workload {
    /// Checks that the server has all that is needed, before anything is made.
    ///
    /// # Errors
    /// When it has not, or cannot be asked.
    pub async fn check(
        &self,
        client: &Client,
        credentials: Option<&Credentials>,
    ) -> Result<(), Error> {
        let mut needed = vec![("auth", "approle", "every workload")];
        if self.has(Kind::Kv) {
            needed.push(("secret", "kv", "`kv`"));
        }
        if let Some(credentials) = credentials.filter(|_| self.has_creds()) {
            needed.push(("secret", &credentials.engine, "`creds`"));
        }
        for (kind, name, user) in needed {
            // A list, since OpenBao does not answer for each plugin that was registered.
            let path = format!("sys/plugins/catalog/{kind}");
            let listed = client.list(&path).await;
            let listed = listed.map_err(|source| request(format!("listing {path}"), source))?;
            let keys = listed.and_then(|listed| listed.data?.remove("keys"));
            let is_there = |keys: &Value| {
                let mut names = keys.as_array().into_iter().flatten();
                names.any(|known| known == name)
            };
            if !keys.as_ref().is_some_and(is_there) {
                return Err(Error::Unavailable(format!(
                    "{user} needs the plugin `{name}` of the type `{kind}`, which this server \
                     does not have: register it, or leave the kind out; nothing was made"
                )));
            }
        }
        Ok(())
    }

    /// Makes the mounts of this run. After an error, some of them may be there.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn set_up(
        &self,
        client: &Client,
        run: &RunId,
        credentials: Option<&Credentials>,
    ) -> Result<Ready, Error> {
        let server = Making { client };
        let names = Names::of(run);
        let method = names.method();
        server
            .write(
                &format!("sys/auth/{method}"),
                json!({ "type": "approle", "description": "of a load test that is under way" }),
            )
            .await?;
        let policy = json!({ "policy": self.policy(&names) });
        let path = format!("sys/policies/acl/{}", names.policy());
        server.write(&path, policy).await?;
        let role = json!({ "token_policies": [names.policy()], "token_ttl": "1h" });
        let requests = server.role(&method, REQUESTS, role).await?;
        let role = json!({ "token_policies": [names.policy()], "token_ttl": LOGIN_TTL });
        let logins = server.role(&method, LOGINS, role).await?;
        if self.has(Kind::Kv) {
            server.kv(&names).await?;
        }
        if let Some(credentials) = credentials.filter(|_| self.has_creds()) {
            server.engine(&names, credentials).await?;
        }
        let address = client.settings().address.as_str().trim_end_matches('/');
        let (targets, turns) = self
            .targets(address, &names, &logins)
            .map_err(Error::Unavailable)?;
        Ok(Ready {
            targets,
            turns,
            login_path: names.login_path(),
            login: requests,
        })
    }

    fn policy(&self, names: &Names<'_>) -> String {
        let mut policy = "# Of a load test that is under way.\n".to_owned();
        let mut allow = |path: &str, capabilities: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(
                policy,
                "path \"{path}\" {{ capabilities = [{capabilities}] }}"
            );
        };
        if self.has(Kind::Kv) {
            let capabilities = "\"create\", \"read\", \"update\"";
            allow(&names.secret("*"), capabilities);
        }
        if self.has_creds() {
            allow(&names.creds(), "\"read\"");
        }
        policy
    }
}

struct Making<'c> {
    client: &'c Client,
}

impl Making<'_> {
    async fn write(&self, path: &str, body: Value) -> Result<Option<Secret>, Error> {
        let body = match body {
            Value::Object(body) => body,
            _ => Object::new(),
        };
        let written = self.client.write(path, &body).await;
        written.map_err(|source| request(format!("writing {path}"), source))
    }

    /// A role, and the ids for a login with it.
    async fn role(&self, method: &str, name: &str, role: Value) -> Result<Login, Error> {
        let path = format!("auth/{method}/role/{name}");
        self.write(&path, role).await?;
        let id_path = format!("{path}/role-id");
        let read = self.client.read(&id_path, &[]).await;
        let read = read.map_err(|source| request(format!("reading {id_path}"), source))?;
        let role_id = member(read, &id_path, "role_id")?;
        let id_path = format!("{path}/secret-id");
        let made = self.write(&id_path, json!({})).await?;
        let secret_id = member(made, &id_path, "secret_id")?;
        Ok(Login::new(&role_id, secret_id))
    }

    /// A KV engine with all its secrets.
    async fn kv(&self, names: &Names<'_>) -> Result<(), Error> {
        let path = format!("sys/mounts/{}", names.kv());
        let engine = json!({
            "type": "kv",
            "options": { "version": "2" },
            "description": "of a load test that is under way",
        });
        self.write(&path, engine).await?;
        let body: Value = serde_json::from_slice(&secret()).unwrap_or_default();
        let mut attempts = 1;
        while let Err(error) = self.write(&names.secret("0"), body.clone()).await {
            if attempts == ATTEMPTS || !is_unavailable(&error) {
                return Err(error);
            }
            attempts += 1;
            tokio::time::sleep(PAUSE).await;
        }
        for number in 1..SECRETS {
            let path = names.secret(&number.to_string());
            self.write(&path, body.clone()).await?;
        }
        Ok(())
    }

    async fn engine(&self, names: &Names<'_>, credentials: &Credentials) -> Result<(), Error> {
        let engine = names.engine();
        let mount = json!({
            "type": credentials.engine,
            "description": "of a load test that is under way",
        });
        self.write(&format!("sys/mounts/{engine}"), mount).await?;
        let config = credentials.config.clone().into();
        self.write(&format!("{engine}/config"), config).await?;
        let role = credentials.role.clone().into();
        self.write(&format!("{engine}/role/{ROLE}"), role).await?;
        Ok(())
    }
}

/// A KV engine of version 2 that is not ready yet says so with 400.
fn is_unavailable(error: &Error) -> bool {
    let Error::Request { source, .. } = error else {
        return false;
    };
    matches!(&**source, vault_client::Error::Api { status: 400, errors, .. }
        if errors.iter().any(|text| text.contains("Upgrading from non-versioned")))
}

pub(super) fn request(doing: String, source: vault_client::Error) -> Error {
    Error::Request {
        doing,
        source: Box::new(source),
    }
}

fn member(
    answer: Option<Secret>,
    path: &str,
    member: &'static str,
) -> Result<Zeroizing<String>, Error> {
    let data = answer.and_then(|answer| answer.data);
    let text = data.and_then(|mut data| data.remove(member));
    match text {
        Some(Value::String(text)) => Ok(Zeroizing::new(text)),
        _ => Err(Error::Answer {
            path: path.to_owned(),
            member,
        }),
    }
}
