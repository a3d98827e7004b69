//! The layout of lists.

use crate::{List, LiteralKind, Value};

use super::{Printer, indent, lines_of, literal, pad};

impl Printer {
    pub(super) fn list(&mut self, list: &List) -> String {
        if is_single_line(list) {
            return single_line(list);
        }
        let literals = list.values.iter().filter_map(|value| match value {
            Value::Literal(literal) => Some(literal.raw.len()),
            _ => None,
        });
        let longest = literals.max().unwrap_or_default();
        let mut out = "[\n".to_owned();
        let mut blank_before = false;
        for (index, value) in list.values.iter().enumerate() {
            let literal = match value {
                Value::Literal(literal) => Some(literal),
                _ => None,
            };
            let lead = literal.and_then(|literal| literal.lead.as_ref());
            if lead.is_some() && !blank_before && index > 0 {
                out.push('\n');
            }
            out.push_str(&indent(&lines_of(lead)));
            let printed = self.value(value);
            out.push_str(&indent(&printed));
            // The mark of a heredoc must stand alone on its line.
            if literal.is_some_and(|literal| matches!(literal.kind, LiteralKind::Heredoc(_))) {
                out.push('\n');
                out.push_str(&indent(","));
            } else {
                out.push(',');
            }
            if let Some(comments) = literal.and_then(|literal| literal.line.as_ref()) {
                pad(&mut out, longest.max(printed.len()), printed.len());
                out.extend(comments.iter().map(|comment| comment.text.as_str()));
            }
            out.push('\n');
            blank_before = lead.is_some() && index + 1 != list.values.len();
            if blank_before {
                out.push('\n');
            }
        }
        out.push(']');
        out
    }
}

/// Whether a list was written on one line and has nothing that needs a line.
pub(super) fn is_single_line(list: &List) -> bool {
    list.values.iter().all(|value| {
        let Value::Literal(literal) = value else {
            return false;
        };
        let heredoc = matches!(literal.kind, LiteralKind::Heredoc(_));
        literal.position.line == list.position.line
            && literal.line.is_none()
            && !(heredoc && list.values.len() != 1)
    })
}

fn single_line(list: &List) -> String {
    let mut out = "[".to_owned();
    for (index, value) in list.values.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if let Value::Literal(value) = value {
            out.push_str(&literal(value));
            if matches!(value.kind, LiteralKind::Heredoc(_)) {
                out.push('\n');
            }
        }
    }
    out.push(']');
    out
}
