//! Bodies of requests. Of what Confluent Cloud documents, every member is
//! either carried out or refused by name; a member that it does not know is
//! ignored, as Confluent ignores it.

use serde_json::Value;

use crate::Refusal;

/// A JSON object, whatever the content type says.
pub(super) struct Body(Value);

impl Body {
    /// Reads a body.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(bytes)
            .ok()
            .filter(Value::is_object)
            .map(Self)
            .ok_or_else(Refusal::not_json)
    }

    /// A text; null means the same as absent.
    pub(super) fn text(&self, pointer: &'static str) -> Result<Option<String>, Refusal> {
        match self.member(pointer) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Refusal::member(
                pointer,
                format!("{pointer} is not a string"),
            )),
        }
    }

    /// A text that must be there and not empty.
    pub(super) fn required(&self, pointer: &'static str) -> Result<String, Refusal> {
        self.filled(pointer)?
            .ok_or_else(|| Refusal::member(pointer, format!("{pointer} is required")))
    }

    /// A text that may be absent but not empty.
    pub(super) fn not_empty(&self, pointer: &'static str) -> Result<Option<String>, Refusal> {
        match self.text(pointer)? {
            Some(text) if text.is_empty() => {
                Err(Refusal::member(pointer, format!("{pointer} is empty")))
            }
            text => Ok(text),
        }
    }

    /// A text; an empty one means the same as none, since the vendor's clients
    /// send empty texts for what they leave out.
    pub(super) fn filled(&self, pointer: &'static str) -> Result<Option<String>, Refusal> {
        Ok(self.text(pointer)?.filter(|text| !text.is_empty()))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, pointer: &'static str) -> Result<Option<bool>, Refusal> {
        match self.member(pointer) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Refusal::member(
                pointer,
                format!("{pointer} is not a boolean"),
            )),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn number(&self, pointer: &'static str) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.member(pointer) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number
            .map(Some)
            .ok_or_else(|| Refusal::member(pointer, format!("{pointer} is not a whole number")))
    }

    /// One of several words, in any case.
    pub(super) fn one_of<T: Copy>(
        &self,
        pointer: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = self.filled(pointer)? else {
            return Ok(None);
        };
        let mut known = words.iter();
        let found = known.find(|(word, _)| word.eq_ignore_ascii_case(&text));
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            Refusal::value(pointer, &text, &format!("use one of {}", all.join(", ")))
        })
    }

    /// Refuses members that Confluent Cloud knows and the simulator does not
    /// carry out.
    pub(super) fn refuse(&self, pointers: &[&'static str]) -> Result<(), Refusal> {
        self.first_asked(pointers)
            .map_or(Ok(()), |pointer| Err(Refusal::not_simulated(pointer)))
    }

    /// Refuses members that Confluent Cloud sets by itself.
    pub(super) fn refuse_read_only(&self, pointers: &[&'static str]) -> Result<(), Refusal> {
        self.first_asked(pointers)
            .map_or(Ok(()), |pointer| Err(Refusal::read_only(pointer)))
    }

    /// Refuses to change a member: a value that is sent must be the present one.
    pub(super) fn unchanged(&self, pointer: &'static str, present: &str) -> Result<(), Refusal> {
        match self.member(pointer) {
            Some(value) if asks(value) && value != present => Err(Refusal::immutable(pointer)),
            _ => Ok(()),
        }
    }

    fn first_asked(&self, pointers: &[&'static str]) -> Option<&'static str> {
        let mut pointers = pointers.iter().copied();
        pointers.find(|pointer| self.member(pointer).is_some_and(asks))
    }

    fn member(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer).filter(|value| !value.is_null())
    }
}

/// Whether a value asks for anything. Generated clients send members that they
/// leave out as empty texts, also inside of objects.
fn asks(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => members.values().any(asks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        Body::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn members_that_are_left_out_in_any_form_ask_for_nothing() {
        for text in [
            "{}",
            r#"{"network":null}"#,
            r#"{"network":""}"#,
            r#"{"network":{"id":"","related":""}}"#,
            r#"{"network":[]}"#,
        ] {
            assert_eq!(body(text).refuse(&["/network"]), Ok(()), "{text}");
        }
        let refused = body(r#"{"network":{"id":"n-1"}}"#).refuse(&["/byok", "/network"]);
        let refused = refused.unwrap_err();
        assert!(refused.detail.contains("`network`"), "{}", refused.detail);
        assert_eq!(refused.status, 400);
    }

    #[test]
    fn a_word_is_known_in_any_case_or_named_with_the_known_ones() {
        let words = [("LOW", 1), ("HIGH", 2)];
        assert_eq!(body(r#"{"a":"low"}"#).one_of("/a", &words), Ok(Some(1)));
        let refused = body(r#"{"a":"odd"}"#).one_of("/a", &words).unwrap_err();
        assert!(refused.detail.contains("`odd`: use one of LOW, HIGH"));
    }

    #[test]
    fn a_member_that_cannot_change_may_be_repeated() {
        let body = body(r#"{"owner":{"id":"sa-1"}}"#);
        assert_eq!(body.unchanged("/owner/id", "sa-1"), Ok(()));
        assert_eq!(body.unchanged("/other", "x"), Ok(()));
        assert!(body.unchanged("/owner/id", "sa-2").is_err());
    }

    #[test]
    fn numbers_and_flags_have_their_types() {
        let body = body(r#"{"n":3,"f":true,"t":"x"}"#);
        assert_eq!(body.number("/n"), Ok(Some(3)));
        assert_eq!(body.flag("/f"), Ok(Some(true)));
        assert!(body.number("/t").is_err() && body.flag("/t").is_err());
        assert!(body.number("/f").is_err() && body.flag("/n").is_err());
    }
}
