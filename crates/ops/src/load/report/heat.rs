//! The heat map as SVG: time across, response time upward on a log scale. The
//! darker a cell, the more answers; it needs no colour.

use std::fmt::Write as _;

use crate::load::duration::shown;
use crate::load::record::{Timeline, latency_of};

const WIDTH: f64 = 900.0;
const ROW: f64 = 14.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 40.0;

/// The map, or nothing when there was no answer.
pub(super) fn svg(timeline: &Timeline) -> String {
    let columns = &timeline.columns;
    let used = |row: &usize| columns.iter().any(|column| column.rows[*row] > 0);
    let rows = columns.first().map_or(0, |column| column.rows.len());
    let (Some(lowest), Some(highest)) = ((0..rows).find(used), (0..rows).rev().find(used)) else {
        return String::new();
    };
    let count = number(columns.len());
    let cell = WIDTH / count;
    let height = ROW * number(highest - lowest + 1);
    let most = columns.iter().flat_map(|column| column.rows).max();
    let most = f64::from(most.unwrap_or(1).max(1));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"response times over time\">\n",
        LEFT + WIDTH + 10.0,
        height + BOTTOM
    );
    for row in lowest..=highest {
        let y = height - ROW * number(row - lowest + 1);
        if (row - lowest) % 2 == 0 {
            let label = shown(latency_of(row));
            let baseline = y + ROW;
            let _ = writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"{baseline:.0}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0
            );
        }
        for (place, column) in columns.iter().enumerate() {
            let answers = column.rows[row];
            if answers == 0 {
                continue;
            }
            // A single answer is to be seen, too.
            let opacity = 0.15 + 0.85 * (f64::from(answers).ln_1p() / most.ln_1p());
            let _ = writeln!(
                svg,
                "<rect x=\"{:.1}\" y=\"{y:.0}\" width=\"{cell:.1}\" height=\"{ROW:.0}\" \
                 opacity=\"{opacity:.2}\"><title>{answers}</title></rect>",
                LEFT + cell * number(place)
            );
        }
    }
    errors(&mut svg, timeline, cell, height);
    let end = timeline.begin + timeline.width * u32::try_from(columns.len()).unwrap_or(u32::MAX);
    let ends = [(LEFT, "start", timeline.begin), (LEFT + WIDTH, "end", end)];
    for (x, anchor, at) in ends {
        let _ = writeln!(
            svg,
            "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{:.0} s</text>",
            height + BOTTOM - 4.0,
            at.as_secs_f64()
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A cross below each column with an error.
fn errors(svg: &mut String, timeline: &Timeline, cell: f64, height: f64) {
    for (place, column) in timeline.columns.iter().enumerate() {
        let bad = column.counts.bad;
        if bad > 0 {
            let _ = writeln!(
                svg,
                "<text class=\"bad\" x=\"{:.1}\" y=\"{:.0}\">×<title>{bad} errors</title></text>",
                LEFT + cell * number(place),
                height + 14.0
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "columns and rows are few")]
fn number(count: usize) -> f64 {
    count as f64
}
