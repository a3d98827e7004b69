//! The budgets of all organizations, which all clients of a process share.
//!
//! Confluent limits requests by user and by organization. An account whose
//! organization is not known yet has a budget of its own, which becomes the
//! organization's, or a part of it, as soon as an answer names that.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::budget::{Budget, Turn};
use crate::pace::{PaceStatus, Rate, TurnRequest};
use crate::{Effects, Endpoint};

/// Far more organizations than a process has. Beyond that, idle budgets are
/// dropped.
const MAX_BUDGETS: usize = 256;

/// How many accounts are known by their organization. A process that often
/// changes its credentials leaves many behind.
const MAX_ACCOUNTS: usize = 1024;

/// The budgets of all organizations. Clones share them: pass one to every client.
///
/// By default each organization starts with the default [`Rate`], and one on
/// loopback without a limit, until the first 429.
#[derive(Clone, Default)]
pub struct Budgets(Arc<Inner>);

#[derive(Default)]
struct Inner {
    start: Option<Rate>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The organization of an account, once it is known.
    organizations: HashMap<Name, Name>,
    budgets: HashMap<Name, Arc<Budget>>,
}

/// An endpoint, and an organization or, as long as that is unknown, an account.
type Name = String;

impl Budgets {
    /// Budgets that start with this rate for every endpoint, even on loopback.
    pub fn starting_at(rate: Rate) -> Self {
        Self(Arc::new(Inner {
            start: Some(rate),
            known: Mutex::default(),
        }))
    }

    /// Notes the organization of an account, and charges it with what the account
    /// used so far.
    pub(crate) fn merge(&self, now: Instant, account: &Account) {
        let (of_account, Some(of_organization)) = (account.name(), account.shared_name()) else {
            return;
        };
        let mut known = self.known();
        if let Some(budget) = known.budgets.remove(&of_account) {
            match known.budgets.get(&of_organization) {
                Some(shared) => shared.merge(now, &budget),
                None => {
                    known.budgets.insert(of_organization.clone(), budget);
                }
            }
        }
        if known.organizations.len() >= MAX_ACCOUNTS {
            // The others name their organization once more with their next answer.
            known.organizations.clear();
        }
        known.organizations.insert(of_account, of_organization);
    }

    /// Waits for permission to send one request.
    ///
    /// # Errors
    /// The estimated wait, if the request cannot be sent in time.
    pub(crate) async fn turn(
        &self,
        account: &Account,
        effects: &Arc<dyn Effects>,
        wanted: &TurnRequest<'_>,
    ) -> Result<Turn, Duration> {
        let budget = self.budget(account, effects.now());
        budget.turn(effects, wanted).await
    }

    pub(crate) fn status(&self, account: &Account, now: Instant) -> PaceStatus {
        self.budget(account, now).status(now)
    }

    fn budget(&self, account: &Account, now: Instant) -> Arc<Budget> {
        let mut known = self.known();
        let name = account.shared_name().unwrap_or_else(|| {
            let name = account.name();
            known.organizations.get(&name).cloned().unwrap_or(name)
        });
        if let Some(budget) = known.budgets.get(&name) {
            return Arc::clone(budget);
        }
        if known.budgets.len() >= MAX_BUDGETS {
            known.drop_unused(now);
        }
        let start = self.start(&account.endpoint);
        let budget = Arc::new(Budget::new(start, now));
        known.budgets.insert(name, Arc::clone(&budget));
        budget
    }

    fn start(&self, endpoint: &Endpoint) -> Option<Rate> {
        match self.0.start {
            None if endpoint.is_loopback() => None,
            start => Some(start.unwrap_or_default()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn drop_unused(&mut self, now: Instant) {
        self.budgets
            .retain(|_, budget| Arc::strong_count(budget) > 1 || !budget.is_untouched(now));
        let budgets = &self.budgets;
        self.organizations
            .retain(|_, organization| budgets.contains_key(organization));
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets")
            .field("start", &self.0.start)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ApiKeyId, OrganizationId};
    use crate::{ApiSecret, Credentials};

    #[test]
    fn accounts_that_come_and_go_do_not_pile_up() {
        let (budgets, now) = (Budgets::default(), Instant::now());
        for number in 0..=MAX_ACCOUNTS {
            let credentials = Credentials::Basic {
                key_id: ApiKeyId::new(format!("K{number}")).unwrap(),
                secret: ApiSecret::new("x"),
            };
            let endpoint = Endpoint::parse("https://api.example").unwrap();
            let organization = OrganizationId::new("o-1").ok();
            budgets.merge(now, &Account::new(endpoint, credentials, organization));
        }
        assert!(budgets.known().organizations.len() <= MAX_ACCOUNTS);
    }
}
