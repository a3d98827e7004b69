//! Tokens that only the answer of their request tells of, and not as an `auth`: the
//! pipeline revokes them if that answer does not leave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Salted hashes of tokens, by the id of the request that made them.
#[derive(Clone, Default)]
pub(crate) struct Unreported(Arc<Mutex<HashMap<String, String>>>);

impl Unreported {
    /// The answer to this request will be the only one to have the token.
    pub(crate) fn note(&self, request: &str, salted: String) {
        self.lock().insert(request.to_owned(), salted);
    }

    /// The token that a request made. Its answer is the caller's concern from here.
    pub(crate) fn take(&self, request: &str) -> Option<String> {
        self.lock().remove(request)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
