//! The log of a server, on standard error.

use tracing_subscriber::EnvFilter;

use super::client::lookup;
use crate::failure::Failure;

/// The variable with a filter for the log.
const FILTER: &str = "LOCKKEEPER_LOG";

/// How a line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Standard,
    /// One JSON object.
    Json,
}

/// Logs from this level on. `LOCKKEEPER_LOG` is a filter of `tracing` in its
/// place.
pub(super) fn install(level: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = match lookup(FILTER).filter(|filter| !filter.is_empty()) {
        None => EnvFilter::new(level),
        Some(filter) => EnvFilter::try_new(filter).map_err(|error| {
            Failure::local(format!(
                "{FILTER}: {error}: write it as `debug`, or as `warn,engine=debug`"
            ))
        })?,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A subscriber that is already installed stays.
    let _ = match format {
        LogFormat::Standard => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    Ok(())
}
