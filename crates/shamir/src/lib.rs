//! A key in shares, of which a threshold makes the key again.
//!
//! The shares are those of Vault and OpenBao: GF(2^8) with the polynomial of AES,
//! a polynomial of its own for each byte, and the share's x behind its y bytes.
//! The mathematics is `vsss-rs`, audited and free of branches and tables that
//! depend on secrets; this crate brings its shares into that order.
//!
//! Shares carry no checksum: shares that do not belong together give a key that
//! opens nothing, and that is how it is noticed.

use std::convert::Infallible;
use std::fmt;

use logical::Entropy;
use rand_core::{TryCryptoRng, TryRng};
use vsss_rs::{Gf256, IdentifierGf256};
use zeroize::Zeroizing;

/// One share of a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Share(Zeroizing<Vec<u8>>);

impl Share {
    /// A share from its bytes: as many as the key has, and one more.
    pub fn from_bytes(bytes: impl Into<Zeroizing<Vec<u8>>>) -> Result<Self, Error> {
        let bytes = bytes.into();
        match bytes.last() {
            Some(0) => Err(Error::ZeroShare),
            Some(_) if bytes.len() > 1 => Ok(Self(bytes)),
            _ => Err(Error::ShortShare),
        }
    }

    /// Its bytes, as Vault prints them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Which share it is: two of one key never have the same.
    pub fn index(&self) -> u8 {
        self.0.last().copied().unwrap_or_default()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share(..)")
    }
}

/// Why a key cannot be split, or shares cannot be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A key without bytes.
    EmptyKey,
    /// Fewer than two shares, or more than 255.
    Count,
    /// A threshold below two or above the number of shares.
    Threshold,
    /// Fewer than two shares to combine.
    TooFew,
    /// A share without bytes of a key.
    ShortShare,
    /// A share with an x of zero, which would be the key itself.
    ZeroShare,
    /// Shares of different lengths.
    Lengths,
    /// The same share twice.
    Repeated,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyKey => "a key without bytes cannot be split",
            Self::Count => "a key is split into 2 to 255 shares",
            Self::Threshold => "the threshold must be at least 2 and at most the number of shares",
            Self::TooFew => "at least two shares are needed",
            Self::ShortShare => "a share must have at least two bytes",
            Self::ZeroShare => "the last byte of a share must not be zero",
            Self::Lengths => "the shares have different lengths, so they belong to different keys",
            Self::Repeated => "a share was given twice: give different ones",
        })
    }
}

impl std::error::Error for Error {}

/// Splits a key into `count` shares of which `threshold` are needed.
pub fn split(
    key: &[u8],
    count: u8,
    threshold: u8,
    entropy: &dyn Entropy,
) -> Result<Vec<Share>, Error> {
    if key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if count < 2 {
        return Err(Error::Count);
    }
    if threshold < 2 || threshold > count {
        return Err(Error::Threshold);
    }
    let mut random = Random(entropy);
    let ids = indices(count, &mut random).into_iter();
    let ids = ids.map(|index| IdentifierGf256(Gf256(index)));
    let shares = Gf256::split_bytes_with_participant_ids_iter(
        usize::from(threshold),
        usize::from(count),
        key,
        random,
        ids,
    );
    let shares = shares.map_err(|_| Error::Threshold)?;
    Ok(shares
        .into_iter()
        .map(|share| Share(x_last(share)))
        .collect())
}

/// Combines shares. Too few, or shares of different keys, give some other key.
pub fn combine(shares: &[Share]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let [first, rest @ ..] = shares else {
        return Err(Error::TooFew);
    };
    if rest.is_empty() {
        return Err(Error::TooFew);
    }
    if rest.iter().any(|share| share.0.len() != first.0.len()) {
        return Err(Error::Lengths);
    }
    let mut seen = [false; 256];
    for share in shares {
        if std::mem::replace(&mut seen[usize::from(share.index())], true) {
            return Err(Error::Repeated);
        }
    }
    let shares = Zeroizing::new(shares.iter().map(x_first).collect::<Vec<_>>());
    let key = Gf256::combine_bytes(shares.as_slice());
    key.map(Zeroizing::new).map_err(|_| Error::Repeated)
}

/// Different x values from 1 to 255 in random order, as Vault chooses them.
fn indices(count: u8, random: &mut Random<'_>) -> Vec<u8> {
    let mut all: Vec<u8> = (1..=255).collect();
    // Fisher and Yates.
    for last in (1..all.len()).rev() {
        let chosen = random.below(last + 1);
        all.swap(last, chosen);
    }
    all.truncate(usize::from(count));
    all
}

/// From `x y...`, the order of `vsss-rs`.
fn x_last(mut share: Vec<u8>) -> Zeroizing<Vec<u8>> {
    share.rotate_left(1);
    Zeroizing::new(share)
}

fn x_first(share: &Share) -> Vec<u8> {
    let mut bytes = share.0.to_vec();
    bytes.rotate_right(1);
    bytes
}

/// The host's randomness, as `vsss-rs` asks for it.
struct Random<'a>(&'a dyn Entropy);

impl Random<'_> {
    /// A number below `limit`, each as likely as any other.
    fn below(&mut self, limit: usize) -> usize {
        let Ok(limit) = u8::try_from(limit) else {
            return 0;
        };
        let fair = u8::MAX - (u8::MAX % limit + 1) % limit;
        loop {
            let mut byte = [0];
            self.0.fill(&mut byte);
            if byte[0] <= fair {
                return usize::from(byte[0] % limit);
            }
        }
    }
}

impl TryRng for Random<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Random<'_> {}

#[cfg(test)]
mod tests;
