//! Slapper's histogram: a row for each span of latencies, with the answers of the
//! last ten seconds.

use super::line::{GREEN, Line, PALETTE, RED};
use super::{Size, View, axis};
use crate::load::record::Counts;

/// Lines that are not rows: status, quantiles and keys.
const OTHER_LINES: u16 = 3;
/// Characters before the bar: `<label> ms: [<good>/<bad>] `.
const BEFORE_BAR: usize = 31;

/// The rows.
pub(super) fn rows(view: &View<'_>, size: Size) -> Vec<Line> {
    let bounds = view.axis.bounds(size.rows - OTHER_LINES);
    let counts = counts(view, &bounds);
    let longest = counts.iter().map(|counts| counts.sum()).max().unwrap_or(0);
    let width = usize::from(size.columns) - BEFORE_BAR;
    let labels = axis::labels(&bounds);
    let last = labels.len().saturating_sub(1).max(1);
    labels
        .iter()
        .zip(&counts)
        .enumerate()
        .map(|(row, (label, counts))| {
            let colour = PALETTE[row * (PALETTE.len() - 1) / last];
            let bad = "E".repeat(bar(counts.bad, longest, width));
            let good = "*".repeat(bar(counts.good, longest, width));
            Line::default()
                .text(&format!("{label:>10} ms: ["))
                .in_colour(GREEN, &format!("{:6}", counts.good))
                .text("/")
                .in_colour(RED, &format!("{:6}", counts.bad))
                .text("] ")
                .in_colour(colour, &format!("{bad}{good}"))
        })
        .collect()
}

/// What the rows with these upper ends hold, and the last row without one.
fn counts(view: &View<'_>, bounds: &[f64]) -> Vec<Counts> {
    let mut rows = vec![Counts::default(); bounds.len() + 1];
    for (latency, counts) in view.record.window.latencies() {
        let milliseconds = latency.as_secs_f64() * 1e3;
        let row = &mut rows[bounds.partition_point(|end| *end <= milliseconds)];
        row.good += counts.good;
        row.bad += counts.bad;
    }
    rows
}

/// The length of a bar: the longest row fills the width.
fn bar(count: u64, longest: u64, width: usize) -> usize {
    let product = u128::from(count) * width as u128;
    usize::try_from(product / u128::from(longest.max(1))).unwrap_or(width)
}
