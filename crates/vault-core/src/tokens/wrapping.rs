//! The token of a wrapped answer. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use logical::Error;

use super::entry::{Lifetime, TokenEntry, TokenKind, Uses};
use super::ttl;
use crate::policies::RESPONSE_WRAPPING;
use crate::storage::Version;

/// The entry of the token of an answer of this path, without accessor: it can be
/// used once, to unwrap the answer.
///
/// # Errors
/// A bad request for a TTL that ends after the year 9999.
pub(crate) fn entry_of_wrapping(
    path: &str,
    ttl: Duration,
    now: Timestamp,
) -> Result<TokenEntry, Error> {
    Ok(TokenEntry {
        version: Version,
        accessor: String::new(),
        policies: vec![RESPONSE_WRAPPING.to_owned()],
        display_name: "token".into(),
        path: path.to_owned(),
        issue_time: now,
        orphan: true,
        is_revoked: false,
        parent: String::new(),
        kind: TokenKind::Service,
        metadata: BTreeMap::new(),
        role: String::new(),
        uses: Uses::Left(1),
        bound_cidrs: Vec::new(),
        renewable: false,
        lifetime: Some(Lifetime {
            expire_time: ttl::later(now, ttl)?,
            last_renewal: None,
            creation_ttl: ttl.as_secs(),
            ttl: ttl.as_secs(),
            period: 0,
            explicit_max_ttl: ttl.as_secs(),
        }),
        login: None,
        entity_id: String::new(),
    })
}

impl TokenEntry {
    /// Whether it is the token of a wrapped answer that was not unwrapped yet.
    pub(crate) fn can_unwrap(&self) -> bool {
        self.policies == [RESPONSE_WRAPPING] && self.uses == Uses::Left(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unused_token_of_a_wrapped_answer_unwraps() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let entry = entry_of_wrapping("kv/a", Duration::from_mins(1), now).unwrap();
        assert!(entry.can_unwrap());
        let spent = TokenEntry {
            uses: Uses::Spent,
            ..entry.clone()
        };
        let other = TokenEntry {
            policies: vec![crate::policies::ROOT.to_owned()],
            ..entry
        };
        assert!(!spent.can_unwrap() && !other.can_unwrap());
    }
}
