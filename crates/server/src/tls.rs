//! Certificates of a listener and of its clients, which can be read again while it
//! serves.

mod clients;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{self, CryptoProvider};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use self::clients::ClientCertificates;

/// The oldest version of TLS that a listener speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2, and 1.3 with clients that know it.
    #[default]
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

/// How a listener speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The file of the certificate with its chain, in PEM.
    pub certificate: PathBuf,
    /// The file of its key, in PEM.
    pub key: PathBuf,
    /// The oldest version of TLS.
    pub oldest: TlsVersion,
    /// What is asked of the clients.
    pub client_certificates: ClientCertificates,
}

/// Why TLS cannot be spoken as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("cannot read {what} in `{path}`: {reason}", path = path.display())]
    File {
        /// What should be in it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not belong together, or are of a kind that is not
    /// supported.
    #[error("the certificate in `{certificate}` cannot be used with the key in `{key}`: {reason}", certificate = certificate.display(), key = key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of its key.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// TLS of a listener, from the files that its settings name.
#[derive(Debug)]
pub struct Tls {
    settings: TlsSettings,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// If they cannot be read or do not belong together.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let current = RwLock::new(Arc::new(read(&settings)?));
        Ok(Self { settings, current })
    }

    /// Reads the files again, for connections from now on. No session of before is
    /// resumed, since its client was accepted by the old files.
    ///
    /// # Errors
    /// As [`Tls::load`]; everything then stays what it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = Arc::new(read(&self.settings)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// What a connection that begins now is served with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }
}

fn read(settings: &TlsSettings) -> Result<ServerConfig, TlsError> {
    let versions: &[&SupportedProtocolVersion] = match settings.oldest {
        TlsVersion::Tls12 => &[&rustls::version::TLS12, &rustls::version::TLS13],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let own = pair(settings, &provider)?;
    let clients = settings.client_certificates.verifier(&provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| unusable(settings, &error))?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if let ClientCertificates::Required { .. } = settings.client_certificates {
        // A resumed session would be believed although its certificate may have
        // expired since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// The listener's own certificate with its key.
fn pair(settings: &TlsSettings, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates("a certificate", &settings.certificate)?;
    // The error names no part of the key.
    let private = PrivateKeyDer::from_pem_file(&settings.key)
        .map_err(|error| file("a key", &settings.key, &error))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| unusable(settings, &error))
}

/// All certificates of a file, one at least.
fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file(what, path, &error))?;
    if all.is_empty() {
        return Err(file(what, path, &"there is none"));
    }
    Ok(all)
}

fn file(what: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        what,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn unusable(settings: &TlsSettings, error: &rustls::Error) -> TlsError {
    TlsError::Pair {
        certificate: settings.certificate.clone(),
        key: settings.key.clone(),
        reason: error.to_string(),
    }
}
