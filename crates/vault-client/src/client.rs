//! Sending requests: paths, headers, one redirect, retries, and reading the
//! response.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Method, redirect};
use serde_json::Value;
use url::Url;

use crate::error::is_loopback;
use crate::retry::{self, Pause, RealPause};
use crate::{Error, Object, Result, Secret, Settings, curl, duration, tls};

/// A client of one server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    settings: Settings,
    pause: Arc<dyn Pause>,
    /// How many requests were sent, for the rate limit.
    sent: Arc<AtomicU32>,
}

/// A raw response, with any status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; empty if there was none.
    body: Vec<u8>,
    url: Url,
    method: Method,
    retry_after: Option<Duration>,
    /// Whether the server was asked to wrap what it answers.
    must_be_wrapped: bool,
}

impl Client {
    /// A client with these settings. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When certificates or the address of a proxy cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("lockkeeper/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls::config(&settings)?)
            .redirect(redirect::Policy::none())
            .timeout(settings.timeout);
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::all(proxy.url().clone())
                .map_err(|error| Error::setting("proxy", root_cause(&error)))?;
            http = http.proxy(proxy);
        } else if is_loopback(&settings.address) {
            // Go's clients do the same: a proxy cannot reach this machine's loopback.
            http = http.no_proxy();
        }
        Ok(Self {
            http: http
                .build()
                .map_err(|error| Error::Tls(root_cause(&error)))?,
            settings,
            pause: Arc::new(RealPause),
            sent: Arc::default(),
        })
    }

    /// The same client, which does not ask for wrapped answers: for requests
    /// whose answers hold no secret.
    #[must_use]
    pub fn without_wrapping(&self) -> Self {
        let mut client = self.clone();
        client.settings.wrap_ttl = None;
        client
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(&self, token: crate::Token) -> Self {
        let mut client = self.clone();
        client.settings.token = Some(token);
        client
    }

    /// The same client with another way to wait between two tries.
    #[must_use]
    pub fn with_pause(mut self, pause: Arc<dyn Pause>) -> Self {
        self.pause = pause;
        self
    }

    /// The settings that it was created with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Reads `path`; `query` becomes the data of the request.
    ///
    /// None if there is nothing. A 404 with data or warnings is an answer, as
    /// that of a deleted version of a KV secret; one with a reason is an error
    /// ([`Error::reason_of_absence`]).
    ///
    /// # Errors
    ///
    /// As [`Client::request`], and when the server refuses.
    pub async fn read(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Secret>> {
        self.request(Method::GET, path, query, None).await?.found()
    }

    /// Lists what is below `path`; the names are in `data.keys`. None if there
    /// is nothing.
    ///
    /// # Errors
    ///
    /// As [`Client::read`].
    pub async fn list(&self, path: &str) -> Result<Option<Secret>> {
        self.read(path, &[("list", "true")]).await
    }

    /// Writes `data` to `path`. None if the response is empty.
    ///
    /// # Errors
    ///
    /// As [`Client::request`], and when the server refuses.
    pub async fn write(&self, path: &str, data: &Object) -> Result<Option<Secret>> {
        let body = Value::Object(data.clone());
        self.request(Method::PUT, path, &[], Some(&body))
            .await?
            .accepted()
    }

    /// Deletes `path`; `query` becomes the data of the request. None if the
    /// response is empty.
    ///
    /// # Errors
    ///
    /// As [`Client::request`], and when the server refuses.
    pub async fn delete(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Secret>> {
        self.request(Method::DELETE, path, query, None)
            .await?
            .accepted()
    }

    /// Sends any request below `/v1/` and returns the response, whatever its
    /// status.
    ///
    /// A request that got no connection, or a response with a transient status
    /// (412, 429, 5xx but 501), is retried as often as the settings allow, writes
    /// too, as in Vault's clients. A request that timed out is not: the server may
    /// have executed it.
    ///
    /// # Errors
    ///
    /// When the path is invalid, no server answered, a redirect led from TLS to
    /// plain HTTP, or only the `curl` command is wanted.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let url = self.url(path, query)?;
        if let Some(token_command) = &self.settings.output_curl {
            return Err(Error::NotSent {
                curl: curl::command(&self.settings, token_command, &method, &url, body),
            });
        }
        let mut retries_left = self.settings.retries;
        loop {
            let result = self.try_once(&method, &url, body).await;
            let again = match &result {
                Ok(answer) => retry::is_transient(answer.status),
                Err(error) => matches!(error, Error::Unreachable { .. }),
            };
            if !again || retries_left == 0 {
                return result;
            }
            retries_left -= 1;
            let retry_after = result.ok().and_then(|answer| answer.retry_after);
            let (min, max) = retry::backoff(retry_after, self.settings.timeout);
            self.pause.pause(min, max).await;
        }
    }

    /// Sends one request, and follows one redirect.
    async fn try_once(&self, method: &Method, url: &Url, body: Option<&Value>) -> Result<Answer> {
        let (answer, location) = self.send(method, url, body).await?;
        let target = match (answer.status, location) {
            (301 | 302 | 307, Some(location)) if self.settings.follow_redirects => {
                url.join(&location).ok()
            }
            _ => None,
        };
        let Some(target) = target else {
            return Ok(answer);
        };
        if url.scheme() == "https" && target.scheme() != "https" {
            return Err(Error::InsecureRedirect {
                from: Box::new(url.clone()),
                to: Box::new(target),
            });
        }
        // With the token: this is how a standby names the active node.
        let (answer, _) = self.send(method, &target, body).await?;
        Ok(answer)
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&Value>,
    ) -> Result<(Answer, Option<String>)> {
        self.keep_rate_limit().await;
        let mut request = self
            .http
            .request(method.clone(), url.clone())
            .header("X-Vault-Request", "true");
        if let Some(token) = &self.settings.token {
            request = request.header("X-Vault-Token", token.expose());
        }
        if let Some(namespace) = &self.settings.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(mfa) = &self.settings.mfa {
            request = request.header("X-Vault-MFA", mfa.expose());
        }
        if let Some(ttl) = self.settings.wrap_ttl {
            request = request.header("X-Vault-Wrap-TTL", duration::whole_seconds(ttl));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let header = |name| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let location = header(LOCATION);
        let retry_after = header(RETRY_AFTER).and_then(|value| value.trim().parse().ok());
        let status = response.status().as_u16();
        let body = response
            .bytes()
            .await
            .map_err(|error| self.failed(&error))?;
        let answer = Answer {
            status,
            body: body.to_vec(),
            url: url.clone(),
            method: method.clone(),
            retry_after: retry_after.map(Duration::from_secs),
            must_be_wrapped: self.settings.wrap_ttl.is_some(),
        };
        Ok((answer, location))
    }

    async fn keep_rate_limit(&self) {
        let Some(limit) = self.settings.rate_limit else {
            return;
        };
        if self.sent.fetch_add(1, Ordering::Relaxed) >= limit.burst {
            self.pause.pause(limit.pause, limit.pause).await;
        }
    }

    /// `/v1/{path}` at the server, after the path of its address.
    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url> {
        let wrong = |problem| Error::Path {
            path: path.to_owned(),
            problem,
        };
        let inner = path.strip_prefix('/').unwrap_or(path);
        if inner.is_empty() {
            return Err(wrong("it is empty"));
        }
        if inner
            .split('/')
            .any(|segment| segment == "." || segment == "..")
        {
            return Err(wrong("`.` and `..` are not allowed"));
        }
        let mut url = self.settings.address.clone();
        url.path_segments_mut()
            .map_err(|()| wrong("the server's address cannot have a path"))?
            .pop_if_empty()
            .push("v1")
            .extend(inner.split('/'));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn failed(&self, error: &reqwest::Error) -> Error {
        let address = self.settings.address.clone();
        if error.is_timeout() {
            return Error::TimedOut {
                address,
                timeout: self.settings.timeout,
            };
        }
        Error::Unreachable {
            address,
            cause: root_cause(error),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The JSON of the body; null if there is no body. Whether it is wrapped is
    /// not looked at.
    ///
    /// # Errors
    ///
    /// When the body is not JSON.
    fn json(&self) -> Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| self.not_vault(&error))
    }

    /// The envelope of an answer to a write; none if it was empty.
    fn accepted(self) -> Result<Option<Secret>> {
        if self.status >= 400 {
            return Err(self.into_error());
        }
        self.secret()
    }

    /// The envelope of an answer to a read; none if there is nothing.
    fn found(self) -> Result<Option<Secret>> {
        if self.status != 404 {
            return self.accepted();
        }
        match self.secret() {
            Ok(Some(secret)) if secret.has_content() => Ok(Some(secret)),
            Ok(_) if !self.gives_a_reason() => Ok(None),
            Err(error @ Error::NotWrapped { .. }) => Err(error),
            // A reason, or a 404 without the API's JSON, which is not about the
            // path.
            _ => Err(self.into_error()),
        }
    }

    fn gives_a_reason(&self) -> bool {
        let errors = self.json().ok().and_then(|json| errors(&json));
        errors.is_some_and(|errors| !errors.is_empty())
    }

    /// The answer of an endpoint without an envelope.
    pub(crate) fn bare<T: serde::de::DeserializeOwned>(self) -> Result<T> {
        if self.status >= 400 {
            return Err(self.into_error());
        }
        serde_json::from_slice(&self.body).map_err(|error| self.not_vault(&error))
    }

    fn secret(&self) -> Result<Option<Secret>> {
        let secret = match self.json()? {
            Value::Null => return Ok(None),
            json => Secret::from_answer(json).map_err(|error| self.not_vault(&error))?,
        };
        match secret {
            Some(secret) if self.must_be_wrapped && secret.is_exposed() => Err(Error::NotWrapped {
                url: Box::new(self.url.clone()),
                lease_id: secret.lease_id,
            }),
            secret => Ok(secret),
        }
    }

    fn into_error(self) -> Error {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        let errors = self.json().ok().and_then(|json| errors(&json));
        Error::Api {
            status: self.status,
            raw_message: errors.is_none().then(text),
            errors: errors.unwrap_or_default(),
            url: Box::new(self.url),
            method: self.method,
        }
    }

    fn not_vault(&self, error: &serde_json::Error) -> Error {
        Error::NotVault {
            url: self.url.clone(),
            problem: error.to_string(),
        }
    }
}

/// The texts of an answer's `errors`; none if it has no such list.
fn errors(json: &Value) -> Option<Vec<String>> {
    let list = json.get("errors")?.as_array()?;
    let texts = list.iter().map(|error| match error {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    Some(texts.collect())
}

/// The innermost cause: the outer errors only state that a request failed.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
