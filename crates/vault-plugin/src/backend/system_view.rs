//! The host's view of itself and of the mount, as a [`SystemView`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logical::effects::Replication;
use logical::{Error, SystemView};
use tonic::{Response, Status};

use super::convert;
use super::errors::of_status;
use super::host::Host;
use crate::pb::backend::Empty;

/// Each question is a call; hosts answer from memory.
pub(super) struct HostSystemView {
    host: Arc<Host>,
}

impl HostSystemView {
    /// The view behind a connection.
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self { host }
    }
}

#[async_trait]
impl SystemView for HostSystemView {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        let reply = self.host.system_view()?.default_lease_ttl(Empty {}).await;
        answer("asking for the default lease TTL", reply).map(|reply| convert::duration(reply.ttl))
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        let reply = self.host.system_view()?.max_lease_ttl(Empty {}).await;
        answer("asking for the max lease TTL", reply).map(|reply| convert::duration(reply.ttl))
    }

    async fn tainted(&self) -> Result<bool, Error> {
        let reply = self.host.system_view()?.tainted(Empty {}).await;
        answer("asking whether the mount is being removed", reply).map(|reply| reply.tainted)
    }

    async fn replication(&self) -> Result<Replication, Error> {
        let reply = self.host.system_view()?.replication_state(Empty {}).await;
        answer("asking for the node's role", reply)
            .map(|reply| Replication(reply.state.cast_unsigned()))
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        let reply = self.host.system_view()?.local_mount(Empty {}).await;
        answer("asking whether the mount is local", reply).map(|reply| reply.local)
    }
}

fn answer<T>(doing: &str, reply: Result<Response<T>, Status>) -> Result<T, Error> {
    reply
        .map(Response::into_inner)
        .map_err(|status| of_status(doing, &status))
}
