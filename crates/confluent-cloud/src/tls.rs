//! TLS: rustls with aws-lc, the system's roots, and those that the user adds.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;

/// The configuration of a client that also trusts the certificates in a PEM.
///
/// It installs no crypto provider for the process: a host has installed one, and
/// installing a second would be an error.
///
/// # Errors
/// A sentence that says what is wrong with the PEM, or with the system's roots.
pub(crate) fn config(ca_cert: Option<&str>) -> Result<ClientConfig, String> {
    let mut roots = tls_roots::system().map_err(|error| error.to_string())?;
    if let Some(pem) = ca_cert {
        tls_roots::add(&mut roots, pem.as_bytes()).map_err(|problem| {
            format!("`ca_cert` {problem}: give one or more certificates in PEM")
        })?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
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
