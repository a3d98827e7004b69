//! A snapshot of all accounts of a mount, and which of them can delete a key. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use logical::Entropy;

use super::Account;
use crate::account_ref::AccountRef;
use crate::ids::{AccountId, OrganizationId};

/// All accounts of a mount.
pub(crate) struct Roster {
    /// The one that new keys are made with.
    pub(super) current: Option<AccountId>,
    pub(super) accounts: BTreeMap<AccountId, Account>,
}

impl Roster {
    /// The accounts that can delete a key, in the order in which they are tried: the
    /// one that its record names, then those of the same organization
    /// (`lifecycle.md`, 62). Where there is none, those that may be of it.
    pub(crate) fn able(&self, of: &AccountRef) -> Vec<AccountId> {
        let named = self.accounts.get(&of.account);
        let named = named.filter(|named| of.can_be_of(named.organization.as_ref()));
        let named_organization = named.and_then(|named| named.organization.as_ref());
        let organization = of.organization.as_ref().or(named_organization);
        let mut able: Vec<AccountId> = named.map(|_| of.account.clone()).into_iter().collect();
        if let Some(organization) = organization {
            able.extend(self.in_organization(Some(organization), &able));
        }
        if able.is_empty() {
            able = match organization {
                Some(_) => self.in_organization(None, &[]),
                None => self.current.clone().into_iter().collect(),
            };
        }
        able
    }

    /// The accounts of an organization (or of an unknown one) without some: the
    /// current one first, then the latest.
    fn in_organization(
        &self,
        organization: Option<&OrganizationId>,
        but: &[AccountId],
    ) -> Vec<AccountId> {
        let accounts = self.accounts.iter().filter(|(id, account)| {
            account.organization.as_ref() == organization && !but.contains(id)
        });
        let mut accounts: Vec<_> = accounts.collect();
        accounts.sort_by_key(|(id, account)| {
            (
                self.current.as_ref() != Some(id),
                Reverse(account.written_at),
            )
        });
        accounts.into_iter().map(|(id, _)| id.clone()).collect()
    }

    /// The id for a new current account. One with the key or organization of a stored
    /// account replaces that (`lifecycle.md`, 29).
    pub(super) fn id_for(&self, new: &Account, entropy: &dyn Entropy) -> AccountId {
        let current = self.current.as_ref();
        let current = current.and_then(|id| Some((id, self.accounts.get(id)?)));
        let mut stored = current.into_iter().chain(&self.accounts);
        if let Some((id, _)) = stored.find(|(_, stored)| stored.is_succeeded_by(new)) {
            return id.clone();
        }
        // The id by which an earlier version finds it after a downgrade.
        let by_organization = AccountId::by_organization(new.organization.as_ref());
        let was_never_given = new.organization.is_some() || self.accounts.is_empty();
        if was_never_given && !self.accounts.contains_key(&by_organization) {
            return by_organization;
        }
        AccountId::random(entropy)
    }

    /// The accounts that are not needed by the keys with these references.
    pub(super) fn unneeded(&self, named: &BTreeSet<AccountRef>) -> Vec<AccountId> {
        let mut stay: BTreeSet<AccountId> = self.current.iter().cloned().collect();
        for of in named {
            let able = self.able(of);
            let written_at = |id: &AccountId| self.accounts.get(id).map(|known| known.written_at);
            // A later account stays beside the named one, which may have stopped
            // working.
            let later = able
                .get(1)
                .filter(|other| able.first().map(written_at) < Some(written_at(other)));
            stay.extend(able.first().into_iter().chain(later).cloned());
        }
        let unneeded = self.accounts.keys().filter(|id| !stay.contains(*id));
        unneeded.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::SecretText;
    use crate::ids::KeyId;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    fn account(key: &str, organization: Option<&str>, written_at: i64) -> Account {
        Account {
            organization: organization.map(OrganizationId::new),
            url: super::super::DEFAULT_URL.to_owned(),
            key_id: KeyId::new(key),
            secret: SecretText::new("secret"),
            ca_cert: String::new(),
            written_at: Timestamp::from_second(written_at).unwrap(),
        }
    }

    fn roster(current: &str, accounts: &[(&str, Option<&str>, i64)]) -> Roster {
        let accounts = accounts.iter().map(|(id, organization, written_at)| {
            let key = format!("KEY-{id}");
            let account = account(&key, *organization, *written_at);
            (AccountId::new(*id), account)
        });
        Roster {
            current: Some(AccountId::new(current)),
            accounts: accounts.collect(),
        }
    }

    fn of(account: &str, organization: Option<&str>) -> AccountRef {
        AccountRef {
            account: AccountId::new(account),
            organization: organization.map(OrganizationId::new),
        }
    }

    fn able(roster: &Roster, of: &AccountRef) -> Vec<String> {
        let able = roster.able(of);
        able.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_named_account_comes_first_then_the_current_one_then_the_latest() {
        let one = Some("org-1");
        let accounts = [
            ("a", one, 1),
            ("b", one, 3),
            ("c", one, 2),
            ("d", one, 4),
            ("e", Some("org-2"), 5),
            ("f", None, 6),
        ];
        let roster = roster("c", &accounts);
        assert_eq!(able(&roster, &of("a", one)), ["a", "c", "d", "b"]);
        assert_eq!(able(&roster, &of("a", None)), ["a", "c", "d", "b"]);
        assert_eq!(able(&roster, &of("gone", one)), ["c", "d", "b", "a"]);
        assert_eq!(able(&roster, &of("f", None)), ["f"]);
    }

    #[test]
    fn an_account_of_an_unknown_organization_stands_in_only_where_there_is_no_other() {
        let one = Some("org-1");
        let roster = roster(
            "b",
            &[("a", None, 1), ("b", None, 2), ("c", Some("org-2"), 3)],
        );
        assert_eq!(able(&roster, &of("gone", one)), ["b", "a"]);
        assert_eq!(able(&roster, &of("gone", Some("org-2"))), ["c"]);
        assert_eq!(able(&roster, &of("gone", None)), ["b"]);
    }

    #[test]
    fn a_name_that_another_organization_has_now_is_not_the_account() {
        let roster = roster("unproven", &[("unproven", Some("org-2"), 1)]);
        let none: [&str; 0] = [];
        assert_eq!(able(&roster, &of("unproven", Some("org-1"))), none);
        assert_eq!(able(&roster, &of("unproven", None)), ["unproven"]);
    }

    #[test]
    fn an_account_of_the_same_key_or_organization_takes_the_place_of_the_earlier_one() {
        let one = Some("org-1");
        let roster = roster("b", &[("a", one, 1), ("b", None, 2), ("c", one, 3)]);
        let id = |new: Account| roster.id_for(&new, &Fixed).to_string();
        assert_eq!(id(account("KEY-b", one, 4)), "b");
        assert_eq!(id(account("KEY-new", one, 4)), "a");
        assert_eq!(id(account("KEY-new", None, 4)), "AAAAAAAAAAAAA");
        assert_eq!(id(account("KEY-a", Some("org-2"), 4)), "org-2");
    }

    #[test]
    fn the_first_account_has_the_name_that_earlier_versions_look_for() {
        let empty = Roster {
            current: None,
            accounts: BTreeMap::new(),
        };
        let id = |new: Account| empty.id_for(&new, &Fixed).to_string();
        assert_eq!(id(account("KEY", Some("org-1"), 1)), "org-1");
        assert_eq!(id(account("KEY", None, 1)), "unproven");
    }

    #[test]
    fn an_account_goes_when_no_key_names_it_unless_it_is_the_only_one_or_a_later_one() {
        let one = Some("org-1");
        let accounts = [
            ("a", one, 1),
            ("b", one, 2),
            ("c", one, 3),
            ("d", Some("org-2"), 4),
            ("e", Some("org-3"), 5),
        ];
        let roster = roster("e", &accounts);
        let unneeded = |needed: &[AccountRef]| {
            let unneeded = roster.unneeded(&needed.iter().cloned().collect());
            unneeded.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(unneeded(&[]), ["a", "b", "c", "d"]);
        assert_eq!(unneeded(&[of("c", one)]), ["a", "b", "d"]);
        assert_eq!(unneeded(&[of("a", one)]), ["b", "d"]);
        assert_eq!(unneeded(&[of("gone", one)]), ["a", "b", "d"]);
        assert_eq!(unneeded(&[of("gone", Some("org-2"))]), ["a", "b", "c"]);
    }
}
