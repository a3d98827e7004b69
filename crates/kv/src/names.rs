//! Names of secrets as storage sees them.
//!
//! A name of a secret tells what it is for, so storage never holds it in clear:
//! each segment of a path is encrypted by itself, deterministically, with a hash
//! of its parent as associated data. A folder of secrets is therefore still a folder of
//! storage and can be listed, but equal segments in two folders look different.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logical::{Condition, Entropy, Error, Storage, Write};
use zeroize::Zeroizing;

/// Where the key is stored.
const KEY: &str = "name-key";
const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 12;
/// The longest path, in bytes. In storage it can be twelve times as long.
const MAX_PATH: usize = 4096;

/// Encrypts names, and finds ids for them.
pub(crate) struct Names {
    segments: LessSafeKey,
    folders: hmac::Key,
    ids: hmac::Key,
}

impl Names {
    /// Reads the mount's key, which is generated at the first use.
    ///
    /// # Errors
    /// An error of storage, or an internal error for a damaged key.
    pub(crate) async fn open(storage: &dyn Storage, entropy: &dyn Entropy) -> Result<Self, Error> {
        if let Some(key) = storage.get(KEY).await? {
            return Self::new(&key);
        }
        let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
        entropy.fill(&mut key);
        let write = Write::put(KEY, key.clone());
        if storage
            .apply_if(vec![Condition::absent(KEY)], vec![write])
            .await?
        {
            return Self::new(&key);
        }
        let key = storage.get(KEY).await?.ok_or_else(damaged)?;
        Self::new(&key)
    }

    fn new(key: &[u8]) -> Result<Self, Error> {
        if key.len() != KEY_LENGTH {
            return Err(damaged());
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, key);
        let derive = |purpose: &str| hmac::sign(&root, purpose.as_bytes());
        let segments = derive("segments");
        let segments =
            UnboundKey::new(&AES_256_GCM_SIV, segments.as_ref()).map_err(|_| damaged())?;
        Ok(Self {
            segments: LessSafeKey::new(segments),
            folders: hmac::Key::new(hmac::HMAC_SHA256, derive("folders").as_ref()),
            ids: hmac::Key::new(hmac::HMAC_SHA256, derive("ids").as_ref()),
        })
    }

    /// The path as a key of storage. A path that ends in `/` is a folder, and
    /// the empty path is the root.
    ///
    /// # Errors
    /// A bad request for a path that is too long.
    pub(crate) fn seal(&self, path: &str) -> Result<String, Error> {
        if path.len() > MAX_PATH {
            return Err(Error::bad_request(format!(
                "`path` has {} bytes: give at most {MAX_PATH}",
                path.len()
            )));
        }
        let mut sealed = String::with_capacity(2 * path.len() + 24);
        let mut parent = hmac::Context::with_key(&self.folders);
        for part in path.split_inclusive('/') {
            let segment = part.strip_suffix('/');
            sealed.push_str(&self.seal_segment(&parent, segment.unwrap_or(part))?);
            if segment.is_some() {
                sealed.push('/');
            }
            parent.update(part.as_bytes());
        }
        Ok(sealed)
    }

    fn seal_segment(&self, parent: &hmac::Context, segment: &str) -> Result<String, Error> {
        let mut bytes = segment.as_bytes().to_vec();
        let parent = parent.clone().sign();
        self.segments
            .seal_in_place_append_tag(nonce(&parent), Aad::from(parent), &mut bytes)
            .map_err(|_| Error::internal("the name of a secret cannot be encrypted"))?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The folder `parent`, which is empty or ends in `/`, to read the names that
    /// storage lists below it.
    pub(crate) fn folder(&self, parent: &str) -> Folder<'_> {
        Folder {
            segments: &self.segments,
            tag: hmac::sign(&self.folders, parent.as_bytes()),
        }
    }

    /// A text that stands for a path and tells nothing of it.
    pub(crate) fn id(&self, path: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.ids, path.as_bytes()))
    }
}

/// A folder whose names are read.
pub(crate) struct Folder<'a> {
    segments: &'a LessSafeKey,
    /// Hashed once for all its names.
    tag: hmac::Tag,
}

impl Folder<'_> {
    /// The clear form of a name that storage listed below this folder. Names of
    /// folders end in `/`.
    ///
    /// # Errors
    /// An internal error for a name that was not made with this key.
    pub(crate) fn open(&self, name: &str) -> Result<String, Error> {
        let (segment, is_folder) = match name.strip_suffix('/') {
            Some(segment) => (segment, true),
            None => (name, false),
        };
        let mut bytes = URL_SAFE_NO_PAD
            .decode(segment)
            .map_err(|_| damaged_name())?;
        let clear = self
            .segments
            .open_in_place(nonce(&self.tag), Aad::from(self.tag), &mut bytes)
            .map_err(|_| damaged_name())?
            .len();
        bytes.truncate(clear);
        if is_folder {
            bytes.push(b'/');
        }
        String::from_utf8(bytes).map_err(|_| damaged_name())
    }
}

/// One nonce for each folder: the cipher stays safe when a nonce is used
/// again, and then tells only whether two names are equal (RFC 8452).
fn nonce(parent: &hmac::Tag) -> Nonce {
    let mut nonce = [0; NONCE_LENGTH];
    nonce.copy_from_slice(&parent.as_ref()[..NONCE_LENGTH]);
    Nonce::assume_unique_for_key(nonce)
}

fn damaged() -> Error {
    Error::internal(format!(
        "storage entry `{KEY}` is not a key of {KEY_LENGTH} bytes: restore it from a backup"
    ))
}

fn damaged_name() -> Error {
    Error::internal(format!(
        "storage holds the name of a secret that the key in `{KEY}` does not open: restore both \
         from the same backup"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Names {
        Names::new(&[7; KEY_LENGTH]).unwrap()
    }

    proptest! {
        #[test]
        fn every_name_is_read_back_in_its_folder_and_in_no_other(
            parent in "([a-zA-Z0-9 _.é-]{0,6}/){0,3}",
            segment in "[a-zA-Z0-9 _.é-]{0,20}",
        ) {
            let names = names();
            let path = format!("{parent}{segment}");
            let sealed = names.seal(&path).unwrap();
            let last = sealed.rsplit('/').next().unwrap();
            if !segment.is_empty() {
                prop_assert_eq!(names.folder(&parent).open(last).unwrap(), segment.clone());
                let elsewhere = format!("x/{parent}");
                prop_assert!(names.folder(&elsewhere).open(last).is_err());
                prop_assert!(segment.len() < 4 || !sealed.contains(&segment));
            }
            prop_assert_eq!(sealed.matches('/').count(), path.matches('/').count());
        }
    }

    #[test]
    fn a_path_has_a_limit_that_is_told() {
        let longest = "a/".repeat(MAX_PATH / 2);
        assert!(names().seal(&longest).is_ok());
        let longer = format!("{longest}a");
        let error = names().seal(&longer).map(|_| "sealed").unwrap_err();
        assert_eq!(error.class().status(), 400);
        assert_eq!(error.message(), "`path` has 4097 bytes: give at most 4096");
    }

    #[test]
    fn a_secret_lies_in_the_folder_that_its_path_names() {
        let names = names();
        let folder = names.seal("team/").unwrap();
        let secret = names.seal("team/database").unwrap();
        assert!(folder.ends_with('/') && secret.starts_with(&folder));
        assert_eq!(names.seal("").unwrap(), "");
        let other = names.seal("other/database").unwrap();
        assert_ne!(secret.rsplit('/').next(), other.rsplit('/').next());
        assert_eq!(names.folder("").open(&folder).unwrap(), "team/");
    }

    #[test]
    fn a_name_of_another_mount_is_refused() {
        let other = Names::new(&[8; KEY_LENGTH]).unwrap();
        let sealed = other.seal("database").unwrap();
        let error = names().folder("").open(&sealed).unwrap_err();
        assert!(error.message().contains("name-key"), "{error}");
        assert!(names().folder("").open("not base64!").is_err());
        assert!(Names::new(&[0; 5]).is_err());
    }
}
