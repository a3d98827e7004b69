//! A token that all requests send, and that changes while a test runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

/// The token of this moment. Copies share it.
#[derive(Clone, Default)]
pub struct CurrentToken(Arc<Mutex<Option<Zeroizing<String>>>>);

impl fmt::Debug for CurrentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurrentToken(..)")
    }
}

impl CurrentToken {
    /// The token from now on.
    pub fn set(&self, token: &str) {
        let token = Zeroizing::new(token.to_owned());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// The token, once there is one.
    pub fn get(&self) -> Option<Zeroizing<String>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
