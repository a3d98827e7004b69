//! What a client authenticates with.

use zeroize::Zeroizing;

use crate::ApiSecret;
use crate::ids::ApiKeyId;

/// An admin credential. `Debug` shows no secret.
#[derive(Clone)]
pub enum Credentials {
    /// A Cloud API key, sent with HTTP Basic.
    Basic {
        /// Its id.
        key_id: ApiKeyId,
        /// Its secret.
        secret: ApiSecret,
    },
    /// An access token of Confluent's token service.
    Bearer(Zeroizing<String>),
}

impl Credentials {
    /// The part that must appear nowhere else.
    pub(crate) fn secret_text(&self) -> &str {
        match self {
            Self::Basic { secret, .. } => secret.expose(),
            Self::Bearer(token) => token,
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { key_id, .. } => write!(f, "Basic({key_id})"),
            Self::Bearer(_) => f.write_str("Bearer(…)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_which_key_but_no_secret() {
        let basic = Credentials::Basic {
            key_id: ApiKeyId::new("ADMINKEY").unwrap(),
            secret: ApiSecret::new("canary"),
        };
        assert_eq!(format!("{basic:?}"), "Basic(ADMINKEY)");
        let bearer = Credentials::Bearer("canary".to_owned().into());
        assert_eq!(format!("{bearer:?}"), "Bearer(…)");
    }
}
