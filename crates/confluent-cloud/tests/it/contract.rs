//! What the simulated control plane answers, the client understands.

use confluent_cloud::ids::{ApiKeyId, EnvironmentId, OwnerId};
use confluent_cloud::secret::SecretFormat;
use confluent_cloud::{ApiSecret, ErrorKind, KeyResource, ListFilter, NewApiKey};
use confluent_simulator::NewKey;

use crate::cloud::{Cloud, client};

#[tokio::test]
async fn a_key_is_made_read_listed_and_deleted() {
    let cloud = Cloud::start().await;
    let created = cloud
        .client
        .create_api_key(&cloud.new_key("orders"))
        .await
        .unwrap();
    assert_eq!(created.secret.verify(), Ok(SecretFormat::Checked));
    let key = created.key;
    assert_eq!(key.display_name, "orders");
    assert_eq!(key.description, "words");
    assert_eq!(key.owner, Some(cloud.owner()));
    assert_eq!(key.resource.as_ref().unwrap().id, cloud.cluster().id());
    assert_eq!(
        key.organization.as_ref().unwrap().as_str(),
        cloud.state().organization
    );
    assert!(key.created_at.is_some());

    assert_eq!(cloud.client.read_api_key(&key.id).await, Ok(key.clone()));
    let filter = ListFilter {
        owner: Some(cloud.owner()),
        resource: Some(cloud.cluster()),
    };
    let listing = cloud.client.list_api_keys(&filter).await.unwrap();
    assert!(listing.complete);
    assert_eq!(listing.items, std::slice::from_ref(&key));

    cloud.client.delete_api_key(&key.id).await.unwrap();
    let gone = cloud.client.read_api_key(&key.id).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::Forbidden);
    assert_eq!(gone.code.as_deref(), Some("forbidden_access"));
    assert_eq!(gone.request, format!("GET /iam/v2/api-keys/{}", key.id));
    assert!(gone.request_id.is_some());
    let again = cloud.client.delete_api_key(&key.id).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Forbidden);
    assert!(!again.outcome_unknown());
}

#[tokio::test]
async fn keys_of_every_kind_are_made_and_told_apart() {
    let cloud = Cloud::start().await;
    let state = cloud.state();
    let environment = &state.environments[0].id;
    for (id, kind, place) in [
        (state.kafka_clusters[0].id.as_str(), "Cluster", None),
        (
            &state.schema_registries[0].id,
            "SchemaRegistry",
            Some(environment),
        ),
        ("aws.us-east-1", "Region", Some(environment)),
        ("tableflow", "Tableflow", None),
        ("Cloud", "Cloud", None),
        ("global", "Global", None),
    ] {
        let environment = Some(EnvironmentId::new(&**environment).unwrap());
        let key = NewApiKey {
            resource: KeyResource::from_id(id, environment).unwrap(),
            ..cloud.new_key("x")
        };
        let made = cloud.client.create_api_key(&key).await.unwrap();
        let resource = made.key.resource.unwrap();
        assert_eq!(resource.id, id.to_lowercase());
        assert_eq!(resource.kind.as_deref(), Some(kind));
        assert_eq!(resource.environment.as_ref(), place);
    }
}

#[tokio::test]
async fn a_list_of_many_pages_is_read_to_its_end() {
    let cloud = Cloud::start().await;
    let new = NewKey {
        owner: cloud.owner().to_string(),
        ..NewKey::default()
    };
    let mut made = Vec::new();
    for _ in 0..250 {
        made.push(cloud.simulator.create_key(&new).unwrap().key.id);
    }
    let filter = ListFilter {
        owner: Some(cloud.owner()),
        resource: None,
    };
    let listing = cloud.client.list_api_keys(&filter).await.unwrap();
    assert!(listing.complete);
    let listed: Vec<ApiKeyId> = listing.items.into_iter().map(|key| key.id).collect();
    assert_eq!(listed, made);
}

#[tokio::test]
async fn a_list_as_long_as_the_service_ever_tells_is_not_taken_as_complete() {
    let cloud = Cloud::start().await;
    let new = NewKey {
        owner: cloud.owner().to_string(),
        ..NewKey::default()
    };
    for _ in 0..499 {
        cloud.simulator.create_key(&new).unwrap();
    }
    let all = ListFilter::default();
    let list = || cloud.client.list_api_keys(&all);
    let listing = list().await.unwrap();
    assert_eq!((listing.items.len(), listing.complete), (500, false));
    cloud
        .simulator
        .delete_key(listing.items[400].id.as_str())
        .unwrap();
    let listing = list().await.unwrap();
    assert_eq!((listing.items.len(), listing.complete), (499, true));
}

#[tokio::test]
async fn a_wrong_secret_is_answered_with_what_to_check() {
    let cloud = Cloud::start().await;
    let admin = cloud.simulator.admin_key().id.clone();
    let wrong = client(
        &cloud.running.url(),
        admin.clone(),
        ApiSecret::new("canary"),
    );
    let error = wrong.read_api_key(&admin).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    let text = error.to_string();
    assert!(text.contains("check key and secret"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn an_unknown_owner_is_refused_and_nothing_is_made() {
    let cloud = Cloud::start().await;
    let key = NewApiKey {
        owner: OwnerId::new("sa-nobody").unwrap(),
        ..cloud.new_key("x")
    };
    let error = cloud.client.create_api_key(&key).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert!(!error.outcome_unknown());
    assert_eq!(cloud.state().api_keys.len(), 1);
}

#[tokio::test]
async fn an_endpoint_may_have_a_path() {
    let cloud = Cloud::start().await;
    let admin = cloud.simulator.admin_key().clone();
    let url = format!("{}/api/", cloud.running.url());
    let prefixed = client(&url, admin.id.clone(), admin.secret);
    assert!(prefixed.read_api_key(&admin.id).await.is_ok());
}
