//! Records as JSON with a version field.

use logical::{Error, Storage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The version that this code writes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    record: T,
}

/// The bytes of a record.
///
/// # Errors
/// An internal error when the record cannot be JSON.
pub fn encode<T: Serialize>(record: &T) -> Result<Zeroizing<Vec<u8>>, Error> {
    let versioned = Versioned {
        version: VERSION,
        record,
    };
    serde_json::to_vec(&versioned)
        .map(Zeroizing::new)
        .map_err(|error| Error::internal(format!("encoding a record: {error}")))
}

/// The record of some bytes.
///
/// # Errors
/// An internal error when the bytes are of a newer version or damaged. It
/// does not quote them, since they may hold a secret.
pub fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    let damaged = || {
        Error::internal(format!(
            "entry `{key}` cannot be read: it is damaged, or a newer version wrote it"
        ))
    };
    let versioned: Versioned<T> = serde_json::from_slice(bytes).map_err(|_| damaged())?;
    if versioned.version > VERSION {
        return Err(damaged());
    }
    Ok(versioned.record)
}

/// Reads a record from storage.
pub(crate) async fn read<T: DeserializeOwned>(
    storage: &dyn Storage,
    key: &str,
) -> Result<Option<T>, Error> {
    match storage.get(key).await? {
        Some(bytes) => decode(key, &bytes).map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back() {
        let bytes = encode(&"text").unwrap();
        assert_eq!(decode::<String>("key", &bytes).unwrap(), "text");
    }

    #[test]
    fn an_unreadable_record_is_named_but_not_quoted() {
        let error = decode::<String>("credential/X", b"canary").unwrap_err();
        assert!(error.message().contains("credential/X"));
        assert!(!error.message().contains("canary"));
        let newer = br#"{"version":9,"record":"canary"}"#;
        assert!(decode::<String>("key", newer).is_err());
    }
}
