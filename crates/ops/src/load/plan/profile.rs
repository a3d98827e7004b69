//! The rates of a test over time.

use super::{MOST, float_to_count};
use crate::load::duration;

/// The rates of a test, piece by piece; the last piece has no end.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pieces: Vec<Piece>,
}

/// A rate that is constant or grows evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    from: f64,
    to: f64,
    /// In seconds.
    pub(super) length: f64,
}

impl Profile {
    /// Always the same rate, in requests a second.
    pub fn constant(rate: f64) -> Self {
        Self {
            pieces: vec![Piece::constant(rate)],
        }
    }

    /// Reads a rate such as `300`, a ramp such as `100..500/60s`, or steps such as
    /// `100,200,400/30s`. The last rate goes on.
    ///
    /// # Errors
    /// When it is none, or nothing would be sent.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((rates, time)) = text.split_once('/') else {
            return rate(text).map(Self::constant);
        };
        let time = duration::parse(time)?;
        if time.is_zero() {
            return Err(format!("`{text}`: the time after `/` is 0"));
        }
        let length = time.as_secs_f64();
        if let Some((from, to)) = rates.split_once("..") {
            let (from, to) = (rate(from)?, rate(to)?);
            let ramp = Piece { from, to, length };
            return Ok(Self {
                pieces: vec![ramp, Piece::constant(to)],
            });
        }
        let rates: Vec<f64> = rates.split(',').map(rate).collect::<Result<_, _>>()?;
        let last = rates.len() - 1;
        let step = |(number, rate): (usize, &f64)| Piece {
            length: if number == last {
                f64::INFINITY
            } else {
                length
            },
            ..Piece::constant(*rate)
        };
        Ok(Self {
            pieces: rates.iter().enumerate().map(step).collect(),
        })
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: u64 = text.parse().map_err(|_| {
        format!(
            "`{text}` is not a rate: write whole requests a second, such as `300`, \
                 `100..500/60s` or `100,200,400/30s`"
        )
    })?;
    if rate == 0 {
        return Err("a rate of 0 sends nothing: at least 1 is needed".to_owned());
    }
    if rate > float_to_count(MOST) {
        return Err(format!(
            "a rate of {rate} is more than can be planned: {MOST} at most"
        ));
    }
    Ok(super::count_to_float(rate))
}

impl Piece {
    pub(super) fn constant(rate: f64) -> Self {
        Self {
            from: rate,
            to: rate,
            length: f64::INFINITY,
        }
    }

    fn slope(&self) -> f64 {
        if self.length.is_finite() && self.length > 0.0 {
            (self.to - self.from) / self.length
        } else {
            0.0
        }
    }

    /// Requests a second after this many seconds.
    pub(super) fn rate(&self, seconds: f64) -> f64 {
        self.from + self.slope() * seconds
    }

    /// How many requests it amounts to after this many seconds.
    pub(super) fn amount(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 {
            return 0.0;
        }
        self.from * seconds + self.slope() * seconds * seconds / 2.0
    }

    /// The seconds after which it amounts to this many requests; none if it never
    /// does.
    pub(super) fn time_of(&self, amount: f64) -> Option<f64> {
        if amount <= 0.0 {
            return Some(0.0);
        }
        let slope = self.slope();
        if slope == 0.0 {
            return (self.from > 0.0).then(|| amount / self.from);
        }
        // The root of `slope/2 t² + from t = amount` that is exact where the
        // slope is small.
        let under_root = self.from * self.from + 2.0 * slope * amount;
        (under_root >= 0.0).then(|| 2.0 * amount / (self.from + under_root.sqrt()))
    }
}
