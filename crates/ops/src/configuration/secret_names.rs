//! Which fields are write-only: a server that is asked for them answers nothing,
//! or should.

/// Names of fields of Vault's and `OpenBao`'s engines and methods that hold a
/// secret, as their API pages describe them.
const NAMES: &[&str] = &[
    "api_key",
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
    "service_account_jwt",
    "tls_client_key",
    "client_tls_key",
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

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_told_from_settings_about_them() {
        for name in [
            "password",
            "ccloud_api_key_secret",
            "oidc_client_secret",
            "bindpass",
            "root_password",
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
