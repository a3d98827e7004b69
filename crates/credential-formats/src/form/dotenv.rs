//! A `.env` in the part of the format that its readers agree on.
//!
//! python-dotenv and dotenv for Node.js differ in escapes, in variables and in
//! what they trim, but both take what stands between single quotes as it is,
//! if it has no quote, no backslash and no line end. Other readers replace
//! `$name` there, so `$` is refused too.

use super::{check_variable, lines};
use crate::refusal::refuse_characters;
use crate::{Fields, Refusal, SecretText};

const READER: &str = "a dotenv file";

pub(super) fn write(fields: &Fields) -> Result<SecretText, Refusal> {
    lines("", fields, |name, value| {
        check_variable(name, READER)?;
        refuse_characters(name, value, READER, is_refused)?;
        Ok(SecretText::join(&["'", value, "'"]))
    })
}

fn is_refused(character: char) -> bool {
    matches!(character, '\'' | '\\' | '$' | '\n' | '\r' | '\0')
}

#[cfg(test)]
mod tests {
    use crate::form::Form;
    use crate::form::tests::one;

    #[test]
    fn what_readers_disagree_about_is_refused() {
        let file = one(&Form::Dotenv, "A_1", "a\"b # =`c` +/").unwrap();
        assert_eq!(file, "A_1='a\"b # =`c` +/'\n");
        for value in ["'", "\\", "$", "\n", "\r", "\0"] {
            assert!(one(&Form::Dotenv, "A", value).is_err(), "{value:?}");
        }
    }
}
