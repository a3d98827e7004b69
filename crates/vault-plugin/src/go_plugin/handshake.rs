//! How a host configures a plugin, in environment variables, and how
//! the plugin says where it listens, in one line on its standard output.
//!
//! The environment is handed in as a lookup, so that nothing here reads it.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;

use super::listener::SocketConfig;

/// The variable and value by which Vault and OpenBao mark a process as a
/// plugin of theirs (`sdk/plugin/serve.go` in both).
const COOKIE: (&str, &str) = (
    "VAULT_BACKEND_PLUGIN",
    "6669da05-b1c8-4f49-97d9-c8e5bed98e20",
);
/// The only protocol that is served: 3 and 4 know no mutual TLS from the start.
const PROTOCOL: u32 = 5;
/// The version of go-plugin's own protocol.
const CORE_PROTOCOL: u32 = 1;

/// The configuration from the host that started this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// The certificate with which the host authenticates itself.
    pub(crate) host_certificate: CertificateDer<'static>,
    /// Where the socket should be.
    pub(crate) socket: SocketConfig,
    /// Whether the host asks that brokered connections share the socket.
    asks_for_one_socket: bool,
}

/// Why the plugin cannot start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// No host started this process, or the host of another kind of plugin.
    #[error("not started by Vault or OpenBao as a secrets plugin")]
    NotAPlugin,
    /// The host does not offer the protocol. A host tries older ones when the
    /// first attempt failed, so the cause is in what it logged before.
    #[error(
        "the host offers plugin protocols `{offered}`, this plugin speaks {PROTOCOL} only; if the \
         host tried {PROTOCOL} before, its log says why that failed"
    )]
    OtherProtocol {
        /// What the host offers.
        offered: String,
    },
    /// The host does not want mutual TLS.
    #[error(
        "the host gave no certificate in `PLUGIN_CLIENT_CERT`; this plugin serves with mutual TLS \
         only: leave AutoMTLS on"
    )]
    NoMutualTls,
    /// The host's certificate cannot be read.
    #[error("the certificate in `PLUGIN_CLIENT_CERT` cannot be read: {0}")]
    UnreadableCertificate(String),
}

impl Launch {
    /// Reads the host's configuration from the environment.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Refusal> {
        let given = |name: &str| lookup(name).filter(|value| !value.is_empty());
        if lookup(COOKIE.0).as_deref() != Some(COOKIE.1) {
            return Err(Refusal::NotAPlugin);
        }
        let offered = given("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        let understood = offered.split(',').map(|number| number.trim().parse());
        if !understood.into_iter().any(|number| number == Ok(PROTOCOL)) {
            return Err(Refusal::OtherProtocol { offered });
        }
        let pem = given("PLUGIN_CLIENT_CERT").ok_or(Refusal::NoMutualTls)?;
        let host_certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| Refusal::UnreadableCertificate(error.to_string()))?;
        Ok(Self {
            host_certificate,
            socket: SocketConfig {
                folder: given("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from),
                group: given("PLUGIN_UNIX_SOCKET_GROUP"),
                temporary: given("TMPDIR").map_or_else(|| "/tmp".into(), PathBuf::from),
            },
            asks_for_one_socket: given("PLUGIN_MULTIPLEX_GRPC").is_some(),
        })
    }

    /// The line that tells the host where this plugin listens, with its line
    /// end, and which certificate to trust.
    pub(crate) fn line(&self, socket: &Path, certificate: &CertificateDer<'_>) -> String {
        let certificate = STANDARD_NO_PAD.encode(certificate);
        // A host that does not ask reads a seventh field as part of the sixth.
        let one_socket = if self.asks_for_one_socket {
            "|false"
        } else {
            ""
        };
        format!(
            "{CORE_PROTOCOL}|{PROTOCOL}|unix|{}|grpc|{certificate}{one_socket}\n",
            socket.display()
        )
    }
}

/// The line that makes a host of other protocols report that it and this
/// plugin have none in common, instead of falling back to one without TLS.
pub(crate) fn line_of_another_protocol() -> String {
    format!("{CORE_PROTOCOL}|{PROTOCOL}|unix|/|grpc\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAQIDBA==\n-----END CERTIFICATE-----\n";

    fn environment() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            COOKIE,
            ("PLUGIN_PROTOCOL_VERSIONS", "5"),
            ("PLUGIN_CLIENT_CERT", CERTIFICATE),
        ])
    }

    fn read(environment: &BTreeMap<&str, &str>) -> Result<Launch, Refusal> {
        Launch::read(|name| environment.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn without_the_cookie_the_start_is_refused() {
        let mut other = environment();
        other.insert(COOKIE.0, "another kind of plugin");
        assert_eq!(read(&other), Err(Refusal::NotAPlugin));
        assert_eq!(read(&BTreeMap::new()), Err(Refusal::NotAPlugin));
    }

    #[test]
    fn the_protocol_is_found_among_several() {
        let mut several = environment();
        several.insert("PLUGIN_PROTOCOL_VERSIONS", "3,5, 4");
        assert!(read(&several).is_ok());
    }

    #[test]
    fn a_fallback_to_protocols_without_tls_is_refused() {
        let mut fallback = environment();
        fallback.insert("PLUGIN_PROTOCOL_VERSIONS", "3,4");
        let offered = "3,4".to_owned();
        assert_eq!(read(&fallback), Err(Refusal::OtherProtocol { offered }));
    }

    #[test]
    fn without_a_readable_host_certificate_the_start_is_refused() {
        let mut none = environment();
        none.remove("PLUGIN_CLIENT_CERT");
        assert_eq!(read(&none), Err(Refusal::NoMutualTls));
        let mut broken = environment();
        broken.insert("PLUGIN_CLIENT_CERT", "no certificate");
        assert!(matches!(
            read(&broken),
            Err(Refusal::UnreadableCertificate(_))
        ));
    }

    #[test]
    fn the_line_has_six_fields_and_an_unpadded_certificate() {
        let launch = read(&environment()).unwrap();
        let line = launch.line(Path::new("/run/p/socket"), &launch.host_certificate);
        assert_eq!(line, "1|5|unix|/run/p/socket|grpc|AQIDBA\n");
    }

    #[test]
    fn a_host_that_asks_for_one_socket_is_told_no() {
        let mut asking = environment();
        asking.insert("PLUGIN_MULTIPLEX_GRPC", "true");
        let launch = read(&asking).unwrap();
        let line = launch.line(Path::new("/s"), &launch.host_certificate);
        assert_eq!(line, "1|5|unix|/s|grpc|AQIDBA|false\n");
    }
}
