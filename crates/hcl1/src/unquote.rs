//! The text that a quoted string stands for.

use std::iter::Peekable;
use std::str::Chars;

/// Resolves the escapes between the quotes of a string; `None` if the bytes
/// that they stand for are no UTF-8. With `interpolation`, what is between `${`
/// and its `}` is kept as it is written, which HCL does and JSON does not.
///
/// The scanner has checked the escapes themselves.
pub(crate) fn unquote(inner: &str, interpolation: bool) -> Option<String> {
    if !inner.contains('\\') {
        return Some(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    let mut braces = 0_usize;
    while let Some(next) = chars.next() {
        if braces > 0 {
            match next {
                '{' => braces += 1,
                '}' => braces -= 1,
                _ => {}
            }
            push(&mut bytes, next);
        } else if next == '\\' {
            escape(&mut bytes, &mut chars, !interpolation)?;
        } else {
            push(&mut bytes, next);
            if interpolation && next == '$' && chars.peek() == Some(&'{') {
                chars.next();
                bytes.push(b'{');
                braces = 1;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn push(bytes: &mut Vec<u8>, next: char) {
    bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
}

fn escape(bytes: &mut Vec<u8>, chars: &mut Peekable<Chars<'_>>, json: bool) -> Option<()> {
    let byte = match chars.next()? {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        // A byte, possibly a part of a character.
        'x' => u8::try_from(digits(chars, 16, 2)?).ok()?,
        'u' => {
            let mut value = digits(chars, 16, 4)?;
            if json && (0xd800..0xdc00).contains(&value) {
                value = surrogate_pair(value, chars)?;
            }
            return character(bytes, value);
        }
        'U' => return character(bytes, digits(chars, 16, 8)?),
        first @ '0'..='7' => {
            let value = first.to_digit(8)? * 64 + digits(chars, 8, 2)?;
            u8::try_from(value).ok()?
        }
        other => u8::try_from(other).ok()?,
    };
    bytes.push(byte);
    Some(())
}

/// JSON writes a character above U+FFFF as two escapes.
fn surrogate_pair(high: u32, chars: &mut Peekable<Chars<'_>>) -> Option<u32> {
    if chars.next()? != '\\' || chars.next()? != 'u' {
        return None;
    }
    let low = digits(chars, 16, 4)?;
    (0xdc00..0xe000)
        .contains(&low)
        .then(|| 0x1_0000 + (high - 0xd800) * 0x400 + (low - 0xdc00))
}

fn character(bytes: &mut Vec<u8>, value: u32) -> Option<()> {
    push(bytes, char::from_u32(value)?);
    Some(())
}

fn digits(chars: &mut Peekable<Chars<'_>>, radix: u32, count: usize) -> Option<u32> {
    let mut value = 0_u32;
    for _ in 0..count {
        let digit = chars.next()?.to_digit(radix)?;
        value = value.checked_mul(radix)?.checked_add(digit)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes_and_characters() {
        assert_eq!(
            unquote(r"\x41\u00e9\U0001F600\101\t\\\a", true).unwrap(),
            "Aé😀A\t\\\u{7}"
        );
        assert_eq!(unquote(r"\xc3\xa9", true).unwrap(), "é");
        assert_eq!(unquote(r#"a\"b"#, true).unwrap(), "a\"b");
        assert_eq!(unquote(r"\xff", true), None);
        assert_eq!(unquote(r"\ud800", true), None);
        assert_eq!(unquote(r"\777", true), None);
    }

    #[test]
    fn two_escapes_of_json_are_one_character() {
        assert_eq!(unquote(r"\ud83d\ude00", false).unwrap(), "😀");
        assert_eq!(unquote(r"\ud83d\ude00", true), None);
        assert_eq!(unquote(r"\ud83dx", false), None);
        assert_eq!(unquote(r"\ud83d\u0041", false), None);
    }

    #[test]
    fn an_interpolation_is_kept_as_it_is_written() {
        assert_eq!(
            unquote(r#"\t${a\t{"x"}}\t"#, true).unwrap(),
            "\t${a\\t{\"x\"}}\t"
        );
        assert_eq!(unquote(r"${a\t}", false).unwrap(), "${a\t}");
    }
}
