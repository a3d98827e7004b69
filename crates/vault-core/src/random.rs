//! Unguessable names from the host's entropy.

use logical::Entropy;
use zeroize::Zeroizing;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Letters and digits, each equally likely.
pub(crate) fn base62(entropy: &dyn Entropy, length: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut buffer = Zeroizing::new([0_u8; 32]);
    while text.len() < length {
        entropy.fill(buffer.as_mut_slice());
        // 248 is the largest multiple of 62 that fits in a byte; larger bytes
        // would favour the first letters.
        let letters = buffer.iter().filter(|byte| **byte < 248);
        for byte in letters.take(length - text.len()) {
            text.push(char::from(BASE62[usize::from(byte % 62)]));
        }
    }
    text
}

/// A number below a limit of at most 256, each equally likely; zero if the limit
/// is zero.
pub(crate) fn below(entropy: &dyn Entropy, limit: usize) -> usize {
    let Some(largest) = 256_usize.checked_rem(limit).map(|rest| 256 - rest) else {
        return 0;
    };
    let mut byte = Zeroizing::new([0_u8]);
    loop {
        entropy.fill(byte.as_mut_slice());
        // Larger bytes would favour the first numbers.
        let number = usize::from(byte[0]);
        if number < largest {
            return number % limit;
        }
    }
}

/// Eight hexadecimal digits, the suffix of mount accessors.
pub(crate) fn hex8(entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 4];
    entropy.fill(&mut bytes);
    format!("{:08x}", u32::from_be_bytes(bytes))
}

/// A random UUID.
pub(crate) fn uuid(entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::CountingEntropy;

    #[test]
    fn a_name_has_its_length_and_only_letters_and_digits() {
        let name = base62(&CountingEntropy::default(), 24);
        assert_eq!(name.len(), 24);
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    /// Promise P8: each letter is as likely as any other at each place, and no name is
    /// made twice.
    #[test]
    fn names_are_spread_evenly_and_never_the_same() {
        let entropy = virtual_world::SeededEntropy::new(1);
        let names: std::collections::BTreeSet<String> = (0..20_000)
            .map(|_| base62(&entropy, 24).to_string())
            .collect();
        assert_eq!(names.len(), 20_000);
        for place in 0..24 {
            let mut counts = std::collections::BTreeMap::new();
            for name in &names {
                *counts.entry(name.as_bytes()[place]).or_insert(0_u32) += 1;
            }
            // 323 of each on average; five standard deviations to each side.
            assert_eq!(counts.len(), 62);
            let spread = counts.values().all(|count| (233..413).contains(count));
            assert!(spread, "{place}: {counts:?}");
        }
    }

    #[test]
    fn a_number_is_below_its_limit_and_every_one_occurs() {
        let entropy = virtual_world::SeededEntropy::new(1);
        for limit in [1, 3, 62, 200, 256] {
            let mut seen: Vec<usize> = (0..20_000).map(|_| below(&entropy, limit)).collect();
            seen.sort_unstable();
            seen.dedup();
            assert!(seen.into_iter().eq(0..limit), "{limit}");
        }
        assert_eq!(below(&entropy, 0), 0);
    }
}
