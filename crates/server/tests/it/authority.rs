//! Certificates for the tests, and a client with or without one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, SignatureScheme, StreamOwned,
    SupportedProtocolVersion, version,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use server::{ClientCertificates, Tls, TlsError, TlsSettings, TlsVersion};
use tempfile::TempDir;

/// A client's end of a connection with TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Who signs certificates.
pub(crate) struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its chain, and its key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A client that this authority vouches for, with the authority in its chain.
    pub(crate) fn identity(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["client".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            chain: vec![certificate.der().clone(), self.der.clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }
}

impl Identity {
    /// The same certificate with the key of another.
    pub(crate) fn with_key_of(self, other: Self) -> Self {
        Self {
            key: other.key,
            ..self
        }
    }
}

/// Presents a certificate whatever its key.
#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesClientCert for Presents {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A listener's files, and what its clients trust.
pub(crate) struct Files {
    folder: TempDir,
    trusted: CertificateDer<'static>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_pem();
        fs::write(folder.path().join("key.pem"), key).unwrap();
        Self {
            folder,
            trusted: made.cert.der().clone(),
        }
    }

    /// The file of the authorities of clients.
    pub(crate) fn authorities(&self) -> PathBuf {
        self.folder.path().join("clients.pem")
    }

    /// From now on this authority vouches for clients.
    pub(crate) fn trust(&self, authority: &Authority) {
        fs::write(self.authorities(), &authority.pem).unwrap();
    }

    pub(crate) fn load(&self, clients: ClientCertificates) -> Result<Arc<Tls>, TlsError> {
        let settings = TlsSettings {
            certificate: self.folder.path().join("cert.pem"),
            key: self.folder.path().join("key.pem"),
            oldest: TlsVersion::Tls12,
            client_certificates: clients,
        };
        Tls::load(settings).map(Arc::new)
    }

    /// A client of this version of TLS.
    pub(crate) fn client(
        &self,
        tls: &'static SupportedProtocolVersion,
        identity: Option<&Identity>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[tls])
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let key = provider().key_provider;
                let key = key.load_private_key(identity.key.clone_key()).unwrap();
                let presented = CertifiedKey::new(identity.chain.clone(), key);
                builder.with_client_cert_resolver(Arc::new(Presents(Arc::new(presented))))
            }
        })
    }
}

/// Both versions of TLS.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Connects to `https://` and an address. A handshake that fails shows at the
/// first read or write.
pub(crate) fn connect(address: &str, client: &Arc<ClientConfig>) -> TlsStream {
    let tcp = TcpStream::connect(address.strip_prefix("https://").unwrap()).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let name = "localhost".try_into().unwrap();
    let session = ClientConnection::new(Arc::clone(client), name).unwrap();
    StreamOwned::new(session, tcp)
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) text: String,
    /// Whether the session of an earlier connection went on.
    pub(crate) is_resumed: bool,
}

/// Asks and reads the whole answer; nothing if the connection was refused.
pub(crate) fn get(address: &str, client: &Arc<ClientConfig>, path: &str) -> Option<Answer> {
    let mut stream = connect(address, client);
    let request = format!(
        "GET /v1/{path} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\nConnection: close\r\n\r\n"
    );
    let mut text = String::new();
    stream.write_all(request.as_bytes()).ok()?;
    stream.read_to_string(&mut text).ok()?;
    let is_resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
    Some(Answer { text, is_resumed })
}
