//! What only the answer of its request tells of, such as a token that is no `auth`:
//! the pipeline undoes it if that answer does not leave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

/// Undoes what a request did, once it is awaited. The text is what its client is
/// told of that.
pub(crate) type Undo = BoxFuture<'static, Option<&'static str>>;

/// How to undo what requests did, by their ids.
#[derive(Clone, Default)]
pub(crate) struct Unreported(Arc<Mutex<HashMap<String, Undo>>>);

impl Unreported {
    /// The answer to this request will be the only one to tell of what it did.
    pub(crate) fn note(&self, request: &str, undo: Undo) {
        self.lock().insert(request.to_owned(), undo);
    }

    /// What a request did. Its answer is the caller's concern from here.
    pub(crate) fn take(&self, request: &str) -> Option<Undo> {
        self.lock().remove(request)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Undo>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
