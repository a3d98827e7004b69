//! What a host that takes measurements learns of the requests to Confluent
//! Cloud.

use std::sync::Arc;

use logical::Metrics;
use serde_json::json;
use virtual_world::Measurements;

use crate::mount::Mount;

#[tokio::test]
async fn a_host_sees_requests_waits_and_the_pace_and_nothing_secret() {
    let taken = Arc::new(Measurements::default());
    let mount = Mount::measured_by(Arc::clone(&taken) as Arc<dyn Metrics>).await;
    let role = json!({"owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1"});
    let credentials = mount.creds(&role).await.unwrap();
    let key = mount.live().pop().unwrap();
    mount.revoke(&credentials).await.unwrap();

    let all = taken.all();
    let requests = "confluent_requests_total";
    let created = format!("{requests} method=POST endpoint=/iam/v2/api-keys outcome=succeeded");
    assert_eq!(taken.of(&created), Some(1.0), "{all}");
    let deleted = "method=DELETE endpoint=/iam/v2/api-keys/{id}";
    let outcome = format!("{requests} {deleted} outcome=succeeded");
    assert_eq!(taken.of(&outcome), Some(1.0), "{all}");
    let latency = format!("confluent_request_seconds {deleted}");
    assert_eq!(taken.of(&latency), Some(1.0), "{all}");
    let wait = "confluent_pace_wait_seconds class=removal outcome=sent";
    assert!(taken.of(wait) >= Some(1.0), "{all}");
    let organization = "organization=0f0f0f0f-1111-2222-3333-444444444444";
    // A simulator on loopback has no limit until it answers with one.
    let rate = format!("confluent_pace_requests_per_second {organization}");
    assert_eq!(taken.of(&rate), Some(f64::INFINITY), "{all}");
    for gauge in [
        "confluent_requests_in_flight",
        "confluent_pace_waiting_requests",
    ] {
        assert_eq!(
            taken.of(&format!("{gauge} {organization}")),
            Some(0.0),
            "{all}"
        );
    }
    let admin = mount.simulator.admin_key();
    for hidden in [
        admin.id.as_str(),
        admin.secret.expose(),
        &key,
        "sa-1",
        "lkc-1",
    ] {
        assert!(!all.contains(hidden), "{hidden}: {all}");
    }
}
