//! The token that a client shows.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Error, Result};

/// A client token. It is wiped when dropped, and `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes a token as it came from a variable, a file or a flag; blanks
    /// around it are dropped.
    ///
    /// # Errors
    ///
    /// When it is empty or has characters that no header may carry, as a file
    /// with the wrong content would.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Setting {
                name: "token".to_owned(),
                problem: "it is empty or contains characters that no token has".to_owned(),
            });
        }
        Ok(Self(Zeroizing::new(token.to_owned())))
    }

    /// The token itself, to send it or to print it on request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_end_of_a_token_file_is_dropped() {
        assert_eq!(Token::new("hvs.abc\n").unwrap().expose(), "hvs.abc");
    }

    #[test]
    fn what_no_header_may_carry_is_refused_without_showing_it() {
        let error = Token::new("hvs.abc\nhvs.def").unwrap_err().to_string();
        assert!(!error.contains("abc"), "{error}");
        assert!(Token::new(" \n").is_err());
    }

    #[test]
    fn debug_does_not_show_it() {
        assert_eq!(format!("{:?}", Token::new("hvs.abc").unwrap()), "Token(..)");
    }
}
