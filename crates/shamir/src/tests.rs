//! Splitting and combining: by properties, by an example worked out by hand, and
//! what is refused.

use proptest::prelude::*;
use virtual_world::SeededEntropy;

use super::*;

fn share(bytes: &[u8]) -> Share {
    Share::from_bytes(bytes.to_vec()).unwrap()
}

fn split_with(seed: u64, key: &[u8], count: u8, threshold: u8) -> Vec<Share> {
    split(key, count, threshold, &SeededEntropy::new(seed)).unwrap()
}

proptest! {
    #[test]
    fn any_threshold_of_shares_makes_the_key(
        seed: u64,
        key in prop::collection::vec(any::<u8>(), 1..40),
        (count, threshold) in (2_u8..12).prop_flat_map(|count| (Just(count), 2..=count)),
        order: u64,
    ) {
        let mut shares = split_with(seed, &key, count, threshold);
        prop_assert!(shares.iter().all(|share| share.as_bytes().len() == key.len() + 1));
        let length = shares.len();
        shares.rotate_left(usize::try_from(order).unwrap_or(7) % length);
        for enough in usize::from(threshold)..=usize::from(count) {
            let combined = combine(&shares[..enough]).unwrap();
            prop_assert_eq!(combined.as_slice(), key.as_slice());
        }
    }

    #[test]
    fn one_share_less_makes_another_key(seed: u64, key in any::<[u8; 16]>()) {
        let shares = split_with(seed, &key, 5, 3);
        let combined = combine(&shares[..2]).unwrap();
        prop_assert_ne!(combined.as_slice(), &key[..]);
    }
}

/// Worked out by hand in the field of AES: the secret 0x53 on the line
/// y = 0x53 + 0xca x, where 0x53 and 0xca are each other's inverse.
#[test]
fn the_field_is_that_of_aes_and_x_is_the_last_byte() {
    // At x = 1 it is 0x53 ^ 0xca = 0x99; at x = 0x53 it is 0x53 ^ 0x01 = 0x52.
    let shares = [share(&[0x99, 0x01]), share(&[0x52, 0x53])];
    assert_eq!(combine(&shares).unwrap().as_slice(), [0x53]);
}

#[test]
fn all_255_shares_are_different_and_none_has_the_key_at_zero() {
    let shares = split_with(1, b"key", 255, 3);
    let mut indices: Vec<_> = shares.iter().map(Share::index).collect();
    assert_ne!(indices, (1..=255).collect::<Vec<_>>(), "not in order");
    indices.sort_unstable();
    assert_eq!(indices, (1..=255).collect::<Vec<_>>());
}

/// P10: what is below the threshold says nothing about the key.
#[test]
fn the_bytes_of_a_share_are_spread_evenly_whatever_the_key() {
    const SPLITS: u64 = 12_800;
    for key in [0x00, 0xff] {
        let mut counts = [0_u32; 256];
        for seed in 0..SPLITS {
            let shares = split_with(seed * 1_000_003, &[key], 2, 2);
            counts[usize::from(shares[0].as_bytes()[0])] += 1;
        }
        // 50 each on average. Chi-square with 255 degrees of freedom: below 400
        // but for one set of numbers in a hundred million.
        let chi: f64 = counts
            .iter()
            .map(|count| (f64::from(*count) - 50.0).powi(2) / 50.0)
            .sum();
        assert!(chi < 400.0, "{chi}");
    }
}

#[test]
fn what_cannot_be_split_or_combined_is_refused_with_the_reason() {
    let entropy = SeededEntropy::new(1);
    let refusal = |count, threshold| split(b"key", count, threshold, &entropy).unwrap_err();
    assert_eq!(refusal(1, 1), Error::Count);
    assert_eq!(refusal(0, 0), Error::Count);
    assert_eq!(refusal(3, 1), Error::Threshold);
    assert_eq!(refusal(3, 4), Error::Threshold);
    assert_eq!(split(b"", 3, 2, &entropy).unwrap_err(), Error::EmptyKey);
    assert_eq!(combine(&[]).unwrap_err(), Error::TooFew);
    assert_eq!(combine(&[share(&[1, 2])]).unwrap_err(), Error::TooFew);
    let lengths = [share(&[1, 2]), share(&[1, 2, 3])];
    assert_eq!(combine(&lengths).unwrap_err(), Error::Lengths);
    let repeated = [share(&[1, 2]), share(&[7, 2])];
    assert_eq!(combine(&repeated).unwrap_err(), Error::Repeated);
    assert_eq!(Share::from_bytes(vec![1, 0]).unwrap_err(), Error::ZeroShare);
    assert_eq!(Share::from_bytes(vec![1]).unwrap_err(), Error::ShortShare);
    assert_eq!(
        Share::from_bytes(Vec::new()).unwrap_err(),
        Error::ShortShare
    );
}

#[test]
fn a_share_does_not_show_itself() {
    assert_eq!(format!("{:?}", share(&[171, 205])), "Share(..)");
}
