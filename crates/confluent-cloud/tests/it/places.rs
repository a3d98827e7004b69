//! Where resources are found.

use confluent_cloud::ids::EnvironmentId;
use confluent_cloud::{ErrorKind, KeyResource, Location};

use crate::cloud::Cloud;
use crate::listener::{Step, answer, story};

fn resource(id: &str) -> KeyResource {
    let environment = EnvironmentId::new("env-1").unwrap();
    KeyResource::from_id(id, Some(environment)).unwrap()
}

#[tokio::test]
async fn a_cluster_is_found_in_its_environment_and_without_it() {
    let cloud = Cloud::start().await;
    let state = cloud.state();
    let places = [
        (
            &state.kafka_clusters[0].id,
            &state.kafka_clusters[0].environment,
        ),
        (
            &state.schema_registries[0].id,
            &state.schema_registries[0].environment,
        ),
        (
            &state.ksqldb_clusters[0].id,
            &state.ksqldb_clusters[0].environment,
        ),
    ];
    for (id, environment) in places {
        let environment = EnvironmentId::new(&**environment).unwrap();
        let found = cloud.client.locate(&resource(id), Some(&environment)).await;
        let found = found.unwrap().unwrap();
        assert_eq!(found.environment.as_ref(), Some(&environment), "{id}");
        let address = found.http_endpoint.as_ref().unwrap().to_string();
        assert_eq!(address, cloud.running.url(), "{id}");
        let bootstrap = found.bootstrap_endpoint.is_some();
        assert_eq!(bootstrap, id.starts_with("lkc-"), "{id}");
        let searched = cloud.client.locate(&resource(id), None).await.unwrap();
        assert_eq!(searched, Some(found), "{id}");
    }
}

#[tokio::test]
async fn each_environment_is_asked_once_for_what_is_nowhere() {
    let cloud = Cloud::start().await;
    let environments = cloud.state().environments.len();
    assert!(environments > 1);
    for (id, path) in [
        ("lkc-none", "/cmk/v2/clusters/{id}"),
        ("lsrc-none", "/srcm/v3/clusters/{id}"),
        ("lksqlc-none", "/ksqldbcm/v2/clusters/{id}"),
    ] {
        cloud.simulator.reset_request_counts();
        assert_eq!(cloud.client.locate(&resource(id), None).await, Ok(None));
        let counts = cloud.simulator.request_counts();
        let asked = counts.iter().filter(|count| count.path == path);
        let asked: u64 = asked.map(|count| count.count).sum();
        assert_eq!(asked, environments as u64, "{counts:?}");
    }
}

#[tokio::test]
async fn a_cluster_of_another_environment_is_not_found_in_this_one() {
    let cloud = Cloud::start().await;
    let state = cloud.state();
    let cluster = &state.kafka_clusters[0];
    let mut others = state.environments.iter().map(|environment| &environment.id);
    let other = others.find(|id| **id != cluster.environment).unwrap();
    let other = EnvironmentId::new(&**other).unwrap();
    let id = resource(&cluster.id);
    assert_eq!(cloud.client.locate(&id, Some(&other)).await, Ok(None));
}

#[tokio::test]
async fn a_region_of_flink_is_found_with_the_organization_that_its_paths_name() {
    let cloud = Cloud::start().await;
    let found = cloud.client.locate(&resource("aws.us-east-1"), None).await;
    let found = found.unwrap().unwrap();
    let organization = found.organization.unwrap();
    assert_eq!(organization.as_str(), &*cloud.state().organization);
    assert_eq!(found.environment.unwrap().as_str(), "env-1");
    let address = found.http_endpoint.unwrap().to_string();
    assert_eq!(address, cloud.running.url());
    let nowhere = cloud.client.locate(&resource("aws.nowhere-1"), None).await;
    assert_eq!(nowhere, Ok(None));
}

#[tokio::test]
async fn another_region_of_flink_is_not_taken_for_this_one() {
    let region = |id: &str, host: &str| {
        format!(r#"{{"id":"{id}","http_endpoint":"https://{host}.confluent.cloud"}}"#)
    };
    let (ours, other) = (
        region("aws.us-east-1", "ours"),
        region("gcp.us-east1", "other"),
    );
    let regions = format!(r#"{{"data":[{ours},{other}]}}"#);
    let story = story([
        Step::Next(answer(200, "", &regions)),
        Step::Last(answer(200, "", r#"{"data":[{"id":"0f0f"}]}"#)),
    ])
    .await;
    let found = story.client.locate(&resource("aws.us-east-1"), None).await;
    let address = found.unwrap().unwrap().http_endpoint.unwrap();
    assert_eq!(address.to_string(), "https://ours.confluent.cloud");
    let asked = &story.requests()[0];
    assert!(asked.contains("cloud=AWS&region_name=us-east-1"), "{asked}");
}

#[tokio::test]
async fn what_has_no_place_of_its_own_is_asked_for_nowhere() {
    let story = story([]).await;
    for id in ["cloud", "global", "tableflow"] {
        let located = story.client.locate(&resource(id), None).await;
        assert_eq!(located, Ok(Some(Location::default())));
    }
    assert_eq!(story.connections(), 0);
}

#[tokio::test]
async fn a_failure_is_not_taken_for_absence() {
    let environment = EnvironmentId::new("env-1").unwrap();
    for (status, body, kind) in [
        (403, "<html>blocked</html>", ErrorKind::NotConfluent),
        (401, "", ErrorKind::Unauthorized),
        (400, "", ErrorKind::Rejected),
    ] {
        let story = story([Step::Last(answer(status, "", body))]).await;
        let cluster = resource("lkc-1");
        let located = story.client.locate(&cluster, Some(&environment)).await;
        assert_eq!(located.unwrap_err().kind, kind);
    }
}
