//! Errors by their class.

use super::line::{Line, RED};
use super::{Size, View};
use crate::load::record::Class;

/// A line for each class; those that occurred are red.
pub(super) fn rows(view: &View<'_>, size: Size) -> Vec<Line> {
    let total = &view.record.total;
    let most = usize::from(size.rows.saturating_sub(3));
    let found = |class: &Class| total.classes.get(class).copied().unwrap_or(0);
    let mut classes = Class::ALL;
    if most < classes.len() {
        // What does not fit is what has not occurred.
        classes.sort_by_key(|class| std::cmp::Reverse(found(class)));
    }
    classes
        .iter()
        .take(most)
        .map(|class| {
            let count = found(class);
            let text = format!("{:>18} {count:>9}", class.name());
            if count > 0 {
                Line::default().in_colour(RED, &text)
            } else {
                Line::default().text(&text)
            }
        })
        .collect()
}
