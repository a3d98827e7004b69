//! The tree that a text is read into.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::{Error, Position};

/// A whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its items.
    pub body: Body,
    pub(crate) comments: Vec<CommentGroup>,
}

/// Items in the order in which they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// The items.
    pub items: Vec<Item>,
}

/// `key = value`, or a block `key "label" { ... }`.
///
/// JSON has the same shape: `{"path": {"a": {...}, "b": {...}}}` is read as the
/// two blocks `path "a" {...}` and `path "b" {...}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key, followed by the labels of a block. There is at least one, and
    /// no more than [`MAX_KEYS`](crate::MAX_KEYS).
    pub keys: Vec<Key>,
    /// Where the `=` (or the `:` of JSON) is, if there is one.
    pub assign: Option<Position>,
    /// What it is set to.
    pub value: Value,
    pub(crate) lead: Option<CommentGroup>,
    pub(crate) line: Option<CommentGroup>,
}

/// A key or a label. In JSON, blocks below one key share its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its text, without quotes and escapes.
    pub name: Arc<str>,
    /// Where it begins.
    pub position: Position,
    pub(crate) raw: Arc<str>,
}

/// What an item is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A single value.
    Literal(Literal),
    /// `[...]`
    List(List),
    /// `{...}`
    Object(Object),
}

/// A single value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// The value.
    pub kind: LiteralKind,
    /// Where it begins.
    pub position: Position,
    pub(crate) raw: String,
    pub(crate) lead: Option<CommentGroup>,
    pub(crate) line: Option<CommentGroup>,
}

/// The kinds of single values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiteralKind {
    /// `true` or `false`.
    Bool(bool),
    /// Digits as they are written: decimal, `0x1F` or octal `017`. They may be
    /// no number, or too large for one: see [`Literal::integer`].
    Number(String),
    /// A number with a fraction or an exponent, as it is written.
    Float(String),
    /// A string without its quotes and escapes.
    String(String),
    /// The lines of a `<<EOF` text.
    Heredoc(String),
    /// `null`, in JSON only.
    Null,
}

/// `[...]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The elements.
    pub values: Vec<Value>,
    /// Where the bracket is.
    pub position: Position,
}

/// `{...}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What is between the braces.
    pub body: Body,
    /// Where the opening brace is.
    pub position: Position,
    pub(crate) end: Position,
}

/// Comments with nothing between them.
pub(crate) type CommentGroup = Vec<Comment>;

/// One comment, with its `#`, `//` or `/* */`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) position: Position,
}

impl Document {
    /// Whether two texts say the same, with whatever layout and comments.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.body.says_the_same(&other.body)
    }
}

impl Item {
    fn says_the_same(&self, other: &Self) -> bool {
        let names = self.keys.iter().map(|key| &key.name);
        names.eq(other.keys.iter().map(|key| &key.name)) && self.value.says_the_same(&other.value)
    }
}

impl Value {
    fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(other)) => one.kind == other.kind,
            (Self::List(one), Self::List(other)) => {
                let mut values = one.values.iter().zip(&other.values);
                one.values.len() == other.values.len()
                    && values.all(|(one, other)| one.says_the_same(other))
            }
            (Self::Object(one), Self::Object(other)) => one.body.says_the_same(&other.body),
            _ => false,
        }
    }

    /// Where it begins.
    pub fn position(&self) -> Position {
        match self {
            Self::Literal(literal) => literal.position,
            Self::List(list) => list.position,
            Self::Object(object) => object.position,
        }
    }

    /// What it is, as an error names it.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Literal(literal) => match literal.kind {
                LiteralKind::Bool(_) => "a boolean",
                LiteralKind::Number(_) | LiteralKind::Float(_) => "a number",
                LiteralKind::String(_) | LiteralKind::Heredoc(_) => "a string",
                LiteralKind::Null => "null",
            },
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl Literal {
    /// The text of a string. An integer counts as the text that it is written
    /// as, which is how Vault reads `name = 5`.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            LiteralKind::String(text) | LiteralKind::Heredoc(text) | LiteralKind::Number(text) => {
                Some(text)
            }
            LiteralKind::Bool(_) | LiteralKind::Float(_) | LiteralKind::Null => None,
        }
    }

    /// The value of a number without fraction, or of a string that is one.
    /// `0x`, `0o`, `0b` and a leading `0` say the base, as in Go.
    pub fn integer(&self) -> Option<i64> {
        match &self.kind {
            LiteralKind::Number(text) | LiteralKind::String(text) => integer(text),
            _ => None,
        }
    }
}

fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

impl Body {
    /// The first key that an object sets again with `=`, at any depth. OpenBao's
    /// server merges the two, its `policy fmt` and newer releases of Vault
    /// refuse them.
    pub fn repeated_key(&self) -> Option<&Key> {
        let mut texts = Texts::default();
        let mut seen = HashSet::new();
        for item in &self.items {
            if let Some(key) = repeated_in(&item.value) {
                return Some(key);
            }
            let key = item.keys.first()?;
            // In JSON, blocks with different labels are below one key.
            let keys: Vec<usize> = item.keys.iter().map(|key| texts.number(key)).collect();
            if item.assign.is_some() && !seen.insert(keys) {
                return Some(key);
            }
        }
        None
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let mut items = self.items.iter().zip(&other.items);
        self.items.len() == other.items.len() && items.all(|(one, other)| one.says_the_same(other))
    }

    /// An error at the first key that is set twice.
    pub(crate) fn refuse_repeated_keys(&self) -> Result<(), Error> {
        let Some(key) = self.repeated_key() else {
            return Ok(());
        };
        let problem = format!("`{}` is set twice: remove one of the two", key.name);
        Err(Error::new(key.position, problem))
    }
}

/// Numbers that are equal where texts of keys are. A text that blocks share is
/// looked at once.
#[derive(Default)]
struct Texts<'a> {
    by_address: HashMap<*const u8, usize>,
    by_text: HashMap<&'a str, usize>,
}

impl<'a> Texts<'a> {
    fn number(&mut self, key: &'a Key) -> usize {
        let next = self.by_text.len();
        let by_text = &mut self.by_text;
        let address = self.by_address.entry(key.raw.as_ptr());
        *address.or_insert_with(|| *by_text.entry(&key.raw).or_insert(next))
    }
}

fn repeated_in(value: &Value) -> Option<&Key> {
    match value {
        Value::Literal(_) => None,
        Value::List(list) => list.values.iter().find_map(repeated_in),
        Value::Object(object) => object.body.repeated_key(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_in_the_base_that_they_say() {
        for (text, value) in [
            ("5", Some(5)),
            ("-5", Some(-5)),
            ("0x1F", Some(31)),
            ("017", Some(15)),
            ("0", Some(0)),
            ("08", None),
            ("0x", None),
            ("--5", None),
            ("x", None),
            ("", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
        ] {
            assert_eq!(integer(text), value, "{text}");
        }
    }

    #[test]
    fn a_repeated_key_is_found_at_any_depth_and_blocks_may_repeat() {
        let repeated = |text: &str| {
            let document = crate::parse(text).unwrap();
            document.body.repeated_key().map(|key| key.position.column)
        };
        assert_eq!(repeated("a = 1, b = 2, a = 3"), Some(15));
        assert_eq!(repeated("p \"x\" { l = [{ a = 1, a = 2 }] }"), Some(23));
        assert_eq!(repeated("p \"x\" {} p \"x\" {}"), None);
        assert_eq!(repeated(r#"{"p": {"x": {"a": 1}, "y": {"a": 1}}}"#), None);
    }
}
