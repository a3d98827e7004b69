//! The connection of one mount to its host, which can be revoked.

use std::sync::{PoisonError, RwLock};

use logical::Error;
use tonic::transport::Channel;

use super::MESSAGE_LIMIT;
use crate::pb::backend::storage_client::StorageClient;
use crate::pb::backend::system_view_client::SystemViewClient;

/// The brokered connection. A host waits for it to close when a mount is
/// stopped, so closing it takes effect for every clone of the storage, too.
#[derive(Debug)]
pub(super) struct Host {
    channel: RwLock<Option<Channel>>,
}

impl Host {
    /// A connection that is open.
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel: RwLock::new(Some(channel)),
        }
    }

    /// A client of the host's storage.
    pub(super) fn storage(&self) -> Result<StorageClient<Channel>, Error> {
        Ok(StorageClient::new(self.channel()?)
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT))
    }

    /// A client of the host's system view.
    pub(super) fn system_view(&self) -> Result<SystemViewClient<Channel>, Error> {
        Ok(SystemViewClient::new(self.channel()?))
    }

    /// Revokes the connection; it closes when calls in flight are done.
    pub(super) fn close(&self) {
        let mut channel = self.channel.write().unwrap_or_else(PoisonError::into_inner);
        *channel = None;
    }

    fn channel(&self) -> Result<Channel, Error> {
        let channel = self.channel.read().unwrap_or_else(PoisonError::into_inner);
        channel
            .clone()
            .ok_or_else(|| Error::internal("the mount was stopped while this was done: try again"))
    }
}
