//! Scopes: which part of a role's readers share a key among themselves.
//!
//! A scope is a hash, since what it is made of (an entity's id, a token's
//! accessor) says who a reader is, and an accessor lets others revoke the token.

use std::fmt;
use std::num::NonZeroU64;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::ids::{Generation, StorageId};

/// What makes readers one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopeOf<'a> {
    /// Id of an entity.
    Entity(&'a str),
    /// Accessor of a token.
    Accessor(&'a str),
    /// The salted token of a request: batch tokens have no accessor.
    Token(&'a str),
}

/// A part of a role's readers: 128 bits of a SHA-256. The storage's id goes in,
/// so that the hashes of two mounts tell nothing about each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ScopeId([u8; 16]);

impl ScopeId {
    pub(crate) fn new(storage: &StorageId, of: ScopeOf<'_>) -> Self {
        let (kind, text) = match of {
            ScopeOf::Entity(text) => ("entity", text),
            ScopeOf::Accessor(text) => ("accessor", text),
            ScopeOf::Token(text) => ("token", text),
        };
        let mut hash = Context::new(&SHA256);
        for part in [storage.to_string().as_str(), "/", kind, "/", text] {
            hash.update(part.as_bytes());
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finish().as_ref()[..16]);
        Self(first)
    }

    /// A scope from a text that one was written as.
    fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return None;
        }
        let number = u128::from_str_radix(text, 16).ok()?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl From<ScopeId> for String {
    fn from(scope: ScopeId) -> Self {
        scope.to_string()
    }
}

impl TryFrom<String> for ScopeId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("no scope of 32 hexadecimal digits")
    }
}

/// A requester, where leases are counted for each: 64 bits of the hash that its
/// scope would be. A lease of a shared key keeps it, so it is small.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RequesterId(NonZeroU64);

impl RequesterId {
    pub(crate) fn new(storage: &StorageId, of: ScopeOf<'_>) -> Self {
        let ScopeId(hash) = ScopeId::new(storage, of);
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        Self(NonZeroU64::new(u64::from_be_bytes(first)).unwrap_or(NonZeroU64::MIN))
    }
}

impl From<RequesterId> for String {
    fn from(requester: RequesterId) -> Self {
        format!("{:016x}", requester.0)
    }
}

impl TryFrom<String> for RequesterId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let number = u64::from_str_radix(&text, 16).ok();
        let number = number.filter(|_| text.len() == 16 && !text.starts_with('+'));
        let number = number.and_then(NonZeroU64::new);
        number
            .map(Self)
            .ok_or("no requester of 16 hexadecimal digits")
    }
}

/// The readers who get one key: those of a role's generation, or of one scope
/// within it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SlotId {
    /// The role's generation.
    pub generation: Generation,
    /// Which of its readers; none for all of them.
    pub scope: Option<ScopeId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(storage: &str, of: ScopeOf<'_>) -> ScopeId {
        ScopeId::new(&StorageId::parse(storage).unwrap(), of)
    }

    #[test]
    fn a_scope_is_told_by_storage_kind_and_text() {
        let (here, elsewhere) = ("AAAAAAAAAAAAA", "AAAAAAAAAAAAB");
        let first = scope(here, ScopeOf::Entity("one"));
        assert_eq!(first, scope(here, ScopeOf::Entity("one")));
        for other in [
            scope(here, ScopeOf::Entity("two")),
            scope(here, ScopeOf::Accessor("one")),
            scope(here, ScopeOf::Token("one")),
            scope(elsewhere, ScopeOf::Entity("one")),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_scope_reads_back_as_it_was_written() {
        let written = scope("AAAAAAAAAAAAA", ScopeOf::Entity("one"));
        let json = serde_json::to_string(&written).unwrap();
        assert_eq!(json.len(), 34);
        assert_eq!(serde_json::from_str::<ScopeId>(&json).unwrap(), written);
        for text in [
            "\"\"",
            "\"../config\"",
            "\"+0000000000000000000000000000000\"",
        ] {
            assert!(serde_json::from_str::<ScopeId>(text).is_err(), "{text}");
        }
    }
}
