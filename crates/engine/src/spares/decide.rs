//! What becomes of a spare, from its entry and its role, without effects.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::credential::{Credential, Sharing, State, later};
use crate::ids::OrganizationId;
use crate::role::Role;

/// What is to be done with a key that a pointer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The pointer goes: its key was taken, is gone, or never was.
    Strike,
    /// The key goes, for a reason.
    LetGo(&'static str),
    /// It may be made at this moment; look again then.
    Making,
    /// It is tried.
    Try,
    /// It stays until a time.
    Keep(Timestamp),
}

/// The kind of keys that readers of a role get.
pub(super) fn sharing_of(role: &Role) -> Sharing {
    if role.multi_use_key {
        Sharing::Shared
    } else {
        Sharing::SingleUse
    }
}

/// What becomes of a spare. `role` is absent where no role wants the key's
/// generation any more.
pub(super) fn judge(
    credential: Option<&Credential>,
    role: Option<&Role>,
    organization: Option<&OrganizationId>,
    may_be_in_the_making: bool,
    now: Timestamp,
) -> Verdict {
    let Some(credential) = credential else {
        return Verdict::Strike;
    };
    let key = match &credential.state {
        State::Intended if may_be_in_the_making => return Verdict::Making,
        State::Live { key } if credential.is_spare() => key,
        State::Intended | State::Live { .. } | State::Retiring { .. } | State::Gone { .. } => {
            return Verdict::Strike;
        }
    };
    if key.secret.is_none() {
        return Verdict::LetGo("its secret is lost");
    }
    let Some(role) = role else {
        return Verdict::LetGo("its role was deleted or has another target");
    };
    if !role.asks_readiness() || credential.sharing != sharing_of(role) {
        return Verdict::LetGo("its role hands out other keys");
    }
    if !credential.account.can_be_of(organization) {
        return Verdict::LetGo("it is of another organization");
    }
    let end = later(credential.intended_at, role.spares.max_age());
    if end <= now {
        return Verdict::LetGo("nobody took it within `spare_max_age`");
    }
    if key.proving.is_over() {
        Verdict::Keep(end)
    } else {
        Verdict::Try
    }
}

/// How much a reader wants a spare: rather one that works, rather an older one. None
/// where the reader cannot have it.
pub(super) fn rank(
    credential: &Credential,
    role: &Role,
    organization: Option<&OrganizationId>,
) -> Option<(bool, Reverse<Timestamp>)> {
    let key = credential.live_key()?;
    let fits = credential.is_spare()
        && key.secret.is_some()
        && credential.sharing == sharing_of(role)
        && credential.account.can_be_of(organization);
    fits.then(|| (key.proving.is_over(), Reverse(credential.intended_at)))
}
