//! The declaration of a path's field. Only its type affects how requests are
//! read; the rest is for help, the `OpenAPI` document, and handlers that ask
//! for defaults.

use serde_json::Value;

use super::Display;

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
    /// A whole number that documents declare as one of 64 bits.
    Integer64,
    /// A number with a fraction.
    Float,
    /// A boolean.
    Flag,
    /// A duration in whole seconds, not negative.
    DurationSeconds,
    /// A duration in whole seconds, before or after zero.
    SignedDurationSeconds,
    /// A moment: RFC 3339, or seconds since 1970.
    Time,
    /// A list of anything.
    List,
    /// A list of texts; one text is a list of one, whatever is in it.
    TextList,
    /// A list of texts, or a text split at commas.
    CommaList,
    /// A list of whole numbers, or a text split at commas.
    CommaIntegers,
    /// An object.
    Map,
    /// An object with text values, or a list of `key=value`.
    KeyValue,
    /// Header lines of HTTP: an object, JSON of it, or a list of `name:value`.
    Header,
}

impl FieldKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Text,
        Self::LowerCase,
        Self::Name,
        Self::Integer,
        Self::Integer64,
        Self::Float,
        Self::Flag,
        Self::DurationSeconds,
        Self::SignedDurationSeconds,
        Self::Time,
        Self::List,
        Self::TextList,
        Self::CommaList,
        Self::CommaIntegers,
        Self::Map,
        Self::KeyValue,
        Self::Header,
    ];

    /// The label in help texts.
    pub fn label(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::LowerCase => "lowercase string",
            Self::Name => "name string",
            Self::Integer => "int",
            Self::Integer64 => "int64",
            Self::Float => "float",
            Self::Flag => "bool",
            Self::DurationSeconds | Self::SignedDurationSeconds => "duration (sec)",
            Self::Time => "time",
            Self::List | Self::TextList | Self::CommaList | Self::CommaIntegers => "slice",
            Self::Map => "map",
            Self::KeyValue => "keypair",
            Self::Header => "header",
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
    /// Description, for help.
    pub description: &'static str,
    pub(super) default: Option<Value>,
    pub(super) required: bool,
    pub(super) deprecated: bool,
    pub(super) query: bool,
    pub(super) allowed: Vec<Value>,
    pub(super) display: Option<Display>,
}

impl Field {
    /// A field with this name, type and description.
    pub const fn new(name: &'static str, kind: FieldKind, description: &'static str) -> Self {
        Self {
            name,
            kind,
            description,
            default: None,
            required: false,
            deprecated: false,
            query: false,
            allowed: Vec::new(),
            display: None,
        }
    }

    /// The default of the field. Handlers see it only through
    /// [`Fields::with_defaults`](super::Fields::with_defaults), because a write
    /// to an existing object must tell which fields were given.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Marks the field as required. As in Go, this is for documents: the
    /// handler refuses a request without it.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Marks the field as deprecated.
    #[must_use]
    pub const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Marks the field as a query parameter, for requests without a body.
    #[must_use]
    pub const fn query(mut self) -> Self {
        self.query = true;
        self
    }

    /// The accepted values. As in Go, this is for documents: the handler
    /// refuses other values.
    #[must_use]
    pub fn allowed_values<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.allowed = values.into_iter().map(Into::into).collect();
        self
    }

    /// Marks the value as sensitive for user interfaces.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.display.get_or_insert_default().sensitive = true;
        self
    }

    /// Sets the hints for user interfaces.
    #[must_use]
    pub fn display(mut self, display: Display) -> Self {
        self.display = Some(display);
        self
    }
}
