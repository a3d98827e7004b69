//! What a profile or form cannot hold, and what to do instead.

use std::fmt;

/// A credential that cannot be given in the form that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A character, or a sequence of them, would be read as something else.
    #[error("`{field}` has {offender} in it, which {reader} cannot hold: choose another form")]
    Unholdable {
        /// The field.
        field: &'static str,
        /// What is in it; never more of a secret than this.
        offender: Offender,
        /// The profile or form.
        reader: &'static str,
    },
    /// A line would be longer than its reader takes.
    #[error(
        "`{field}` makes a line of {length} bytes, and {reader} takes {limit}: choose another form"
    )]
    TooLong {
        /// The field.
        field: &'static str,
        /// The length of its line.
        length: usize,
        /// The form.
        reader: &'static str,
        /// How long a line may be.
        limit: usize,
    },
    /// A client would not log in with an empty name or password.
    #[error("`{field}` is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// A profile is not for this kind of key.
    #[error("output profile `{profile}` is not for keys of kind `{kind}`: use `{instead}`")]
    WrongKind {
        /// The profile.
        profile: &'static str,
        /// The kind.
        kind: &'static str,
        /// A profile for it.
        instead: &'static str,
    },
    /// A profile needs what is not known.
    #[error("output profile `{profile}` needs `{field}`, which is not known")]
    Missing {
        /// The profile.
        profile: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field is not named as its form needs it.
    #[error("`{field}` is not a name for {reader}: use output profile `{instead}`")]
    WrongName {
        /// The field.
        field: &'static str,
        /// The form.
        reader: &'static str,
        /// A profile with names for it.
        instead: &'static str,
    },
    /// Fields without a credential.
    #[error(
        "the answer has no API key in any form that is known, such as `key_id` and `secret`: give \
         the path of credentials, such as `confluent/creds/orders`"
    )]
    NotRecognized,
    /// No name for a Kubernetes Secret.
    #[error(
        "`{name}` is no name of a Kubernetes Secret: use lower-case letters, digits, `-` and \
         `.`, a letter or digit at both ends, 253 characters at most"
    )]
    NotASecretName {
        /// The name.
        name: String,
    },
    /// A name of nothing.
    #[error("`{name}` is no {what}: use {choices}")]
    Unknown {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that there are, as a sentence has them.
        choices: String,
    },
}

impl Refusal {
    pub(crate) fn unknown(what: &'static str, name: &str, choices: &[&str]) -> Self {
        let mut quoted: Vec<String> = choices.iter().map(|name| format!("`{name}`")).collect();
        let last = quoted.pop().unwrap_or_default();
        Self::Unknown {
            what,
            name: name.to_owned(),
            choices: format!("{} or {last}", quoted.join(", ")),
        }
    }
}

/// A character, or a sequence of them, that has another meaning to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offender {
    /// One character, anywhere.
    Character(char),
    /// One character, as the first or last of the value.
    AtEnd(char),
    /// A sequence.
    Sequence(&'static str),
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Character(character) => describe(character, f),
            Self::AtEnd(character) => {
                describe(character, f)?;
                f.write_str(" at its beginning or end")
            }
            Self::Sequence(sequence) => write!(f, "`{sequence}`"),
        }
    }
}

fn describe(character: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = match character {
        '\0' => "a NUL",
        '\t' => "a tab",
        '\n' => "a line feed",
        '\r' => "a carriage return",
        ' ' => "a space",
        '`' => "a backtick",
        other if other.is_ascii_graphic() => return write!(f, "`{other}`"),
        _ => "the character",
    };
    write!(f, "{name} (U+{:04X})", u32::from(character))
}

/// Refuses a value of which a reader cannot hold some character.
pub(crate) fn refuse_characters(
    field: &'static str,
    value: &str,
    reader: &'static str,
    is_refused: impl Fn(char) -> bool,
) -> Result<(), Refusal> {
    match value.chars().find(|character| is_refused(*character)) {
        None => Ok(()),
        Some(character) => Err(Refusal::Unholdable {
            field,
            offender: Offender::Character(character),
            reader,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_do_not_print_are_named() {
        for (character, text) in [
            ('\'', "`'`"),
            ('\n', "a line feed (U+000A)"),
            ('`', "a backtick (U+0060)"),
            ('\u{85}', "the character (U+0085)"),
        ] {
            assert_eq!(Offender::Character(character).to_string(), text);
        }
    }
}
