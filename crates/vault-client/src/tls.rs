//! TLS with the trust and the certificates of [`Settings`], always with
//! aws-lc-rs.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tls_roots::PemProblem;
use zeroize::Zeroizing;

use crate::settings::{ClientCertificate, Pem};
use crate::{Error, Result, Settings, Trust};

/// The configuration of TLS with the trust and the certificates of these settings.
///
/// # Errors
///
/// When a certificate or a key cannot be read.
pub fn config(settings: &Settings) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?;
    let builder = match (roots(&settings.trust)?, &settings.tls_server_name) {
        (None, _) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        (Some(roots), None) => builder.with_root_certificates(roots),
        (Some(roots), Some(name)) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(NamedServer::new(roots, name, provider)?)),
    };
    let Some(certificate) = &settings.client_certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let (chain, key) = read_client_certificate(certificate)?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| Error::Tls(format!("the client certificate: {error}")))
}

/// The roots that sign certificates of servers; none if all are accepted.
fn roots(trust: &Trust) -> Result<Option<RootCertStore>> {
    let roots = match trust {
        Trust::System => tls_roots::system().map_err(|error| Error::Tls(error.to_string()))?,
        Trust::File(path) => roots_of(&path.display().to_string(), &read(path)?)?,
        Trust::Folder(path) => roots_in(path)?,
        Trust::Pem(text) => roots_of("VAULT_CACERT_BYTES", text.as_bytes())?,
        Trust::SkipVerification => return Ok(None),
    };
    Ok(Some(roots))
}

fn roots_of(source_name: &str, pem: &[u8]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    tls_roots::add(&mut roots, pem).map_err(|problem| unusable(source_name, it(&problem)))?;
    Ok(roots)
}

/// A problem as a sentence about a PEM that was named before.
fn it(problem: &PemProblem) -> String {
    format!("it {problem}")
}

/// The certificates of all files of a folder.
fn roots_in(folder: &Path) -> Result<RootCertStore> {
    let source_name = folder.display().to_string();
    let failed = |error: std::io::Error| unusable(&source_name, error.to_string());
    let mut roots = RootCertStore::empty();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            let found = roots_of(&path.display().to_string(), &read(&path)?)?;
            roots.extend(found.roots);
        }
    }
    if roots.is_empty() {
        return Err(unusable(&source_name, it(&PemProblem::Empty)));
    }
    Ok(roots)
}

fn read_client_certificate(
    given: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let (name, pem) = read_pem("VAULT_CLIENT_CERT_BYTES", &given.certificate)?;
    let chain = tls_roots::certificates(&pem).map_err(|problem| unusable(&name, it(&problem)))?;
    let (name, pem) = read_pem("VAULT_CLIENT_KEY_BYTES", &given.key)?;
    // Without the parser's message, which could quote the key.
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| unusable(&name, "it has no private key in it"))?;
    Ok((chain, key))
}

fn read_pem(variable: &str, pem: &Pem) -> Result<(String, Zeroizing<Vec<u8>>)> {
    match pem {
        Pem::File(path) => Ok((path.display().to_string(), Zeroizing::new(read(path)?))),
        Pem::Text(text) => Ok((
            variable.to_owned(),
            Zeroizing::new(text.as_bytes().to_vec()),
        )),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| unusable(&path.display().to_string(), error.to_string()))
}

fn unusable(source_name: &str, problem: impl Into<String>) -> Error {
    Error::Certificates {
        source_name: source_name.to_owned(),
        problem: problem.into(),
    }
}

/// Verifies as usual, but that the certificate is for a name of its own and not
/// for the host of the address.
#[derive(Debug)]
struct NamedServer {
    name: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl NamedServer {
    fn new(roots: RootCertStore, name: &str, provider: Arc<CryptoProvider>) -> Result<Self> {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::Tls(error.to_string()))?;
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            Error::setting(
                "VAULT_TLS_SERVER_NAME",
                format!("`{name}` is neither a host name nor an IP address"),
            )
        })?;
        Ok(Self { name, verifier })
    }
}

impl ServerCertVerifier for NamedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        self.verifier
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Accepts every certificate, but still checks that the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
