//! A secret id in memory.

use std::fmt;

use zeroize::Zeroizing;

/// A secret id. It is wiped when dropped, and `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretId(Zeroizing<String>);

impl SecretId {
    /// Takes a secret id as a server or a file gives it; blanks around it are
    /// dropped, as Vault's agent does. None if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The secret id itself, to log in with it or to deliver it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_id_loses_its_line_end_and_is_not_shown() {
        let id = SecretId::new(" canary\n").unwrap();
        assert_eq!(id.expose(), "canary");
        assert_eq!(format!("{id:?}"), "SecretId(..)");
        assert_eq!(SecretId::new("\n"), None);
    }
}
