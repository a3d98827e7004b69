//! The comments that belong to no item, found by where they are.

use crate::ast::{Comment, CommentGroup};
use crate::{Body, Document, Value};

/// Comments in the order of the text, each with the number of its group.
pub(super) struct Comments(Vec<(usize, Comment)>);

impl Comments {
    /// The groups of a document that are attached to nothing.
    pub(super) fn standalone(document: &Document) -> Self {
        let mut attached = Vec::new();
        collect(&document.body, &mut attached);
        attached.sort_unstable();
        let groups = document.comments.iter().filter(|group| {
            let first = group.first().map_or(0, |comment| comment.position.offset);
            attached.binary_search(&first).is_err()
        });
        let numbered = groups.enumerate().flat_map(|(number, group)| {
            let comments = group.iter().cloned();
            comments.map(move |comment| (number, comment))
        });
        Self(numbered.collect())
    }

    /// The comments strictly between two offsets, by group.
    pub(super) fn between(&self, after: Option<usize>, before: usize) -> Vec<CommentGroup> {
        let start = after.map_or(0, |after| {
            self.0
                .partition_point(|(_, comment)| comment.position.offset <= after)
        });
        let mut groups: Vec<CommentGroup> = Vec::new();
        let mut last = None;
        let due = self.0[start..]
            .iter()
            .take_while(|(_, comment)| comment.position.offset < before);
        for (number, comment) in due {
            if last != Some(*number) {
                groups.push(Vec::new());
                last = Some(*number);
            }
            if let Some(group) = groups.last_mut() {
                group.push(comment.clone());
            }
        }
        groups
    }
}

fn collect(body: &Body, attached: &mut Vec<usize>) {
    for item in &body.items {
        add(item.lead.as_ref(), attached);
        add(item.line.as_ref(), attached);
        collect_value(&item.value, attached);
    }
}

fn collect_value(value: &Value, attached: &mut Vec<usize>) {
    match value {
        Value::Literal(literal) => {
            add(literal.lead.as_ref(), attached);
            add(literal.line.as_ref(), attached);
        }
        Value::List(list) => {
            for value in &list.values {
                collect_value(value, attached);
            }
        }
        Value::Object(object) => collect(&object.body, attached),
    }
}

fn add(group: Option<&CommentGroup>, attached: &mut Vec<usize>) {
    let first = group.and_then(|group| group.first());
    attached.extend(first.map(|comment| comment.position.offset));
}
