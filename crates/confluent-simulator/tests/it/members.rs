//! No request is answered with success for what was not done. Every member
//! that the vendor documents for a body is sent, alone and with a value that
//! differs from the present one: it reads back, or it is refused by name.

use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

/// What must become of a member.
enum Outcome {
    /// It reads back as it was sent.
    Done,
    /// It reads back as this.
    As(Value),
    /// It is refused with a 400 that names it.
    Refused,
}

use Outcome::{As, Done, Refused};

/// A world with one of everything, whose ids the rows may name.
const WORLD: &str = r#"{
    "organization": "org-1",
    "environments": [{"id": "env-1"}, {"id": "env-2"}],
    "kafka_clusters": [
        {"id": "lkc-1", "environment": "env-1"},
        {"id": "lkc-2", "environment": "env-1",
         "config": {"kind": "Dedicated", "cku": 1, "encryption_key": "arn:1"}}],
    "service_accounts": [{"id": "sa-1", "display_name": "orders"},
                         {"id": "sa-2", "display_name": "payments"}],
    "users": [{"id": "u-1", "email": "ada@example.com"}],
    "api_keys": [{"id": "KEY1", "owner": "sa-1", "resource": "lkc-1"}]
}"#;

async fn wire() -> Wire {
    Wire::with(confluent_simulator::Options {
        world: Some(confluent_simulator::parse_world(WORLD).unwrap()),
        ..confluent_simulator::Options::default()
    })
    .await
}

/// A body with one member, by a path with points, over a body that suffices.
fn with(base: &Value, member: &str, value: &Value) -> Value {
    let mut body = base.clone();
    let mut place = &mut body;
    for name in member.split('.') {
        place = &mut place[name];
    }
    *place = value.clone();
    body
}

fn pointer(member: &str) -> String {
    format!("/{}", member.replace('.', "/"))
}

/// Checks the answer to a change, and what is read afterwards.
async fn check(
    wire: &Wire,
    row: &str,
    member: &str,
    sent: &Value,
    answer: &Answer,
    want: &Outcome,
) {
    let wanted = match want {
        Done => sent,
        As(value) => value,
        Refused => {
            assert!(
                (400..500).contains(&answer.status),
                "{row}: {member} is answered with {answer:?}"
            );
            let said = answer.body.to_string();
            assert!(
                said.contains(member) || said.contains(&pointer(member)),
                "{row}: {member} is not named in {said}"
            );
            return;
        }
    };
    assert!(
        (200..300).contains(&answer.status),
        "{row}: {member} is answered with {answer:?}"
    );
    let one = answer
        .text("/metadata/self")
        .strip_prefix(&wire.running.url())
        .unwrap()
        .to_owned();
    let read = wire
        .ask("GET", &format!("{one}?environment="), Value::Null)
        .await;
    for body in [&answer.body, &read.body] {
        assert_eq!(
            body.pointer(&pointer(member)),
            Some(wanted),
            "{row}: {member} in {body}"
        );
    }
}

/// Bodies for one path: a body that suffices, and the members that are set in
/// it, one at a time.
type Case<'a> = (&'a str, Value, Vec<(&'a str, Value, Outcome)>);

const KEYS: &str = "/iam/v2/api-keys";
const ACCOUNTS: &str = "/iam/v2/service-accounts";
const BINDINGS: &str = "/iam/v2/role-bindings";
const ENVIRONMENTS: &str = "/org/v2/environments";
const CLUSTERS: &str = "/cmk/v2/clusters";
const PACKAGE: &str = "stream_governance_config.package";

fn account_environment_binding() -> Vec<Case<'static>> {
    let organization = "crn://confluent.cloud/organization=org-1";
    let binding = json!({"principal": "User:sa-1", "role_name": "Operator",
                         "crn_pattern": organization});
    let within = format!("{organization}/environment=env-1");
    vec![
        (
            ACCOUNTS,
            json!({"display_name": "new"}),
            vec![
                ("display_name", json!("other"), Done),
                ("description", json!("words"), Done),
                ("id", json!("sa-mine"), Refused),
            ],
        ),
        (
            ENVIRONMENTS,
            json!({"display_name": "new"}),
            vec![
                ("display_name", json!("other"), Done),
                (PACKAGE, json!("ADVANCED"), Done),
                (PACKAGE, json!("GOLD"), Refused),
                ("id", json!("env-mine"), Refused),
            ],
        ),
        (
            BINDINGS,
            binding,
            vec![
                ("principal", json!("User:sa-2"), Done),
                ("role_name", json!("MetricsViewer"), Done),
                ("crn_pattern", json!(within), Done),
                ("id", json!("rb-mine"), Refused),
            ],
        ),
    ]
}

fn clusters() -> Vec<Case<'static>> {
    let cluster = json!({"spec": {"display_name": "new", "environment": {"id": "env-1"}}});
    let region = |name: &str| with(&cluster, "spec.region", &json!(name));
    let typed = |kind: &str| with(&cluster, "spec.config", &json!({"kind": kind}));
    let dedicated = json!({"kind": "Dedicated", "cku": 1});
    let mut cases: Vec<Case<'_>> = vec![
        (
            CLUSTERS,
            cluster.clone(),
            vec![
                ("spec.display_name", json!("other"), Done),
                ("spec.environment.id", json!("env-2"), Done),
                ("spec.availability", json!("MULTI_ZONE"), Done),
                ("spec.availability", json!("LOW"), Done),
                ("spec.availability", json!("HIGH"), Done),
                ("spec.availability", json!("TRIPLE"), Refused),
                ("spec.cloud", json!("NIMBUS"), Refused),
                ("spec.region", json!("eu-central-1"), Done),
                ("spec.region", json!("us-est-1"), Refused),
                ("spec.deletion_protection", json!(true), Done),
                ("spec.config.kind", json!("Standard"), Done),
                ("spec.config.kind", json!("Enterprise"), Done),
                ("spec.config.kind", json!("Freight"), Done),
                ("spec.config.kind", json!("Platinum"), Refused),
                ("spec.network", json!({"id": "n-1"}), Refused),
                ("spec.byok", json!({"id": "cck-1"}), Refused),
                ("spec.http_endpoint", json!("https://mine"), Refused),
                ("spec.kafka_bootstrap_endpoint", json!("mine:1"), Refused),
                ("id", json!("lkc-mine"), Refused),
            ],
        ),
        (
            CLUSTERS,
            region("europe-west3"),
            vec![("spec.cloud", json!("gcp"), As(json!("GCP")))],
        ),
        (
            CLUSTERS,
            region("westeurope"),
            vec![("spec.cloud", json!("AZURE"), Done)],
        ),
        (
            CLUSTERS,
            with(&cluster, "spec.config", &dedicated),
            vec![
                ("spec.config.cku", json!(2), Done),
                ("spec.config.encryption_key", json!("arn:2"), Done),
                ("spec.config.release_priority", json!("PRIORITY"), Done),
                ("spec.config.max_ecku", json!(2), Refused),
                ("spec.config.zones", json!(["use1-az1"]), Refused),
            ],
        ),
    ];
    for kind in ["Basic", "Standard", "Enterprise", "Freight"] {
        let members = vec![
            ("spec.config.max_ecku", json!(5), Done),
            ("spec.config.max_ecku", json!(0), Refused),
            ("spec.config.cku", json!(1), Refused),
            ("spec.config.encryption_key", json!("arn:2"), Refused),
        ];
        cases.push((CLUSTERS, typed(kind), members));
    }
    cases
}

fn keys() -> Vec<Case<'static>> {
    let key = json!({"spec": {"owner": {"id": "sa-1"}, "resource": {"id": "lkc-1"}}});
    let region = with(&key, "spec.resource.id", &json!("aws.us-east-1"));
    vec![
        (
            KEYS,
            region,
            vec![("spec.resource.environment", json!("env-1"), Done)],
        ),
        (
            KEYS,
            key,
            vec![
                ("spec.display_name", json!("name"), Done),
                ("spec.description", json!("words"), Done),
                ("spec.owner.id", json!("u-1"), Done),
                ("spec.resource.id", json!("lkc-2"), Done),
                ("spec.resource.id", json!("CLOUD"), As(json!("cloud"))),
                ("spec.resources", json!([{"id": "lkc-1"}]), Refused),
                ("spec.secret", json!("mine"), Refused),
                ("spec.owner.environment", json!("env-1"), Refused),
                ("id", json!("MINE"), Refused),
            ],
        ),
    ]
}

fn changes() -> Vec<Case<'static>> {
    vec![
        (
            "/iam/v2/api-keys/KEY1",
            json!({}),
            vec![
                ("spec.display_name", json!("other"), Done),
                ("spec.description", json!("words"), Done),
                ("spec.owner.id", json!("sa-2"), Refused),
                ("spec.owner.id", json!("sa-1"), Done),
                ("spec.resource.id", json!("lkc-2"), Refused),
                ("spec.resource.environment", json!("env-2"), Refused),
                ("spec.resources", json!([{"id": "lkc-2"}]), Refused),
                ("spec.secret", json!("mine"), Refused),
                ("id", json!("KEY2"), Refused),
            ],
        ),
        (
            "/iam/v2/service-accounts/sa-1",
            json!({}),
            vec![
                ("display_name", json!("billing"), Done),
                ("display_name", json!("orders"), Done),
                ("description", json!("words"), Done),
                ("id", json!("sa-2"), Refused),
            ],
        ),
        (
            "/iam/v2/users/u-1",
            json!({}),
            vec![
                ("full_name", json!("Ada Example"), Done),
                ("email", json!("eve@example.com"), Refused),
                ("auth_type", json!("AUTH_TYPE_SSO"), Refused),
                ("id", json!("u-2"), Refused),
            ],
        ),
        (
            "/org/v2/environments/env-1",
            json!({}),
            vec![
                ("display_name", json!("other"), Done),
                (PACKAGE, json!("ADVANCED"), Done),
                (PACKAGE, json!("GOLD"), Refused),
                ("id", json!("env-2"), Refused),
            ],
        ),
        (
            "/org/v2/organizations/org-1",
            json!({}),
            vec![
                ("display_name", json!("Example"), Done),
                ("display_name", json!("x".repeat(32)), Refused),
                ("jit_enabled", json!(true), Done),
                ("scim_enabled", json!(true), Done),
                ("id", json!("org-2"), Refused),
            ],
        ),
    ]
}

fn cluster_changes() -> Vec<Case<'static>> {
    let config = |kind: &str| json!({"spec": {"config": {"kind": kind}}});
    let sized = json!({"spec": {"config": {"kind": "Dedicated", "cku": 1}}});
    let (cluster, dedicated) = ("/cmk/v2/clusters/lkc-1", "/cmk/v2/clusters/lkc-2");
    let more = || vec![("spec.config.max_ecku", json!(7), Done)];
    vec![
        (cluster, config("Standard"), more()),
        (cluster, config("Basic"), more()),
        (
            cluster,
            json!({"spec": {"config": {"cku": 1}}}),
            vec![("spec.config.kind", json!("Dedicated"), Refused)],
        ),
        (
            cluster,
            json!({}),
            vec![
                ("spec.display_name", json!("other"), Done),
                ("spec.config.kind", json!("Standard"), Done),
                ("spec.config.kind", json!("Enterprise"), Refused),
                ("spec.deletion_protection", json!(true), Done),
                ("spec.availability", json!("HIGH"), Refused),
                ("spec.cloud", json!("GCP"), Refused),
                ("spec.region", json!("eu-west-1"), Refused),
                ("spec.environment.id", json!("env-1"), Done),
                ("spec.network", json!({"id": "n-1"}), Refused),
                ("spec.byok", json!({"id": "cck-1"}), Refused),
                ("spec.http_endpoint", json!("https://mine"), Refused),
                ("id", json!("lkc-2"), Refused),
            ],
        ),
        (
            dedicated,
            sized,
            vec![
                ("spec.config.cku", json!(3), Done),
                ("spec.config.release_priority", json!("PRIORITY"), Done),
                ("spec.config.encryption_key", json!("arn:2"), Refused),
                ("spec.config.encryption_key", json!("arn:1"), Done),
            ],
        ),
        (
            dedicated,
            json!({}),
            vec![("spec.config.kind", json!("Standard"), Refused)],
        ),
    ]
}

/// Sends each member alone, to a world of its own.
async fn try_all(method: &str, cases: Vec<Case<'_>>) {
    for (path, base, members) in cases {
        for (member, value, outcome) in members {
            let wire = wire().await;
            let before = serde_json::to_value(wire.simulator.state()).unwrap();
            let body = with(&base, member, &value);
            let answer = wire.ask(method, path, body).await;
            check(&wire, path, member, &value, &answer, &outcome).await;
            if matches!(outcome, Refused) {
                let mut after = serde_json::to_value(wire.simulator.state()).unwrap();
                // The admin key was used; nothing else happened.
                after["api_keys"][0] = before["api_keys"][0].clone();
                assert_eq!(before, after, "{path} {member}");
            }
        }
    }
}

#[tokio::test]
async fn every_documented_member_of_a_new_object_reads_back_or_is_refused_by_name() {
    try_all("POST", account_environment_binding()).await;
    try_all("POST", clusters()).await;
    try_all("POST", keys()).await;
}

#[tokio::test]
async fn every_documented_member_of_a_change_reads_back_or_is_refused_by_name() {
    try_all("PATCH", changes()).await;
    try_all("PATCH", cluster_changes()).await;
}

#[tokio::test]
async fn what_is_sent_empty_or_unknown_is_ignored() {
    let wire = wire().await;
    let body = json!({
        "api_version": "", "kind": "", "id": "", "metadata": {}, "new_in_2030": true,
        "spec": {"display_name": "x", "secret": "", "resources": [], "new_in_2030": {"a": 1},
                 "owner": {"id": "sa-1", "related": "", "resource_name": "", "environment": ""},
                 "resource": {"id": "lkc-1", "related": "", "resource_name": "",
                              "environment": null}}});
    let created = wire.ask("POST", "/iam/v2/api-keys", body).await;
    assert_eq!(created.status, 202, "{created:?}");
    let one = format!("/iam/v2/api-keys/{}", created.text("/id"));
    // A client that reads, changes and writes the whole sends this.
    let mut whole = wire.ask("GET", &one, Value::Null).await.body;
    whole["spec"]["description"] = "changed".into();
    let changed = wire.ask("PATCH", &one, whole).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.text("/spec/description"), "changed");
}

#[tokio::test]
async fn a_name_that_another_account_has_is_refused_for_a_change_too() {
    let wire = wire().await;
    let body = json!({"display_name": "payments", "description": "new"});
    let refused = wire
        .ask("PATCH", "/iam/v2/service-accounts/sa-1", body)
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, Some("resource_already_exists"))
    );
    let state = wire.simulator.state();
    assert_eq!(state.service_accounts[0].display_name, "orders");
    assert_eq!(state.service_accounts[0].description, "");
    let empty = json!({"display_name": ""});
    let refused = wire
        .ask("PATCH", "/iam/v2/service-accounts/sa-1", empty)
        .await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn a_protected_cluster_is_not_deleted_until_the_protection_is_lifted() {
    let wire = wire().await;
    let one = "/cmk/v2/clusters/lkc-1?environment=env-1";
    let protect = |on: bool| json!({"spec": {"deletion_protection": on}});
    wire.ask("PATCH", one, protect(true)).await;
    for path in [one, "/org/v2/environments/env-1"] {
        let refused = wire.ask("DELETE", path, Value::Null).await;
        assert_eq!(
            (refused.status, refused.code()),
            (409, Some("deletion_protection_enabled")),
            "{path}"
        );
    }
    assert_eq!(wire.simulator.state().kafka_clusters.len(), 2);
    wire.ask("PATCH", one, protect(false)).await;
    assert_eq!(wire.ask("DELETE", one, Value::Null).await.status, 204);
}

#[tokio::test]
async fn several_zones_need_two_units() {
    let wire = wire().await;
    for (availability, size, status) in [
        ("HIGH", 1, 400),
        ("MULTI_ZONE", 1, 400),
        ("HIGH", 2, 202),
        ("LOW", 1, 202),
    ] {
        let body = json!({"spec": {"display_name": "x", "environment": {"id": "env-1"},
            "availability": availability, "config": {"kind": "Enterprise", "max_ecku": size}}});
        let answer = wire.ask("POST", "/cmk/v2/clusters", body).await;
        assert_eq!(answer.status, status, "{availability} {size}");
    }
}

#[tokio::test]
async fn the_assigned_owner_of_a_new_account_may_manage_its_keys() {
    let wire = wire().await;
    let path = "/iam/v2/service-accounts?assigned_resource_owner=";
    let body = json!({"display_name": "owned"});
    let refused = wire
        .ask("POST", &format!("{path}pool-1"), body.clone())
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.text("/errors/0/source/parameter"),
        "assigned_resource_owner"
    );
    let created = wire.ask("POST", &format!("{path}sa-2"), body).await;
    assert_eq!(created.status, 201);
    let (organization, id) = (wire.simulator.state().organization, created.text("/id"));
    let crn = format!("crn://confluent.cloud/organization={organization}/service-account={id}");
    let list = format!("/iam/v2/role-bindings?crn_pattern={crn}");
    let list = wire.ask("GET", &list, Value::Null).await;
    assert_eq!(list.text("/data/0/principal"), "User:sa-2");
    assert_eq!(list.text("/data/0/role_name"), "ResourceOwner");
}

#[tokio::test]
async fn every_documented_filter_counts() {
    let wire = wire().await;
    let count = async |path: &str| {
        let list = wire.ask("GET", path, Value::Null).await;
        assert_eq!(list.status, 200, "{path}");
        list.body["data"].as_array().unwrap().len()
    };
    let clusters = "/cmk/v2/clusters?environment=env-1";
    wire.ask(
        "PATCH",
        "/cmk/v2/clusters/lkc-1",
        json!({"spec": {"deletion_protection": true}}),
    )
    .await;
    assert_eq!(count(clusters).await, 2);
    assert_eq!(
        count(&format!("{clusters}&spec.deletion_protection=true")).await,
        1
    );
    assert_eq!(
        count(&format!("{clusters}&spec.deletion_protection=false")).await,
        1
    );
    assert_eq!(count(&format!("{clusters}&spec.network=n-1")).await, 0);
    assert_eq!(count(&format!("{clusters}&spec.network=")).await, 2);
    let wrong = format!("{clusters}&spec.deletion_protection=maybe");
    assert_eq!(wire.ask("GET", &wrong, Value::Null).await.status, 400);
    let quotas = "/service-quota/v1/applied-quotas?scope=";
    for filter in [
        "network=n-1",
        "identity_provider=op-1",
        "certificate_authority=op-2",
    ] {
        assert_eq!(count(&format!("{quotas}ORGANIZATION&{filter}")).await, 0);
    }
    for scope in ["NETWORK", "identity_provider", "CERTIFICATE_AUTHORITY"] {
        assert_eq!(count(&format!("{quotas}{scope}")).await, 0);
    }
    let roles = async |query: &str| {
        let path = format!("/metadata/security/v2alpha1/roles{query}");
        let all = wire.ask("GET", &path, Value::Null).await;
        all.body.as_array().unwrap().len()
    };
    assert_eq!(roles("").await, 20);
    assert_eq!(roles("?namespace=flink").await, 3);
    assert_eq!(roles("?namespace=public,ksql").await, 17);
    assert_eq!(roles("?namespace=nowhere").await, 0);
}

#[tokio::test]
async fn what_was_set_is_kept_in_a_saved_state() {
    let wire = wire().await;
    for (path, body) in [
        (
            "/org/v2/organizations/org-1",
            json!({"display_name": "Example", "jit_enabled": true}),
        ),
        (
            "/org/v2/environments/env-1",
            json!({"display_name": "prod", "stream_governance_config": {"package": "ADVANCED"}}),
        ),
        (
            "/cmk/v2/clusters/lkc-1",
            json!({"spec": {"display_name": "events", "deletion_protection": true,
                         "config": {"kind": "Standard", "max_ecku": 9}}}),
        ),
        (
            "/iam/v2/service-accounts/sa-1",
            json!({"display_name": "a", "description": "b"}),
        ),
        ("/iam/v2/users/u-1", json!({"full_name": "Ada Example"})),
    ] {
        assert_eq!(wire.ask("PATCH", path, body).await.status, 200, "{path}");
    }
    let saved = wire.send("GET", "/simulator/state", "", "").await.body;
    let again = confluent_simulator::Simulator::new(&confluent_simulator::Options {
        world: Some(confluent_simulator::parse_world(&saved.to_string()).unwrap()),
        ..confluent_simulator::Options::default()
    })
    .unwrap();
    let mut again = serde_json::to_value(again.state()).unwrap();
    for member in ["organization_settings", "environments", "users"] {
        assert_eq!(again[member], saved[member], "{member}");
    }
    let without_address = |clusters: &mut Value| {
        for cluster in clusters.as_array_mut().unwrap() {
            cluster["http_endpoint"].take();
        }
        clusters.take()
    };
    let mut saved = saved;
    assert_eq!(
        without_address(&mut again["kafka_clusters"]),
        without_address(&mut saved["kafka_clusters"])
    );
    assert_eq!(again["service_accounts"][0], saved["service_accounts"][0]);
}

#[tokio::test]
async fn a_user_of_a_world_file_has_a_name() {
    let wire = wire().await;
    let user = wire.ask("GET", "/iam/v2/users/u-1", Value::Null).await;
    assert_eq!(user.text("/full_name"), "ada");
}
