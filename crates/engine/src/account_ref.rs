//! Which account answers for a key, as its record names it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

use crate::ids::{AccountId, OrganizationId};

/// The account that a key was made with, by name and by organization: another
/// account of the same organization can delete the key as well
/// (`lifecycle-2.md`, 62).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "Stored<'static>")]
pub struct AccountRef {
    /// The account.
    pub account: AccountId,
    /// The organization of the key, where Confluent told it.
    pub organization: Option<OrganizationId>,
}

/// As it is stored. Records of earlier versions name the organization alone,
/// which tells the account: so does every record whose account has the id that
/// they gave it.
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
    /// The account of a record that may name its organization alone, as those
    /// of earlier versions do.
    pub fn stored(account: Option<AccountId>, organization: Option<OrganizationId>) -> Self {
        Self {
            account: account.unwrap_or_else(|| AccountId::by_organization(organization.as_ref())),
            organization,
        }
    }

    /// The account's id, where the organization does not tell it.
    pub fn own_id(&self) -> Option<&AccountId> {
        let implied = AccountId::by_organization(self.organization.as_ref());
        Some(&self.account).filter(|account| **account != implied)
    }

    /// Notes the organization, if it was not known.
    pub fn learn(&mut self, told: Option<OrganizationId>) {
        self.organization = self.organization.take().or(told);
    }

    /// Whether an account of an organization can be the named one, which has its
    /// name.
    pub fn can_be_of(&self, organization: Option<&OrganizationId>) -> bool {
        let own = self.organization.as_ref();
        own.is_none() || organization.is_none() || own == organization
    }

    /// Whether an account that was asked is certainly shown what the named one
    /// is shown.
    pub fn includes(&self, asked: &Self) -> bool {
        match (&self.organization, &asked.organization) {
            (Some(own), Some(asked)) => own == asked,
            _ => self.account == asked.account || self.names_nobody(),
        }
    }

    /// Whether the record is one of an earlier version that says nothing of the
    /// account. Its account is then the current one, unless one is stored whose
    /// organization was not known to that version.
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
