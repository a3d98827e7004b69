//! Storage: the one contract at every level, from a mount's view to the
//! physical store.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::Error;

/// One change of a batch.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Store a value under a key.
    Put {
        /// Where.
        key: String,
        /// What. Wiped when dropped, since it may hold a secret.
        value: Zeroizing<Vec<u8>>,
    },
    /// Remove a key.
    Delete {
        /// Where.
        key: String,
    },
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, value } => show(f, "Put", key, value),
            Self::Delete { key } => f.debug_struct("Delete").field("key", key).finish(),
        }
    }
}

/// Where a value is and how long it is, but not the value: it may hold a secret.
fn show(f: &mut fmt::Formatter<'_>, name: &str, key: &str, value: &[u8]) -> fmt::Result {
    f.debug_struct(name)
        .field("key", &key)
        .field("length", &value.len())
        .finish_non_exhaustive()
}

impl Write {
    /// A change that stores a value.
    pub fn put(key: impl Into<String>, value: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        Self::Put {
            key: key.into(),
            value: value.into(),
        }
    }

    /// A change that removes a key.
    pub fn delete(key: impl Into<String>) -> Self {
        Self::Delete { key: key.into() }
    }

    /// The key that it changes.
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

/// A precondition of a batch.
#[derive(Clone, PartialEq, Eq)]
pub enum Condition {
    /// The key does not exist.
    Absent {
        /// Where.
        key: String,
    },
    /// The key has this value.
    Unchanged {
        /// Where.
        key: String,
        /// What was read there before.
        value: Zeroizing<Vec<u8>>,
    },
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { key } => f.debug_struct("Absent").field("key", key).finish(),
            Self::Unchanged { key, value } => show(f, "Unchanged", key, value),
        }
    }
}

impl Condition {
    /// The key does not exist.
    pub fn absent(key: impl Into<String>) -> Self {
        Self::Absent { key: key.into() }
    }

    /// The key has this value.
    pub fn unchanged(key: impl Into<String>, value: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        Self::Unchanged {
            key: key.into(),
            value: value.into(),
        }
    }

    /// The key that it looks at.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent { key } | Self::Unchanged { key, .. } => key,
        }
    }

    /// Whether it holds, given the key's present value.
    pub fn holds(&self, present: Option<&[u8]>) -> bool {
        match self {
            Self::Absent { .. } => present.is_none(),
            Self::Unchanged { value, .. } => present == Some(value.as_slice()),
        }
    }
}

/// A tree of keys and values. Keys are relative to the mount, parts separated
/// by `/`, without a leading slash.
///
/// A failed write may have happened all the same: the caller must not rely on
/// either until it has read the key again.
#[async_trait]
pub trait Storage: Send + Sync {
    /// The value of a key, or `None`.
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;

    /// Stores a value. Durable when it returns.
    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error>;

    /// Removes a key. A key that does not exist is not an error.
    async fn delete(&self, key: &str) -> Result<(), Error>;

    /// The names directly below a prefix that is empty or ends in `/`, sorted;
    /// names of folders end in `/`.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error>;

    /// At most `limit` names below a prefix that sort after `after`.
    async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let names = self.list(prefix).await?;
        Ok(names
            .into_iter()
            .filter(|name| name.as_str() > after)
            .take(limit)
            .collect())
    }

    /// Applies a batch of changes: in one transaction where the store has them,
    /// otherwise in the given order. A reader may see a beginning of the batch,
    /// never a later change without an earlier one.
    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        for write in batch {
            match write {
                Write::Put { key, value } => self.put(&key, &value).await?,
                Write::Delete { key } => self.delete(&key).await?,
            }
        }
        Ok(())
    }

    /// Applies a batch if all conditions hold, and returns whether it did.
    ///
    /// Lockkeeper's stores check and write in one transaction. Where a host has
    /// none, as in this default, other writers can interfere between the check
    /// and the changes, so callers must exclude each other by a lock of their
    /// own.
    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        for condition in &conditions {
            let present = self.get(condition.key()).await?;
            if !condition.holds(present.as_ref().map(|value| value.as_slice())) {
                return Ok(false);
            }
        }
        self.apply(batch).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_in_the_debug_of_a_change_or_condition() {
        let put = Write::put("a/b", b"canary".to_vec());
        let unchanged = Condition::Unchanged {
            key: "a/b".into(),
            value: Zeroizing::new(b"canary".to_vec()),
        };
        let bytes = format!("{:?}", b"canary");
        for shown in [format!("{put:?}"), format!("{unchanged:?}")] {
            assert!(shown.contains("a/b") && !shown.contains(&bytes), "{shown}");
        }
    }
}
