//! go-plugin's stream for the output of a plugin.
//!
//! Vault and OpenBao discard it and read logs from standard error, so the
//! stream stays open and empty.

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::pb::plugin::StdioData;
use crate::pb::plugin::grpc_stdio_server::GrpcStdio;

/// The silent service.
pub(crate) struct Stdio {
    stop: CancellationToken,
}

impl Stdio {
    /// Stays silent until `stop`.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { stop }
    }
}

#[tonic::async_trait]
impl GrpcStdio for Stdio {
    type StreamStdioStream = BoxStream<'static, Result<StdioData, Status>>;

    async fn stream_stdio(
        &self,
        _request: Request<()>,
    ) -> Result<Response<Self::StreamStdioStream>, Status> {
        let silence = stream::pending().take_until(self.stop.clone().cancelled_owned());
        Ok(Response::new(silence.boxed()))
    }
}
