//! Text that must not be shown.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret text: wiped when dropped, and never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that hands it on.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Escapes `text` character by character. `growth` is the most bytes that one
    /// byte becomes: with it nothing is reallocated, which would leave copies.
    pub(crate) fn escaped(
        text: &str,
        growth: usize,
        mut escape: impl FnMut(&mut String, char),
    ) -> Self {
        let mut out = String::with_capacity(text.len().saturating_mul(growth));
        for character in text.chars() {
            escape(&mut out, character);
        }
        debug_assert!(out.len() <= text.len().saturating_mul(growth));
        Self(out)
    }

    /// Joins texts in one allocation.
    pub(crate) fn join(parts: &[&str]) -> Self {
        Self(parts.concat())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_text() {
        assert_eq!(format!("{:?}", SecretText::new("canary")), "SecretText(…)");
    }
}
