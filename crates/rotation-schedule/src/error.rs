//! What is wrong with a field, and what to do.

use std::fmt;

/// A value that a field does not take. Its text names the field in back quotes
/// and says what to give instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    field: &'static str,
    message: String,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
        }
    }

    /// The field, such as `rotation_period`.
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FieldError {}

/// Text of an operator in an error: on one line, and not all of a long one.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    let shown: String = text
        .chars()
        .take(MOST)
        .flat_map(|letter| {
            let escape = letter.is_control();
            let plain = (!escape).then_some(letter);
            plain.into_iter().chain(
                escape
                    .then(|| letter.escape_default())
                    .into_iter()
                    .flatten(),
            )
        })
        .collect();
    let cut = if text.chars().nth(MOST).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{shown}{cut}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_one_short_line() {
        assert_eq!(quoted("0 2 * * *"), "`0 2 * * *`");
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(81)), format!("`{}…`", "x".repeat(80)));
    }
}
