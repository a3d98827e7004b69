//! Latencies over the whole test, coarse enough to be drawn: columns of time, rows
//! of latency on a log scale.

use std::time::Duration;

use super::Counts;

/// More columns than these are never kept: two become one, twice as wide.
pub(super) const MOST_COLUMNS: usize = 600;
/// Rows in each doubling of the latency.
const PER_DOUBLING: u32 = 2;
const ROWS: usize = 64;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Good answers, and others.
    pub counts: Counts,
    /// How many answers each row has, from the shortest latency.
    pub rows: [u32; ROWS],
}

impl Default for Column {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            rows: [0; ROWS],
        }
    }
}

/// The columns of a test.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// When the first one begins.
    pub begin: Duration,
    /// How much time each one has.
    pub width: Duration,
    /// From the beginning on.
    pub columns: Vec<Column>,
}

impl Timeline {
    pub(super) fn new(begin: Duration) -> Self {
        Self {
            begin,
            width: Duration::from_millis(250),
            columns: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, done: Duration, latency: Duration, good: bool) {
        let column = loop {
            let after = done.saturating_sub(self.begin).as_nanos() / self.width.as_nanos();
            match usize::try_from(after) {
                Ok(column) if column < MOST_COLUMNS => break column,
                _ => self.merge(),
            }
        };
        if self.columns.len() <= column {
            self.columns.resize_with(column + 1, Column::default);
        }
        let column = &mut self.columns[column];
        column.counts.add(good);
        column.rows[row_of(latency)] += 1;
    }

    fn merge(&mut self) {
        self.width *= 2;
        self.columns = self
            .columns
            .chunks(2)
            .map(|pair| {
                let mut sum = pair[0].clone();
                if let Some(other) = pair.get(1) {
                    sum.counts.good += other.counts.good;
                    sum.counts.bad += other.counts.bad;
                    for (row, count) in sum.rows.iter_mut().zip(other.rows) {
                        *row += count;
                    }
                }
                sum
            })
            .collect();
    }
}

fn row_of(latency: Duration) -> usize {
    let micros = latency.as_micros().clamp(1, 1 << 60);
    let doublings = micros.ilog2();
    // Half a doubling is a factor of √2, and its square is compared.
    let upper_half = micros * micros >= 1 << (2 * doublings + 1);
    let row = doublings * PER_DOUBLING + u32::from(upper_half);
    (row as usize).min(ROWS - 1)
}

/// The shortest latency of a row.
pub fn latency_of(row: usize) -> Duration {
    let doublings = f64::from(u32::try_from(row).unwrap_or(u32::MAX)) / f64::from(PER_DOUBLING);
    Duration::try_from_secs_f64(doublings.exp2() / 1e6).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_test_has_wider_columns_and_loses_no_answer() {
        let mut timeline = Timeline::new(Duration::ZERO);
        for second in 0..10_000 {
            let good = second % 10 > 0;
            timeline.add(Duration::from_secs(second), Duration::from_millis(3), good);
        }
        assert!(timeline.columns.len() <= MOST_COLUMNS);
        assert!(timeline.columns.len() > MOST_COLUMNS / 2 - 1);
        let bad: u64 = timeline
            .columns
            .iter()
            .map(|column| column.counts.bad)
            .sum();
        let all: u32 = timeline.columns.iter().flat_map(|column| column.rows).sum();
        assert_eq!((bad, all), (1000, 10_000));
    }

    proptest! {
        #[test]
        fn a_latency_is_within_its_row(micros in 1_u64..3_600_000_000) {
            let latency = Duration::from_micros(micros);
            let row = row_of(latency);
            let slack = Duration::from_nanos(1);
            prop_assert!(latency_of(row) <= latency + slack, "{row}");
            prop_assert!(latency < latency_of(row + 1) + slack, "{row}");
        }
    }
}
