//! The base address of the API.

use std::fmt;

use url::{Host, Url};

/// The domains of Confluent Cloud and of its Government edition, by the vendor's
/// command line.
const DOMAINS: [&str; 2] = ["confluent.cloud", "confluentgov.com"];

/// Where the control plane is: https, or http on loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// An address that is rejected, since no admin credential may be sent there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEndpoint(String);

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidEndpoint {}

impl Endpoint {
    /// Parses an address; trailing slashes are dropped.
    ///
    /// # Errors
    /// When it is not an address, not https (except on loopback), or has a user,
    /// a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        if text.contains('@') {
            // Not repeated: what stands before it may be a password.
            return Err(InvalidEndpoint(
                "`url` carries a user or password: leave them out, and give the key in its own fields"
                    .into(),
            ));
        }
        let invalid = |problem: &str| {
            InvalidEndpoint(format!(
                "`url` is {text:?}, which {problem}: use https, as in https://api.confluent.cloud, or \
                 http on loopback"
            ))
        };
        let mut url = Url::parse(text.trim()).map_err(|_| invalid("is no address"))?;
        let encrypted = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(invalid("is no address of the web")),
        };
        if !encrypted && !is_loopback(&url) {
            return Err(invalid("would send the key unencrypted"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("has more than a host and a path"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Whether the address is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Whether keys may be sent to another address that an answer from this one
    /// named: below a domain of Confluent's, below this one's own host, or on
    /// loopback where this one is. A proxy, or whoever can write what was
    /// stored, names no other place.
    pub fn may_lead_to(&self, other: &Self) -> bool {
        if other.is_loopback() {
            return self.is_loopback();
        }
        let Some(Host::Domain(host)) = other.0.host() else {
            return self.0.host() == other.0.host();
        };
        let below = |domain: &str| {
            let rest = host.strip_suffix(domain);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let own = match self.0.host() {
            Some(Host::Domain(own)) => below(own),
            _ => false,
        };
        own || DOMAINS.into_iter().any(below)
    }

    /// Host and port, as a name for the place.
    pub(crate) fn host(&self) -> String {
        let port = self.0.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.0.host_str().unwrap_or_default())
    }

    /// The address of a path, which begins with a slash, and a query.
    pub(crate) fn join(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.0.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_to_an_address_with_or_without_a_slash() {
        for text in [
            "https://api.example",
            "https://api.example/",
            " https://api.example// ",
        ] {
            let joined = Endpoint::parse(text).unwrap().join("/iam/v2/api-keys", &[]);
            assert_eq!(joined.as_str(), "https://api.example/iam/v2/api-keys");
        }
        let prefixed = Endpoint::parse("https://proxy.example/api/").unwrap();
        assert_eq!(
            prefixed.join("/x", &[("a", "b&c")]).as_str(),
            "https://proxy.example/api/x?a=b%26c"
        );
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for text in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            assert!(Endpoint::parse(text).is_ok(), "{text}");
        }
        let error = Endpoint::parse("http://api.confluent.cloud").unwrap_err();
        assert!(error.to_string().contains("unencrypted"));
    }

    #[test]
    fn keys_go_to_confluent_to_the_same_host_and_on_loopback_to_loopback() {
        let may = |from: &str, to: &str| {
            Endpoint::parse(from)
                .unwrap()
                .may_lead_to(&Endpoint::parse(to).unwrap())
        };
        let (api, proxy, local) = (
            "https://api.confluent.cloud",
            "https://proxy.example/confluent",
            "http://127.0.0.1:1",
        );
        for (from, to, allowed) in [
            (api, "https://pkc-1.us-east-1.aws.confluent.cloud:443", true),
            (
                api,
                "https://lkc-1.us-east-1.aws.private.confluent.cloud",
                true,
            ),
            (
                api,
                "https://pkc-1.us-gov-west-1.aws.confluentgov.com",
                true,
            ),
            (api, "https://api.confluent.cloud", true),
            (api, "https://PKC-1.Confluent.Cloud", true),
            (api, "https://evilconfluent.cloud", false),
            (api, "https://confluent.cloud.example", false),
            (api, "https://example/confluent.cloud", false),
            (api, "https://169.254.169.254", false),
            (api, "https://[fd00::1]", false),
            (api, "https://localhost", false),
            (api, local, false),
            (proxy, "https://proxy.example:8443/kafka", true),
            (proxy, "https://kafka.proxy.example", true),
            (proxy, "https://pkc-1.us-east-1.aws.confluent.cloud", true),
            (proxy, "https://example", false),
            (proxy, "https://otherproxy.example", false),
            ("https://10.0.0.1", "https://10.0.0.1:444", true),
            ("https://10.0.0.1", "https://10.0.0.2", false),
            (local, "http://[::1]:2", true),
            (local, "http://localhost:2", true),
            (local, "https://pkc-1.us-east-1.aws.confluent.cloud", true),
            (local, "https://proxy.example", false),
        ] {
            assert_eq!(may(from, to), allowed, "{from} {to}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_field() {
        for text in [
            "",
            "api.confluent.cloud",
            "ftp://x",
            "https://a@b",
            "https://a/?b",
        ] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(error.to_string().contains("`url`"), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_in_the_address_is_not_repeated() {
        let error = Endpoint::parse("http://user:canary@api.example").unwrap_err();
        assert!(!error.to_string().contains("canary"));
    }
}
