//! One sealed value: term, version, nonce, ciphertext and tag.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use logical::{Entropy, Error};
use zeroize::Zeroizing;

const TERM: usize = 4;
const HEADER: usize = TERM + 1;
const TAG: usize = 16;
/// The version whose associated data is the path.
const VERSION: u8 = 2;

/// The term under which a value was sealed.
pub(crate) fn term(path: &str, sealed: &[u8]) -> Result<u32, Error> {
    let (header, _) = sealed
        .split_first_chunk::<TERM>()
        .filter(|_| sealed.len() >= HEADER + NONCE_LEN + TAG && sealed[TERM] == VERSION)
        .ok_or_else(|| damaged(path))?;
    Ok(u32::from_be_bytes(*header))
}

/// Seals a value for a path.
pub(crate) fn seal(
    cipher: &LessSafeKey,
    term: u32,
    path: &str,
    value: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_LEN];
    entropy.fill(&mut nonce);
    let mut sealed = Vec::with_capacity(HEADER + NONCE_LEN + value.len() + TAG);
    sealed.extend_from_slice(&term.to_be_bytes());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(value);
    let body = &mut sealed[HEADER + NONCE_LEN..];
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(path), body);
    let tag = tag.map_err(|_| Error::internal(format!("cannot encrypt the value of `{path}`")))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what was sealed for this path under this key.
pub(crate) fn open(
    cipher: &LessSafeKey,
    path: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    term(path, sealed)?;
    let (nonce, body) = sealed[HEADER..].split_at(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged(path))?;
    let mut body = Zeroizing::new(body.to_vec());
    let opened = cipher.open_in_place(nonce, Aad::from(path), &mut body);
    let length = opened.map_err(|_| damaged(path))?.len();
    body.truncate(length);
    Ok(body)
}

/// What was stored is not what is there.
pub(crate) fn damaged(path: &str) -> Error {
    Error::internal(format!(
        "the stored value of `{path}` was changed or moved: restore a backup"
    ))
}
