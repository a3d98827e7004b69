//! A tree as YAML that people go on writing.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The text of a file. What begins an expression of ours is escaped.
pub(super) fn text(file: &Map<String, Value>) -> String {
    let mut text = String::new();
    members(&mut text, file, 0);
    text
}

fn members(text: &mut String, members: &Map<String, Value>, depth: usize) {
    // What names an object comes first.
    let rank = |name: &str| {
        let first = ["version", "owner", "name", "type", "path"];
        first
            .iter()
            .position(|known| *known == name)
            .unwrap_or(first.len())
    };
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_by_key(|(name, _)| (rank(name), (*name).clone()));
    for (name, value) in sorted {
        let _ = write!(text, "{}{}:", "  ".repeat(depth), key(name));
        self::value(text, value, depth);
    }
}

fn value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(inner) if !inner.is_empty() => {
            text.push('\n');
            members(text, inner, depth + 1);
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            text.push('\n');
            for item in items {
                let mut lines = String::new();
                if let Value::Object(inner) = item {
                    members(&mut lines, inner, depth + 2);
                }
                let indent = "  ".repeat(depth + 1);
                let first = lines.trim_start();
                let _ = write!(text, "{indent}- {first}");
            }
        }
        Value::String(block) if is_block(block) => {
            let end = if block.ends_with('\n') { "" } else { "-" };
            let _ = writeln!(text, " |{end}");
            for line in escaped(block).lines() {
                let indent = if line.is_empty() {
                    String::new()
                } else {
                    "  ".repeat(depth + 1)
                };
                let _ = writeln!(text, "{indent}{line}");
            }
        }
        // JSON is YAML.
        other => {
            let _ = writeln!(text, " {}", escaped(&other.to_string()));
        }
    }
}

/// Whether a text is read as it is from a block of lines.
fn is_block(text: &str) -> bool {
    text.trim_end().contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && !text.lines().any(|line| line.ends_with(' '))
        && !text.chars().any(|c| c.is_control() && c != '\n')
}

fn key(name: &str) -> String {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain && !name.is_empty() {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}

fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}
