//! The rows of the histogram: latencies between two ends, evenly on a log scale.

use std::time::Duration;

/// The latencies at both ends of the histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// In milliseconds.
    min: f64,
    max: f64,
}

impl Axis {
    /// An axis from one latency to another.
    ///
    /// # Errors
    /// When it would have no length.
    pub fn new(min: Duration, max: Duration) -> Result<Self, String> {
        if min >= max {
            return Err(format!(
                "-minY is {min:?} and -maxY is {max:?}: -minY must be smaller than -maxY"
            ));
        }
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        Ok(Self {
            min: milliseconds(min),
            max: milliseconds(max),
        })
    }

    /// The upper ends of all rows but the last one, which has none. The first row
    /// is one millisecond wide, as Slapper's, or a hundredth of a short axis.
    pub(super) fn bounds(&self, rows: u16) -> Vec<f64> {
        let length = self.max - self.min;
        let first = if length > 2.0 { 1.0 } else { length / 100.0 };
        let steps = rows.saturating_sub(2).max(1);
        let base = (length / first).powf(1.0 / f64::from(steps));
        (0..=steps)
            .map(|step| {
                if step == steps {
                    self.max
                } else {
                    self.min + first * base.powi(i32::from(step))
                }
            })
            .collect()
    }
}

/// Slapper's labels for rows with these upper ends, and the last one.
pub(super) fn labels(bounds: &[f64]) -> Vec<String> {
    let decimals = |value: f64| match value {
        value if value >= 10.0 => 0,
        value if value >= 1.0 => 1,
        _ => 2,
    };
    let mut labels = Vec::with_capacity(bounds.len() + 1);
    for (row, end) in bounds.iter().enumerate() {
        let places = decimals(*end);
        labels.push(match row.checked_sub(1) {
            None => format!("<{end:.places$}"),
            Some(before) if places == 0 => format!("{:3.0}-{end:3.0}", bounds[before]),
            Some(before) => format!("{:.places$}-{end:.places$}", bounds[before]),
        });
    }
    if let Some(end) = bounds.last() {
        labels.push(format!("{end:.*}+", decimals(*end)));
    }
    labels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn axis(min: u64, max: u64) -> Axis {
        Axis::new(Duration::from_micros(min), Duration::from_micros(max)).unwrap()
    }

    #[test]
    fn the_rows_of_document_002_are_slappers() {
        let bounds = axis(1_000, 40_000).bounds(7);
        let expected = [2.0, 3.08, 5.33, 10.0, 19.7, 40.0];
        for (bound, expected) in bounds.iter().zip(expected) {
            assert!((bound / expected - 1.0).abs() < 0.01, "{bounds:?}");
        }
        assert_eq!(labels(&bounds)[0], "<2.0");
        assert_eq!(labels(&bounds)[6], "40+");
    }

    #[test]
    fn an_axis_needs_a_length() {
        let ms = Duration::from_millis;
        for (min, max) in [(90, 90), (100, 90)] {
            assert!(Axis::new(ms(min), ms(max)).unwrap_err().contains("-minY"));
        }
    }

    proptest! {
        #[test]
        fn rows_ascend_to_the_end(min in 0_u64..100_000, length in 1_u64..10_000_000, rows in 3_u16..200) {
            let bounds = axis(min, min + length).bounds(rows);
            prop_assert_eq!(bounds.len() + 1, usize::from(rows));
            prop_assert_eq!(labels(&bounds).len(), usize::from(rows));
            for pair in bounds.windows(2) {
                prop_assert!(pair[0] < pair[1], "{:?}", bounds);
            }
        }
    }
}
