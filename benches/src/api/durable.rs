//! Appends to a file that reach the disk one by one: what no durable write of a
//! server can be faster than.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;

/// About what a server stores for one small secret.
const BYTES: usize = 1024;

/// The median time of an append, in milliseconds.
pub(super) fn append_p50(time: Duration) -> Result<f64> {
    let mut file = tempfile::NamedTempFile::new()?;
    let (start, mut taken) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let begun = Instant::now();
        file.write_all(&[b'x'; BYTES])?;
        file.as_file().sync_data()?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    let median = taken.get(taken.len() / 2).copied().unwrap_or_default();
    Ok(median.as_secs_f64() * 1e3)
}
