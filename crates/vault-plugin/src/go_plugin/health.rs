//! gRPC's health service, behind go-plugin's ping.

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};

/// The service that go-plugin asks about (`grpc_server.go`).
const SERVICE: &str = "plugin";

/// A health service that always reports `SERVING`.
pub(crate) async fn service() -> HealthServer<impl Health> {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter
        .set_service_status(SERVICE, ServingStatus::Serving)
        .await;
    service
}
