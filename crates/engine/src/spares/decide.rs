//! What becomes of a spare, from its entry and its role, without effects.

use jiff::Timestamp;

use crate::credential::{Credential, Purpose, Sharing, State};
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
    /// It stays until a time of the clock that intents are dated with.
    Keep(Timestamp),
}

/// The kind of keys that readers of a role get.
pub(super) fn sharing_of(role: &Role) -> Sharing {
    if role.sharing.is_shared() {
        Sharing::Shared
    } else {
        Sharing::SingleUse
    }
}

/// Where a key of a pool was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Whether it may be made at this moment.
    pub(super) may_be_in_the_making: bool,
    /// Whether it is what readers of a shared key get, or are to get next.
    pub(super) is_in_slot: bool,
}

/// What becomes of a spare. `role` is absent where no role wants the key's
/// generation any more; `now` is a time of the clock that intents are dated with.
pub(super) fn judge(
    credential: Option<&Credential>,
    role: Option<&Role>,
    organization: Option<&OrganizationId>,
    found: Found,
    now: Timestamp,
) -> Verdict {
    let Some(credential) = credential else {
        return Verdict::Strike;
    };
    let key = match &credential.state {
        State::Intended if found.may_be_in_the_making => return Verdict::Making,
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
    if !role.asks_readiness()
        || credential.sharing != sharing_of(role)
        || is_scoped(credential) != role.sharing.is_scoped()
    {
        return Verdict::LetGo("its role hands out other keys");
    }
    if !credential.account.can_be_of(organization) {
        return Verdict::LetGo("it is of another organization");
    }
    let end = end_of(credential, role, found.is_in_slot);
    if end <= now {
        return Verdict::LetGo("nobody took it in time");
    }
    if key.proving.is_over() {
        Verdict::Keep(end)
    } else {
        Verdict::Try
    }
}

/// Until when a spare waits.
fn end_of(credential: &Credential, role: &Role, is_in_slot: bool) -> Timestamp {
    let made = credential.intended_at;
    if is_scoped(credential) {
        role.scoped_ends(made)
    } else if is_in_slot {
        role.next_ends(made)
    } else {
        role.spare_ends(made)
    }
}

/// Whether a key is of one entity or token.
fn is_scoped(credential: &Credential) -> bool {
    let slot = credential.purpose.slot();
    slot.is_some_and(|slot| slot.scope.is_some())
}

/// How much a reader wants a spare that is made for `purpose`: rather one that works,
/// rather an older one. Of shared keys with an age rather a younger one, which lasts.
/// None where the reader cannot have it. `now` is as for [`judge`].
pub(super) fn rank(
    credential: &Credential,
    (role, purpose): (&Role, &Purpose),
    organization: Option<&OrganizationId>,
    now: Timestamp,
) -> Option<(bool, i64)> {
    let key = credential.live_key()?;
    let fits = credential.is_spare()
        && key.secret.is_some()
        && credential.sharing == sharing_of(role)
        && credential.purpose == *purpose
        && credential.account.can_be_of(organization)
        && now < end_of(credential, role, false);
    let made = credential.intended_at.as_microsecond();
    let age = if role.sharing.max_age().is_some() {
        made
    } else {
        -made
    };
    fits.then(|| (key.proving.is_over(), age))
}

#[cfg(test)]
mod tests;
