//! A tree of values, each with the place where it stands.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use zeroize::Zeroize as _;

use crate::configuration::place::{Place, Problem};

/// A value of a file.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) place: Place,
    /// Whether it was read from the environment or from another file, and may
    /// therefore be a secret.
    pub(crate) is_outside: bool,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let (true, Content::Text(text)) = (self.is_outside, &mut self.content) {
            text.zeroize();
        }
    }
}

/// What a value is.
#[derive(Clone)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn problem(&self, text: impl Into<String>) -> Problem {
        self.place.problem(text)
    }

    /// The members of a map.
    pub(crate) fn members(&self, what: &str) -> Result<&[(String, Node)], Problem> {
        match &self.content {
            Content::Map(members) => Ok(members),
            Content::Null => Ok(&[]),
            other => Err(self.problem(format!("{what} must be a map, not {}", other.word()))),
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self, what: &str) -> Result<&[Node], Problem> {
        match &self.content {
            Content::List(items) => Ok(items),
            Content::Null => Ok(&[]),
            other => Err(self.problem(format!("{what} must be a list, not {}", other.word()))),
        }
    }

    /// A text; numbers are taken as they are written.
    pub(crate) fn text(&self, what: &str) -> Result<String, Problem> {
        match &self.content {
            Content::Text(text) => Ok(text.clone()),
            Content::Number(number) => Ok(number.to_string()),
            other => Err(self.problem(format!("{what} must be text, not {}", other.word()))),
        }
    }

    /// True or false, also as text.
    pub(crate) fn flag(&self, what: &str) -> Result<bool, Problem> {
        match &self.content {
            Content::Bool(flag) => Ok(*flag),
            Content::Text(text) if text == "true" => Ok(true),
            Content::Text(text) if text == "false" => Ok(false),
            other => {
                let word = other.word();
                Err(self.problem(format!("{what} must be true or false, not {word}")))
            }
        }
    }

    /// The value as the API takes it.
    pub(crate) fn json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(flag) => Value::Bool(*flag),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Node::json).collect(),
            Content::Map(members) => {
                let members = members.iter().map(|(key, node)| (key.clone(), node.json()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// Whether this value, or one within, was read from outside of the file.
    pub(crate) fn has_outside(&self) -> bool {
        self.is_outside
            || match &self.content {
                Content::List(items) => items.iter().any(Node::has_outside),
                Content::Map(members) => members.iter().any(|(_, node)| node.has_outside()),
                _ => false,
            }
    }
}

impl Content {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} at {})", self.content.word(), self.place)
    }
}

/// A tree as the parser fills it: it knows lines, and not yet the file.
pub(super) struct Parsed(Spanned<Bare>);

enum Bare {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Parsed>),
    Map(Vec<(String, Parsed)>),
}

impl Parsed {
    pub(super) fn in_file(self, file: &Arc<str>) -> Node {
        let line = self.0.referenced.line();
        let content = match self.0.value {
            Bare::Null => Content::Null,
            Bare::Bool(flag) => Content::Bool(flag),
            Bare::Number(number) => Content::Number(number),
            Bare::Text(text) => Content::Text(text),
            Bare::List(items) => {
                Content::List(items.into_iter().map(|item| item.in_file(file)).collect())
            }
            Bare::Map(members) => {
                let members = members.into_iter();
                Content::Map(
                    members
                        .map(|(key, item)| (key, item.in_file(file)))
                        .collect(),
                )
            }
        };
        Node {
            content,
            place: Place::new(file, line),
            is_outside: false,
        }
    }
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Bare;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Bare, E> {
        Ok(Bare::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Bare, E> {
        Ok(Bare::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Bare, E> {
        Ok(Bare::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Bare, E> {
        let number = Number::from_f64(value);
        number
            .map(Bare::Number)
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Bare, E> {
        Ok(Bare::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Bare, E> {
        Ok(Bare::Text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Bare, E> {
        Ok(Bare::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Bare, E> {
        Ok(Bare::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bare, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bare, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Bare::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Bare, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            map.push((key, members.next_value()?));
        }
        Ok(Bare::Map(map))
    }
}
