//! A script for `.` in a POSIX shell. Between single quotes every character
//! stands for itself.

use super::{check_variable, lines};
use crate::refusal::refuse_characters;
use crate::{Fields, Refusal, SecretText};

const READER: &str = "a shell script";

pub(super) fn write(fields: &Fields) -> Result<SecretText, Refusal> {
    lines("export ", fields, |name, value| {
        check_variable(name, READER)?;
        refuse_characters(name, value, READER, |c| c == '\0')?;
        Ok(quoted(value))
    })
}

fn quoted(value: &str) -> SecretText {
    let inner = SecretText::escaped(value, 4, |out, character| match character {
        '\'' => out.push_str(r"'\''"),
        other => out.push(other),
    });
    SecretText::join(&["'", inner.expose(), "'"])
}

#[cfg(test)]
mod tests {
    use crate::form::Form;
    use crate::form::tests::one;

    #[test]
    fn only_single_quotes_are_escaped() {
        let file = one(&Form::Env, "A_1", "a'b\"\\ $c `d`\ne").unwrap();
        assert_eq!(file, "export A_1='a'\\''b\"\\ $c `d`\ne'\n");
        assert!(one(&Form::Env, "A", "\0").unwrap_err().contains("a NUL"));
    }
}
