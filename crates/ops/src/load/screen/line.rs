//! A line of text with colours, cut at the width of the screen.

use std::fmt::Write as _;

pub(super) const GREEN: u8 = 34;
pub(super) const RED: u8 = 196;
pub(super) const CYAN: u8 = 51;

/// From green to red, in the colours of terminals with 256 of them.
pub(super) const PALETTE: [u8; 12] = [46, 82, 118, 154, 190, 226, 220, 214, 208, 202, 197, 196];

/// Pieces of text, each in a colour or none.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Vec<(Option<u8>, String)>);

impl Line {
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.push((None, text.to_owned()));
        self
    }

    pub(super) fn in_colour(mut self, colour: u8, text: &str) -> Self {
        self.0.push((Some(colour), text.to_owned()));
        self
    }

    /// The first `columns` characters.
    pub(super) fn render(&self, columns: usize, coloured: bool) -> String {
        let mut left = columns;
        let mut rendered = String::new();
        for (colour, text) in &self.0 {
            let part: String = text.chars().take(left).collect();
            left -= part.chars().count();
            match colour.filter(|_| coloured && !part.is_empty()) {
                Some(colour) => {
                    let _ = write!(rendered, "\x1b[38;5;{colour}m{part}\x1b[0m");
                }
                None => rendered.push_str(&part),
            }
        }
        rendered.trim_end().to_owned()
    }
}
