//! What the vendor's own clients ask, and what they need of the answers. Each
//! row is a request that was seen from the Terraform provider, the Go SDK or
//! the command line.

use serde_json::{Value, json};

use crate::wire::{Answer, Wire, basic};

/// A request, and the members that its client needs, each with its value where
/// that matters. `""` in place of a value stands for any text.
struct Row<'a> {
    what: &'a str,
    method: &'a str,
    path: String,
    body: Value,
    status: u16,
    needs: Vec<(&'a str, Value)>,
}

fn row<'a>(
    what: &'a str,
    (method, path): (&'a str, &str),
    body: Value,
    status: u16,
    needs: Vec<(&'a str, Value)>,
) -> Row<'a> {
    Row {
        what,
        method,
        path: path.into(),
        body,
        status,
        needs,
    }
}

fn any() -> Value {
    "".into()
}

fn check(row: &Row<'_>, answer: &Answer) {
    assert_eq!(answer.status, row.status, "{}: {answer:?}", row.what);
    for (pointer, value) in &row.needs {
        let found = answer.body.pointer(pointer);
        let found = found.unwrap_or_else(|| panic!("{}: no {pointer}", row.what));
        let fits = found == value || (value == "" && found.as_str().is_some_and(|t| !t.is_empty()));
        assert!(fits, "{}: {pointer} is {found}", row.what);
    }
}

async fn ask(wire: &Wire, rows: &[Row<'_>]) {
    for row in rows {
        let answer = wire.ask(row.method, &row.path, row.body.clone()).await;
        check(row, &answer);
    }
}

#[tokio::test]
async fn terraform_reads_what_exists() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let environment = &state.environments[0].id;
    let cluster = &state.kafka_clusters[0].id;
    let read_cluster = format!("/cmk/v2/clusters/{cluster}?environment={environment}");
    let ready_cluster = format!("/cmk/v2/clusters/{cluster}?environment=");
    let read_environment = format!("/org/v2/environments/{environment}");
    ask(
        &wire,
        &[
            row(
                "data organization",
                ("GET", "/org/v2/environments"),
                Value::Null,
                200,
                vec![("/data/0/metadata/resource_name", any())],
            ),
            row(
                "data environment by name",
                ("GET", "/org/v2/environments?page_size=99"),
                Value::Null,
                200,
                vec![("/data/0/display_name", "production".into())],
            ),
            row(
                "data environment",
                ("GET", &read_environment),
                Value::Null,
                200,
                vec![("/metadata/resource_name", any()), ("/display_name", any())],
            ),
            row(
                "data service account by name",
                ("GET", "/iam/v2/service-accounts?display_name=orders"),
                Value::Null,
                200,
                vec![
                    ("/data/0/display_name", "orders".into()),
                    ("/data/0/api_version", "iam/v2".into()),
                    ("/data/0/kind", "ServiceAccount".into()),
                    ("/metadata/total_size", json!(1)),
                ],
            ),
            row(
                "data Kafka cluster",
                ("GET", &read_cluster),
                Value::Null,
                200,
                vec![
                    ("/api_version", "cmk/v2".into()),
                    ("/kind", "Cluster".into()),
                    ("/metadata/resource_name", any()),
                    ("/spec/environment/id", environment.as_str().into()),
                    ("/spec/kafka_bootstrap_endpoint", any()),
                    ("/status/phase", "PROVISIONED".into()),
                ],
            ),
            row(
                "readiness asks the cluster for its address",
                ("GET", &ready_cluster),
                Value::Null,
                200,
                vec![("/spec/http_endpoint", wire.running.url().into())],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_name_of_a_cluster_ends_in_what_terraform_cuts_off() {
    let wire = Wire::start().await;
    let cluster = &wire.simulator.state().kafka_clusters[0];
    let path = format!("/cmk/v2/clusters/{}?environment=", cluster.id);
    let answer = wire.ask("GET", &path, Value::Null).await;
    let name = answer.text("/metadata/resource_name");
    let kept = name
        .strip_suffix(&format!("/kafka={}", cluster.id))
        .unwrap();
    assert!(kept.ends_with(&format!("/cloud-cluster={}", cluster.id)));
}

#[tokio::test]
async fn terraform_makes_environment_account_binding_and_destroys_them() {
    let wire = Wire::start().await;
    let organization = wire.simulator.state().organization;
    let crn = format!("crn://confluent.cloud/organization={organization}");
    let account = &wire.simulator.state().service_accounts[0].id;
    for (path, body, needs) in [
        (
            "/org/v2/environments",
            json!({"display_name": "prod"}),
            vec![("/id", any()), ("/display_name", "prod".into())],
        ),
        (
            "/iam/v2/service-accounts",
            json!({"description": "", "display_name": "reports"}),
            vec![
                ("/api_version", "iam/v2".into()),
                ("/kind", "ServiceAccount".into()),
                ("/description", Value::String(String::new())),
            ],
        ),
        (
            "/iam/v2/role-bindings",
            json!({"crn_pattern": crn, "principal": format!("User:{account}"),
                   "role_name": "EnvironmentAdmin"}),
            vec![("/id", any()), ("/role_name", "EnvironmentAdmin".into())],
        ),
    ] {
        let create = row("create", ("POST", path), body.clone(), 201, needs.clone());
        let created = wire.ask("POST", path, body).await;
        check(&create, &created);
        let one = format!("{path}/{}", created.text("/id"));
        ask(
            &wire,
            &[row("read", ("GET", &one), Value::Null, 200, needs)],
        )
        .await;
        let deleted = wire.ask("DELETE", &one, Value::Null).await;
        assert!([200, 204].contains(&deleted.status), "{path}");
    }
}

#[tokio::test]
async fn terraform_makes_waits_for_changes_and_loses_a_kafka_key() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let (account, cluster) = (&state.service_accounts[0].id, &state.kafka_clusters[0].id);
    let body = json!({"spec": {"description": "d", "display_name": "n",
        "owner": {"id": account, "kind": "ServiceAccount", "related": "", "resource_name": ""},
        "resource": {"id": cluster, "kind": "Cluster", "related": "", "resource_name": ""}}});
    let needs = |description: &str| {
        vec![
            ("/spec/owner/kind", "ServiceAccount".into()),
            ("/spec/owner/api_version", "iam/v2".into()),
            ("/spec/resource/kind", "Cluster".into()),
            ("/spec/resource/api_version", "cmk/v2".into()),
            ("/spec/resource/id", cluster.as_str().into()),
            ("/spec/display_name", "n".into()),
            ("/spec/description", description.into()),
        ]
    };
    let mut with_secret = needs("d");
    with_secret.push(("/spec/secret", any()));
    let created = wire.ask("POST", "/iam/v2/api-keys", body).await;
    let create = row("create", ("POST", ""), Value::Null, 202, with_secret);
    check(&create, &created);
    for _ in 0..2 {
        let probe = wire.ask_with(&created, &wire.topics()).await;
        let needs = vec![("/kind", "KafkaTopicList".into()), ("/data", json!([]))];
        check(&row("probe", ("GET", ""), Value::Null, 200, needs), &probe);
    }
    let one = format!("/iam/v2/api-keys/{}", created.text("/id"));
    let change = json!({"spec": {"description": "new"}});
    ask(
        &wire,
        &[
            row("read", ("GET", &one), Value::Null, 200, needs("d")),
            row("update", ("PATCH", &one), change, 200, needs("new")),
            row("read again", ("GET", &one), Value::Null, 200, needs("new")),
            row("delete", ("DELETE", &one), Value::Null, 204, vec![]),
            row(
                "deleted behind its back",
                ("GET", &one),
                Value::Null,
                403,
                vec![("/errors/0/code", "forbidden_access".into())],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn terraform_makes_and_probes_cloud_and_global_keys() {
    let wire = Wire::start().await;
    let account = wire.simulator.state().service_accounts[0].id.clone();
    let owner =
        json!({"id": account, "kind": "ServiceAccount", "related": "", "resource_name": ""});
    let global = json!({"id": "global", "api_version": "global/v1", "kind": "Global"});
    for (resource, kind) in [(Value::Null, "Cloud"), (global, "Global")] {
        let body = json!({"spec": {"description": "", "display_name": "n", "owner": owner,
                                   "resource": resource}});
        let created = wire.ask("POST", "/iam/v2/api-keys", body).await;
        let needs = vec![
            ("/spec/resource/kind", kind.into()),
            ("/spec/secret", any()),
        ];
        check(&row(kind, ("POST", ""), Value::Null, 202, needs), &created);
        let probe = wire.ask_with(&created, "/org/v2/environments").await;
        assert_eq!(probe.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn no_list_of_the_v2_api_has_an_explicit_null() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let environment = &state.environments[0].id;
    for path in [
        "/iam/v2/api-keys",
        "/iam/v2/service-accounts",
        "/iam/v2/users",
        "/iam/v2/role-bindings?crn_pattern=crn://",
        "/org/v2/environments",
        "/org/v2/organizations",
        &format!("/cmk/v2/clusters?environment={environment}"),
        &format!("/srcm/v3/clusters?environment={environment}"),
        "/service-quota/v1/applied-quotas?scope=ORGANIZATION",
    ] {
        let answer = wire.ask("GET", path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.to_string().contains("null"), "{path}");
        assert!(answer.body["metadata"]["total_size"].is_number(), "{path}");
    }
}

#[tokio::test]
async fn the_go_sdk_sends_queries_in_order_and_bodies_with_a_newline() {
    let wire = Wire::start().await;
    let key = wire.simulator.admin_key();
    let headers = format!(
        "{}User-Agent: OpenAPI-Generator/1.0.0/go\r\nAccept: application/json\r\n\
         Accept-Encoding: gzip\r\nContent-Type: application/json\r\n",
        basic(key.id.as_str(), key.secret.expose())
    );
    let body = format!("{}\n", wire.new_key("x"));
    let created = wire.send("POST", "/iam/v2/api-keys", &headers, &body).await;
    assert_eq!(created.status, 202);
    let owner = created.text("/spec/owner/id");
    let path = format!("/iam/v2/api-keys?page_size=1&spec.owner={owner}&spec.resource=");
    let list = wire.send("GET", &path, &headers, "").await;
    assert_eq!(list.status, 200);
    assert_eq!(list.body["data"][0]["id"], created.text("/id"));
}

/// Logs in as the command line does, and gives the header that it sends then.
async fn log_in(wire: &Wire) -> String {
    let realm = "/api/login/realm?XXX_sizecache=0&client_id=x&email=admin@example.com";
    let realm = wire.send("GET", realm, "", "").await;
    assert_eq!(realm.status, 200);
    assert_eq!(
        realm.body,
        json!({"is_sso": false, "mfa_required": false, "realm": ""})
    );
    let body = json!({"email": "admin@example.com", "password": "any"}).to_string();
    let session = wire.send("POST", "/api/sessions", "", &body).await;
    assert_eq!(session.status, 200);
    let refresh = session.text("/refresh_token");
    assert!(refresh.is_empty() || refresh.starts_with("v1."));
    assert!(session.body["organization"]["resource_id"].is_string());
    format!("Authorization: Bearer {}\r\n", session.text("/token"))
}

#[tokio::test]
async fn the_command_line_logs_in_with_a_token_of_three_parts_that_ends_later() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let wire = Wire::start().await;
    let header = log_in(&wire).await;
    let token = header.trim().rsplit(' ').next().unwrap();
    let parts: Vec<Vec<u8>> = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
        .collect();
    assert_eq!(parts.len(), 3);
    let first: Value = serde_json::from_slice(&parts[0]).unwrap();
    assert_eq!(first, json!({"alg": "HS256", "typ": "JWT"}));
    assert_eq!(parts[2].len(), 32, "an HMAC with SHA-256");
    let payload: Value = serde_json::from_slice(&parts[1]).unwrap();
    let now = wire.simulator.clock().now().as_second();
    assert!(payload["exp"].as_i64().unwrap() > now);
}

#[tokio::test]
async fn a_login_that_is_wrong_is_refused_and_a_token_that_is_made_up_too() {
    let wire = Wire::start().await;
    for body in [
        json!({"email": "nobody@example.com", "password": "x"}),
        json!({"email": "admin@example.com", "password": ""}),
        json!({"email": "admin@example.com", "password": "x", "org_resource_id": "other"}),
        json!({}),
    ] {
        let answer = wire
            .send("POST", "/api/sessions", "", &body.to_string())
            .await;
        assert_eq!(answer.status, 401, "{body}");
    }
    let header = log_in(&wire).await;
    let token = header.trim().rsplit(' ').next().unwrap();
    let (unsigned, _) = token.rsplit_once('.').unwrap();
    let changed = format!("{unsigned}.AAAA");
    for token in ["x", "a.b.c", "a.b.", "", unsigned, &changed] {
        let header = format!("Authorization: Bearer {token}\r\n");
        assert_eq!(wire.send("GET", "/api/me", &header, "").await.status, 401);
    }
}

#[tokio::test]
async fn the_command_line_asks_who_it_is_and_who_there_is() {
    let wire = Wire::start().await;
    let header = log_in(&wire).await;
    let state = wire.simulator.state();
    let user = &state.users[0].id;
    for (path, body, needs) in [
        (
            "/api/me",
            "",
            vec![
                ("/user/id", json!(1)),
                ("/user/email", "admin@example.com".into()),
                ("/user/resource_id", user.as_str().into()),
                ("/accounts/0/id", state.environments[0].id.as_str().into()),
                ("/accounts/0/name", any()),
                ("/organization/id", json!(42)),
                (
                    "/organization/resource_id",
                    state.organization.as_str().into(),
                ),
                ("/organization/name", any()),
            ],
        ),
        ("/api/growth/v1/free-trial-info", r#"{"orgId":42}"#, vec![]),
        (
            "/api/service_accounts",
            "",
            vec![
                ("/users/0/id", json!(1001)),
                (
                    "/users/0/resource_id",
                    state.service_accounts[0].id.as_str().into(),
                ),
                ("/users/0/service_name", "orders".into()),
                ("/users/0/service_account", json!(true)),
            ],
        ),
        (
            "/api/users",
            "",
            vec![
                ("/users/0/id", json!(1)),
                ("/users/0/resource_id", user.as_str().into()),
                ("/users/0/email", any()),
            ],
        ),
        (
            "/cpdev.cloud/api/metadata/security/v2alpha1/roles",
            "",
            vec![
                ("/0/name", "OrganizationAdmin".into()),
                ("/0/policies/0/bindingScope", "organization".into()),
            ],
        ),
        (
            "/api/metadata/security/v2alpha1/roles/Operator",
            "",
            vec![("/name", "Operator".into())],
        ),
        (
            "/api/iam/v2/service-accounts?page_size=100",
            "",
            vec![("/data/0/display_name", "orders".into())],
        ),
        (
            "/api/iam/v2/api-keys?page_size=100&spec.owner=&spec.resource=",
            "",
            vec![("/data/0/spec/display_name", "admin".into())],
        ),
    ] {
        let answer = wire.send("GET", path, &header, body).await;
        check(&row(path, ("GET", path), Value::Null, 200, needs), &answer);
    }
    // Terraform finds the numbers at the root, with its key.
    for path in ["/service_accounts", "/users"] {
        assert_eq!(wire.ask("GET", path, Value::Null).await.status, 200);
    }
}

#[tokio::test]
async fn the_command_line_makes_describes_and_deletes_keys() {
    let wire = Wire::start().await;
    let header = log_in(&wire).await;
    let state = wire.simulator.state();
    let cluster = &state.kafka_clusters[0].id;
    let ask = async |method: &str, path: &str, body: Value| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        wire.send(method, path, &header, &body).await
    };
    let path = format!("/api/cmk/v2/clusters/{cluster}?environment=");
    assert_eq!(ask("GET", &path, Value::Null).await.status, 200);
    for (owner, resource, kind) in [
        (&state.service_accounts[0].id, cluster.as_str(), "Cluster"),
        (&state.users[0].id, cluster.as_str(), "Cluster"),
        (&state.users[0].id, "cloud", "Cloud"),
    ] {
        let body = json!({"spec": {"owner": {"id": owner}, "resource": {"id": resource}}});
        let created = ask("POST", "/api/iam/v2/api-keys", body).await;
        assert_eq!(created.status, 202);
        assert_eq!(created.text("/spec/resource/kind"), kind);
        assert_eq!(created.text("/spec/owner/id"), owner);
        assert_eq!(created.text("/spec/secret").len(), 64);
        let one = format!("/api/iam/v2/api-keys/{}", created.text("/id"));
        let change = json!({"spec": {"description": "words"}});
        assert_eq!(ask("PATCH", &one, change).await.status, 200);
        assert_eq!(
            ask("GET", &one, Value::Null)
                .await
                .text("/spec/description"),
            "words"
        );
        assert_eq!(ask("DELETE", &one, Value::Null).await.status, 204);
        let gone = ask("GET", &one, Value::Null).await;
        assert_eq!((gone.status, gone.code()), (403, Some("forbidden_access")));
    }
}

#[tokio::test]
async fn the_command_line_makes_accounts_and_bindings() {
    let wire = Wire::start().await;
    let header = log_in(&wire).await;
    let body = json!({"display_name": "cli", "description": "x"}).to_string();
    let path = "/api/iam/v2/service-accounts?assigned_resource_owner=";
    let account = wire.send("POST", path, &header, &body).await;
    assert_eq!(account.status, 201);
    let principal = format!("User:{}", account.text("/id"));
    let organization = wire.simulator.state().organization;
    let crn = format!("crn://confluent.cloud/organization={organization}");
    let body = json!({"principal": principal, "role_name": "MetricsViewer", "crn_pattern": crn});
    let bindings = "/api/iam/v2/role-bindings";
    let body = body.to_string();
    let made = wire.send("POST", bindings, &header, &body).await;
    assert_eq!(made.status, 201);
    let path = format!(
        "{bindings}?crn_pattern={crn}&page_size=100&principal={principal}&role_name=MetricsViewer"
    );
    let list = wire.send("GET", &path, &header, "").await;
    assert_eq!(list.text("/data/0/id"), made.text("/id"));
    let one = format!("{bindings}/{}", made.text("/id"));
    assert_eq!(wire.send("DELETE", &one, &header, "").await.status, 200);
}
