//! The simulated cloud with faults: what the client makes of them, and what
//! exists afterwards.

use std::sync::Arc;
use std::time::Duration;

use confluent_cloud::{Effects, ErrorKind, ListFilter};
use confluent_simulator::{Arming, Fault, Operation};

use crate::cloud::Cloud;
use crate::listener::FakeTime;

async fn cloud() -> (Cloud, Arc<FakeTime>) {
    let time = Arc::new(FakeTime::default());
    let mut cloud = Cloud::start().await;
    let effects = Arc::clone(&time) as Arc<dyn Effects>;
    cloud.client = cloud.client.with_effects(effects);
    (cloud, time)
}

/// How many keys there are beside that of the account.
fn made(cloud: &Cloud) -> usize {
    let keys = cloud.simulator.list_keys(None, None);
    keys.len() - 1
}

#[tokio::test]
async fn no_fault_makes_a_second_key() {
    for (fault, succeeds, unknown, exist) in [
        (Fault::RateLimit, true, false, 1),
        (Fault::FailBefore, false, true, 0),
        (Fault::FailAfter, false, true, 1),
        (Fault::LoseAnswer, false, true, 1),
        (Fault::Reset, false, true, 0),
        (Fault::Html, false, true, 0),
        (Fault::Forbidden, false, false, 0),
    ] {
        let (cloud, _) = cloud().await;
        let arming = Arming::once(Operation::CreateApiKey, fault);
        cloud.simulator.arm(&arming);
        let created = cloud.client.create_api_key(&cloud.new_key("x")).await;
        assert_eq!(created.is_ok(), succeeds, "{fault:?}");
        let open = created.is_err_and(|error| error.outcome_unknown());
        assert_eq!(open, unknown, "{fault:?}");
        assert_eq!(made(&cloud), exist, "{fault:?}");
    }
}

#[tokio::test]
async fn a_key_is_deleted_through_every_fault_that_passes() {
    for (fault, kind) in [
        (Fault::RateLimit, None),
        (Fault::FailBefore, None),
        (Fault::Reset, None),
        (Fault::Html, None),
        // It was this call's own deletion; only a list can tell.
        (Fault::FailAfter, Some(ErrorKind::Forbidden)),
        (Fault::LoseAnswer, Some(ErrorKind::Forbidden)),
    ] {
        let (cloud, _) = cloud().await;
        let created = cloud.client.create_api_key(&cloud.new_key("x")).await;
        let id = created.unwrap().key.id;
        let arming = Arming::once(Operation::DeleteApiKey, fault);
        cloud.simulator.arm(&arming);
        let deleted = cloud.client.delete_api_key(&id).await;
        assert_eq!(made(&cloud), 0, "{fault:?}");
        let error = deleted.err();
        assert_eq!(error.as_ref().map(|error| error.kind), kind, "{fault:?}");
        assert!(error.is_none_or(|error| error.outcome_unknown()));
    }
}

#[tokio::test]
async fn a_limit_of_the_cloud_is_waited_for_as_long_as_it_says() {
    let (cloud, time) = cloud().await;
    cloud.simulator.arm(&Arming {
        delay: Some(Duration::from_secs(7)),
        ..Arming::once(Operation::ListApiKeys, Fault::RateLimit)
    });
    let listing = cloud.client.list_api_keys(&ListFilter::default()).await;
    assert!(listing.unwrap().complete);
    assert_eq!(time.waits(), [8]);
}
