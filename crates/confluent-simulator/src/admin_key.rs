//! The Cloud API key of an administrator, as the command line takes it.

use std::fmt;

use confluent_cloud::ApiSecret;
use confluent_cloud::ids::ApiKeyId;

/// A Cloud API key with its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its secret.
    pub secret: ApiSecret,
}

/// A text that is not `ID:SECRET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAdminKey(String);

impl fmt::Display for InvalidAdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidAdminKey {}

/// Reads an admin key as the command line takes it, `ID:SECRET`.
///
/// # Errors
/// When a part is missing, the id cannot be one, or the secret carries a wrong
/// checksum. The secret is not repeated.
pub fn parse_admin_key(text: &str) -> Result<AdminKey, InvalidAdminKey> {
    let (id, secret) = text
        .split_once(':')
        .filter(|(_, secret)| !secret.is_empty())
        .ok_or_else(|| InvalidAdminKey("an admin key is given as `ID:SECRET`".into()))?;
    let id = ApiKeyId::new(id).map_err(|error| InvalidAdminKey(error.to_string()))?;
    let secret = ApiSecret::new(secret);
    secret
        .verify()
        .map_err(|error| InvalidAdminKey(format!("admin key `{id}`: {error}")))?;
    Ok(AdminKey { id, secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_key_is_an_id_and_a_secret() {
        let key = parse_admin_key("ADMIN:se:cret").unwrap();
        assert_eq!(key.id.as_str(), "ADMIN");
        assert_eq!(key.secret.expose(), "se:cret");
    }

    #[test]
    fn what_is_no_admin_key_is_refused_without_repeating_it() {
        for text in ["canary", "canary:", ":canary"] {
            let error = parse_admin_key(text).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
        let error = parse_admin_key("ADMIN:cfltcanary").unwrap_err().to_string();
        assert!(error.contains("checksum") && !error.contains("canary"));
    }
}
