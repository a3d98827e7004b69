//! What the body of a refusal says, in the five shapes that Confluent's APIs
//! have.
//!
//! They are told apart in this order: `errors[]` (most of the control plane),
//! `error_code` with `message` (Kafka REST and a few others), a nested `error`
//! (Connect, Metrics, and the newer standard), a bare `message`, and HTML or
//! text. Of what the service says only a short, printable part is kept.

use serde_json::Value;

use crate::credentials::Hidden;

/// How much of the service's own words is kept.
pub(crate) const DETAIL_LIMIT: usize = 300;

/// What a body says.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) code: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl Told {
    /// What is told, without what repeats something `hidden`.
    pub(crate) fn read(body: &[u8], hidden: &Hidden) -> Self {
        let told = match serde_json::from_slice::<Value>(body) {
            Ok(json) => Self::of_json(&json),
            Err(_) => Self::of_text(&String::from_utf8_lossy(body)),
        };
        let shown = |text: Option<String>| {
            text.filter(|text| !hidden.appears_in(text))
                .map(|text| printable(&text))
                .filter(|text| !text.is_empty())
        };
        Self {
            code: shown(told.code),
            detail: shown(told.detail),
            request_id: shown(told.request_id),
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
            };
        }
        if json.get("error_code").is_some() {
            return Self {
                code: member(json, &["error_code"]),
                detail: member(json, &["message"]),
                request_id: None,
            };
        }
        match json.get("error") {
            Some(nested @ Value::Object(_)) => Self {
                code: member(nested, &["code"]),
                detail: member(nested, &["message"]),
                request_id: member(json, &["requestId"]),
            },
            _ => Self {
                code: None,
                detail: member(json, &["message", "error"]),
                request_id: None,
            },
        }
    }

    /// Of HTML only the title, of other text the beginning.
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
