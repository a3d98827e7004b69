//! The live tests of the vendor's Terraform provider, request by request, with
//! the checks that the provider makes of the answers. The names in the comments
//! are the vendor's.
//!
//! In a step, Terraform creates or updates, reads what became of it, and plans
//! again: a value that reads back otherwise than it was set is a failure. An
//! import starts from the id alone and must find the same state.

use confluent_simulator::{Options, parse_world};
use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

const ORGANIZATION: &str = "424fb7bf-40c2-433f-81a5-c45942a6a539";
const ACCOUNTS: &str = "/iam/v2/service-accounts";
const BINDINGS: &str = "/iam/v2/role-bindings";
const CLUSTERS: &str = "/cmk/v2/clusters";
const ENVIRONMENTS: &str = "/org/v2/environments";
const KEYS: &str = "/iam/v2/api-keys";

/// The live tests name an organization and an environment.
async fn wire() -> Wire {
    let world = json!({
        "organization": ORGANIZATION,
        "environments": [{"id": "env-zyg27z"}],
        "schema_registries": [{"id": "lsrc-123456", "environment": "env-zyg27z"}],
        "kafka_clusters": [{"id": "lkc-123456", "environment": "env-zyg27z"}],
        "users": [{"id": "u-123456", "email": "tester@example.com", "full_name": "Tess Ter"}],
    });
    Wire::with(Options {
        world: Some(parse_world(&world.to_string()).unwrap()),
        ..Options::default()
    })
    .await
}

/// A resource in Terraform's state.
struct Resource<'a> {
    wire: &'a Wire,
    /// Its path with the query that the provider adds.
    path: String,
    id: String,
    /// What the answer to the creation said.
    created: Value,
    state: Value,
}

/// Whether an answer has all members of a request.
fn has(answer: &Value, asked: &Value, whole: &Value) {
    match asked {
        Value::Object(members) => {
            for (name, value) in members {
                // Generated clients send these members empty.
                if name != "related" && name != "resource_name" {
                    has(&answer[name], value, whole);
                }
            }
        }
        asked => assert_eq!(answer, asked, "in {whole}"),
    }
}

/// What ends a resource in the state: 404, or 403 unless it is about the key
/// of the provider itself.
fn is_gone(answer: &Answer) -> bool {
    let wrong_key = answer.body.to_string().contains("invalid API key");
    answer.status == 404 || (answer.status == 403 && !wrong_key)
}

impl<'a> Resource<'a> {
    async fn create(wire: &'a Wire, path: &str, query: &str, body: Value) -> Self {
        let created = wire.ask("POST", path, body.clone()).await;
        assert!((200..=202).contains(&created.status), "{created:?}");
        let id = created.text("/id").to_owned();
        let mut resource = Self {
            wire,
            path: format!("{path}/{id}{query}"),
            id,
            created: created.body,
            state: Value::Null,
        };
        resource.refresh().await;
        has(&resource.state, &body, &resource.state);
        resource.plan().await;
        resource
    }

    async fn refresh(&mut self) {
        let read = self.wire.ask("GET", &self.path, Value::Null).await;
        assert_eq!(read.status, 200, "{read:?}");
        self.state = read.body;
    }

    /// Plans twice, before and after the refresh: nothing is to be changed.
    async fn plan(&self) {
        for _ in 0..2 {
            let read = self.wire.ask("GET", &self.path, Value::Null).await;
            assert_eq!(read.body, self.state);
        }
    }

    async fn update(&mut self, change: Value) {
        let path = self.path.split('?').next().unwrap();
        let changed = self.wire.ask("PATCH", path, change.clone()).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        self.refresh().await;
        has(&self.state, &change, &self.state);
        self.plan().await;
    }

    async fn import(&self) {
        let read = self.wire.ask("GET", &self.path, Value::Null).await;
        assert_eq!((read.status, &read.body), (200, &self.state));
    }

    async fn destroy(self) {
        self.plan().await;
        let deleted = self.wire.ask("DELETE", &self.path, Value::Null).await;
        assert!([200, 204].contains(&deleted.status), "{deleted:?}");
        let gone = self.wire.ask("GET", &self.path, Value::Null).await;
        assert!(is_gone(&gone), "{gone:?}");
    }

    fn text(&self, pointer: &str) -> &str {
        let text = self.state.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no {pointer} in {}", self.state))
    }
}

async fn account<'a>(wire: &'a Wire, name: &str, description: &str) -> Resource<'a> {
    let body = json!({"description": description, "display_name": name});
    let account = Resource::create(wire, ACCOUNTS, "", body).await;
    assert_eq!(account.text("/api_version"), "iam/v2");
    assert_eq!(account.text("/kind"), "ServiceAccount");
    account
}

/// A Cloud API key, created and then tried until it works.
async fn key<'a>(owner: &Resource<'a>, name: &str, description: &str) -> Resource<'a> {
    let body = json!({"spec": {"description": description, "display_name": name,
        "owner": {"id": owner.id, "api_version": "iam/v2", "kind": "ServiceAccount",
                  "related": "", "resource_name": ""}}});
    let key = Resource::create(owner.wire, KEYS, "", body).await;
    let secret = key.created["spec"]["secret"].as_str().unwrap();
    assert!(!secret.is_empty(), "without a secret the create fails");
    let probe = owner
        .wire
        .ask_as(&key.id, secret, "GET", ENVIRONMENTS, Value::Null)
        .await;
    assert_eq!(probe.status, 200);
    for (pointer, value) in [
        ("/spec/owner/api_version", "iam/v2"),
        ("/spec/owner/kind", "ServiceAccount"),
        ("/spec/resource/kind", "Cloud"),
        ("/spec/display_name", name),
        ("/spec/description", description),
    ] {
        assert_eq!(key.text(pointer), value, "{pointer}");
    }
    key
}

/// `TestAccApiKeyLive`.
#[tokio::test]
async fn a_key_is_created_and_destroyed_with_its_account() {
    let wire = wire().await;
    let owner = account(&wire, "tf-live-sa-1", "for a key").await;
    key(&owner, "tf-live-api-key-1", "Test API key")
        .await
        .destroy()
        .await;
    owner.destroy().await;
}

/// `TestAccApiKeyUpdateLive`.
#[tokio::test]
async fn name_and_description_of_a_key_are_updated_together() {
    let wire = wire().await;
    let owner = account(&wire, "tf-live-sa-2", "for a key").await;
    let mut key = key(&owner, "tf-live-api-key-2", "Test API key").await;
    let change = json!({"spec": {"description": "Updated", "display_name": "tf-updated"}});
    key.update(change).await;
    key.destroy().await;
    owner.destroy().await;
}

/// `TestAccApiKeyMinimalLive`.
#[tokio::test]
async fn a_key_without_a_name_has_empty_texts() {
    let wire = wire().await;
    let owner = account(&wire, "tf-live-sa-min", "for a key").await;
    key(&owner, "", "").await.destroy().await;
    owner.destroy().await;
}

/// `TestAccEnvironmentLive`.
#[tokio::test]
async fn an_environment_changes_its_name_and_its_package() {
    let wire = wire().await;
    let body = json!({"display_name": "tf-live-env",
                      "stream_governance_config": {"package": "ESSENTIALS"}});
    let mut environment = Resource::create(&wire, ENVIRONMENTS, "", body).await;
    environment.import().await;
    let change = json!({"display_name": "tf-live-env-updated",
                        "stream_governance_config": {"package": "ADVANCED"}});
    environment.update(change).await;
    environment.import().await;
    environment.destroy().await;
}

/// `TestAccEnvironmentDataSourceLive`.
#[tokio::test]
async fn an_environment_is_found_by_id_and_by_name() {
    let wire = wire().await;
    let body = json!({"display_name": "tf-live-env-data"});
    let environment = Resource::create(&wire, ENVIRONMENTS, "", body).await;
    environment.import().await;
    let list = format!("{ENVIRONMENTS}?page_size=99");
    let list = wire.ask("GET", &list, Value::Null).await;
    let data = list.body["data"].as_array().unwrap();
    let named = data
        .iter()
        .find(|one| one["display_name"] == "tf-live-env-data");
    assert_eq!(named, Some(&environment.state));
    assert!(
        environment
            .text("/metadata/resource_name")
            .contains("crn://")
    );
    environment.destroy().await;
}

/// `TestAccEnvironmentsDataSourceLive`.
#[tokio::test]
async fn all_environments_are_listed_over_all_pages() {
    let wire = wire().await;
    for number in 0..12 {
        let body = json!({"display_name": format!("tf-live-{number}")});
        wire.ask("POST", ENVIRONMENTS, body).await;
    }
    let (mut ids, mut token) = (Vec::new(), None);
    loop {
        let query = match &token {
            None => format!("{ENVIRONMENTS}?page_size=5"),
            Some(token) => format!("{ENVIRONMENTS}?page_size=5&page_token={token}"),
        };
        let page = wire.ask("GET", &query, Value::Null).await;
        let data = page.body["data"].as_array().unwrap();
        ids.extend(data.iter().map(|one| one["id"].clone()));
        // An explicit null ends the provider with a crash.
        let Some(next) = page.body["metadata"].get("next") else {
            break;
        };
        let next = next.as_str().unwrap();
        let (_, rest) = next.split_once("page_token=").unwrap();
        token = Some(rest.split('&').next().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 13);
}

/// `TestAccServiceAccountLive`.
#[tokio::test]
async fn an_account_is_created_and_imported() {
    let wire = wire().await;
    let account = account(&wire, "tf-live-sa-3", "Test service account").await;
    account.import().await;
    account.destroy().await;
}

/// `TestAccServiceAccountUpdateLive`.
#[tokio::test]
async fn name_and_description_of_an_account_are_updated_together() {
    let wire = wire().await;
    let mut account = account(&wire, "tf-live-sa-4", "Test service account").await;
    let change = json!({"description": "Updated", "display_name": "tf-live-sa-4-updated"});
    account.update(change).await;
    account.destroy().await;
}

/// `TestAccServiceAccountMinimalLive`.
#[tokio::test]
async fn an_account_without_a_description_has_an_empty_one() {
    let wire = wire().await;
    account(&wire, "tf-live-sa-5", "").await.destroy().await;
}

/// `TestAccServiceAccountDataSourceLive`.
#[tokio::test]
async fn an_account_is_found_by_its_name_alone() {
    let wire = wire().await;
    let account = account(&wire, "tf-live-sa-6", "words").await;
    let list = format!("{ACCOUNTS}?display_name=tf-live-sa-6");
    let list = wire.ask("GET", &list, Value::Null).await;
    assert_eq!(list.body["data"], json!([account.state]));
    account.destroy().await;
}

async fn binding<'a>(account: &Resource<'a>, crn: &str) -> Resource<'a> {
    let body = json!({"crn_pattern": crn, "principal": format!("User:{}", account.id),
                      "role_name": "MetricsViewer"});
    Resource::create(account.wire, BINDINGS, "", body).await
}

/// `TestAccRoleBindingLive` and `TestAccRoleBindingDataSourceLive`.
#[tokio::test]
async fn a_role_binding_of_the_organization_is_imported_and_read() {
    let wire = wire().await;
    let account = account(&wire, "tf-live-sa-7", "for a binding").await;
    let crn = format!("crn://confluent.cloud/organization={ORGANIZATION}");
    let binding = binding(&account, &crn).await;
    binding.import().await;
    binding.destroy().await;
    account.destroy().await;
}

/// `TestAccRoleBindingEnvironmentLive`.
#[tokio::test]
async fn a_role_is_bound_in_an_environment() {
    let wire = wire().await;
    let body = json!({"display_name": "tf-live-env-binding"});
    let environment = Resource::create(&wire, ENVIRONMENTS, "", body).await;
    let account = account(&wire, "tf-live-sa-8", "for a binding").await;
    let id = &environment.id;
    let crn = format!("crn://confluent.cloud/organization={ORGANIZATION}/environment={id}");
    binding(&account, &crn).await.destroy().await;
    account.destroy().await;
    environment.destroy().await;
}

/// `TestAccOrganizationDataSourceLive`.
#[tokio::test]
async fn the_organization_is_cut_out_of_the_name_of_an_environment() {
    let wire = wire().await;
    let list = wire.ask("GET", ENVIRONMENTS, Value::Null).await;
    let name = list.text("/data/0/metadata/resource_name");
    let (_, rest) = name.split_once("organization=").unwrap();
    assert_eq!(rest.split('/').next(), Some(ORGANIZATION));
}

/// `TestAccUserDataSourceLive`.
#[tokio::test]
async fn a_user_is_found_by_its_address_and_has_a_name() {
    let wire = wire().await;
    let list = wire
        .ask("GET", "/iam/v2/users?page_size=99", Value::Null)
        .await;
    let data = list.body["data"].as_array().unwrap();
    let user = data
        .iter()
        .find(|user| user["email"] == "tester@example.com");
    let user = user.unwrap();
    assert_eq!(user["full_name"], "Tess Ter");
    assert_eq!(
        (&user["api_version"], &user["kind"]),
        (&json!("iam/v2"), &json!("User"))
    );
}

/// `TestAccSchemaRegistryClusterDataSourceLive`.
#[tokio::test]
async fn a_schema_registry_is_read_in_its_environment() {
    let wire = wire().await;
    let path = "/srcm/v3/clusters/lsrc-123456?environment=env-zyg27z";
    let registry = wire.ask("GET", path, Value::Null).await;
    assert_eq!(registry.text("/spec/environment/id"), "env-zyg27z");
    for member in [
        "display_name",
        "cloud",
        "region",
        "package",
        "http_endpoint",
    ] {
        assert!(!registry.text(&format!("/spec/{member}")).is_empty());
    }
}

/// `TestAccKafkaClustersDataSourceLive`.
#[tokio::test]
async fn the_clusters_of_an_environment_are_listed() {
    let wire = wire().await;
    let path = format!("{CLUSTERS}?environment=env-zyg27z&page_size=99");
    let list = wire.ask("GET", &path, Value::Null).await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 1);
    for member in ["availability", "cloud", "region", "http_endpoint"] {
        assert!(!list.text(&format!("/data/0/spec/{member}")).is_empty());
    }
}

/// Creates a cluster in an environment of its own, waits for it and for the
/// Schema Registry of the environment, and destroys both.
async fn cluster(availability: &str, kind: &str) {
    let wire = wire().await;
    let body = json!({"display_name": "tf-live-env"});
    let environment = Resource::create(&wire, ENVIRONMENTS, "", body).await;
    let query = format!("?environment={}", environment.id);
    let body = json!({"spec": {"display_name": "tf-live", "availability": availability,
        "cloud": "AWS", "region": "us-east-1", "config": {"kind": kind},
        "environment": {"id": environment.id, "related": "", "resource_name": ""}}});
    let cluster = Resource::create(&wire, CLUSTERS, &query, body).await;
    assert_eq!(cluster.text("/status/phase"), "PROVISIONED");
    assert!(environment.text("/stream_governance_config/package") == "ESSENTIALS");
    let registries = format!("/srcm/v3/clusters{query}");
    let registries = wire.ask("GET", &registries, Value::Null).await;
    assert_eq!(registries.text("/data/0/status/phase"), "PROVISIONED");
    for member in ["kafka_bootstrap_endpoint", "http_endpoint"] {
        assert!(!cluster.text(&format!("/spec/{member}")).is_empty());
    }
    // What a role binding needs is the name without its last part.
    let name = cluster.text("/metadata/resource_name");
    assert!(name.ends_with(&format!("/cloud-cluster={0}/kafka={0}", cluster.id)));
    cluster.import().await;
    cluster.destroy().await;
    environment.destroy().await;
}

/// `TestAccKafkaClusterBasicLive`.
#[tokio::test]
async fn a_basic_cluster_is_created_imported_and_destroyed() {
    cluster("SINGLE_ZONE", "Basic").await;
}

/// `TestAccKafkaClusterStandardLive`.
#[tokio::test]
async fn a_standard_cluster_is_created_imported_and_destroyed() {
    cluster("SINGLE_ZONE", "Standard").await;
}

/// `TestAccKafkaClusterEnterpriseLive`.
#[tokio::test]
async fn an_enterprise_cluster_is_created_imported_and_destroyed() {
    cluster("HIGH", "Enterprise").await;
}
