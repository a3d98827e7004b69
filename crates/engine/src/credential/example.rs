//! A credential for unit tests, which change what they are about. It decides
//! nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Credential, Purpose, Sharing, State};
use crate::account_ref::AccountRef;
use crate::control_plane::Target;
use crate::ids::{CredentialId, Generation, OwnerId, ResourceId, RoleName};

/// The intent of a shared key of the role `app`.
pub(crate) fn intended(at: Timestamp) -> Credential {
    Credential {
        id: CredentialId::parse("CCCCCCCCCCCCC").unwrap(),
        purpose: Purpose::Role {
            role: RoleName::new("app"),
            generation: Generation::parse("GGGGGGGGGGGGG").unwrap(),
            scope: None,
        },
        account: AccountRef::stored(None, None),
        target: Target {
            owner: OwnerId::new("sa-1"),
            resource: ResourceId::new("lkc-1"),
            environment: None,
        },
        sharing: Sharing::Shared,
        requester: None,
        intended_at: at,
        state: State::Intended,
        holders: BTreeMap::new(),
        pinned: false,
    }
}
