//! TLS: rustls with aws-lc, the system's roots, and those that the user adds.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The configuration of a client that also trusts the certificates in a PEM.
///
/// It installs no crypto provider for the process: a host has installed one, and
/// installing a second would be an error.
///
/// # Errors
/// A sentence that says what is wrong with the PEM.
pub(crate) fn config(ca_cert: Option<&str>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        // A container may have none.
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(pem) = ca_cert {
        add(&mut roots, pem)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn add(roots: &mut RootCertStore, pem: &str) -> Result<(), String> {
    let mut empty = true;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate =
            certificate.map_err(|error| format!("`ca_cert` cannot be read as PEM: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("`ca_cert` has a certificate that cannot be used: {error}"))?;
        empty = false;
    }
    if empty {
        return Err("`ca_cert` has no certificate in it: give one or more in PEM".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_cert_without_a_certificate_is_refused_with_the_field() {
        assert!(config(None).is_ok());
        let error = config(Some("not a certificate")).unwrap_err();
        assert!(error.contains("`ca_cert`"), "{error}");
    }
}
