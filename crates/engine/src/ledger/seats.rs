//! Seats for leases of roles with limits: the leases in storage are counted
//! once, and each reader after that gets a seat or is refused.

use logical::Error;

use super::driver::Ledger;
use super::occupancy::{Full, Limit, Seat};
use crate::ids::{HolderId, RoleName};
use crate::scope::RequesterId;

impl Ledger {
    /// A seat for a lease of a role, or how many leases there are already.
    ///
    /// # Errors
    /// When storage fails while the leases are counted.
    pub(crate) async fn seat(
        &self,
        role: &RoleName,
        holder: &HolderId,
        requester: Option<RequesterId>,
        limit: Limit,
    ) -> Result<Result<Seat, Full>, Error> {
        if !self.occupancy.is_complete() {
            self.count_leases().await?;
        }
        Ok(self.occupancy.seat(role, holder, requester, limit))
    }

    /// Counts the leases in storage, once for all who ask meanwhile.
    async fn count_leases(&self) -> Result<(), Error> {
        let _counting = self.occupancy.counting.lock().await;
        if self.occupancy.is_complete() {
            return Ok(());
        }
        // Before storage is read: what happens meanwhile counts more.
        self.occupancy.watch();
        let stored = self.store.all().await?;
        self.occupancy.complete(stored.into_values());
        Ok(())
    }
}
