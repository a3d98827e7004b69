//! The certificates that TLS clients trust: the system's, those bundled with this
//! program where the system has none, and those of a PEM.
//!
//! It makes no connection and verifies nothing: that is rustls' part.

use std::fmt;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_native_certs::CertificateResult;

/// The system's certificates cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the certificates of the system cannot be read: {}: check the file, and `SSL_CERT_FILE` \
             and `SSL_CERT_DIR` where they are set",
            self.0
        )
    }
}

impl std::error::Error for Unreadable {}

/// What is wrong with a PEM. `Display` begins with a verb: the caller names the PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PemProblem {
    /// It is not PEM.
    Malformed(String),
    /// It has a certificate that cannot be a root.
    Unusable(String),
    /// It has no certificate in it.
    Empty,
}

impl fmt::Display for PemProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "cannot be read as PEM: {why}"),
            Self::Unusable(why) => write!(f, "has a certificate that cannot be used: {why}"),
            Self::Empty => f.write_str("has no certificate in it"),
        }
    }
}

impl std::error::Error for PemProblem {}

/// The roots of the system, which `SSL_CERT_FILE` and `SSL_CERT_DIR` may replace;
/// the bundled ones where there are none, as in a container made of one program.
///
/// # Errors
/// When there are roots that cannot be read: the bundled ones would trust other
/// authorities than the administrator of the system does.
pub fn system() -> Result<RootCertStore, Unreadable> {
    of_system(rustls_native_certs::load_native_certs())
}

fn of_system(loaded: CertificateResult) -> Result<RootCertStore, Unreadable> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if !roots.is_empty() {
        return Ok(roots);
    }
    if let Some(error) = loaded.errors.first() {
        return Err(Unreadable(error.to_string()));
    }
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(roots)
}

/// Adds the certificates of a PEM to roots.
///
/// # Errors
/// When it has none, or one that cannot be a root.
pub fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), PemProblem> {
    for certificate in certificates(pem)? {
        roots
            .add(certificate)
            .map_err(|error| PemProblem::Unusable(error.to_string()))?;
    }
    Ok(())
}

/// The certificates of a PEM, at least one.
///
/// # Errors
/// When it has none.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemProblem> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Err(error) => Err(PemProblem::Malformed(error.to_string())),
        Ok(found) if found.is_empty() => Err(PemProblem::Empty),
        Ok(found) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustls_native_certs::load_certs_from_paths;

    use super::*;

    fn pem() -> String {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        made.cert.pem()
    }

    #[test]
    fn the_systems_roots_replace_the_bundled_ones() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        std::fs::write(&file, pem()).unwrap();
        let loaded = load_certs_from_paths(Some(&file), None);
        assert_eq!(of_system(loaded).unwrap().len(), 1);
    }

    #[test]
    fn roots_that_cannot_be_read_are_not_replaced_by_the_bundled_ones() {
        let missing = Path::new("/no/such/roots.pem");
        let error = of_system(load_certs_from_paths(Some(missing), None)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/no/such/roots.pem"), "{text}");
        assert!(text.contains("`SSL_CERT_FILE`"), "{text}");
    }

    #[test]
    fn a_system_without_roots_has_the_bundled_ones() {
        let roots = of_system(CertificateResult::default()).unwrap();
        assert_eq!(roots.len(), webpki_roots::TLS_SERVER_ROOTS.len());
    }

    #[test]
    fn a_pem_has_certificates_or_a_problem() {
        let mut roots = RootCertStore::empty();
        let both = format!("{}{}", pem(), pem());
        add(&mut roots, both.as_bytes()).unwrap();
        assert_eq!(roots.len(), 2);
        assert_eq!(add(&mut roots, b"none"), Err(PemProblem::Empty));
        let cut = b"-----BEGIN CERTIFICATE-----\nAAAA";
        assert!(matches!(certificates(cut), Err(PemProblem::Malformed(_))));
        let no_certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let problem = add(&mut roots, no_certificate);
        assert!(
            matches!(problem, Err(PemProblem::Unusable(_))),
            "{problem:?}"
        );
    }
}
