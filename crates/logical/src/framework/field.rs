//! The declaration of a path's field.

/// The type of a field, named as Vault's help names it
/// (`sdk/framework/field_type.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// Text that is stored in lower case.
    LowerCase,
    /// A name: letters, digits, `_`, and inside it `-` and `.`.
    Name,
    /// A whole number.
    Integer,
    /// A truth value.
    Flag,
    /// A duration in whole seconds, not negative.
    DurationSeconds,
    /// A list, or a text split at commas.
    CommaList,
    /// An object.
    Map,
    /// An object with text values, or a list of `key=value`.
    KeyValue,
}

impl FieldKind {
    /// The label in help texts.
    pub fn label(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::LowerCase => "lowercase string",
            Self::Name => "name string",
            Self::Integer => "int",
            Self::Flag => "bool",
            Self::DurationSeconds => "duration (sec)",
            Self::CommaList => "slice",
            Self::Map => "map",
            Self::KeyValue => "keypair",
        }
    }
}

/// One field of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name in requests.
    pub name: &'static str,
    /// Its type.
    pub kind: FieldKind,
    /// What it means, for help.
    pub description: &'static str,
}

impl Field {
    /// A field of this name, type and meaning.
    pub const fn new(name: &'static str, kind: FieldKind, description: &'static str) -> Self {
        Self {
            name,
            kind,
            description,
        }
    }
}
