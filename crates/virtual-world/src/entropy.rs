//! Deterministic randomness: the same seed, the same test, on every machine.
//! None of it is fit for keys.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use logical::Entropy;

/// The step of splitmix64 (Vigna): odd, so that a counter visits every state.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of splitmix64, a bijection: states that differ give
/// numbers that differ.
fn mix(state: u64) -> u64 {
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Bytes for a backend. Every eight bytes that it gives differ from all before.
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let before = self.0.fetch_add(STEP, Ordering::SeqCst);
            let number = mix(before.wrapping_add(STEP)).to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

/// Bytes for a backend that count up, for tests to which the order of ids matters:
/// those made of them sort as they were made.
#[derive(Debug)]
pub struct CountingEntropy(AtomicU64);

impl CountingEntropy {
    /// The numbers from one on.
    pub fn new() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl Default for CountingEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for CountingEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

/// Random choices of a test, from a seed.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The choices of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `limit`.
    ///
    /// # Panics
    /// If `limit` is zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// An index of a list with `length` members.
    ///
    /// # Panics
    /// If `length` is zero.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// Whole seconds from `from` to `to`, both included.
    ///
    /// # Panics
    /// If `to` is less than `from`.
    pub fn seconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_secs(from + self.below(to - from + 1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_of_counted_bytes_sort_as_they_were_made() {
        let entropy = CountingEntropy::new();
        let ids: Vec<[u8; 8]> = (0..300)
            .map(|_| {
                let mut id = [0; 8];
                entropy.fill(&mut id);
                id
            })
            .collect();
        assert_eq!(ids[0], 1_u64.to_be_bytes());
        assert!(ids.is_sorted_by(|one, next| one < next));
    }

    fn bytes(entropy: &SeededEntropy) -> [u8; 12] {
        let mut buffer = [0; 12];
        entropy.fill(&mut buffer);
        buffer
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let (first, second) = (SeededEntropy::new(7), SeededEntropy::new(7));
        assert_eq!(bytes(&first), bytes(&second));
        assert_eq!(bytes(&first), bytes(&second));
        assert_ne!(bytes(&SeededEntropy::new(7)), bytes(&SeededEntropy::new(8)));
    }

    #[test]
    fn bytes_never_repeat() {
        let entropy = SeededEntropy::new(0);
        let seen: BTreeSet<_> = (0..10_000).map(|_| bytes(&entropy)).collect();
        assert_eq!(seen.len(), 10_000);
    }

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // The first outputs of the reference implementation for the seed 0.
        let mut rng = Rng::new(0);
        assert_eq!(rng.number(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(rng.number(), 0x6E78_9E6A_A1B9_65F4);
        let entropy = SeededEntropy::new(0);
        let mut buffer = [0; 8];
        entropy.fill(&mut buffer);
        assert_eq!(u64::from_le_bytes(buffer), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn choices_stay_within_their_limits() {
        let mut rng = Rng::new(3);
        let seconds: BTreeSet<_> = (0..100).map(|_| rng.seconds(2, 4).as_secs()).collect();
        assert_eq!(seconds, BTreeSet::from([2, 3, 4]));
        let choices: BTreeSet<_> = (0..100).map(|_| rng.one_of(&["a", "b"])).collect();
        assert_eq!(choices.len(), 2);
    }
}
