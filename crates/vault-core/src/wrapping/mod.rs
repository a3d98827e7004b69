//! Response wrapping: an answer is kept in the cubbyhole of a token that can be
//! used once, and the client gets this token in its place. Token and answer are
//! stored in one batch.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use logical::{Clock, Error, Object};
use zeroize::Zeroizing;

use crate::leases::Leases;
use crate::quotas::Claim;
use crate::revocation::Revocation;
use crate::tokens::{ClientToken, KnownToken, NewToken, TokenStore, entry_of_wrapping, lease_id};
use crate::wiped;

/// Where a cubbyhole has the wrapped answer, as in Vault.
pub(crate) const RESPONSE: &str = "response";
/// Where it has what `sys/wrapping/lookup` shows.
const WRAP_INFO: &str = "wrapinfo";

const CREATION_TTL: &str = "creation_ttl";
const CREATION_TIME: &str = "creation_time";
const CREATION_PATH: &str = "creation_path";

/// Wraps and unwraps answers.
pub(crate) struct Wrapping {
    tokens: Arc<TokenStore>,
    leases: Arc<Leases>,
    revocation: Arc<Revocation>,
    clock: Arc<dyn Clock>,
}

/// For how long an answer is wrapped, and the path that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrapWish {
    /// Whole seconds, at least one.
    pub(crate) ttl: Duration,
    pub(crate) creation_path: String,
}

/// What the client gets in place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapped {
    pub(crate) token: ClientToken,
    /// Salted hash of the token.
    pub(crate) salted: String,
    pub(crate) accessor: String,
    pub(crate) ttl: Duration,
    pub(crate) creation_time: Timestamp,
    pub(crate) creation_path: String,
    /// The accessor of a token inside the answer.
    pub(crate) inner_accessor: Option<String>,
}

impl Wrapping {
    pub(crate) fn new(
        tokens: Arc<TokenStore>,
        leases: Arc<Leases>,
        revocation: Arc<Revocation>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            tokens,
            leases,
            revocation,
            clock,
        }
    }

    /// Stores an answer with a new token, whose lease counts for quotas and is refused
    /// by them unless the client is exempt. Durable on return.
    ///
    /// # Errors
    /// A bad request for a TTL that ends after the year 9999, the refusal of a quota, or an error of
    /// storage.
    pub(crate) async fn wrap(
        &self,
        answer: Zeroizing<String>,
        wish: WrapWish,
        is_exempt: bool,
    ) -> Result<Wrapped, Error> {
        let now = self.clock.now();
        let entry = entry_of_wrapping(&wish.creation_path, wish.ttl, now)?;
        let mut response = Object::from_iter([(RESPONSE.to_owned(), answer.as_str().into())]);
        drop(answer);
        let info = Object::from_iter([
            (CREATION_TTL.to_owned(), wish.ttl.as_secs().into()),
            (CREATION_TIME.to_owned(), now.to_string().into()),
            (CREATION_PATH.to_owned(), wish.creation_path.clone().into()),
        ]);
        let contents = [(RESPONSE, &response), (WRAP_INFO, &info)];
        let text = self.tokens.random_text();
        let claim = if is_exempt {
            Claim::Exempt
        } else {
            Claim::Open(Box::default())
        };
        let place = match lease_id(&entry, &self.tokens.salted(&text)) {
            Some(id) => self.leases.counts().claim(claim, &id).await?,
            None => None,
        };
        let stored = self.tokens.insert_with(text.clone(), entry, &contents);
        let stored = stored.await;
        wiped::wipe(&mut response);
        let NewToken { salted, entry, .. } = match stored {
            Ok(stored) => stored,
            Err(error) => {
                // It may be stored all the same.
                self.revocation.revoke_later(self.tokens.salted(&text));
                return Err(error);
            }
        };
        self.leases.watch_token(&entry, &salted, None);
        if let Some(place) = place {
            place.keep();
        }
        Ok(Wrapped {
            token: text,
            salted,
            accessor: entry.accessor.clone(),
            ttl: wish.ttl,
            creation_time: now,
            creation_path: wish.creation_path,
            inner_accessor: None,
        })
    }

    /// The token of a wrapped answer that was not unwrapped yet.
    ///
    /// # Errors
    /// A bad request for any other token.
    pub(crate) async fn find(&self, token: &ClientToken) -> Result<KnownToken, Error> {
        let found = self.tokens.find(token).await?;
        found
            .filter(|found| found.entry.can_unwrap())
            .ok_or_else(invalid)
    }

    /// What is known of a wrapped answer: its TTL, its time and its path.
    ///
    /// # Errors
    /// A bad request if it was unwrapped.
    pub(crate) async fn info(&self, salted: &str) -> Result<Object, Error> {
        let info = self.tokens.cubbyhole_entry(salted, WRAP_INFO).await?;
        info.ok_or_else(invalid)
    }

    /// What a new wrapping of the same answer has of the old one.
    ///
    /// # Errors
    /// As [`info`](Self::info).
    pub(crate) async fn wish_of(&self, salted: &str) -> Result<WrapWish, Error> {
        let info = self.info(salted).await?;
        let ttl = info.get(CREATION_TTL).and_then(serde_json::Value::as_u64);
        let path = info.get(CREATION_PATH).and_then(serde_json::Value::as_str);
        Ok(WrapWish {
            ttl: Duration::from_secs(ttl.unwrap_or(0)),
            creation_path: path.unwrap_or_default().to_owned(),
        })
    }

    /// The wrapped answer, for the request that took the one use of its token.
    ///
    /// # Errors
    /// A bad request if there is none.
    pub(crate) async fn answer(&self, salted: &str) -> Result<String, Error> {
        let entry = self.tokens.cubbyhole_entry(salted, RESPONSE).await?;
        match entry.and_then(|mut entry| entry.remove(RESPONSE)) {
            Some(serde_json::Value::String(answer)) => Ok(answer),
            _ => Err(invalid()),
        }
    }
}

/// The error for a token that does not unwrap anything, with Vault's text.
pub(crate) fn invalid() -> Error {
    Error::bad_request("wrapping token is not valid or does not exist")
}

#[cfg(test)]
mod tests;
