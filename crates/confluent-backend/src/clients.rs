//! A cache of clients, one for each admin credential, so that connections are
//! reused. All clients of an organization share its pace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use confluent_cloud::{Budgets, Class, Client, Effects, Flow, Recorder, RetryPolicy, TokioEffects};
use engine::control_plane::{Access, CloudError, Pace};

use crate::convert;
use crate::measurements::Measurements;

/// A process has a handful of accounts. Changing one leaves its old client
/// behind, so that the cache is cleared when it is full.
const MAX_CLIENTS: usize = 64;

/// The clients in use, by a hash of their settings: the secret is not kept a
/// second time.
pub(crate) struct Clients {
    known: Mutex<HashMap<[u8; 32], Client>>,
    pub(crate) retries: RetryPolicy,
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) budgets: Budgets,
    pub(crate) measurements: Arc<Measurements>,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            retries: RetryPolicy::default(),
            effects: Arc::new(TokioEffects),
            budgets: Budgets::default(),
            measurements: Arc::default(),
        }
    }
}

impl Clients {
    /// The same with an empty cache.
    pub(crate) fn cleared(self) -> Self {
        Self {
            known: Mutex::default(),
            ..self
        }
    }

    /// The client of an account, on behalf of the caller, or for requests of a
    /// class where the caller names none.
    pub(crate) fn of(&self, access: &Access, usual: Class) -> Result<Client, CloudError> {
        let caller = &access.caller;
        let class = caller.class.map_or(usual, convert::class);
        let client = self.any(access)?;
        let client = client.on_behalf_of(class, Flow::new(&caller.flow, &caller.requester));
        Ok(match caller.patience {
            Some(patience) => client.with_patience(patience),
            None => client,
        })
    }

    /// The pace of an account's organization.
    pub(crate) fn pace(&self, access: &Access) -> Option<Pace> {
        self.any(access).ok()?.pace().map(convert::pace)
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
            .with_budgets(&self.budgets)
            .with_recorder(Arc::clone(&self.measurements) as Arc<dyn Recorder>);
        if clients.len() >= MAX_CLIENTS {
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
        // With its length, so that the boundaries between parts count.
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
    use engine::control_plane::Caller;
    use engine::ids::KeyId;

    use super::*;

    fn access(key: &str, secret: &str) -> Access {
        Access {
            url: "https://api.example".into(),
            key_id: KeyId::new(key),
            secret: SecretText::new(secret),
            ca_cert: String::new(),
            caller: Caller::default(),
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
        for number in 0..=MAX_CLIENTS {
            clients.any(&access("A", &number.to_string())).unwrap();
        }
        assert!(clients.known.lock().unwrap().len() <= MAX_CLIENTS);
    }
}
