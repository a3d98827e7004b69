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
use super::single_flight::SingleFlight;
use crate::pb::backend::Empty;

/// Hosts answer from memory; concurrent requests share one call.
pub(super) struct HostSystemView {
    host: Arc<Host>,
    default_lease_ttl: SingleFlight<Duration>,
    max_lease_ttl: SingleFlight<Duration>,
    tainted: SingleFlight<bool>,
    replication: SingleFlight<Replication>,
    local_mount: SingleFlight<bool>,
}

impl HostSystemView {
    /// The view behind a connection.
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            default_lease_ttl: SingleFlight::default(),
            max_lease_ttl: SingleFlight::default(),
            tainted: SingleFlight::default(),
            replication: SingleFlight::default(),
            local_mount: SingleFlight::default(),
        }
    }
}

#[async_trait]
impl SystemView for HostSystemView {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        let call = async {
            let reply = self.host.system_view()?.default_lease_ttl(Empty {}).await;
            let reply = answer("asking for the default lease TTL", reply)?;
            Ok(convert::duration(reply.ttl))
        };
        self.default_lease_ttl.run(call).await
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        let call = async {
            let reply = self.host.system_view()?.max_lease_ttl(Empty {}).await;
            let reply = answer("asking for the max lease TTL", reply)?;
            Ok(convert::duration(reply.ttl))
        };
        self.max_lease_ttl.run(call).await
    }

    async fn tainted(&self) -> Result<bool, Error> {
        let call = async {
            let reply = self.host.system_view()?.tainted(Empty {}).await;
            Ok(answer("asking whether the mount is being removed", reply)?.tainted)
        };
        self.tainted.run(call).await
    }

    async fn replication(&self) -> Result<Replication, Error> {
        let call = async {
            let reply = self.host.system_view()?.replication_state(Empty {}).await;
            let reply = answer("asking for the node's role", reply)?;
            Ok(Replication(reply.state.cast_unsigned()))
        };
        self.replication.run(call).await
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        let call = async {
            let reply = self.host.system_view()?.local_mount(Empty {}).await;
            Ok(answer("asking whether the mount is local", reply)?.local)
        };
        self.local_mount.run(call).await
    }
}

fn answer<T>(doing: &str, reply: Result<Response<T>, Status>) -> Result<T, Error> {
    reply
        .map(Response::into_inner)
        .map_err(|status| of_status(doing, &status))
}
