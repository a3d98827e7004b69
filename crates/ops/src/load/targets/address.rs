//! URLs of targets: where the server is, and the path exactly as it is written.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use url::{Position, Url};

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// A name, or an address without brackets.
    pub host: String,
    /// The port, also where the URL has none.
    pub port: u16,
    /// Host and port as a `Host` header has them: without the usual port.
    pub authority: String,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// A URL in its parts.
pub(in crate::load) struct Parts {
    pub(in crate::load) origin: Origin,
    pub(in crate::load) path: Uri,
    pub(in crate::load) authorization: Option<HeaderValue>,
}

/// Reads a URL with its host. The text is not repeated in errors: it may hold a
/// password.
pub(in crate::load) fn parse(text: &str) -> Result<Parts, String> {
    let expected = "a URL such as `https://vault.example:8200/v1/sys/health` is expected";
    let url = Url::parse(text).map_err(|error| format!("{error}: {expected}"))?;
    of_url(&url, text).ok_or_else(|| expected.to_owned())
}

/// The parts of a URL that was read from `text`.
pub(in crate::load) fn of_url(url: &Url, text: &str) -> Option<Parts> {
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    let host = match url.host()? {
        url::Host::Ipv6(address) => address.to_string(),
        host => host.to_string(),
    };
    let port = url.port_or_known_default()?;
    let authority = url[Position::BeforeHost..Position::AfterPort].to_owned();
    let normalized = || url[Position::BeforePath..Position::AfterQuery].parse::<Uri>();
    let path = match verbatim(text).map(str::parse::<Uri>) {
        Some(Ok(path)) => path,
        _ => normalized().ok()?,
    };
    let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
        let login = format!(
            "{}:{}",
            decoded(url.username()),
            decoded(url.password().unwrap_or_default())
        );
        format!("Basic {}", BASE64_STANDARD.encode(login))
    });
    let authorization = authorization
        .map(|value| HeaderValue::from_str(&value))
        .transpose()
        .ok()?
        .map(|mut value| {
            value.set_sensitive(true);
            value
        });
    Some(Parts {
        origin: Origin {
            scheme,
            host,
            port,
            authority,
        },
        path,
        authorization,
    })
}

/// Path and query as they are written, if they begin with a slash. The parser of
/// URLs would resolve `..` and encode what servers accept as it is.
fn verbatim(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("://")?;
    let path = &after[after.find('/')?..];
    let path = path.split('#').next()?;
    let authority = &after[..after.len() - after[after.find('/')?..].len()];
    (!authority.contains(['?', '#'])).then_some(path)
}

/// A user or a password without percent signs.
fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, authority: &str, port: u16, path: &str) {
        let parts = parse(text)
            .map_err(|error| format!("{text}: {error}"))
            .unwrap();
        assert_eq!(parts.origin.authority, authority, "{text}");
        assert_eq!(parts.origin.port, port, "{text}");
        assert_eq!(parts.path.to_string(), path, "{text}");
    }

    #[test]
    fn the_path_is_sent_as_it_is_written() {
        check(
            "https://vault/v1/a?list=true",
            "vault",
            443,
            "/v1/a?list=true",
        );
        check(
            "http://vault:8200/a/../b//c",
            "vault:8200",
            8200,
            "/a/../b//c",
        );
        check("http://vault", "vault", 80, "/");
        check("http://vault?a=b", "vault", 80, "/?a=b");
        check("http://vault/a#b", "vault", 80, "/a");
        check("http://[::1]:1/a%2Fb", "[::1]:1", 1, "/a%2Fb");
    }

    #[test]
    fn an_address_has_no_brackets_and_a_login_becomes_a_header() {
        assert_eq!(parse("http://[::1]/").unwrap().origin.host, "::1");
        let login = parse("http://us%40er:pa+ss@vault/").unwrap().authorization;
        assert_eq!(login.unwrap(), "Basic dXNAZXI6cGErc3M=");
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_password() {
        for text in [
            "",
            "/v1/a",
            "ftp://u:canary@vault/",
            "http://u:canary@:x/",
            "vault:8200",
        ] {
            let Err(error) = parse(text) else {
                panic!("`{text}` was accepted")
            };
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
