//! The host's request to shut down.

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::pb::plugin::Empty;
use crate::pb::plugin::grpc_controller_server::GrpcController;

/// The service that ends the process.
pub(crate) struct Controller {
    stop: CancellationToken,
}

impl Controller {
    /// A controller that cancels `stop`.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { stop }
    }
}

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.stop.cancel();
        Ok(Response::new(Empty {}))
    }
}
