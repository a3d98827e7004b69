//! A token that all requests send, and that changes while a test runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{Dynamic, Target, Template};

/// The header of a token.
const HEADER: &str = "X-Vault-Token";

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

    /// Lets a target send it, unless the target has a token of its own.
    pub fn send_with(&self, target: &mut Target) {
        let dynamic = target.dynamic.get_or_insert_with(|| Dynamic {
            url: None,
            headers: Vec::new(),
            body: None,
        });
        let is_there = target.headers.map.contains_key(HEADER)
            || dynamic
                .headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(HEADER));
        if !is_there {
            let token = Template::current(self.clone());
            dynamic.headers.push((HEADER.to_owned(), token));
        }
    }
}
