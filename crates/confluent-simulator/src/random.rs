//! Ids and secrets that derive from a seed. Not for anything that must be hard
//! to guess: what a simulated secret opens is a simulation.

use confluent_cloud::ApiSecret;
use confluent_cloud::secret::{BODY_LENGTH, LENGTH, PREFIX, checksum};

const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LOWER: &[u8] = b"abcdefghijkmnopqrstuvwxyz0123456789";

/// A stream of numbers by the rule known as `SplitMix64`.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// One stream of a seed; each purpose has its own, so that one more object
    /// of a kind changes no id of another.
    pub(crate) fn new(seed: u64, stream: &str) -> Self {
        let mut random = Self(seed);
        for byte in stream.bytes() {
            random.0 = random.next() ^ u64::from(byte);
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Id of an API key: 16 characters of base32.
    pub(crate) fn key_id(&mut self) -> String {
        self.text(BASE32, 16)
    }

    /// A secret of the present form, with its checksum, or of the old one.
    pub(crate) fn secret(&mut self, old: bool) -> ApiSecret {
        if old {
            // None of the old form begins like one of the present.
            return ApiSecret::new(format!("o{}", self.text(BASE64, LENGTH - 1)));
        }
        let body = self.text(BASE64, BODY_LENGTH);
        ApiSecret::new(format!("{PREFIX}{body}{}", checksum(&body)))
    }

    /// What follows the prefix of other ids.
    pub(crate) fn suffix(&mut self) -> String {
        self.text(LOWER, 6)
    }

    /// A UUID of version 4.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// Id of a request or an error: 32 hexadecimal digits.
    pub(crate) fn trace_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let count = alphabet.len() as u64;
        (0..length)
            .filter_map(|_| {
                let index = usize::try_from(self.next() % count).ok()?;
                alphabet.get(index).map(|&byte| char::from(byte))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use confluent_cloud::secret::SecretFormat;

    use super::*;

    #[test]
    fn one_seed_gives_the_same_ids_and_another_others() {
        let ids = |seed, stream| Random::new(seed, stream).key_id();
        assert_eq!(ids(1, "keys"), ids(1, "keys"));
        assert_ne!(ids(1, "keys"), ids(2, "keys"));
        assert_ne!(ids(1, "keys"), ids(1, "users"));
    }

    #[test]
    fn ids_and_secrets_have_the_form_of_real_ones() {
        let mut random = Random::new(7, "keys");
        for _ in 0..100 {
            let id = random.key_id();
            assert_eq!(id.len(), 16);
            assert!(id.bytes().all(|byte| BASE32.contains(&byte)), "{id}");
            assert_eq!(random.secret(false).verify(), Ok(SecretFormat::Checked));
            assert_eq!(random.secret(false).expose().len(), 64);
            assert_eq!(random.secret(true).verify(), Ok(SecretFormat::Legacy));
            let uuid = random.uuid();
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "4");
        }
    }
}
