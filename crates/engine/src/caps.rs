//! Limits of the leases that a role may have at once. Who counts them is the
//! ledger ([`occupancy`](crate::ledger::Occupancy)); here is what a role says,
//! and how a reader is admitted or refused.

use std::sync::Arc;

use logical::Error;

use crate::issue::Requester;
use crate::ledger::{Full, Limit};
use crate::role::Role;
use crate::role::caps::Caps;
use crate::scope::{RequesterId, ScopeOf};
use crate::state::Engine;

impl Engine {
    /// Admits a reader of a role with limits: its lease then has a seat, which
    /// lasts as long as its request is worked on.
    ///
    /// # Errors
    /// When the role, or this requester, has all the leases that it may have.
    pub(crate) async fn admit(&self, role: &Role, requester: &mut Requester) -> Result<(), Error> {
        let caps = role.caps;
        if caps.is_none() {
            return Ok(());
        }
        if caps.max_active_per_requester > 0 {
            let storage = self.ledger.storage_id().await?;
            let of = who(requester);
            requester.counted_as = Some(RequesterId::new(&storage, of));
        }
        let counted_as = requester.counted_as.clone();
        let seat = self
            .ledger
            .seat(&role.name, &requester.holder, counted_as, limit_of(caps));
        match seat.await? {
            Ok(seat) => {
                requester.seat = Some(Arc::new(seat));
                Ok(())
            }
            Err(Full::Role(taken)) => Err(Error::bad_request(format!(
                "role `{}` has {taken} of {} leases (`max_active`): revoke one",
                role.name, caps.max_active
            ))),
            Err(Full::Requester(taken)) => Err(Error::bad_request(format!(
                "this requester has {taken} of {} leases of role `{}` (`max_active_per_requester`): \
                 revoke one",
                caps.max_active_per_requester, role.name
            ))),
        }
    }
}

/// The limit that a role says.
pub(crate) fn limit_of(caps: Caps) -> Limit {
    Limit {
        of_role: caps.max_active,
        of_requester: caps.max_active_per_requester,
    }
}

/// By what a requester is counted: its entity, else its token.
fn who(requester: &Requester) -> ScopeOf<'_> {
    if !requester.entity.is_empty() {
        ScopeOf::Entity(&requester.entity)
    } else if !requester.accessor.is_empty() {
        ScopeOf::Accessor(&requester.accessor)
    } else {
        ScopeOf::Token(&requester.token)
    }
}
