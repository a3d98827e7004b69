//! Requests to `sys/`.

use std::time::Duration;

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Client, Object, Result, Secret, Token, duration};

/// The answer of `sys/health`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, Default)]
#[serde(default)]
pub struct Health {
    /// Whether the server has been initialized.
    pub initialized: bool,
    /// Whether its data cannot be read.
    pub sealed: bool,
    /// Whether another node is the active one.
    pub standby: bool,
    /// Its time, in seconds since 1970.
    pub server_time_utc: i64,
    /// The version of the API that it speaks.
    pub version: String,
    /// The name of its cluster; empty while it is sealed.
    pub cluster_name: String,
    /// The id of its cluster; empty while it is sealed.
    pub cluster_id: String,
}

/// The answer of `sys/seal-status`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, Default)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the members are Vault's")]
pub struct SealStatus {
    /// The kind of seal, such as `shamir`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the server has been initialized.
    pub initialized: bool,
    /// Whether its data cannot be read.
    pub sealed: bool,
    /// How many shares of the key unseal it.
    pub t: i64,
    /// How many shares there are.
    pub n: i64,
    /// How many shares have been given so far.
    pub progress: i64,
    /// The id of the unsealing under way.
    pub nonce: String,
    /// The version of the API that it speaks.
    pub version: String,
    /// When it was built, RFC 3339.
    pub build_date: String,
    /// Whether it moves from one seal to another.
    pub migration: bool,
    /// The name of its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// The id of its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Whether shares recover it rather than unseal it.
    pub recovery_seal: bool,
    /// Where it stores its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<String>,
    /// Lockkeeper's own version, from a server of that kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockkeeper_version: Option<String>,
}

/// The answer of `sys/leader`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, Default)]
#[serde(default)]
pub struct Leader {
    /// Whether several nodes can share the work.
    pub ha_enabled: bool,
    /// Whether the one that answered is the active one.
    pub is_self: bool,
    /// When the active one became so, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_time: Option<String>,
    /// Where clients reach the active one.
    pub leader_address: String,
    /// Where other nodes reach it.
    pub leader_cluster_address: String,
}

impl Client {
    /// The health of the server; no state is an error.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub async fn health(&self) -> Result<Health> {
        // By default, the state is in the status: 429, 472, 473, 501 or 503.
        let codes = [
            ("uninitcode", "299"),
            ("sealedcode", "299"),
            ("standbycode", "299"),
            ("drsecondarycode", "299"),
            ("performancestandbycode", "299"),
        ];
        self.get_bare("sys/health", &codes).await
    }

    /// Whether the server is sealed, and how far unsealing has come.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub async fn seal_status(&self) -> Result<SealStatus> {
        self.get_bare("sys/seal-status", &[]).await
    }

    /// Which node is the active one.
    ///
    /// # Errors
    ///
    /// As [`Client::request`]; a sealed server refuses with 503.
    pub async fn leader(&self) -> Result<Leader> {
        self.get_bare("sys/leader", &[]).await
    }

    /// An endpoint without an envelope. It has no secret to wrap.
    pub(crate) async fn get_bare<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T> {
        let client = self.without_wrapping();
        let answer = client.request(Method::GET, path, query, None).await?;
        answer.bare()
    }

    /// The help of a path: `help`, and `openapi`.
    ///
    /// # Errors
    ///
    /// As [`Client::request`], and when the server refuses.
    pub async fn help(&self, path: &str) -> Result<Object> {
        self.get_bare(path, &[("help", "1")]).await
    }

    /// A write whose response has no secret to wrap: revoking must not depend on
    /// whether the server wraps.
    async fn revoke(&self, path: &str, body: &Object) -> Result<()> {
        self.without_wrapping().write(path, body).await.map(drop)
    }

    /// The answer behind a wrapping token: that of the client, or another. A
    /// client without a token of its own shows the wrapping token itself. The
    /// token is used up.
    ///
    /// # Errors
    ///
    /// As [`Client::write`]; a token that is unknown or used is refused with 400.
    pub async fn unwrap(&self, token: Option<Token>) -> Result<Option<Secret>> {
        let path = "sys/wrapping/unwrap";
        let client = self.without_wrapping();
        match (token, &self.settings().token) {
            (Some(token), None) => client.with_token(token).write(path, &Object::new()).await,
            (Some(token), Some(own)) if token != *own => {
                let body = object(json!({"token": token.expose()}));
                client.write(path, &body).await
            }
            _ => client.write(path, &Object::new()).await,
        }
    }

    /// What the server knows about a lease.
    ///
    /// # Errors
    ///
    /// As [`Client::write`]; an unknown lease is refused with 400.
    pub async fn lookup_lease(&self, lease_id: &str) -> Result<Option<Secret>> {
        let body = object(json!({"lease_id": lease_id}));
        self.write("sys/leases/lookup", &body).await
    }

    /// Renews a lease, for `increment` from now if the server agrees; by default
    /// the server chooses.
    ///
    /// # Errors
    ///
    /// As [`Client::write`]; a lease that is unknown or cannot be renewed is
    /// refused with 400.
    pub async fn renew_lease(
        &self,
        lease_id: &str,
        increment: Option<Duration>,
    ) -> Result<Option<Secret>> {
        let seconds = increment.map_or(0, duration::seconds_up);
        let body = object(json!({"lease_id": lease_id, "increment": seconds}));
        self.write("sys/leases/renew", &body).await
    }

    /// Renews the token of the client, for `increment` from now if the server
    /// agrees; by default the server chooses.
    ///
    /// # Errors
    ///
    /// As [`Client::write`]; a token that cannot be renewed is refused with 400.
    pub async fn renew_own_token(&self, increment: Option<Duration>) -> Result<Option<Secret>> {
        let seconds = increment.map_or(0, duration::seconds_up);
        let body = object(json!({"increment": seconds}));
        self.write("auth/token/renew-self", &body).await
    }

    /// Revokes a lease. With `sync` the server answers when it is revoked, or
    /// reports the failure; otherwise it queues the revocation.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn revoke_lease(&self, lease_id: &str, sync: bool) -> Result<()> {
        let body = object(json!({"lease_id": lease_id, "sync": sync}));
        self.revoke("sys/leases/revoke", &body).await
    }

    /// Revokes all leases whose ids have the prefix, such as `confluent/creds/app`.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn revoke_prefix(&self, prefix: &str, sync: bool) -> Result<()> {
        let path = format!(
            "sys/leases/revoke-prefix/{}",
            prefix.trim_start_matches('/')
        );
        self.revoke(&path, &object(json!({"sync": sync}))).await
    }

    /// As [`Client::revoke_prefix`], but drops the leases even if their engine
    /// cannot revoke them: the credentials may live on.
    ///
    /// # Errors
    ///
    /// As [`Client::write`].
    pub async fn revoke_force(&self, prefix: &str) -> Result<()> {
        let path = format!("sys/leases/revoke-force/{}", prefix.trim_start_matches('/'));
        self.revoke(&path, &Object::new()).await
    }
}

fn object(json: serde_json::Value) -> Object {
    match json {
        serde_json::Value::Object(object) => object,
        _ => Object::new(),
    }
}
