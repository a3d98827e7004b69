//! What the screen shows, as lines of text: a function of what was measured, of the
//! size of the terminal and of whether it has colours. Drawing is the program's.

mod axis;
mod errors;
mod heat;
mod histogram;
mod line;

use std::fmt::Write as _;

pub use self::axis::Axis;
use self::line::Line;
use super::duration::shown;
use super::record::Record;
use super::run::Progress;

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// What the larger part of the screen shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tab {
    /// Slapper's histogram of the last ten seconds.
    #[default]
    Histogram,
    /// Latencies over time.
    Heat,
    /// Errors by class.
    Errors,
}

impl Tab {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Histogram => Self::Heat,
            Self::Heat => Self::Errors,
            Self::Errors => Self::Histogram,
        }
    }
}

/// The smallest terminal with a histogram.
pub const SMALLEST: Size = Size {
    columns: 40,
    rows: 7,
};

/// What is shown.
#[derive(Debug, Clone, Copy)]
pub struct View<'r> {
    /// Where the test is.
    pub progress: Progress,
    /// Requests that were sent in the last second.
    pub rate: u64,
    /// What was measured.
    pub record: &'r Record,
    /// Which part of it.
    pub tab: Tab,
    /// The latencies of the first and the last row.
    pub axis: Axis,
    /// Whether the terminal has colours.
    pub coloured: bool,
}

/// The lines of the screen: not more than it has, and none longer than it is wide.
pub fn frame(view: &View<'_>, size: Size) -> Vec<String> {
    let mut lines = vec![status(view), quantiles(view)];
    if size.columns >= SMALLEST.columns && size.rows >= SMALLEST.rows {
        lines.extend(match view.tab {
            Tab::Histogram => histogram::rows(view, size),
            Tab::Heat => heat::rows(view, size),
            Tab::Errors => errors::rows(view, size),
        });
        lines.push(Line::default().text("q end  r reset  k/j rate  tab view"));
    } else {
        let smallest = format!("40x7 at least, not {}x{}", size.columns, size.rows);
        lines.push(Line::default().text(&smallest));
    }
    lines.truncate(usize::from(size.rows));
    let columns = usize::from(size.columns);
    lines
        .iter()
        .map(|line| line.render(columns, view.coloured))
        .collect()
}

/// Slapper's status line.
fn status(view: &View<'_>) -> Line {
    let Progress {
        sent,
        in_flight,
        rate,
        ..
    } = view.progress;
    let mut line = Line::default()
        .text(&format!("sent: {sent:<6} in-flight: {in_flight:<2} "))
        .in_colour(line::CYAN, &format!("rate: {:4}/{rate:.0} RPS ", view.rate))
        .text("responses: ");
    let total = &view.record.total;
    for (status, count) in &total.statuses {
        let colour = if (200..300).contains(status) {
            line::GREEN
        } else {
            line::RED
        };
        line = line.in_colour(colour, &format!("[{status}]: {count:<6} "));
    }
    let answered: u64 = total.statuses.values().sum();
    let failed = total.counts.sum().saturating_sub(answered);
    if failed > 0 {
        line = line.in_colour(line::RED, &format!("[no answer]: {failed:<6} "));
    }
    line
}

/// What planned time adds.
fn quantiles(view: &View<'_>) -> Line {
    let of = |part| {
        let found = view.record.window.quantile(part);
        found.map_or_else(|| "-".to_owned(), shown)
    };
    let mut text = format!("10 s: p50 {} p99 {}", of(0.5), of(0.99));
    let (late, waiting) = (view.record.late, view.progress.waiting());
    if late > 0 || waiting > 0 {
        let _ = write!(text, "  late starts {late}, waiting {waiting}");
    }
    Line::default().text(&text)
}

/// One line for each second, where there is no terminal.
pub fn plain(view: &View<'_>) -> String {
    let Progress {
        now,
        sent,
        in_flight,
        rate,
        ..
    } = view.progress;
    let of = |part| {
        let found = view.record.window.quantile(part);
        found.map_or_else(|| "-".to_owned(), shown)
    };
    let counts = view.record.total.counts;
    format!(
        "{:.0}s sent {sent} in-flight {in_flight} rate {}/{rate:.0} good {} bad {} late {} \
         10s-p50 {} 10s-p99 {}",
        now.as_secs_f64(),
        view.rate,
        counts.good,
        counts.bad,
        view.record.late,
        of(0.5),
        of(0.99),
    )
}

#[cfg(test)]
mod tests;
