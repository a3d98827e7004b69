//! A real server, over Vault's HTTP API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use vault_client::{Client, Error as Failed, Object, Secret, Token};

use super::error::{Error, Result};
use super::restrictions::Restrictions;
use super::secret_id::SecretId;
use super::server::{
    IdEntry, Login, LoginAnswer, Made, NewId, Place, Role, Server, TokenEntry, Tokens, Wrapped,
};

/// What servers say of a secret id or role id that they do not know: today, and
/// up to Vault 1.15.1 and its like.
const UNKNOWN_ID: [&str; 3] = [
    "invalid role or secret ID",
    "invalid secret id",
    "invalid role ID",
];

/// A server that speaks Vault's API, and one role on it.
#[derive(Debug)]
pub struct VaultServer {
    client: Client,
    place: Place,
}

impl VaultServer {
    /// The role at `place`, managed with the client's token.
    pub fn new(client: &Client, place: Place) -> Self {
        Self {
            client: client.without_wrapping(),
            place,
        }
    }

    /// The names of the roles of an auth method.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn roles(client: &Client, mount: &str) -> Result<Vec<String>> {
        let path = format!("auth/{mount}/role");
        let listed = client.without_wrapping().list(&path).await;
        let listed = listed.map_err(|source| Wrong::new("listing roles", source))?;
        let data = listed.and_then(|answer| answer.data).unwrap_or_default();
        Ok(texts(data.get("keys")))
    }

    fn role_path(&self, rest: &str) -> String {
        format!("{}{rest}", self.place)
    }

    async fn write(
        &self,
        doing: &str,
        path: &str,
        body: Value,
    ) -> std::result::Result<Option<Secret>, Wrong> {
        let written = self.client.write(path, &object(body)).await;
        written.map_err(|source| Wrong::new(doing, source))
    }

    async fn look_up_by(&self, doing: &str, path: &str, body: Value) -> Result<Option<IdEntry>> {
        match self.write(doing, &self.role_path(path), body).await {
            Ok(answer) => entry(doing, answer),
            Err(wrong) if wrong.is_absence() => Ok(None),
            Err(wrong) => Err(wrong.into()),
        }
    }
}

#[async_trait]
impl Server for VaultServer {
    fn address(&self) -> String {
        let mut address = self.client.settings().address.clone();
        // What stands before an `@` may be a password. An address without a host
        // has none.
        let _ = address.set_username("");
        let _ = address.set_password(None);
        match &self.client.settings().namespace {
            Some(namespace) => format!("{address} (namespace {namespace})"),
            None => address.to_string(),
        }
    }

    async fn lacking(&self, lists_tokens: bool) -> Result<Vec<String>> {
        let mut needs = vec![
            (self.role_path(""), "read"),
            (self.role_path("/role-id"), "read"),
            (self.role_path("/secret-id"), "update"),
            (self.role_path("/secret-id"), "list"),
            (self.role_path("/secret-id/lookup"), "update"),
            (self.role_path("/secret-id-accessor/lookup"), "update"),
            (self.role_path("/secret-id-accessor/destroy"), "update"),
        ];
        if lists_tokens {
            needs.push(("auth/token/accessors".to_owned(), "list"));
            needs.push(("auth/token/accessors".to_owned(), "sudo"));
            needs.push(("auth/token/lookup-accessor".to_owned(), "update"));
            needs.push(("auth/token/revoke-accessor".to_owned(), "update"));
        }
        let mut paths: Vec<String> = needs.iter().map(|(path, _)| path.clone()).collect();
        // A policy may allow lists with or without the slash.
        paths.extend(needs.iter().map(|(path, _)| format!("{path}/")));
        let doing = "asking what the token may do";
        let answer = self
            .write(doing, "sys/capabilities-self", json!({ "paths": paths }))
            .await;
        let data = match answer {
            Ok(answer) => answer.and_then(|answer| answer.data).unwrap_or_default(),
            // A policy without `default` does not allow the question. The
            // requests themselves will tell.
            Err(wrong) if wrong.status() == Some(403) => return Ok(Vec::new()),
            Err(wrong) => return Err(wrong.into()),
        };
        let may = |path: &str, capability: &str| {
            texts(data.get(path))
                .iter()
                .any(|has| has == "root" || has == capability)
        };
        let lacking = needs.into_iter().filter(|(path, capability)| {
            let with_slash = format!("{path}/");
            let as_create = *capability == "update" && may(path, "create");
            let as_list = *capability == "list" && may(&with_slash, capability);
            !(may(path, capability) || as_create || as_list)
        });
        Ok(lacking
            .map(|(path, capability)| format!("`{capability}` on `{path}`"))
            .collect())
    }

    async fn role(&self) -> Result<Option<Role>> {
        let doing = format!("reading `{}`", self.place);
        let failed = |source| Error::from(Wrong::new(&doing, source));
        let read = |path: String| async move { self.client.read(&path, &[]).await };
        let Some(role) = read(self.role_path("")).await.map_err(failed)? else {
            return Ok(None);
        };
        let role = role.data.unwrap_or_default();
        let id = read(self.role_path("/role-id")).await.map_err(failed)?;
        let id = id.and_then(|answer| answer.data).unwrap_or_default();
        Ok(Some(Role {
            role_id: text(&id, "role_id", &doing)?,
            binds_secret_id: role.get("bind_secret_id").and_then(Value::as_bool) != Some(false),
            uses: number(&role, "secret_id_num_uses"),
            ttl: number(&role, "secret_id_ttl"),
            token_max_ttl: number(&role, "token_max_ttl"),
        }))
    }

    async fn make(&self, new: &NewId) -> Result<Made> {
        let doing = "making a secret id";
        let answer = self
            .write(doing, &self.role_path("/secret-id"), wish(new))
            .await?;
        let data = answer.and_then(|answer| answer.data).unwrap_or_default();
        let id = zeroize::Zeroizing::new(text(&data, "secret_id", doing)?);
        Ok(Made {
            id: SecretId::new(&id).ok_or(Error::Answer {
                doing: doing.to_owned(),
                member: "secret_id",
            })?,
            accessor: text(&data, "secret_id_accessor", doing)?,
        })
    }

    async fn make_wrapped(&self, new: &NewId, ttl: Duration) -> Result<Wrapped> {
        let doing = "making a wrapped secret id";
        let client = self.client.with_wrapping(Some(ttl));
        let path = self.role_path("/secret-id");
        let made = client.write(&path, &object(wish(new))).await;
        let made = made.map_err(|source| Wrong::new(doing, source))?;
        let wrapped = made.and_then(|answer| answer.wrap_info).and_then(|info| {
            Some(Wrapped {
                token: info.token?,
                creation_path: info.creation_path,
                ttl: info.ttl,
            })
        });
        wrapped.ok_or(Error::Answer {
            doing: doing.to_owned(),
            member: "wrap_info",
        })
    }

    async fn accessors(&self) -> Result<Vec<String>> {
        let listed = self.client.list(&self.role_path("/secret-id")).await;
        let listed = listed.map_err(|source| Wrong::new("listing secret id accessors", source))?;
        let data = listed.and_then(|answer| answer.data).unwrap_or_default();
        Ok(texts(data.get("keys")))
    }

    async fn look_up(&self, accessor: &str) -> Result<Option<IdEntry>> {
        let body = json!({ "secret_id_accessor": accessor });
        self.look_up_by(
            "looking up a secret id accessor",
            "/secret-id-accessor/lookup",
            body,
        )
        .await
    }

    async fn find(&self, id: &SecretId) -> Result<Option<IdEntry>> {
        let body = json!({ "secret_id": id.expose() });
        let found = self
            .look_up_by("looking up a secret id", "/secret-id/lookup", body)
            .await;
        found.map_err(|error| without(error, id))
    }

    async fn destroy(&self, accessor: &str) -> Result<()> {
        let path = self.role_path("/secret-id-accessor/destroy");
        let body = json!({ "secret_id_accessor": accessor });
        match self.write("destroying a secret id", &path, body).await {
            Err(wrong) if !wrong.is_absence() => Err(wrong.into()),
            _ => Ok(()),
        }
    }

    async fn tidy(&self) -> Result<()> {
        let path = format!("auth/{}/tidy/secret-id", self.place.mount);
        self.write("tidying secret ids", &path, json!({})).await?;
        Ok(())
    }

    async fn log_in(&self, role_id: &str, id: &SecretId) -> Result<LoginAnswer> {
        let doing = "logging in";
        let path = format!("auth/{}/login", self.place.mount);
        let body = object(json!({ "role_id": role_id, "secret_id": id.expose() }));
        let written = self.client.without_token().write(&path, &body).await;
        let auth = match written {
            Ok(answer) => answer.and_then(|answer| answer.auth),
            Err(Failed::Api {
                status: status @ 400..500,
                errors,
                ..
            }) if status != 429 => {
                let said = errors.join("; ").replace(id.expose(), "…");
                let text = format!("{status} `{said}`");
                let unknown = status == 400 && UNKNOWN_ID.iter().any(|known| said.contains(known));
                return Ok(if unknown {
                    LoginAnswer::UnknownId { text }
                } else {
                    LoginAnswer::Refused { text }
                });
            }
            Err(source) => return Err(without(Wrong::new(doing, source).into(), id)),
        };
        let answer = auth.and_then(|auth| {
            Some(Login {
                token: auth.client_token?,
                accessor: auth.accessor,
                ttl: auth.lease_duration,
            })
        });
        let login = answer.ok_or(Error::Answer {
            doing: doing.to_owned(),
            member: "auth",
        })?;
        Ok(LoginAnswer::Token(Box::new(login)))
    }

    async fn can_read(&self, token: &Token, path: &str) -> Result<bool> {
        let doing = "asking what the new token may do";
        let client = self.client.with_token(token.clone());
        let body = object(json!({ "paths": [path] }));
        let asked = client.write("sys/capabilities-self", &body).await;
        let asked = asked.map_err(|source| Wrong::new(doing, source))?;
        let data = asked.and_then(|answer| answer.data).unwrap_or_default();
        let has = texts(data.get(path).or_else(|| data.get("capabilities")));
        Ok(has.iter().any(|has| has == "read" || has == "root"))
    }

    async fn end(&self, login: &Login) -> Result<()> {
        let client = self.client.with_token(login.token.clone());
        let ended = client.write("auth/token/revoke-self", &Object::new()).await;
        match ended {
            Ok(_) => Ok(()),
            // A token without the policy `default` cannot revoke itself.
            Err(Failed::Api { status: 403, .. }) => self.revoke(&login.accessor).await,
            Err(source) => Err(Wrong::new("revoking the token of a trial", source).into()),
        }
    }

    async fn tokens(&self) -> Result<Tokens> {
        match self.client.list("auth/token/accessors").await {
            Ok(listed) => {
                let data = listed.and_then(|answer| answer.data).unwrap_or_default();
                Ok(Tokens::All(texts(data.get("keys"))))
            }
            Err(Failed::Api { status: 403, .. }) => Ok(Tokens::Denied),
            Err(source) => Err(Wrong::new("listing token accessors", source).into()),
        }
    }

    async fn token(&self, accessor: &str) -> Result<Option<TokenEntry>> {
        let doing = "looking up a token accessor";
        let body = json!({ "accessor": accessor });
        let answer = match self.write(doing, "auth/token/lookup-accessor", body).await {
            Ok(answer) => answer,
            Err(wrong) if wrong.is_absence() => return Ok(None),
            Err(wrong) => return Err(wrong.into()),
        };
        let Some(data) = answer.and_then(|answer| answer.data) else {
            return Ok(None);
        };
        let made = signed(&data, "creation_time");
        Ok(Some(TokenEntry {
            accessor: accessor.to_owned(),
            path: text(&data, "path", doing)?,
            metadata: metadata(data.get("meta")),
            renewed: made.max(signed(&data, "last_renewal_time")),
            ttl: signed(&data, "ttl"),
        }))
    }

    async fn revoke(&self, accessor: &str) -> Result<()> {
        let body = json!({ "accessor": accessor });
        let path = "auth/token/revoke-accessor";
        match self.write("revoking a token", path, body).await {
            Err(wrong) if !wrong.is_absence() => Err(wrong.into()),
            _ => Ok(()),
        }
    }
}

/// The body of the request for a new secret id.
fn wish(new: &NewId) -> Value {
    let metadata = serde_json::to_string(&new.metadata).unwrap_or_default();
    let mut body = json!({ "metadata": metadata });
    let restrictions = &new.restrictions;
    if !restrictions.cidr_list.is_empty() {
        body["cidr_list"] = json!(restrictions.cidr_list);
    }
    if !restrictions.token_bound_cidrs.is_empty() {
        body["token_bound_cidrs"] = json!(restrictions.token_bound_cidrs);
    }
    if let Some(ttl) = restrictions.ttl {
        body["ttl"] = json!(ttl);
    }
    if let Some(uses) = restrictions.uses {
        body["num_uses"] = json!(uses);
    }
    body
}

/// A request that failed.
struct Wrong {
    doing: String,
    source: Failed,
}

impl Wrong {
    fn new(doing: &str, source: Failed) -> Self {
        Self {
            doing: doing.to_owned(),
            source,
        }
    }

    fn status(&self) -> Option<u16> {
        match &self.source {
            Failed::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the server says that there is no such accessor or id. Which status
    /// it says so with differs by path and version.
    fn is_absence(&self) -> bool {
        let Failed::Api {
            status,
            errors,
            raw_message,
            ..
        } = &self.source
        else {
            return false;
        };
        let said = |what: &str| {
            errors.iter().any(|error| error.contains(what))
                || raw_message.as_deref().is_some_and(|raw| raw.contains(what))
        };
        said("failed to find accessor entry")
            || said("invalid accessor")
            || (*status == 404 && errors.is_empty() && raw_message.is_none())
    }
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Self {
        Self::Server {
            doing: wrong.doing,
            source: Box::new(wrong.source),
        }
    }
}

/// The same error without the secret id, which a proxy may have quoted.
fn without(error: Error, id: &SecretId) -> Error {
    let clean = |text: &mut String| *text = text.replace(id.expose(), "…");
    match error {
        Error::Server { doing, mut source } => {
            if let Failed::Api {
                errors,
                raw_message,
                ..
            } = source.as_mut()
            {
                errors.iter_mut().chain(raw_message).for_each(clean);
            }
            Error::Server { doing, source }
        }
        other => other,
    }
}

fn entry(doing: &str, answer: Option<Secret>) -> Result<Option<IdEntry>> {
    let Some(data) = answer.and_then(|answer| answer.data) else {
        return Ok(None);
    };
    let ttl = number(&data, "secret_id_ttl");
    Ok(Some(IdEntry {
        accessor: text(&data, "secret_id_accessor", doing)?,
        created: time(&data, "creation_time"),
        ends: time(&data, "expiration_time"),
        uses: number(&data, "secret_id_num_uses"),
        restrictions: Restrictions {
            cidr_list: texts(data.get("cidr_list")),
            token_bound_cidrs: texts(data.get("token_bound_cidrs")),
            ttl: (ttl > 0).then_some(ttl),
            uses: None,
            metadata: metadata(data.get("metadata")),
        },
    }))
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn text(data: &Object, member: &'static str, doing: &str) -> Result<String> {
    let value = data.get(member).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| Error::Answer {
        doing: doing.to_owned(),
        member,
    })
}

fn number(data: &Object, member: &str) -> u64 {
    let value = data.get(member).and_then(Value::as_u64);
    value.unwrap_or_default()
}

fn signed(data: &Object, member: &str) -> i64 {
    let value = data.get(member).and_then(Value::as_i64);
    value.unwrap_or_default()
}

/// A time; none for Go's zero time, which stands for never.
fn time(data: &Object, member: &str) -> Option<Timestamp> {
    let time: Timestamp = data.get(member)?.as_str()?.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn metadata(value: Option<&Value>) -> BTreeMap<String, String> {
    let object = value.and_then(Value::as_object);
    let members = object.into_iter().flatten();
    members
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
