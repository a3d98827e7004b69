//! Shares as clients write them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

/// How long a share is in bytes: from Vault's shortest key to its longest with
/// the number of the share.
const SHARE_LENGTH: std::ops::RangeInclusive<usize> = 16..=33;
/// The longest text of a share, which is in hexadecimal.
const MAX_TEXT: usize = 66;

/// A share in hexadecimal if that gives as many bytes as a share has, and
/// otherwise in base64, if that does.
pub(crate) fn share_of_text(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let is_share = |bytes: &Zeroizing<Vec<u8>>| SHARE_LENGTH.contains(&bytes.len());
    if text.len() > MAX_TEXT {
        return None;
    }
    let from_base64 = || BASE64_STANDARD.decode(text).ok().map(Zeroizing::new);
    let from_hex = from_hex(text).filter(is_share);
    from_hex.or_else(|| from_base64().filter(is_share))
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    // As large as it gets: a buffer that grows leaves copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for at in (0..text.len()).step_by(2) {
        bytes.push(u8::from_str_radix(&text[at..at + 2], 16).ok()?);
    }
    Some(bytes)
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_in_hexadecimal_and_in_base64() {
        let bytes: Vec<u8> = (0..33).collect();
        let hex = to_hex(&bytes);
        assert!(hex.starts_with("000102"));
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            BASE64_STANDARD.encode(&bytes),
        ] {
            assert_eq!(share_of_text(&text).unwrap().as_slice(), bytes, "{text}");
        }
        // Digits alone, of a length that no share has in hexadecimal.
        assert_eq!(share_of_text("0123456789abcdef01234567").unwrap().len(), 18);
        let long = "ab".repeat(34);
        let short = BASE64_STANDARD.encode([1; 15]);
        for text in ["not a key", "abc", "é", "abcd", &long, &short] {
            assert!(share_of_text(text).is_none(), "{text}");
        }
    }
}
