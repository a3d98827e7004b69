//! Mutual TLS between host and plugin: each side trusts exactly one
//! certificate of the other.
//!
//! Hosts make a self-signed P-521 certificate with `CA:TRUE` and use it as the
//! end entity (`mtls.go` in go-plugin). webpki refuses that, rightly in its
//! own world, so the peer is recognised by its exact certificate, and by a
//! real check of the signature with which it proves that it has the key. The
//! crypto library is aws-lc-rs, handed in: others lack P-521, and a server
//! without it lets hosts in that present no certificate at all.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};

/// The name in every certificate and the one that both sides ask for.
pub(crate) const SERVER_NAME: &str = "localhost";
/// gRPC's protocol, which hosts insist on.
pub(crate) const HTTP2: &[u8] = b"h2";

/// The plugin's own certificate and key, made anew at each start.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

/// Both halves of the trust between one host and this process.
pub(crate) struct MutualTls {
    /// For the connection that the host opens.
    pub(crate) server: Arc<ServerConfig>,
    /// For the connections that the plugin opens to the host.
    pub(crate) client: Arc<ClientConfig>,
}

impl Identity {
    /// Makes a P-256 key and a certificate for both directions.
    pub(crate) fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new([SERVER_NAME.to_owned()])?;
        params
            .distinguished_name
            .push(DnType::CommonName, SERVER_NAME);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        })
    }

    /// The certificate that the host is to trust.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }
}

impl MutualTls {
    /// Trust between this identity and the host with this certificate.
    pub(crate) fn new(
        identity: &Identity,
        host_certificate: CertificateDer<'static>,
    ) -> Result<Self, Error> {
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let pinned = Arc::new(Pinned {
            certificate: host_certificate,
            algorithms: provider.signature_verification_algorithms,
        });
        Ok(Self {
            server: Arc::new(server(identity, Arc::clone(&provider), pinned.clone())?),
            client: Arc::new(client(identity, provider, pinned)?),
        })
    }
}

fn server(
    identity: &Identity,
    provider: Arc<CryptoProvider>,
    pinned: Arc<Pinned>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(pinned)
        .with_single_cert(
            vec![identity.certificate.clone()],
            PrivateKeyDer::Pkcs8(identity.key.clone_key()),
        )?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    // Every connection proves the key again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn client(
    identity: &Identity,
    provider: Arc<CryptoProvider>,
    pinned: Arc<Pinned>,
) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(pinned)
        .with_client_auth_cert(
            vec![identity.certificate.clone()],
            PrivateKeyDer::Pkcs8(identity.key.clone_key()),
        )?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Accepts one certificate, byte for byte, whose key the peer must prove.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn check(&self, presented: &CertificateDer<'_>) -> Result<(), Error> {
        if presented.as_ref() == self.certificate.as_ref() {
            return Ok(());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }
}

impl ClientCertVerifier for Pinned {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// A certificate as go-plugin makes it: P-521, self-signed, an authority.
    fn host() -> Identity {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new([SERVER_NAME.to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        }
    }

    /// What both sides say of a handshake in which `client` opens to `server`.
    async fn meet(
        client: Arc<ClientConfig>,
        server: Arc<ServerConfig>,
    ) -> (io::Result<()>, io::Result<()>) {
        let (near, far) = tokio::io::duplex(1 << 16);
        let accept = async {
            let mut stream = TlsAcceptor::from(server).accept(far).await?;
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"x").await
        };
        let connect = async {
            let name = ServerName::try_from(SERVER_NAME).unwrap();
            let mut stream = TlsConnector::from(client).connect(name, near).await?;
            // A refusal of the client's certificate comes with the first bytes.
            tokio::io::AsyncReadExt::read_u8(&mut stream)
                .await
                .map(|_| ())
        };
        tokio::join!(connect, accept)
    }

    #[tokio::test]
    async fn both_directions_work_with_the_certificates_of_a_host() {
        let (host, plugin) = (host(), Identity::generate().unwrap());
        let of_host = MutualTls::new(&host, plugin.certificate.clone()).unwrap();
        let of_plugin = MutualTls::new(&plugin, host.certificate.clone()).unwrap();
        let (opened, accepted) = meet(of_host.client, of_plugin.server).await;
        opened.and(accepted).unwrap();
        let (opened, accepted) = meet(of_plugin.client, of_host.server).await;
        opened.and(accepted).unwrap();
    }

    #[tokio::test]
    async fn a_foreign_client_certificate_is_refused() {
        let (right, wrong) = (host(), host());
        let plugin = Identity::generate().unwrap();
        let of_plugin = MutualTls::new(&plugin, right.certificate.clone()).unwrap();
        let of_wrong = MutualTls::new(&wrong, plugin.certificate.clone()).unwrap();
        let (_, accepted) = meet(of_wrong.client, of_plugin.server).await;
        assert!(accepted.is_err());
    }

    #[tokio::test]
    async fn the_right_certificate_without_its_key_is_refused() {
        let (right, thief) = (host(), host());
        let plugin = Identity::generate().unwrap();
        let of_plugin = MutualTls::new(&plugin, right.certificate.clone()).unwrap();
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        // rustls itself refuses to pair a certificate with another key, so the
        // pair is given to it as a resolver.
        let signer = crypto::aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::Pkcs8(
            thief.key.clone_key(),
        ))
        .unwrap();
        let stolen = rustls::sign::CertifiedKey::new(vec![right.certificate.clone()], signer);
        let pinned = Arc::new(Pinned {
            certificate: plugin.certificate.clone(),
            algorithms: provider.signature_verification_algorithms,
        });
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(pinned)
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(stolen)));
        let (_, accepted) = meet(Arc::new(client), of_plugin.server).await;
        let refusal = accepted.unwrap_err().to_string();
        assert!(refusal.contains("BadSignature"), "{refusal}");
    }

    #[tokio::test]
    async fn a_host_that_is_another_is_not_dialled() {
        let (right, wrong) = (host(), host());
        let plugin = Identity::generate().unwrap();
        let of_plugin = MutualTls::new(&plugin, right.certificate.clone()).unwrap();
        let of_wrong = MutualTls::new(&wrong, plugin.certificate.clone()).unwrap();
        let (opened, _) = meet(of_plugin.client, of_wrong.server).await;
        assert!(opened.is_err());
    }
}
