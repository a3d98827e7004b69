//! The settings of a client: address, credentials, TLS, timeout and retries.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use crate::address::{self, without_login};
use crate::{Error, Result, Token};

/// Where Vault's command line looks when nothing is set.
pub(crate) const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";
/// The timeout of Vault's client.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
/// The number of retries of Vault's client.
const DEFAULT_RETRIES: u32 = 2;

/// The settings of a [`Client`](crate::Client). Flags of a command line
/// change the fields after the environment was read. `Debug` shows no token,
/// key or password.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// The server, `http` or `https`; its path, if any, comes before `/v1/`. A
    /// user and password in it are sent with HTTP Basic, and never shown. `unix`
    /// is a socket of this machine, whose path it is.
    pub address: Url,
    /// Sent with each request.
    pub token: Option<Token>,
    /// Sent in `X-Vault-Namespace`.
    pub namespace: Option<String>,
    /// A multi-factor credential, sent in `X-Vault-MFA`.
    pub mfa: Option<Token>,
    /// For how long answers are to be wrapped. An answer that the server did
    /// not wrap is then an error.
    pub wrap_ttl: Option<Duration>,
    /// For each single request.
    pub timeout: Duration,
    /// How often a failed request is repeated; 0 for never.
    pub retries: u32,
    /// The rate limit of requests, if there is one.
    pub rate_limit: Option<RateLimit>,
    /// Whether one redirect is followed. The token goes along with it.
    pub follow_redirects: bool,
    /// Which certificates of servers are accepted.
    pub trust: Trust,
    /// The name that the server's certificate must have, in place of the
    /// address's host.
    pub tls_server_name: Option<String>,
    /// The client's own certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// The proxy for every request. Without one, the usual variables of the
    /// system count, except for addresses on this machine.
    pub proxy: Option<Proxy>,
    /// Send nothing: every request fails with [`Error::NotSent`], which has the
    /// `curl` command for it. The text is the command that prints the token.
    pub output_curl: Option<String>,
}

/// Which certificates of servers a client accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those signed by a root of the system; by a bundled root if it has none.
    System,
    /// Those signed by a certificate of this PEM file, and no others.
    File(PathBuf),
    /// Those signed by a certificate of a PEM file in this folder.
    Folder(PathBuf),
    /// Those signed by a certificate of this PEM text.
    Pem(String),
    /// All of them. For tests only: anybody can listen.
    SkipVerification,
}

/// A certificate and its private key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, followed by its chain.
    pub certificate: Pem,
    /// Its private key.
    pub key: Pem,
}

/// PEM in a file or in a text. `Debug` does not show the text.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// In this file.
    File(PathBuf),
    /// This is it.
    Text(Zeroizing<String>),
}

/// The address of a proxy. `Debug` does not show it, as it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

/// A rate limit of requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// The pause before each request after the first ones.
    pub pause: Duration,
    /// How many requests are sent without a pause.
    pub burst: u32,
}

impl Settings {
    /// A server at `address`, without a token, everything else by default.
    pub fn new(address: Url) -> Self {
        Self {
            address,
            token: None,
            namespace: None,
            mfa: None,
            wrap_ttl: None,
            timeout: DEFAULT_TIMEOUT,
            retries: DEFAULT_RETRIES,
            rate_limit: None,
            follow_redirects: true,
            trust: Trust::System,
            tls_server_name: None,
            client_certificate: None,
            proxy: None,
            output_curl: None,
        }
    }

    /// Reads an address such as `https://vault.example:8200`. A path of `/v1`
    /// at its end is dropped: it is part of every request.
    ///
    /// # Errors
    ///
    /// When it is neither an `http` or `https` address nor a `unix` socket.
    pub fn parse_address(text: &str) -> Result<Url> {
        let expected = "an address such as `https://vault.example:8200` is expected";
        // What stands before an `@` may be a password.
        let shown = if text.contains('@') {
            "the address".to_owned()
        } else {
            format!("`{text}`")
        };
        let wrong = |problem: String| Error::setting("address", format!("{shown}: {problem}"));
        let mut url =
            Url::parse(text.trim()).map_err(|error| wrong(format!("{error}; {expected}")))?;
        if url.scheme() == address::SOCKET {
            if address::socket(&url).is_none() {
                return Err(wrong(
                    "a socket is written with its whole path, such as `unix:///run/lockkeeper.sock`"
                        .to_owned(),
                ));
            }
            return Ok(url);
        }
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong(expected.to_owned()));
        }
        let path = url.path().trim_end_matches('/');
        if let Some(before) = path.strip_suffix("/v1") {
            let before = before.to_owned();
            url.set_path(&before);
        }
        Ok(url)
    }

    /// Reads a time to live of wrapped answers: seconds, or Go's form such as
    /// `1m30s`; none for zero.
    ///
    /// # Errors
    ///
    /// When it is not a duration.
    pub fn parse_wrap_ttl(text: &str) -> Result<Option<Duration>> {
        let ttl = crate::duration::parse(text).ok_or_else(|| {
            Error::setting(
                "wrap_ttl",
                format!("`{text}` is not a duration such as `60` (seconds) or `5m`"),
            )
        })?;
        Ok(Some(ttl).filter(|ttl| !ttl.is_zero()))
    }
}

impl Proxy {
    /// Reads the address of an HTTP proxy.
    ///
    /// # Errors
    ///
    /// When it is not one. The text is not repeated.
    pub fn parse(text: &str) -> Result<Self> {
        Url::parse(text.trim())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
            .map(Self)
            .ok_or_else(|| {
                Error::setting(
                    "proxy",
                    "an address such as `http://proxy.example:3128` is expected".to_owned(),
                )
            })
    }

    /// The address itself.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            token,
            namespace,
            mfa,
            wrap_ttl,
            timeout,
            retries,
            rate_limit,
            follow_redirects,
            trust,
            tls_server_name,
            client_certificate,
            proxy,
            output_curl,
        } = self;
        f.debug_struct("Settings")
            .field("address", &without_login(address).as_str())
            .field("token", token)
            .field("namespace", namespace)
            .field("mfa", mfa)
            .field("wrap_ttl", wrap_ttl)
            .field("timeout", timeout)
            .field("retries", retries)
            .field("rate_limit", rate_limit)
            .field("follow_redirects", follow_redirects)
            .field("trust", trust)
            .field("tls_server_name", tls_server_name)
            .field("client_certificate", client_certificate)
            .field("proxy", proxy)
            .field("output_curl", output_curl)
            .finish()
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Text(_) => f.write_str("Text(..)"),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> String {
        Settings::parse_address(text).unwrap().to_string()
    }

    #[test]
    fn the_v1_of_every_request_is_dropped_from_an_address() {
        for given in ["http://vault/v1", "http://vault/v1/", "http://vault"] {
            assert_eq!(address(given), "http://vault/");
        }
        assert_eq!(address("http://vault/a/v1"), "http://vault/a");
        assert_eq!(address("http://vault/v12"), "http://vault/v12");
    }

    #[test]
    fn a_password_in_an_address_is_shown_neither_in_errors_nor_by_debug() {
        for text in [
            "user:canary@vault:8200",
            "ftp://user:canary@vault",
            "http://u:canary@:x",
        ] {
            let error = Settings::parse_address(text).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let address = Settings::parse_address("https://user:canary@vault:8200").unwrap();
        let debug = format!("{:?}", Settings::new(address));
        assert!(debug.contains("https://vault:8200/"), "{debug}");
        assert!(!debug.contains("canary"), "{debug}");
    }

    #[test]
    fn a_proxy_is_not_repeated_in_errors_and_not_shown_by_debug() {
        let error = Proxy::parse("socks5://user:canary@proxy").unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
        let proxy = Proxy::parse("http://user:canary@proxy:3128").unwrap();
        assert!(!format!("{proxy:?}").contains("canary"));
        let pem = Pem::Text(Zeroizing::new("canary".to_owned()));
        assert!(!format!("{pem:?}").contains("canary"));
    }
}
