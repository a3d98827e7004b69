//! TLS of a `listener "tcp"`, and what it asks of the certificates of its clients.

use hcl1::{Error, Item, Key, Position};
use server::{ClientCertificates, TlsSettings, TlsVersion};

use super::super::values::{boolean, text, wrong};

/// The key of the authorities that vouch for clients.
const AUTHORITIES: &str = "tls_client_ca_file";
/// The key that requires a certificate of clients.
const REQUIRED: &str = "tls_require_and_verify_client_cert";
/// The key that asks for none.
const DISABLED: &str = "tls_disable_client_certs";

/// What a listener says of TLS, as far as it was read.
#[derive(Default)]
pub(super) struct TlsKeys {
    is_off: bool,
    certificate: Option<String>,
    key: Option<String>,
    oldest: TlsVersion,
    authorities: Option<(String, Key)>,
    /// Where each switch is turned on.
    required: Option<Position>,
    disabled: Option<Position>,
}

impl TlsKeys {
    /// Returns whether the key is known.
    pub(super) fn item(&mut self, item: &Item, key: &Key) -> Result<bool, Error> {
        let given = || Ok(text(&item.value, key)?.to_owned());
        let switch = || Ok(boolean(item, key)?.then_some(key.position));
        match &*key.name {
            "tls_disable" => self.is_off = boolean(item, key)?,
            "tls_cert_file" => self.certificate = Some(given()?),
            "tls_key_file" => self.key = Some(given()?),
            "tls_min_version" => {
                self.oldest = match text(&item.value, key)? {
                    "tls12" => TlsVersion::Tls12,
                    "tls13" => TlsVersion::Tls13,
                    other => return Err(wrong(key, other, "`tls12` or `tls13`")),
                }
            }
            AUTHORITIES => self.authorities = Some((given()?, key.clone())),
            REQUIRED => self.required = switch()?,
            DISABLED => self.disabled = switch()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What was read as a whole; none for a listener in the clear.
    pub(super) fn finish(
        self,
        position: Position,
        warn: impl FnMut(&Key, &str),
    ) -> Result<Option<TlsSettings>, Error> {
        if self.is_off {
            return match self.required {
                None => Ok(None),
                Some(at) => Err(Error::new(
                    at,
                    format!("`{REQUIRED}` needs TLS: remove it, or `tls_disable`"),
                )),
            };
        }
        let (Some(certificate), Some(key)) = (self.certificate, self.key) else {
            return Err(Error::new(
                position,
                "a listener needs `tls_cert_file` and `tls_key_file`, or `tls_disable = true`",
            ));
        };
        Ok(Some(TlsSettings {
            certificate: certificate.into(),
            key: key.into(),
            oldest: self.oldest,
            client_certificates: client_certificates(
                self.authorities,
                self.required,
                self.disabled,
                warn,
            )?,
        }))
    }
}

/// What clients are asked for. The authorities without the switch that requires a
/// certificate have no effect, as in Vault.
fn client_certificates(
    authorities: Option<(String, Key)>,
    required: Option<Position>,
    disabled: Option<Position>,
    mut warn: impl FnMut(&Key, &str),
) -> Result<ClientCertificates, Error> {
    let Some(at) = required else {
        if let Some((_, key)) = authorities {
            warn(
                &key,
                "without `tls_require_and_verify_client_cert = true` no certificate of a client is verified, and the file has no effect",
            );
        }
        return Ok(match disabled {
            Some(_) => ClientCertificates::Disabled,
            None => ClientCertificates::Requested,
        });
    };
    if disabled.is_some() {
        let problem = format!("`{REQUIRED}` and `{DISABLED}` exclude each other: remove one");
        return Err(Error::new(at, problem));
    }
    match authorities {
        Some((path, _)) if !path.is_empty() => Ok(ClientCertificates::Required {
            authorities: path.into(),
        }),
        _ => Err(Error::new(
            at,
            format!(
                "`{REQUIRED}` needs `{AUTHORITIES}`: name the file of the authorities that vouch for clients"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Config, parse};
    use super::super::Place;
    use super::*;

    /// A configuration whose one listener has these lines, the first of which is
    /// the third of the file.
    fn read(lines: &str) -> Result<Config, String> {
        let text = format!("storage \"inmem\" {{}}\nlistener \"tcp\" {{\n{lines}\n}}\n");
        parse(&text).map_err(|error| error.to_string())
    }

    fn with_certificate(lines: &str) -> Result<Config, String> {
        read(&format!(
            "{lines}\ntls_cert_file = \"/tls/cert.pem\"\ntls_key_file = \"/tls/key.pem\""
        ))
    }

    /// What clients are asked for, and the warnings.
    fn asked(lines: &str) -> (ClientCertificates, Vec<String>) {
        let config = with_certificate(lines).unwrap();
        let Place::Tcp { tls: Some(tls), .. } = &config.listeners[0].place else {
            panic!("{:?}", config.listeners);
        };
        let warnings = config.warnings.iter().map(ToString::to_string);
        (tls.client_certificates.clone(), warnings.collect())
    }

    #[test]
    fn a_certificate_is_asked_for_required_or_not_asked_for_as_the_keys_say() {
        let authorities = "tls_client_ca_file = \"/tls/ca.pem\"";
        for (lines, expected) in [
            (String::new(), ClientCertificates::Requested),
            (
                "tls_require_and_verify_client_cert = \"false\"\ntls_disable_client_certs = 0"
                    .into(),
                ClientCertificates::Requested,
            ),
            (
                "tls_disable_client_certs = true".into(),
                ClientCertificates::Disabled,
            ),
            (
                format!("tls_require_and_verify_client_cert = true\n{authorities}"),
                ClientCertificates::Required {
                    authorities: "/tls/ca.pem".into(),
                },
            ),
        ] {
            assert_eq!(asked(&lines), (expected, Vec::new()), "{lines}");
        }
        let (asked, warnings) = asked(authorities);
        assert_eq!(asked, ClientCertificates::Requested);
        let [warning] = warnings.as_slice() else {
            panic!("{warnings:?}");
        };
        assert!(
            warning.starts_with("line 3, column 1: `tls_client_ca_file`: without `tls_require_and_verify_client_cert = true`"),
            "{warning}"
        );
    }

    #[test]
    fn keys_that_contradict_each_other_are_refused_with_their_line() {
        const REQUIRE: &str = "tls_require_and_verify_client_cert = true\n";
        assert_eq!(
            with_certificate(&format!("{REQUIRE}tls_disable_client_certs = true")).unwrap_err(),
            "line 3, column 1: `tls_require_and_verify_client_cert` and `tls_disable_client_certs` exclude each other: remove one"
        );
        for missing in ["", "tls_client_ca_file = \"\""] {
            assert_eq!(
                with_certificate(&format!("{REQUIRE}{missing}")).unwrap_err(),
                "line 3, column 1: `tls_require_and_verify_client_cert` needs `tls_client_ca_file`: name the file of the authorities that vouch for clients"
            );
        }
        assert_eq!(
            read(&format!("tls_disable = true\n{REQUIRE}")).unwrap_err(),
            "line 4, column 1: `tls_require_and_verify_client_cert` needs TLS: remove it, or `tls_disable`"
        );
        assert_eq!(
            with_certificate("tls_require_and_verify_client_cert = \"maybe\"").unwrap_err(),
            "line 3, column 38: `tls_require_and_verify_client_cert` must be `true` or `false`"
        );
    }
}
