//! Renewal: the engine proposes a TTL, and the host limits it.

use std::sync::Arc;
use std::time::Duration;

use logical::lease::{TtlRequest, calculate_ttl};
use logical::{Error, Operation, Response};

use super::record::Revocation;
use super::store::Stored;
use super::{Granted, Leases, limits};
use crate::tokens::later;

impl Leases {
    /// Renews a lease by `increment`; zero leaves the TTL to the engine.
    /// Returns `None` if the engine did not renew it. Durable on return.
    ///
    /// # Errors
    /// A bad request if there is no such lease, or it has expired or is not
    /// renewable; otherwise the error of the engine.
    pub(crate) async fn renew(
        self: &Arc<Self>,
        id: &str,
        increment: Duration,
    ) -> Result<Option<(Granted, Response)>, Error> {
        let id = id.to_owned();
        self.complete(move |leases| async move { leases.extend(&id, increment).await })
            .await
    }

    async fn extend(
        &self,
        id: &str,
        increment: Duration,
    ) -> Result<Option<(Granted, Response)>, Error> {
        let _held = self.locks.lock(id).await;
        let mut record = match self.store.load_any(id).await? {
            Some(Stored::Secret(record)) => *record,
            Some(Stored::Token(_)) => {
                return Err(Error::bad_request(
                    "tokens cannot be renewed through this endpoint",
                ));
            }
            None => return Err(Error::bad_request("lease not found")),
        };
        if !record.is_renewable() {
            return Err(Error::bad_request("lease is not renewable"));
        }
        if record.expire_time <= self.clock.now() {
            return Err(Error::bad_request("lease expired"));
        }
        let (mount, inside) = self
            .router
            .route(&record.path)
            .ok_or_else(Error::unsupported_path)?;
        let mut request = record.request(Operation::Renew, inside, increment);
        request.mount_point = mount.path();
        let Some(response) = self.call_engine(&mount, request).await? else {
            return Ok(None);
        };
        let Some(secret) = &response.secret else {
            return Ok(None);
        };
        let now = self.clock.now();
        let (default, max) = limits(&mount, record.issue_time, record.until);
        let granted = calculate_ttl(&TtlRequest {
            increment,
            backend_ttl: secret.lease.ttl,
            backend_max_ttl: secret.lease.max_ttl,
            mount_default_ttl: default,
            mount_max_ttl: max,
            issue_time: record.issue_time,
            now,
        })?;
        let old = record.expire_time;
        record.data.clone_from(&response.data);
        record.internal_data.clone_from(&secret.internal_data);
        record.ttl = granted.ttl.as_secs();
        record.max_ttl = secret.lease.max_ttl.as_secs();
        record.renewable = secret.lease.renewable;
        record.expire_time = later(now, granted.ttl)?;
        record.last_renewal = Some(now);
        record.revocation = Revocation::Open;
        // Both times stay queued until the write has succeeded: an entry that
        // is too early is harmless, a missing one is not.
        self.due_queue.insert(id, record.expire_time);
        self.store.update(&record).await?;
        if old != record.expire_time {
            self.due_queue.remove(id, old);
        }
        let granted = Granted {
            id: record.id,
            ttl: granted.ttl,
            renewable: record.renewable,
            warning: granted.warning,
        };
        Ok(Some((granted, response)))
    }
}
