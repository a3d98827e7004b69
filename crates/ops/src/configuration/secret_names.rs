//! Which fields are write-only: a server that is asked for them answers nothing,
//! or should.

/// Names of fields of Vault's and `OpenBao`'s engines and methods that hold a
/// secret, as their API pages describe them.
const NAMES: &[&str] = &[
    "api_key",
    "access_token",
    "api_token",
    "bindpass",
    "credentials",
    "jwt_signing_key",
    "password",
    "pem_bundle",
    "private_key",
    "secret",
    "secret_id",
    "secret_key",
    "security_token",
    "service_account_jwt",
    "session_token",
    "settings_file_base64",
    "tls_client_key",
    "client_tls_key",
    "token",
    "token_reviewer_jwt",
];

/// Whether the field holds a secret, by its name.
pub(crate) fn is_secret(field: &str) -> bool {
    let field = field.to_ascii_lowercase();
    NAMES.contains(&field.as_str())
        || (field.ends_with("_secret") && !field.starts_with("bind_"))
        || field.ends_with("_password")
        || field.ends_with("_private_key")
}

/// Whether a text has a login with its password, as the URL of a database may. In
/// `connection_url`, it need not be a URL. What stands in braces is filled in by the
/// server, and says nothing.
pub(crate) fn has_login(field: &str, text: &str) -> bool {
    let is_connection = field.eq_ignore_ascii_case("connection_url");
    let is_said = |password: &str| !password.is_empty() && !password.starts_with("{{");
    let lower = text.to_ascii_lowercase();
    let mut assigned = lower.split("password=").skip(1);
    if is_connection && assigned.any(is_said) {
        return true;
    }
    let Some((before, _)) = text.rsplit_once('@') else {
        return false;
    };
    let login = match before.split_once("://") {
        Some((_, login)) => login,
        None if is_connection => before,
        None => return false,
    };
    let is_one = is_connection || !login.contains(['/', ' ', '\n']);
    is_one
        && login
            .split_once(':')
            .is_some_and(|(_, password)| is_said(password))
}

#[cfg(test)]
mod tests {
    use super::{has_login, is_secret};

    #[test]
    fn logins_in_addresses_are_told_from_templates_of_them() {
        for (name, text) in [
            ("connection_url", "postgresql://root:hunter2@db/x"),
            ("connection_url", "root:hunter2@tcp(db:3306)/"),
            ("connection_url", "sqlserver://db?user=a;password=hunter2"),
            ("url", "ldaps://root:hunter2@ldap"),
        ] {
            assert!(has_login(name, text), "{text}");
        }
        for (name, text) in [
            (
                "connection_url",
                "postgresql://{{username}}:{{password}}@db/x",
            ),
            ("connection_url", "{{username}}:{{password}}@tcp(db:3306)/"),
            ("connection_url", "sqlserver://db?password={{password}}"),
            ("url", "ldaps://ldap:636"),
            ("url", "https://x/a:b@c"),
            ("description", "ask: a@b"),
        ] {
            assert!(!has_login(name, text), "{text}");
        }
    }

    #[test]
    fn secrets_are_told_from_settings_about_them() {
        for name in [
            "password",
            "ccloud_api_key_secret",
            "oidc_client_secret",
            "bindpass",
            "root_password",
            "token",
            "settings_file_base64",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "bind_secret_id",
            "secret_id_ttl",
            "local_secret_ids",
            "token_ttl",
            "policies",
            "password_policy",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
