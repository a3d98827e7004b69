//! The `curl` command for a request, to be shown in place of sending it.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::address::{socket, without_login};
use crate::media_type::MERGE_PATCH;
use crate::settings::Pem;
use crate::shell::quoted;
use crate::{Settings, Trust};

/// A command for a POSIX shell that sends the same request. The token and the
/// passwords of addresses are not in it: the shell asks `token_command` for the
/// one, and `curl` asks at the terminal for the others.
pub(crate) fn command(
    settings: &Settings,
    token_command: &str,
    method: &Method,
    url: &Url,
    body: Option<&Value>,
) -> String {
    let mut words = vec!["curl".to_owned()];
    if *method != Method::GET {
        words.push(format!("-X {method}"));
    }
    words.extend(tls_flags(settings));
    if let Some(socket) = socket(&settings.address) {
        let socket = socket.display().to_string();
        words.push(format!("--unix-socket {}", quoted(&socket)));
    } else if let Some(proxy) = &settings.proxy {
        words.push(format!(
            "-x {}",
            quoted(without_login(proxy.url()).as_str())
        ));
        if !proxy.url().username().is_empty() {
            words.push(format!("-U {}", quoted(proxy.url().username())));
        }
    }
    let mut header = |text: String| words.push(format!("-H {text}"));
    if settings.mfa.is_some() {
        header("\"X-Vault-MFA: ${BAO_MFA:-$VAULT_MFA}\"".to_owned());
    }
    if let Some(namespace) = &settings.namespace {
        header(quoted(&format!("X-Vault-Namespace: {namespace}")));
    }
    header("\"X-Vault-Request: true\"".to_owned());
    if settings.token.is_some() {
        header(format!("\"X-Vault-Token: $({token_command})\""));
    }
    if let Some(ttl) = settings.wrap_ttl {
        header(format!(
            "\"X-Vault-Wrap-TTL: {}\"",
            crate::duration::whole_seconds(ttl)
        ));
    }
    if *method == Method::PATCH {
        header(quoted(&format!("Content-Type: {MERGE_PATCH}")));
    }
    if let Some(body) = body {
        words.push(format!("-d {}", quoted(&body.to_string())));
    }
    if !url.username().is_empty() {
        // `curl` asks for the password.
        words.push(format!("-u {}", quoted(url.username())));
    }
    words.push(quoted(without_login(url).as_str()));
    words.join(" ")
}

fn tls_flags(settings: &Settings) -> Vec<String> {
    let mut flags = Vec::new();
    let mut path = |flag: &str, path: &std::path::Path| {
        flags.push(format!("{flag} {}", quoted(&path.display().to_string())));
    };
    match &settings.trust {
        Trust::File(file) => path("--cacert", file),
        Trust::Folder(folder) => path("--capath", folder),
        Trust::System | Trust::Pem(_) | Trust::SkipVerification => {}
    }
    if let Some(certificate) = &settings.client_certificate {
        for (flag, pem) in [
            ("--cert", &certificate.certificate),
            ("--key", &certificate.key),
        ] {
            if let Pem::File(file) = pem {
                path(flag, file);
            }
        }
    }
    if settings.trust == Trust::SkipVerification {
        flags.push("--insecure".to_owned());
    }
    flags
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{Proxy, Token};

    #[test]
    fn a_request_is_shown_without_the_token() {
        let mut settings = Settings::new(Url::parse("http://vault:8200").unwrap());
        settings.token = Some(Token::new("hvs.canary").unwrap());
        settings.wrap_ttl = Some(Duration::from_mins(1));
        settings.namespace = Some("team a".to_owned());
        let url = Url::parse("http://vault:8200/v1/kv/x").unwrap();
        let body = json!({"a": "it's"});
        let text = command(
            &settings,
            "lockkeeper print token",
            &Method::PUT,
            &url,
            Some(&body),
        );
        assert_eq!(
            text,
            "curl -X PUT -H 'X-Vault-Namespace: team a' -H \"X-Vault-Request: true\" \
             -H \"X-Vault-Token: $(lockkeeper print token)\" -H \"X-Vault-Wrap-TTL: 60s\" \
             -d '{\"a\":\"it'\\''s\"}' http://vault:8200/v1/kv/x"
        );
    }

    #[test]
    fn no_password_is_shown() {
        let mut settings = Settings::new(Url::parse("http://user:canary@vault").unwrap());
        settings.mfa = Some(Token::new("canary").unwrap());
        settings.proxy = Proxy::parse("http://me:canary@proxy:3128").ok();
        let url = Url::parse("http://user:canary@vault/v1/a").unwrap();
        assert_eq!(
            command(&settings, "x", &Method::GET, &url, None),
            "curl -x http://proxy:3128/ -U me -H \"X-Vault-MFA: ${BAO_MFA:-$VAULT_MFA}\" -H \"X-Vault-Request: true\" -u user \
             http://vault/v1/a"
        );
    }

    #[test]
    fn what_verifies_the_server_is_shown_too() {
        let mut settings = Settings::new(Url::parse("https://vault").unwrap());
        settings.trust = Trust::File("/ca file.pem".into());
        let url = Url::parse("https://vault/v1/a?list=true").unwrap();
        assert_eq!(
            command(&settings, "x", &Method::GET, &url, None),
            "curl --cacert '/ca file.pem' -H \"X-Vault-Request: true\" 'https://vault/v1/a?list=true'"
        );
    }
}
