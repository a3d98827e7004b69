//! Words of a POSIX shell.

/// The text as one word in which nothing has a special meaning.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_the_shell_would_read_it_otherwise() {
        assert_eq!(quoted("hvs.A-b_c=/+"), "hvs.A-b_c=/+");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a;b $c"), "'a;b $c'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
