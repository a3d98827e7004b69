//! Shares of a key: any bytes are refused, or make a key of the right length.

use shamir::Share;

pub(super) fn run(bytes: &[u8]) {
    let (length, rest) = bytes.split_first().map_or((1, bytes), |(length, rest)| {
        (usize::from(*length).max(1), rest)
    });
    let shares = rest
        .chunks(length)
        .map(|share| Share::from_bytes(share.to_vec()));
    let Ok(shares) = shares.collect::<Result<Vec<_>, _>>() else {
        return;
    };
    match shamir::combine(&shares) {
        Ok(key) => assert_eq!(key.len() + 1, shares[0].as_bytes().len()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![
        vec![2, 0x99, 0x01, 0x52, 0x53],
        vec![3, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        vec![2, 1, 2, 3, 2],
    ]
}
