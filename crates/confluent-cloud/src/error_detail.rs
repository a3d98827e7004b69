//! What the body of an error answer says, in the five shapes that Confluent's
//! APIs have.
//!
//! They are tried in this order: `errors[]` (most of the control plane),
//! `error_code` with `message` (Kafka REST and a few others), a nested `error`
//! (Connect, Metrics, and the newer standard), a bare `message`, and HTML or
//! text. Only a short, printable part of the service's words is kept.

use serde_json::Value;

use crate::credentials::Hidden;

/// How many characters of the service's own words are kept.
pub(crate) const DETAIL_LIMIT: usize = 300;

/// What a body says.
#[derive(Default)]
pub(crate) struct ErrorDetail {
    pub(crate) code: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) request_id: Option<String>,
    /// Whether it is JSON of a shape that Confluent uses and hardly anybody
    /// else: one of the first three.
    pub(crate) is_confluents: bool,
}

impl ErrorDetail {
    /// Reads a body, and leaves out what repeats something `hidden`.
    pub(crate) fn read(body: &[u8], hidden: &Hidden) -> Self {
        let read = match serde_json::from_slice::<Value>(body) {
            Ok(json) => Self::of_json(&json),
            Err(_) => Self::of_text(&String::from_utf8_lossy(body)),
        };
        let shown = |text: Option<String>| {
            text.filter(|text| !hidden.appears_in(text))
                .map(|text| printable(&text))
                .filter(|text| !text.is_empty())
        };
        Self {
            code: shown(read.code),
            detail: shown(read.detail),
            request_id: shown(read.request_id),
            is_confluents: read.is_confluents,
        }
    }

    fn of_json(json: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let member = |object: &Value, names: &[&str]| {
            names
                .iter()
                .find_map(|name| object.get(name).and_then(text))
        };
        if let Some(first) = json.pointer("/errors/0") {
            return Self {
                code: member(first, &["code"]),
                detail: member(first, &["detail", "message", "title"]),
                request_id: member(first, &["id"]),
                // Vault's are texts.
                is_confluents: ["status", "code", "detail", "title"]
                    .iter()
                    .any(|name| first.get(name).is_some_and(Value::is_string)),
            };
        }
        if json.get("error_code").is_some() {
            return Self {
                code: member(json, &["error_code"]),
                detail: member(json, &["message"]),
                request_id: None,
                is_confluents: json.get("error_code").is_some_and(Value::is_number),
            };
        }
        match json.get("error") {
            Some(nested @ Value::Object(_)) => Self {
                code: member(nested, &["code"]),
                detail: member(nested, &["message"]),
                request_id: member(json, &["requestId"]),
                is_confluents: nested.get("code").is_some() && nested.get("message").is_some(),
            },
            _ => Self {
                detail: member(json, &["message", "error"]),
                ..Self::default()
            },
        }
    }

    /// Reads the title of HTML, or the beginning of any other text.
    fn of_text(text: &str) -> Self {
        let title = text
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"))
            .map(|(title, _)| title);
        // Broken JSON may hold anything, a new secret too.
        let is_markup = text.trim_start().starts_with(['<', '{', '[', '"']);
        let detail = match title {
            Some(title) => Some(title.to_owned()),
            None if is_markup => None,
            None => Some(text.to_owned()),
        };
        Self {
            detail,
            ..Self::default()
        }
    }
}

/// The text on one line, without control characters, and not too long.
fn printable(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .chars()
        .filter(|c| !c.is_control())
        .take(DETAIL_LIMIT)
        .collect()
}
