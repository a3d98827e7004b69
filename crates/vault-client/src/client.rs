//! Sending requests: paths, headers, one redirect, retries, and reading the
//! response.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, redirect};
use serde_json::Value;
use url::Url;

use crate::address::{base, is_loopback, socket, without_login};
use crate::answer::{Answer, Unread};
use crate::media_type::MERGE_PATCH;
use crate::retry::{self, Pause, RealPause};
use crate::{Error, Object, Result, Secret, Settings, curl, duration, handshake, tls};

/// How long the network may take to connect, as in Vault's client.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// A client of one server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    settings: Settings,
    pause: Arc<dyn Pause>,
    /// How many requests were sent, for the rate limit.
    sent: Arc<AtomicU32>,
}

impl Client {
    /// A client with these settings. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When certificates, the address of a proxy or the namespace cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        let namespace = settings.namespace.as_deref().unwrap_or_default();
        if HeaderValue::from_str(namespace).is_err() {
            let problem = "it has a character that no header may carry, such as a line break";
            return Err(Error::setting("namespace", problem.to_owned()));
        }
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("lockkeeper/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls::config(&settings)?)
            .redirect(redirect::Policy::none())
            // Before the whole request times out: as long as there is no
            // connection, the server cannot have executed anything.
            .connect_timeout(CONNECT_LIMIT.min(settings.timeout / 2))
            .timeout(settings.timeout);
        if let Some(path) = socket(&settings.address) {
            http = http.unix_socket(path).no_proxy();
        } else if let Some(proxy) = &settings.proxy {
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

    /// The same client, which asks for wrapped answers if a time to live is
    /// given.
    #[must_use]
    pub fn with_wrapping(&self, ttl: Option<Duration>) -> Self {
        let mut client = self.clone();
        client.settings.wrap_ttl = ttl;
        client
    }

    /// The same client for a question whose answer decides what to send: it is
    /// sent even when only `curl` commands are wanted, and not wrapped.
    #[must_use]
    pub fn for_lookups(&self) -> Self {
        let mut client = self.without_wrapping();
        client.settings.output_curl = None;
        client
    }

    /// The same client without a token: for logins, and for wrapping tokens that
    /// stand in the body.
    #[must_use]
    pub fn without_token(&self) -> Self {
        let mut client = self.clone();
        client.settings.token = None;
        client
    }

    /// Whether requests have a token.
    pub fn has_token(&self) -> bool {
        self.settings.token.is_some()
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(&self, token: crate::Token) -> Self {
        let mut client = self.clone();
        client.settings.token = Some(token);
        client
    }

    /// The same client with another implementation of pauses.
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

    /// Changes the given fields of what is at `path`, and no others: a JSON merge
    /// patch, in which null removes a field. None if the response is empty.
    ///
    /// # Errors
    ///
    /// As [`Client::request`], and when the server refuses.
    pub async fn patch(&self, path: &str, data: &Object) -> Result<Option<Secret>> {
        let body = Value::Object(data.clone());
        self.request(Method::PATCH, path, &[], Some(&body))
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
    /// too, as in Vault's clients. A request that timed out or whose connection
    /// broke is not, since the server may have executed it, and neither is one
    /// whose TLS handshake failed, since that would fail again.
    ///
    /// # Errors
    ///
    /// When the path is invalid, no server answered, the answer was cut off or is
    /// larger than 32 MiB, a redirect led from TLS to plain HTTP, or only the
    /// `curl` command is wanted.
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
            let retry_after = result.ok().and_then(|answer| answer.retry_after());
            let (min, max) = retry::backoff(retry_after, self.settings.timeout);
            self.pause.pause(min, max).await;
        }
    }

    /// Sends one request, and follows one redirect.
    async fn try_once(&self, method: &Method, url: &Url, body: Option<&Value>) -> Result<Answer> {
        let answer = self.send(method, url, body).await?;
        let location = answer.redirect();
        let location = location.filter(|_| self.settings.follow_redirects);
        let Some(target) = location.and_then(|location| url.join(location).ok()) else {
            return Ok(answer);
        };
        if url.scheme() == "https" && target.scheme() != "https" {
            return Err(Error::InsecureRedirect {
                from: Box::new(without_login(url)),
                to: Box::new(without_login(&target)),
            });
        }
        // With the token: this is how a standby names the active node.
        self.send(method, &target, body).await
    }

    async fn send(&self, method: &Method, url: &Url, body: Option<&Value>) -> Result<Answer> {
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
            if *method == Method::PATCH {
                request = request.header(CONTENT_TYPE, MERGE_PATCH);
            }
            request = request.json(body);
        }
        let shown = without_login(url);
        let wrapped = self.settings.wrap_ttl.is_some();
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let answer = Answer::read(response, method.clone(), shown.clone(), wrapped).await;
        answer.map_err(|unread| match unread {
            Unread::Broken(error) => self.failed(&error),
            Unread::TooLong => Error::NotVault {
                url: shown,
                problem: "the answer is larger than 32 MiB".to_owned(),
            },
        })
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
        if inner.contains(char::is_control) {
            // Parsers of URLs drop some of them, which makes another path.
            return Err(wrong("it has a control character, such as a line break"));
        }
        let mut url = base(&self.settings.address);
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
        let address = without_login(&self.settings.address);
        let cause = root_cause(error);
        if let Some(of_tls) = handshake::tls_error(error) {
            return Error::Handshake {
                address: Box::new(address),
                cause: of_tls.to_string(),
                remedy: handshake::remedy(of_tls),
            };
        }
        if error.is_connect() {
            return Error::Unreachable { address, cause };
        }
        if error.is_timeout() {
            return Error::TimedOut {
                address,
                timeout: self.settings.timeout,
            };
        }
        Error::Broken { address, cause }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The innermost cause: the outer errors only state that a request failed.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
