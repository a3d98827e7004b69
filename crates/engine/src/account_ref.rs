//! The reference to an account in the record of a key.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

use crate::ids::{AccountId, OrganizationId};

/// The account that a key was made with, by id and by organization: any account of
/// the same organization can delete the key as well (`lifecycle.md`, 62).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "Stored<'static>")]
pub struct AccountRef {
    /// The account.
    pub account: AccountId,
    /// The organization of the key, if known.
    pub organization: Option<OrganizationId>,
}

/// The stored form. Records of earlier versions name the organization alone, which
/// implies the account. The account is left out wherever it is implied.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    organization: Option<Cow<'a, OrganizationId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<Cow<'a, AccountId>>,
}

impl From<Stored<'_>> for AccountRef {
    fn from(stored: Stored<'_>) -> Self {
        Self::stored(
            stored.account.map(Cow::into_owned),
            stored.organization.map(Cow::into_owned),
        )
    }
}

impl Serialize for AccountRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = Stored {
            organization: self.organization.as_ref().map(Cow::Borrowed),
            account: self.own_id().map(Cow::Borrowed),
        };
        stored.serialize(serializer)
    }
}

impl AccountRef {
    /// The reference of a record, which may name the organization alone as those of
    /// earlier versions do.
    pub fn stored(account: Option<AccountId>, organization: Option<OrganizationId>) -> Self {
        Self {
            account: account.unwrap_or_else(|| AccountId::by_organization(organization.as_ref())),
            organization,
        }
    }

    /// The account's id, unless the organization implies it.
    pub fn own_id(&self) -> Option<&AccountId> {
        let implied = AccountId::by_organization(self.organization.as_ref());
        Some(&self.account).filter(|account| **account != implied)
    }

    /// Sets the organization if it is not known.
    pub fn learn(&mut self, told: Option<OrganizationId>) {
        self.organization = self.organization.take().or(told);
    }

    /// Whether an account with this id and this organization is the one that is
    /// meant.
    pub fn can_be_of(&self, organization: Option<&OrganizationId>) -> bool {
        let own = self.organization.as_ref();
        own.is_none() || organization.is_none() || own == organization
    }

    /// Whether another account certainly sees the keys of this one.
    pub fn includes(&self, asked: &Self) -> bool {
        match (&self.organization, &asked.organization) {
            (Some(own), Some(asked)) => own == asked,
            _ => self.account == asked.account || self.names_nobody(),
        }
    }

    /// Whether the record is of an earlier version and names neither account nor
    /// organization. It means the unverified account of that version where there is
    /// one, and else the current one.
    fn names_nobody(&self) -> bool {
        self.organization.is_none() && self.own_id().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(account: &str, organization: Option<&str>) -> AccountRef {
        AccountRef {
            account: AccountId::new(account),
            organization: organization.map(OrganizationId::new),
        }
    }

    #[test]
    fn a_record_that_names_its_organization_alone_means_the_account_of_that_name() {
        for (text, account) in [
            (r#"{"organization":"org-1"}"#, named("org-1", Some("org-1"))),
            (r#"{"organization":null}"#, named("unproven", None)),
        ] {
            assert_eq!(serde_json::from_str::<AccountRef>(text).unwrap(), account);
            assert_eq!(serde_json::to_string(&account).unwrap(), text);
        }
    }

    #[test]
    fn an_account_of_any_other_name_is_stored_by_name() {
        for account in [named("a", Some("org-1")), named("a", None)] {
            let text = serde_json::to_string(&account).unwrap();
            assert!(text.contains(r#""account":"a""#), "{text}");
            assert_eq!(serde_json::from_str::<AccountRef>(&text).unwrap(), account);
        }
    }

    #[test]
    fn another_account_is_shown_the_same_keys_only_within_one_organization() {
        let asked = named("b", Some("org-1"));
        assert!(named("a", Some("org-1")).includes(&asked));
        assert!(!named("a", Some("org-2")).includes(&asked));
        assert!(!named("a", None).includes(&asked));
        assert!(!named("a", Some("org-1")).includes(&named("b", None)));
        assert!(named("b", None).includes(&asked));
    }
}
