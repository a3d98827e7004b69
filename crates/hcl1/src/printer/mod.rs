//! Prints a text in the one layout that `vault policy fmt` gives it.
//!
//! The layout is that of OpenBao 2.7.2 byte for byte, oddities included: an
//! empty block between aligned lines gets a `=`. One oddity is left out: where a
//! block begins with a comment of several lines, OpenBao joins them to one.

mod comments;
mod list;

use std::fmt::Write as _;

use crate::ast::{Comment, CommentGroup};
use crate::{Body, Error, Item, Literal, LiteralKind, Object, Value, parser};

use self::comments::Comments;

const INDENT: &str = "  ";
/// Stands at the beginning of lines that keep their indentation; the scanner
/// refuses texts with it.
const VERBATIM: char = '\u{e123}';
/// Where items end.
const INFINITY: usize = usize::MAX;

/// Formats a text in HCL. JSON is refused, and so is a key that is set twice.
pub fn format(text: &str) -> Result<String, Error> {
    let document = parser::parse(text)?;
    document.body.refuse_repeated_keys()?;
    let mut printer = Printer {
        comments: Comments::standalone(&document),
        printed_to: None,
    };
    let printed = printer.document(&document.body);
    Ok(unindent_verbatim(&printed) + "\n")
}

struct Printer {
    comments: Comments,
    /// The offset of what was printed last: comments after it are still due.
    printed_to: Option<usize>,
}

impl Printer {
    fn document(&mut self, body: &Body) -> String {
        let mut out = String::new();
        for (index, item) in body.items.iter().enumerate() {
            let due = self.comments.between(self.printed_to, offset(item));
            for group in due {
                for comment in group {
                    let _ = writeln!(out, "{}", comment.text);
                }
                out.push('\n');
            }
            self.printed_to = Some(offset(item));
            out.push_str(&self.item(item));
            if let Some(next) = body.items.get(index + 1) {
                out.push('\n');
                if line(next) != line(item) + 1 || !is_empty_block(item) || !is_empty_block(next) {
                    out.push('\n');
                }
            }
        }
        for group in self.comments.between(self.printed_to, INFINITY) {
            if self.printed_to.is_some() {
                out.push_str("\n\n");
            }
            for comment in group {
                let _ = writeln!(out, "{}", comment.text);
            }
        }
        out
    }

    fn item(&mut self, item: &Item) -> String {
        let mut out = lines_of(item.lead.as_ref());
        let same_line = item.value.position().line == line(item);
        if !same_line {
            out.push_str(&lines_of(item.line.as_ref()));
        }
        for key in &item.keys {
            out.push_str(&key.raw);
            out.push(' ');
        }
        if item.assign.is_some() {
            out.push_str("= ");
        }
        out.push_str(&self.value(&item.value));
        if same_line && let Some(comments) = &item.line {
            out.push(' ');
            out.extend(comments.iter().map(|comment| comment.text.as_str()));
        }
        out
    }

    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Literal(literal) => self::literal(literal),
            Value::List(list) => self.list(list),
            Value::Object(object) => self.object(object),
        }
    }

    fn object(&mut self, object: &Object) -> String {
        let items = &object.body.items;
        let end = object.end.offset;
        let mut out = "{".to_owned();
        let mut index = 0;
        let mut commented = false;
        let mut opened = false;
        loop {
            let next = items.get(index);
            let due = self
                .comments
                .between(self.printed_to, next.map_or(end, offset));
            for group in due {
                for (number, comment) in group.iter().enumerate() {
                    if !opened {
                        opened = true;
                        out.push('\n');
                    }
                    commented |= index > 0;
                    // A blank line before the group, or the end of the line.
                    if index > 0 || number > 0 {
                        out.push('\n');
                    }
                    out.push_str(&indent(&verbatim(&comment.text)));
                }
                out.push('\n');
                let last = group.last().map_or(0, |comment| comment.position.line);
                if next.is_some_and(|next| line(next) != last + 1) {
                    out.push('\n');
                }
            }
            if next.is_none() {
                self.printed_to = Some(end);
                break;
            }
            if !opened {
                opened = true;
                out.push('\n');
            }
            let first = index;
            index += self.aligned(items, first);
            if !commented && first > 0 {
                out.push('\n');
            }
            let printed = if index > first {
                let group = &items[first..index];
                self.printed_to = group.last().map(offset);
                self.aligned_items(group)
            } else {
                let item = &items[index];
                self.printed_to = Some(offset(item));
                index += 1;
                self.item(item)
            };
            out.push_str(&indent(&printed));
            out.push('\n');
        }
        out.push('}');
        out
    }

    /// How many items from `first` on are short and on adjacent lines.
    fn aligned(&mut self, items: &[Item], first: usize) -> usize {
        if items.len() == 1 {
            return 0;
        }
        let mut index = first;
        while let Some(item) = items.get(index) {
            if !self.is_short(item) {
                break;
            }
            let before_next = items
                .get(index + 1)
                .is_some_and(|next| line(item) + 1 == line(next));
            let after_previous = index
                .checked_sub(1)
                .is_some_and(|index| line(&items[index]) + 1 == line(item));
            if !before_next && !after_previous {
                break;
            }
            index += 1;
            if !before_next {
                break;
            }
        }
        index - first
    }

    /// Whether an item takes one line, or two with a comment above. What is in
    /// an object or a list of several lines need not be printed to know it.
    fn is_short(&mut self, item: &Item) -> bool {
        match &item.value {
            Value::Object(object) if !object.body.items.is_empty() => return false,
            Value::List(list) if !list::is_single_line(list) => return false,
            _ => {}
        }
        let printed_to = self.printed_to;
        let lines = self.item(item).matches('\n').count() + 1;
        self.printed_to = printed_to;
        lines <= 2
    }

    fn aligned_items(&mut self, items: &[Item]) -> String {
        let values: Vec<String> = items.iter().map(|item| self.value(&item.value)).collect();
        let key_width = items.iter().map(|item| item.keys[0].raw.len()).max();
        let value_width = values.iter().map(String::len).max().unwrap_or_default();
        let mut out = String::new();
        for (item, value) in items.iter().zip(&values) {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&lines_of(item.lead.as_ref()));
            for key in &item.keys {
                out.push_str(&key.raw);
                pad(&mut out, key_width.unwrap_or_default(), key.raw.len());
            }
            if item.keys.len() == 1 {
                out.push_str("= ");
            }
            out.push_str(value);
            if item.value.position().line == line(item)
                && let Some(comments) = &item.line
            {
                pad(&mut out, value_width, value.len());
                out.extend(comments.iter().map(|comment| comment.text.as_str()));
            }
        }
        out
    }
}

fn pad(out: &mut String, width: usize, used: usize) {
    out.extend(std::iter::repeat_n(' ', (width + 1).saturating_sub(used)));
}

fn literal(literal: &Literal) -> String {
    match literal.kind {
        LiteralKind::Heredoc(_) => verbatim(literal.raw.trim_end_matches('\n')),
        _ => verbatim(&literal.raw),
    }
}

fn is_empty_block(item: &Item) -> bool {
    let empty = matches!(&item.value, Value::Object(object) if object.body.items.is_empty());
    empty && item.lead.is_none() && item.assign.is_none()
}

fn offset(item: &Item) -> usize {
    item.keys[0].position.offset
}

fn line(item: &Item) -> usize {
    item.keys[0].position.line
}

fn lines_of(group: Option<&CommentGroup>) -> String {
    let comments = group.into_iter().flatten();
    comments.fold(String::new(), |mut out, comment: &Comment| {
        let _ = writeln!(out, "{}", comment.text);
        out
    })
}

/// Indents every line that is not empty.
fn indent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        if line != "\n" {
            out.push_str(INDENT);
        }
        out.push_str(line);
    }
    out
}

/// Marks all lines but the first, so that they keep their indentation.
fn verbatim(text: &str) -> String {
    let mut lines = text.split_inclusive('\n');
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        if line != "\n" {
            out.push(VERBATIM);
        }
        out.push_str(line);
    }
    out
}

/// Removes the marks, and the indentation before them.
fn unindent_verbatim(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        out.push_str(line.rsplit(VERBATIM).next().unwrap_or_default());
    }
    out
}
