//! Why a TLS handshake failed, and what to do about it.

use rustls::{AlertDescription, CertificateError, Error};

/// The error of TLS that a request failed with, if it is one.
pub(crate) fn tls_error(error: &reqwest::Error) -> Option<&Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(of_tls) = error.downcast_ref::<Error>() {
            return Some(of_tls);
        }
        let within = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        cause = match within {
            // Its `source` would leave out what it holds.
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    None
}

/// What to do about it.
pub(crate) fn remedy(error: &Error) -> &'static str {
    match error {
        // What came was no TLS record, such as a line of HTTP.
        Error::InvalidMessage(_) => {
            "it does not speak TLS: set VAULT_ADDR to its address with `http://`"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            "set VAULT_ADDR to a name that the certificate is for, or VAULT_TLS_SERVER_NAME to that \
             name"
        }
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "renew the server's certificate, or check the clock of this machine",
        Error::InvalidCertificate(_) => {
            "set VAULT_CACERT to the certificate that signed the server's"
        }
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::HandshakeFailure,
        ) => {
            "does the server want a client certificate that it knows? Set VAULT_CLIENT_CERT and \
             VAULT_CLIENT_KEY"
        }
        _ => "client and server have no version or cipher of TLS in common",
    }
}
