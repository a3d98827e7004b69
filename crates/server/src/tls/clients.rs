//! What a listener asks of the certificates of its clients.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{TlsError, certificates, file};

/// What a listener asks of its clients. Whatever it is, a client that presents a
/// certificate has proven that it has the certificate's key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// A certificate if the client has one. Nobody vouches for it: whoever relies on
    /// it has to verify it.
    #[default]
    Requested,
    /// A certificate that an authority vouches for.
    Required {
        /// The file of the authorities' certificates, in PEM.
        authorities: PathBuf,
    },
    /// None.
    Disabled,
}

impl ClientCertificates {
    pub(super) fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        Ok(match self {
            Self::Requested => Arc::new(AnyOrNone(provider.signature_verification_algorithms)),
            Self::Required { authorities } => {
                const WHAT: &str = "an authority of clients";
                let mut roots = RootCertStore::empty();
                for authority in certificates(WHAT, authorities)? {
                    roots
                        .add(authority)
                        .map_err(|error| file(WHAT, authorities, &error))?;
                }
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                    .build()
                    .map_err(|error| file(WHAT, authorities, &error))?
            }
            Self::Disabled => Arc::new(NoClientAuth),
        })
    }
}

/// Accepts any certificate, and none. What proves that the client has its key is
/// verified all the same.
#[derive(Debug)]
struct AnyOrNone(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyOrNone {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
