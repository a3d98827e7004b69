//! A batch as it is stored. What its members have in common is stored once:
//! most are of one role, and each byte is written, sealed and kept by the host.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account_ref::AccountRef;
use crate::control_plane::Target;
use crate::credential::{Credential, Holder, Purpose, RequestedBy, Sharing, State};
use crate::ids::{CredentialId, HolderId};

/// Several credentials in one entry.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Batch {
    groups: Vec<Group>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Group {
    common: Common,
    members: Vec<Member>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Common {
    #[serde(flatten)]
    purpose: Purpose,
    #[serde(flatten)]
    account: AccountRef,
    target: Target,
    sharing: Sharing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requester: Option<Box<RequestedBy>>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Member {
    id: CredentialId,
    intended_at: Timestamp,
    state: State,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    holders: BTreeMap<HolderId, Holder>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
}

impl Common {
    fn with(&self, member: &Member) -> Credential {
        Credential {
            id: member.id.clone(),
            purpose: self.purpose.clone(),
            account: self.account.clone(),
            target: self.target.clone(),
            sharing: self.sharing,
            requester: self.requester.clone(),
            intended_at: member.intended_at,
            state: member.state.clone(),
            holders: member.holders.clone(),
            pinned: member.pinned,
        }
    }
}

impl Batch {
    pub(super) fn of(credentials: Vec<Credential>) -> Self {
        let mut batch = Self::default();
        for credential in credentials {
            let common = Common {
                purpose: credential.purpose,
                account: credential.account,
                target: credential.target,
                sharing: credential.sharing,
                requester: credential.requester,
            };
            let member = Member {
                id: credential.id,
                intended_at: credential.intended_at,
                state: credential.state,
                holders: credential.holders,
                pinned: credential.pinned,
            };
            let mut groups = batch.groups.iter_mut();
            match groups.find(|group| group.common == common) {
                Some(group) => group.members.push(member),
                None => batch.groups.push(Group {
                    common,
                    members: vec![member],
                }),
            }
        }
        batch
    }

    /// Its members.
    pub(super) fn ids(&self) -> Vec<CredentialId> {
        let members = self.groups.iter().flat_map(|group| &group.members);
        members.map(|member| member.id.clone()).collect()
    }

    /// Keeps these members only.
    pub(super) fn keep(&mut self, ids: &[CredentialId]) {
        for group in &mut self.groups {
            group.members.retain(|member| ids.contains(&member.id));
        }
        self.groups.retain(|group| !group.members.is_empty());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// What it holds of a member.
    pub(super) fn get(&self, id: &CredentialId) -> Option<Credential> {
        self.groups.iter().find_map(|group| {
            let mut members = group.members.iter();
            let member = members.find(|member| member.id == *id)?;
            Some(group.common.with(member))
        })
    }

    /// All its members.
    pub(super) fn members(&self) -> impl Iterator<Item = Credential> {
        self.groups.iter().flat_map(|group| {
            let members = group.members.iter();
            members.map(|member| group.common.with(member))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::ids::{
        EnvironmentId, Generation, KeyId, OrganizationId, OwnerId, ResourceId, RoleName,
    };
    use crate::ledger::IssuedKey;

    fn id(letter: char) -> String {
        letter.to_string().repeat(13)
    }

    fn credential(letter: char, role: &str) -> Credential {
        let live = IssuedKey::without_secret(KeyId::new("K7Q2M4ZB6RXN3TWD"));
        let holder = Holder::new(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        Credential {
            id: CredentialId::parse(&id(letter)).unwrap(),
            purpose: Purpose::Role {
                role: RoleName::new(role),
                generation: Generation::parse(&id('A')).unwrap(),
            },
            account: AccountRef::stored(
                None,
                Some(OrganizationId::new("0f0f0f0f-1111-2222-3333-444444444444")),
            ),
            target: Target {
                owner: OwnerId::new("sa-123456"),
                resource: ResourceId::new("lkc-123456"),
                environment: Some(EnvironmentId::new("env-123456")),
            },
            sharing: Sharing::SingleUse,
            requester: None,
            intended_at: Timestamp::UNIX_EPOCH,
            state: State::Live { key: live },
            holders: BTreeMap::from([(HolderId::parse(&id('B')).unwrap(), holder)]),
            pinned: false,
        }
    }

    fn read(bytes: &[u8]) -> Batch {
        codec::decode("batch", bytes).unwrap()
    }

    #[test]
    fn a_batch_gives_back_each_member_as_it_was() {
        let members = [('A', "one"), ('B', "other"), ('C', "one")];
        let members = members.map(|(letter, role)| credential(letter, role));
        let bytes = codec::encode(&Batch::of(members.to_vec())).unwrap();
        for member in &members {
            assert_eq!(read(&bytes).get(&member.id).as_ref(), Some(member));
        }
        let mut batch = read(&bytes);
        batch.keep(&[members[1].id.clone()]);
        assert_eq!(batch.ids(), [members[1].id.clone()]);
        assert_eq!(batch.get(&members[0].id), None);
    }

    #[test]
    fn a_member_costs_far_less_than_an_entry_of_its_own() {
        let size = |members: usize| {
            let members = vec![credential('A', "one"); members];
            codec::encode(&Batch::of(members)).unwrap().len()
        };
        let (alone, another) = (size(1), size(2) - size(1));
        assert!(
            another < 300 && alone > another * 3 / 2,
            "{alone} {another}"
        );
        assert!(size(super::super::LARGEST) < 160 << 10);
    }
}
