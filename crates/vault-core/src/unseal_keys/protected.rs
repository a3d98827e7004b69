//! The root key as it is stored, and the shares that open it.

use barrier::Key;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use logical::{Condition, Entropy, Error, Storage, Write};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Share;
use super::settings::{SETTINGS, Shares, Stored};
use crate::storage::{Version, encode, parse};

/// Where the root key is stored, encrypted by the key of the seal.
const ROOT_KEY: &str = "core/hsm/barrier-unseal-keys";
/// Where it is stored once more, encrypted by the key of the seal before, until
/// the new shares were seen.
const PREVIOUS: &str = "core/hsm/previous-unseal-keys";

/// The root key under a key of the seal, and how many shares make that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protected {
    pub(crate) shares: Shares,
    wrapped: Vec<u8>,
}

/// As it is stored at [`PREVIOUS`].
#[derive(Serialize, Deserialize)]
struct StoredPrevious {
    #[serde(default)]
    version: Version<1>,
    secret_shares: u8,
    secret_threshold: u8,
    wrapped: String,
}

/// Which shares opened a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that were handed out last.
    Current,
    /// Those before, because the last ones were not seen yet.
    Previous,
}

/// What shares opened.
pub(crate) struct Opened {
    pub(crate) which: Which,
    pub(crate) root: Key,
    /// The key of the seal, which the shares make.
    pub(crate) seal: Key,
}

impl Protected {
    /// The root key under a key of the seal.
    pub(crate) fn new(
        root: &Key,
        seal: &Key,
        shares: Shares,
        entropy: &dyn Entropy,
    ) -> Result<Self, Error> {
        let wrapped = seal.wrap(ROOT_KEY, root, entropy)?;
        Ok(Self { shares, wrapped })
    }

    /// What stores it as the one that opens the store.
    pub(crate) fn writes(&self) -> Result<Vec<Write>, Error> {
        Ok(vec![
            Write::put(ROOT_KEY, self.wrapped.clone()),
            Write::put(SETTINGS, encode(&Stored::from(self.shares))?),
        ])
    }

    /// What stores it beside the one that opens the store.
    pub(super) fn write_as_previous(&self) -> Result<Write, Error> {
        let stored = StoredPrevious {
            version: Version,
            secret_shares: self.shares.count(),
            secret_threshold: self.shares.threshold(),
            wrapped: BASE64_STANDARD.encode(&self.wrapped),
        };
        Ok(Write::put(PREVIOUS, encode(&stored)?))
    }

    /// Removes what is stored beside the one that opens the store.
    pub(super) fn delete_previous() -> Write {
        Write::delete(PREVIOUS)
    }

    /// That this, and nothing else, is stored beside the one that opens the store.
    pub(super) fn is_previous(&self) -> Result<Condition, Error> {
        match self.write_as_previous()? {
            Write::Put { key, value } => Ok(Condition::unchanged(key, value.to_vec())),
            Write::Delete { key } => Ok(Condition::absent(key)),
        }
    }

    /// The keys, if these shares make them. Shares that are too few are not tried.
    fn open(&self, given: &[Share]) -> Result<(Key, Key), String> {
        let wrong = || "the shares do not make the key of this server".to_owned();
        if given.len() < usize::from(self.shares.threshold()) {
            return Err(wrong());
        }
        let seal = Key::from_bytes(&combine(given)?).ok_or_else(wrong)?;
        let root = seal.unwrap(ROOT_KEY, &self.wrapped).map_err(|_| wrong())?;
        Ok((root, seal))
    }
}

/// Everything that opens a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredKeys {
    pub(crate) current: Protected,
    pub(crate) previous: Option<Protected>,
}

impl StoredKeys {
    /// What is stored.
    ///
    /// # Errors
    /// An error of storage, or keys that are missing or cannot be read.
    pub(crate) async fn read(storage: &dyn Storage) -> Result<Self, Error> {
        let stored = storage.get(SETTINGS).await?;
        let stored = stored.ok_or_else(|| lost(SETTINGS))?;
        let shares = parse::<Stored>(SETTINGS, &stored)?.shares()?;
        let wrapped = storage.get(ROOT_KEY).await?;
        let wrapped = wrapped.ok_or_else(|| lost(ROOT_KEY))?.to_vec();
        let previous = storage.get(PREVIOUS).await?;
        let previous = previous.map(|stored| previous_of(&stored)).transpose()?;
        Ok(Self {
            current: Protected { shares, wrapped },
            previous,
        })
    }

    /// With how many shares at least it is worth to try, and with how many at last.
    pub(crate) fn thresholds(&self) -> (usize, usize) {
        let current = self.current.shares.threshold();
        let previous = self.previous.as_ref();
        let previous = previous.map_or(current, |previous| previous.shares.threshold());
        (current.min(previous).into(), current.max(previous).into())
    }

    /// What these shares open.
    ///
    /// # Errors
    /// Why they open nothing.
    pub(crate) fn open(&self, given: &[Share]) -> Result<Opened, String> {
        let current = self.current.open(given);
        let (which, keys) = match (current, &self.previous) {
            (Err(reason), Some(previous)) => {
                (Which::Previous, previous.open(given).map_err(|_| reason)?)
            }
            (current, _) => (Which::Current, current?),
        };
        let (root, seal) = keys;
        Ok(Opened { which, root, seal })
    }
}

fn previous_of(stored: &[u8]) -> Result<Protected, Error> {
    let stored: StoredPrevious = parse(PREVIOUS, stored)?;
    let shares = Shares::new(stored.secret_shares.into(), stored.secret_threshold.into());
    let wrapped = BASE64_STANDARD.decode(&stored.wrapped).ok();
    let (Ok(shares), Some(wrapped)) = (shares, wrapped) else {
        return Err(Error::internal(format!(
            "`{PREVIOUS}` was changed: restore a backup of the store"
        )));
    };
    Ok(Protected { shares, wrapped })
}

/// The key that shares make. Wrong ones make another key, which opens nothing.
fn combine(given: &[Share]) -> Result<Zeroizing<Vec<u8>>, String> {
    // The one share of a key that is not split is the key.
    if let [key] = given {
        return Ok(key.clone());
    }
    let shares = given
        .iter()
        .map(|bytes| shamir::Share::from_bytes(bytes.clone()));
    shares
        .collect::<Result<Vec<_>, _>>()
        .and_then(|shares| shamir::combine(&shares))
        .map_err(|error| error.to_string())
}

/// The key in shares, in the form in which they are handed out.
///
/// # Errors
/// A bad request for numbers that do not fit.
pub(crate) fn split(key: &Key, shares: Shares, entropy: &dyn Entropy) -> Result<Vec<Share>, Error> {
    if shares == Shares::ONE {
        return Ok(vec![Zeroizing::new(key.as_bytes().to_vec())]);
    }
    let split = shamir::split(key.as_bytes(), shares.count(), shares.threshold(), entropy);
    let split = split.map_err(|error| Error::bad_request(error.to_string()))?;
    let bytes = split
        .iter()
        .map(|share| Zeroizing::new(share.as_bytes().to_vec()));
    Ok(bytes.collect())
}

/// The error for an entry without which a store does not open.
pub(crate) fn lost(key: &str) -> Error {
    Error::internal(format!("`{key}` is missing: restore a backup of the store"))
}
