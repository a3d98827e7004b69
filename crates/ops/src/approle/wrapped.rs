//! Handing over a wrapping token in place of a secret id.

use std::time::Duration;

use async_trait::async_trait;

use super::error::{Error, Result};
use super::secret_id::SecretId;
use super::target::Target;

/// A wrapping token, which the operator gets. Not even this program sees the
/// secret id then.
#[derive(Debug)]
pub struct WrappedTarget {
    name: String,
    ttl: Duration,
}

impl WrappedTarget {
    /// A token that lives for this time.
    pub fn new(ttl: Duration) -> Self {
        Self {
            name: format!("wrapped:{}s", ttl.as_secs()),
            ttl,
        }
    }

    /// Reads the time, with its unit, such as `90s`. None if it is no time of a second
    /// or more.
    pub fn parse(text: &str) -> Option<Self> {
        let ttl = vault_client::go_duration(text)?;
        (ttl.as_secs() > 0).then(|| Self::new(Duration::from_secs(ttl.as_secs())))
    }
}

#[async_trait]
impl Target for WrappedTarget {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn read(&self) -> Result<Option<SecretId>> {
        Ok(None)
    }

    async fn deliver(&self, _id: &SecretId) -> Result<()> {
        Err(Error::target(
            &self.name,
            "a wrapped secret id cannot be delivered",
        ))
    }

    fn wraps(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    fn is_readable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_its_unit_and_named_in_seconds() {
        assert_eq!(WrappedTarget::parse("5m").unwrap().name(), "wrapped:300s");
        assert_eq!(WrappedTarget::parse("300s").unwrap().name(), "wrapped:300s");
        for wrong in ["", "5", "0s", "m", "-5m", "5d", "5é"] {
            assert!(WrappedTarget::parse(wrong).is_none(), "{wrong}");
        }
    }
}
