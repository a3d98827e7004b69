//! Repeated measurements of one quantity.

/// Samples of repeated measurements.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    /// Adds a sample.
    pub(crate) fn add(&mut self, figure: f64) {
        self.0.push(figure);
        self.0.sort_unstable_by(f64::total_cmp);
    }

    /// The median.
    pub(crate) fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Minimum and maximum.
    pub(crate) fn range(&self) -> (f64, f64) {
        let first = self.0.first().copied().unwrap_or(f64::NAN);
        (first, self.0.last().copied().unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted_figures() {
        let mut figures = Figures::default();
        for figure in [5.0, 1.0, 3.0] {
            figures.add(figure);
        }
        assert!((figures.median() - 3.0).abs() < f64::EPSILON);
        assert_eq!(figures.range(), (1.0, 5.0));
    }
}
