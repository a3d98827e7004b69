//! One client for each admin credential, so that connections are reused, and
//! one pace for all that are of one organization.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use confluent_cloud::{Budgets, Client, Effects, Purpose, RetryPolicy, TokioEffects};
use engine::control_plane::{Access, CloudError};

use crate::convert;

/// A process has a handful of accounts. Changing one leaves its old client
/// behind, so that all are dropped now and then.
const MOST: usize = 64;

/// The clients in use, by a hash of what they are made of: the secret is not
/// kept a second time.
pub(crate) struct Clients {
    known: Mutex<HashMap<[u8; 32], Client>>,
    pub(crate) retries: RetryPolicy,
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) budgets: Budgets,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            retries: RetryPolicy::default(),
            effects: Arc::new(TokioEffects),
            budgets: Budgets::default(),
        }
    }
}

impl Clients {
    /// Without the clients so far.
    pub(crate) fn made_anew(self) -> Self {
        Self {
            known: Mutex::default(),
            ..self
        }
    }

    /// The client of an account, for requests of a purpose.
    pub(crate) fn of(&self, access: &Access, purpose: Purpose) -> Result<Client, CloudError> {
        let client = self.any(access)?;
        Ok(client.for_purpose(purpose))
    }

    fn any(&self, access: &Access) -> Result<Client, CloudError> {
        let name = name_of(access);
        let mut clients = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&name) {
            return Ok(client.clone());
        }
        let client = convert::client(access)?
            .with_retries(self.retries)
            .with_effects(Arc::clone(&self.effects))
            .with_budgets(&self.budgets);
        if clients.len() >= MOST {
            clients.clear();
        }
        clients.insert(name, client.clone());
        Ok(client)
    }
}

fn name_of(access: &Access) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [
        access.url.as_str(),
        access.key_id.as_str(),
        access.secret.expose(),
        access.ca_cert.as_str(),
    ] {
        // With its length, so that no part can pass into the next.
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut name = [0; 32];
    name.copy_from_slice(hash.finish().as_ref());
    name
}

#[cfg(test)]
mod tests {
    use engine::SecretText;
    use engine::ids::KeyId;

    use super::*;

    fn access(key: &str, secret: &str) -> Access {
        Access {
            url: "https://api.example".into(),
            key_id: KeyId::new(key),
            secret: SecretText::new(secret),
            ca_cert: String::new(),
        }
    }

    #[test]
    fn accounts_that_differ_anywhere_have_clients_of_their_own() {
        assert_eq!(name_of(&access("A", "B")), name_of(&access("A", "B")));
        assert_ne!(name_of(&access("A", "B")), name_of(&access("AB", "")));
        assert_ne!(name_of(&access("A", "B")), name_of(&access("A", "C")));
    }

    #[test]
    fn clients_of_accounts_that_changed_do_not_pile_up() {
        let clients = Clients::default();
        for number in 0..=MOST {
            clients.any(&access("A", &number.to_string())).unwrap();
        }
        assert!(clients.known.lock().unwrap().len() <= MOST);
    }
}
