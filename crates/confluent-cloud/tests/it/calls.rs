//! Every call but those about keys, against the simulated control plane.

use confluent_cloud::ids::{EnvironmentId, ResourceId, RoleBindingId, ServiceAccountId};
use confluent_cloud::{
    ApiKeyChange, ErrorKind, ListFilter, NewRoleBinding, QuotaFilter, QuotaScope, RoleBindingFilter,
};
use confluent_simulator::{Options, Switches};

use crate::cloud::Cloud;
use crate::listener::{Step, answer, story};

fn environment(cloud: &Cloud) -> EnvironmentId {
    EnvironmentId::new(&*cloud.state().environments[0].id).unwrap()
}

#[tokio::test]
async fn a_service_account_is_made_read_changed_listed_and_deleted() {
    let cloud = Cloud::start().await;
    let client = &cloud.client;
    let before = client.list_service_accounts(None).await.unwrap();
    let made = client.create_service_account("ledger", "words").await;
    let made = made.unwrap();
    assert_eq!(
        (&*made.display_name, &*made.description),
        ("ledger", "words")
    );
    assert!(made.created_at.is_some());
    assert_eq!(
        client.read_service_account(&made.id).await,
        Ok(made.clone())
    );

    let changed = client.update_service_account(&made.id, "others").await;
    let changed = changed.unwrap();
    assert_eq!((&changed.id, &*changed.description), (&made.id, "others"));
    let named = client.list_service_accounts(Some("ledger")).await.unwrap();
    assert_eq!((named.items, named.complete), (vec![changed], true));
    let all = client.list_service_accounts(None).await.unwrap();
    assert_eq!(all.items.len(), before.items.len() + 1);

    client.delete_service_account(&made.id).await.unwrap();
    let gone = client.read_service_account(&made.id).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
    assert_eq!(gone.code.as_deref(), Some("service_account_not_found"));
    let again = client.delete_service_account(&made.id).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn the_name_of_a_service_account_is_there_once() {
    let cloud = Cloud::start().await;
    let name = &cloud.state().service_accounts[0].display_name;
    let error = cloud.client.create_service_account(name, "").await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn service_accounts_of_many_pages_are_all_listed() {
    let cloud = Cloud::start().await;
    let before = cloud.state().service_accounts.len();
    for number in 0..120 {
        let name = format!("account {number}");
        let made = cloud.client.create_service_account(&name, "").await;
        made.unwrap();
    }
    let all = cloud.client.list_service_accounts(None).await.unwrap();
    assert_eq!((all.items.len(), all.complete), (before + 120, true));
}

#[tokio::test]
async fn the_organization_is_listed_and_read() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.client.organization(), None);
    let listing = cloud.client.list_organizations().await.unwrap();
    let [organization] = &*listing.items else {
        panic!("{listing:?}");
    };
    assert_eq!(organization.id.as_str(), cloud.state().organization);
    assert_eq!(cloud.client.organization(), Some(&organization.id));
    let read = cloud.client.read_organization(&organization.id).await;
    assert_eq!(read.as_ref(), Ok(organization));
}

#[tokio::test]
async fn environments_are_listed_and_read() {
    let cloud = Cloud::start().await;
    let listing = cloud.client.list_environments().await.unwrap();
    let listed: Vec<&str> = listing.items.iter().map(|one| one.id.as_str()).collect();
    let state = cloud.state();
    let known: Vec<&str> = state.environments.iter().map(|one| &*one.id).collect();
    assert_eq!((listed, listing.complete), (known, true));
    let first = &listing.items[0];
    assert!(first.resource_name.as_ref().unwrap().starts_with("crn://"));
    let read = cloud.client.read_environment(&first.id).await;
    assert_eq!(read.as_ref(), Ok(first));
    let other = EnvironmentId::new("env-none").unwrap();
    assert!(cloud.client.read_environment(&other).await.is_err());
}

#[tokio::test]
async fn kafka_clusters_are_listed_and_read_with_their_addresses() {
    let cloud = Cloud::start().await;
    let environment = environment(&cloud);
    let listing = cloud.client.list_kafka_clusters(&environment).await;
    let listing = listing.unwrap();
    let known = &cloud.state().kafka_clusters[0];
    let first = &listing.items[0];
    assert_eq!(first.id.as_str(), known.id);
    assert_eq!(first.environment.as_ref(), Some(&environment));
    assert_eq!(first.phase.as_deref(), Some("PROVISIONED"));
    assert_eq!(first.kind.as_deref(), Some("Basic"));
    let bootstrap = first.bootstrap_endpoint.as_deref();
    assert_eq!(bootstrap, Some(&*known.kafka_bootstrap_endpoint));
    let address = first.http_endpoint.as_ref().unwrap().to_string();
    assert_eq!(address, known.http_endpoint);
    let read = cloud
        .client
        .read_kafka_cluster(&environment, &first.id)
        .await;
    assert_eq!(read.as_ref(), Ok(first));
    let other = ResourceId::new("lkc-none").unwrap();
    let gone = cloud.client.read_kafka_cluster(&environment, &other).await;
    assert_eq!(gone.unwrap_err().kind, ErrorKind::Forbidden);
}

#[tokio::test]
async fn a_schema_registry_is_listed_and_read() {
    let cloud = Cloud::start().await;
    let environment = environment(&cloud);
    let listing = cloud.client.list_schema_registries(&environment).await;
    let listing = listing.unwrap();
    let known = &cloud.state().schema_registries[0];
    let first = &listing.items[0];
    assert_eq!(first.id.as_str(), known.id);
    assert_eq!(first.environment.as_ref(), Some(&environment));
    assert!(first.http_endpoint.is_some());
    assert_eq!(first.private_http_endpoint, None);
    let read = cloud
        .client
        .read_schema_registry(&environment, &first.id)
        .await;
    assert_eq!(read.as_ref(), Ok(first));
}

#[tokio::test]
async fn a_role_is_bound_listed_and_released() {
    for without_body in [false, true] {
        let switches = Switches {
            binding_deleted_without_body: without_body,
            ..Switches::default()
        };
        let cloud = Cloud::with(&Options {
            switches,
            ..Options::default()
        })
        .await;
        let clusters = cloud.client.list_kafka_clusters(&environment(&cloud)).await;
        let crn_pattern = clusters.unwrap().items[0].resource_name.clone().unwrap();
        let new = NewRoleBinding {
            principal: format!("User:{}", cloud.owner()),
            role_name: "DeveloperRead".into(),
            crn_pattern,
        };
        let made = cloud.client.create_role_binding(&new).await.unwrap();
        assert_eq!(made.principal, new.principal);
        let again = cloud.client.create_role_binding(&new).await.unwrap_err();
        assert_eq!(again.kind, ErrorKind::Conflict);

        let mut filter = RoleBindingFilter {
            crn_pattern: new.crn_pattern.clone(),
            principal: Some(new.principal.clone()),
            role_name: Some(new.role_name.clone()),
        };
        let listing = cloud.client.list_role_bindings(&filter).await.unwrap();
        assert_eq!(listing.items, std::slice::from_ref(&made));
        filter.principal = Some("User:sa-nobody".into());
        let listing = cloud.client.list_role_bindings(&filter).await.unwrap();
        assert!(listing.items.is_empty() && listing.complete);

        cloud.client.delete_role_binding(&made.id).await.unwrap();
        let gone = cloud.client.delete_role_binding(&made.id).await;
        let gone = gone.unwrap_err();
        assert_eq!(gone.kind, ErrorKind::Forbidden);
        assert_eq!(gone.code.as_deref(), Some("40301"));
    }
}

#[tokio::test]
async fn an_unknown_role_is_refused_with_its_name() {
    let cloud = Cloud::start().await;
    let new = NewRoleBinding {
        principal: format!("User:{}", cloud.owner()),
        role_name: "Emperor".into(),
        crn_pattern: format!(
            "crn://confluent.cloud/organization={}",
            cloud.state().organization
        ),
    };
    let error = cloud.client.create_role_binding(&new).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.to_string().contains("Emperor"), "{error}");
}

#[tokio::test]
async fn quotas_tell_how_many_keys_are_left() {
    let cloud = Cloud::start().await;
    let mut filter = QuotaFilter::of(QuotaScope::ServiceAccount);
    let all = cloud.client.list_applied_quotas(&filter).await.unwrap();
    assert!(all.complete);
    let code = "iam.max_cluster_api_keys.per_service_account";
    filter.code = Some(code.into());
    let left = async || {
        let quotas = cloud.client.list_applied_quotas(&filter).await.unwrap();
        assert!(quotas.items.len() < all.items.len());
        let owner = cloud.owner();
        let mine = quotas
            .items
            .iter()
            .find(|quota| quota.principal.as_deref() == Some(owner.as_str()))
            .unwrap();
        assert_eq!(mine.code, code);
        mine.left().unwrap()
    };
    let before = left().await;
    let new = cloud.new_key("x");
    cloud.client.create_api_key(&new).await.unwrap();
    assert_eq!(left().await, before - 1);
    for scope in [
        QuotaScope::Organization,
        QuotaScope::Environment,
        QuotaScope::KafkaCluster,
        QuotaScope::UserAccount,
    ] {
        let all = QuotaFilter::of(scope);
        let quotas = cloud.client.list_applied_quotas(&all).await.unwrap();
        assert!(!quotas.items.is_empty(), "{scope:?}");
    }
}

#[tokio::test]
async fn the_texts_of_a_key_are_changed_one_by_one() {
    let cloud = Cloud::start().await;
    let made = cloud.client.create_api_key(&cloud.new_key("old")).await;
    let id = made.unwrap().key.id;
    let change = ApiKeyChange {
        display_name: Some("new".into()),
        description: None,
    };
    let changed = cloud.client.update_api_key(&id, &change).await.unwrap();
    let texts = (&*changed.display_name, &*changed.description);
    assert_eq!(texts, ("new", "words"));
    let change = ApiKeyChange {
        display_name: None,
        description: Some(String::new()),
    };
    let changed = cloud.client.update_api_key(&id, &change).await.unwrap();
    let texts = (&*changed.display_name, &*changed.description);
    assert_eq!(texts, ("new", ""));
    assert_eq!(cloud.client.read_api_key(&id).await, Ok(changed));
}

#[tokio::test]
async fn keys_are_listed_of_an_owner_for_a_resource_or_all() {
    let cloud = Cloud::start().await;
    let made = cloud.client.create_api_key(&cloud.new_key("x")).await;
    let id = made.unwrap().key.id;
    let admin = cloud.simulator.admin_key().id.clone();
    for (owner, resource, listed) in [
        (None, None, vec![&admin, &id]),
        (Some(cloud.owner()), None, vec![&id]),
        (None, Some(cloud.cluster()), vec![&id]),
        (Some(cloud.owner()), Some(cloud.cluster()), vec![&id]),
    ] {
        let filter = ListFilter { owner, resource };
        let listing = cloud.client.list_api_keys(&filter).await.unwrap();
        let ids: Vec<_> = listing.items.iter().map(|key| &key.id).collect();
        assert_eq!((ids, listing.complete), (listed, true));
    }
}

#[tokio::test]
async fn an_object_with_an_id_that_is_none_is_no_object() {
    let body = r#"{"id":"../x","display_name":"orders"}"#;
    let story = story([
        Step::Next(answer(200, "", body)),
        Step::Next(answer(200, "", body)),
    ])
    .await;
    let id = ServiceAccountId::new("sa-1").unwrap();
    let error = story.client.read_service_account(&id).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    let error = story.client.create_service_account("orders", "").await;
    assert!(error.unwrap_err().outcome_unknown());
}

#[tokio::test]
async fn a_change_is_sent_again_and_a_binding_that_may_be_there_is_not() {
    let id = ServiceAccountId::new("sa-1").unwrap();
    let account = r#"{"id":"sa-1","display_name":null,"description":"new"}"#;
    let changing = story([
        Step::Last(String::new()),
        Step::Last(answer(200, "", account)),
    ])
    .await;
    let changed = changing.client.update_service_account(&id, "new").await;
    assert_eq!(changed.unwrap().description, "new");
    let binding = story([Step::Last(String::new())]).await;
    let new = NewRoleBinding {
        principal: "User:sa-1".into(),
        role_name: "DeveloperRead".into(),
        crn_pattern: "crn://confluent.cloud/organization=o".into(),
    };
    let error = binding.client.create_role_binding(&new).await.unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!(binding.requests().len(), 1);
    let releasing = story([Step::Last(answer(204, "", ""))]).await;
    let id = RoleBindingId::new("rb-1").unwrap();
    assert_eq!(releasing.client.delete_role_binding(&id).await, Ok(()));
}
