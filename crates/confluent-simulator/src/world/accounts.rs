//! Service accounts and users.

use confluent_cloud::ids::{InvalidId, OwnerId};
use jiff::Timestamp;

use super::World;
use super::quotas::Quota;
use crate::Refusal;

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// `sa-…`.
    pub id: OwnerId,
    /// Its name, unique in the organization.
    pub display_name: String,
    /// Words for people.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// What may be changed about a service account; absent members stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AccountChange {
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `u-…`.
    pub id: OwnerId,
    /// Its address.
    pub email: String,
    /// Its name.
    pub full_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl World {
    /// Reads a service account.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn service_account(&self, id: &str) -> Result<&ServiceAccount, Refusal> {
        self.service_accounts
            .iter()
            .find(|account| account.id.as_str() == id)
            .ok_or_else(Refusal::service_account_not_found)
    }

    /// Makes a service account.
    ///
    /// # Errors
    /// 409 when the name is in use, 402 when there are as many as may be.
    pub fn create_service_account(
        &mut self,
        now: Timestamp,
        display_name: &str,
        description: &str,
    ) -> Result<ServiceAccount, Refusal> {
        self.name_is_free(display_name, None)?;
        self.has_room(Quota::ServiceAccounts, self.organization.as_str())?;
        let id = self.new_account_id().map_err(|_| Refusal::not_found())?;
        let account = ServiceAccount {
            id,
            display_name: display_name.into(),
            description: description.into(),
            created_at: now,
            updated_at: now,
        };
        self.service_accounts.push(account.clone());
        Ok(account)
    }

    /// Changes the name or description of a service account.
    ///
    /// # Errors
    /// 404 when there is none, 409 when another one has the name.
    pub(crate) fn update_service_account(
        &mut self,
        now: Timestamp,
        id: &str,
        change: AccountChange,
    ) -> Result<&ServiceAccount, Refusal> {
        if let Some(name) = &change.display_name {
            self.service_account(id)?;
            self.name_is_free(name, Some(id))?;
        }
        let account = self
            .service_accounts
            .iter_mut()
            .find(|account| account.id.as_str() == id)
            .ok_or_else(Refusal::service_account_not_found)?;
        if let Some(name) = change.display_name {
            account.display_name = name;
        }
        if let Some(description) = change.description {
            account.description = description;
        }
        account.updated_at = now;
        Ok(account)
    }

    /// Deletes a service account with its keys and role bindings.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn delete_service_account(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        self.service_account(id)?;
        self.service_accounts
            .retain(|account| account.id.as_str() != id);
        self.forget_owner(now, id);
        Ok(())
    }

    /// Reads a user.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn user(&self, id: &str) -> Result<&User, Refusal> {
        self.users
            .iter()
            .find(|user| user.id.as_str() == id)
            .ok_or_else(Refusal::not_found)
    }

    /// Changes the name of a user, where one is given.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn update_user(
        &mut self,
        now: Timestamp,
        id: &str,
        full_name: Option<String>,
    ) -> Result<&User, Refusal> {
        let user = self
            .users
            .iter_mut()
            .find(|user| user.id.as_str() == id)
            .ok_or_else(Refusal::not_found)?;
        if let Some(name) = full_name {
            user.full_name = name;
            user.updated_at = now;
        }
        Ok(user)
    }

    /// Deletes a user with its keys and role bindings.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn delete_user(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        self.user(id)?;
        self.users.retain(|user| user.id.as_str() != id);
        self.forget_owner(now, id);
        Ok(())
    }

    /// Whether no service account but `except` has a name.
    fn name_is_free(&self, name: &str, except: Option<&str>) -> Result<(), Refusal> {
        let mut accounts = self.service_accounts.iter();
        let other = accounts
            .find(|account| account.display_name == name && except != Some(account.id.as_str()));
        match other {
            Some(other) => Err(Refusal::name_in_use(other.id.as_str())),
            None => Ok(()),
        }
    }

    fn forget_owner(&mut self, now: Timestamp, id: &str) {
        self.delete_keys(now, |key| key.owner.as_str() == id);
        let principal = format!("User:{id}");
        self.bindings
            .retain(|binding| binding.principal != principal);
        self.sessions.end_of(id);
    }

    fn new_account_id(&mut self) -> Result<OwnerId, InvalidId> {
        loop {
            let id = OwnerId::new(format!("sa-{}", self.random.accounts.suffix()))?;
            if self.owner(id.as_str()).is_none() {
                return Ok(id);
            }
        }
    }
}
