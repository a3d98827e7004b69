//! The live tests of the vendor's command line, request by request, with what
//! it needs of the answers. The names in the comments are the vendor's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

/// Somebody at the command line.
struct Cli<'a> {
    wire: &'a Wire,
    header: String,
    organization: String,
}

impl<'a> Cli<'a> {
    /// `confluent login`.
    async fn log_in(wire: &'a Wire) -> Self {
        let address = "admin@example.com";
        for _ in 0..2 {
            let realm = format!("/api/login/realm?XXX_sizecache=0&client_id=x&email={address}");
            let realm = wire.send("GET", &realm, "", "").await;
            assert_eq!(realm.body["is_sso"], false);
            assert_eq!(realm.body["mfa_required"], false);
        }
        let body = json!({"email": address, "password": "any"}).to_string();
        let session = wire.send("POST", "/api/sessions", "", &body).await;
        assert_eq!(session.status, 200);
        assert_eq!(
            session.text("/refresh_token"),
            "",
            "another is stored in the clear"
        );
        let token = session.text("/token").to_owned();
        check_token(&token, wire.simulator.clock().now().as_second());
        let mut cli = Self {
            wire,
            header: format!("Authorization: Bearer {token}\r\n"),
            organization: String::new(),
        };
        let me = cli.ask("GET", "/me", Value::Null).await;
        for member in ["user/id", "user/email", "user/resource_id", "accounts/0/id"] {
            assert!(me.body.pointer(&format!("/{member}")).is_some(), "{member}");
        }
        cli.organization = me.text("/organization/resource_id").to_owned();
        let trial = json!({"orgId": 42});
        let trial = cli.ask("GET", "/growth/v1/free-trial-info", trial).await;
        assert_eq!(trial.status, 200);
        cli
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let path = format!("/api{path}");
        let body = match body {
            Value::Null => String::new(),
            body => format!("{body}\n"),
        };
        self.wire.send(method, &path, &self.header, &body).await
    }

    async fn get(&self, path: &str) -> Answer {
        let answer = self.ask("GET", path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer
    }

    async fn create(&self, path: &str, body: Value) -> String {
        let created = self.ask("POST", path, body).await;
        assert!((200..=202).contains(&created.status), "{created:?}");
        created.text("/id").to_owned()
    }

    async fn change(&self, path: &str, body: Value) -> Answer {
        let changed = self.ask("PATCH", path, body).await;
        assert_eq!(changed.status, 200, "{path}: {changed:?}");
        changed
    }

    /// `delete --force`: it looks first.
    async fn delete(&self, path: &str) {
        self.get(path).await;
        let deleted = self.ask("DELETE", path, Value::Null).await;
        assert!([200, 204].contains(&deleted.status), "{deleted:?}");
        let gone = self.ask("GET", path, Value::Null).await;
        assert!([403, 404].contains(&gone.status), "{gone:?}");
    }

    /// Who there is, which several commands ask to show names.
    async fn look_up_owners(&self) {
        self.get("/service_accounts").await;
        self.get("/me").await;
        self.get("/users").await;
        self.get("/iam/v2/service-accounts?page_size=100").await;
    }
}

/// The command line parses the token as a signed one, and logs in again when
/// it ends within a minute.
fn check_token(token: &str, now: i64) {
    let parts: Vec<Vec<u8>> = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
        .collect();
    assert_eq!(parts.len(), 3);
    let header: Value = serde_json::from_slice(&parts[0]).unwrap();
    assert_eq!(header["alg"], "HS256");
    let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
    assert!(claims["exp"].as_i64().unwrap() > now + 60);
}

/// `TestEnvironmentCRUDLive`.
#[tokio::test]
async fn environment_commands() {
    let wire = Wire::start().await;
    let cli = Cli::log_in(&wire).await;
    let environments = "/org/v2/environments";
    let name = json!({"display_name": "cli-live-enviro-1"});
    let id = cli.create(environments, name).await;
    let one = format!("{environments}/{id}");
    assert_eq!(
        cli.get(&one).await.text("/display_name"),
        "cli-live-enviro-1"
    );
    let list = cli.get(&format!("{environments}?page_size=100")).await;
    assert!(list.body.to_string().contains("cli-live-enviro-1"));
    let name = json!({"display_name": "cli-live-enviro-1-updated"});
    let changed = cli.change(&one, name).await;
    assert_eq!(changed.text("/display_name"), "cli-live-enviro-1-updated");
    cli.delete(&one).await;
}

/// `TestEnvironmentSmokeLive`.
#[tokio::test]
async fn environment_list_has_ids_and_names() {
    let wire = Wire::start().await;
    let cli = Cli::log_in(&wire).await;
    let list = cli.get("/org/v2/environments?page_size=100").await;
    assert!(!list.text("/data/0/id").is_empty());
    assert!(!list.text("/data/0/display_name").is_empty());
}

/// `TestServiceAccountCRUDLive`.
#[tokio::test]
async fn service_account_commands() {
    let wire = Wire::start().await;
    let cli = Cli::log_in(&wire).await;
    let accounts = "/iam/v2/service-accounts";
    let body = json!({"description": "Live test", "display_name": "cli-live-sa-1"});
    let id = cli
        .create(&format!("{accounts}?assigned_resource_owner="), body)
        .await;
    let one = format!("{accounts}/{id}");
    let read = cli.get(&one).await;
    assert_eq!(read.text("/display_name"), "cli-live-sa-1");
    assert_eq!(read.text("/description"), "Live test");
    let list = cli.get(&format!("{accounts}?page_size=100")).await;
    assert!(list.body.to_string().contains("cli-live-sa-1"));
    cli.change(&one, json!({"description": "Updated"})).await;
    assert_eq!(cli.get(&one).await.text("/description"), "Updated");
    cli.delete(&one).await;
}

/// `TestApiKeyCRUDLive`.
#[tokio::test]
async fn api_key_commands() {
    let wire = Wire::start().await;
    let cli = Cli::log_in(&wire).await;
    let body = json!({"description": "SA for API key", "display_name": "cli-live-apikey-sa"});
    let accounts = "/iam/v2/service-accounts?assigned_resource_owner=";
    let account = cli.create(accounts, body).await;
    let body = json!({"spec": {"description": "Live test API key",
        "owner": {"id": account, "related": "", "resource_name": ""},
        "resource": {"id": "cloud", "related": "", "resource_name": ""}}});
    let created = cli.ask("POST", "/iam/v2/api-keys", body).await;
    let id = created.text("/id");
    assert!(!created.text("/spec/secret").is_empty());
    cli.look_up_owners().await;
    let list = format!("/iam/v2/api-keys?page_size=100&spec.owner={account}&spec.resource=");
    let list = cli.get(&list).await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 1);
    assert_eq!(list.text("/data/0/id"), id);
    let one = format!("/iam/v2/api-keys/{id}");
    cli.change(&one, json!({"spec": {"description": "Updated"}}))
        .await;
    assert_eq!(cli.get(&one).await.text("/spec/description"), "Updated");
    cli.look_up_owners().await;
    cli.delete(&one).await;
    cli.delete(&format!("/iam/v2/service-accounts/{account}"))
        .await;
}

/// `TestOrganizationCRUDLive`.
#[tokio::test]
async fn organization_commands() {
    let wire = Wire::start().await;
    let cli = Cli::log_in(&wire).await;
    let one = format!("/org/v2/organizations/{}", cli.organization);
    cli.get(&one).await;
    cli.get("/org/v2/organizations?page_size=100").await;
    let name = json!({"display_name": "cli-live-organi-000001-updated"});
    let changed = cli.change(&one, name).await;
    assert_eq!(
        changed.text("/display_name"),
        "cli-live-organi-000001-updated"
    );
    cli.change(&one, json!({"jit_enabled": true})).await;
    let read = cli.get(&one).await;
    assert_eq!(read.body["jit_enabled"], true);
    assert_eq!(read.text("/display_name"), "cli-live-organi-000001-updated");
    // The older API shows the same name.
    let me = cli.get("/me").await;
    assert_eq!(
        me.text("/organization/name"),
        "cli-live-organi-000001-updated"
    );
}

/// `TestServiceQuotaLive`.
#[tokio::test]
async fn service_quota_list() {
    let wire = Wire::start().await;
    let cli = Cli::log_in(&wire).await;
    let path = "/service-quota/v1/applied-quotas?environment=&id=&kafka_cluster=&network=\
                &page_size=100&scope=organization";
    let list = cli.get(path).await;
    for quota in list.body["data"].as_array().unwrap() {
        assert_eq!(quota["scope"], "ORGANIZATION");
        assert!(quota["applied_limit"].is_number() && quota["id"].is_string());
    }
}

/// `TestRBACRoleBindingCRUDLive`.
#[tokio::test]
async fn role_binding_commands() {
    let wire = Wire::start().await;
    let cli = Cli::log_in(&wire).await;
    // Roles are asked for below the path of the login address.
    let roles = "/cpdev.cloud/api/metadata/security/v2alpha1/roles?namespace=\
                 dataplane,datagovernance,identity,ksql,public,streamcatalog";
    let roles = wire.send("GET", roles, &cli.header, "").await;
    assert!(roles.body.to_string().contains("EnvironmentAdmin"));
    let body = json!({"description": "SA for RBAC", "display_name": "cli-live-rbac-sa"});
    let accounts = "/iam/v2/service-accounts?assigned_resource_owner=";
    let account = cli.create(accounts, body).await;
    let environment = &wire.simulator.state().environments[0].id;
    let (organization, principal) = (&cli.organization, format!("User:{account}"));
    let crn =
        format!("crn://confluent.cloud/organization={organization}/environment={environment}");
    let bindings = "/iam/v2/role-bindings";
    let body = json!({"crn_pattern": crn, "principal": principal,
                      "role_name": "EnvironmentAdmin"});
    let id = cli.create(bindings, body).await;
    let list = |role: &str| {
        format!("{bindings}?crn_pattern={crn}&page_size=100&principal={principal}&role_name={role}")
    };
    let all = cli.get(&list("")).await;
    assert_eq!(all.text("/data/0/role_name"), "EnvironmentAdmin");
    let found = cli.get(&list("EnvironmentAdmin")).await;
    assert_eq!(found.text("/data/0/crn_pattern"), crn);
    assert_eq!(found.text("/data/0/id"), id);
    let deleted = cli
        .ask("DELETE", &format!("{bindings}/{id}"), Value::Null)
        .await;
    assert_eq!(deleted.status, 200);
    assert_eq!(cli.get(&list("")).await.body["data"], json!([]));
    cli.delete(&format!("/iam/v2/service-accounts/{account}"))
        .await;
}

/// `TestLoginLogoutLive`, and `TestContextAndConfigurationLive`, which asks for
/// nothing but a login. Logging out forgets the token.
#[tokio::test]
async fn without_a_login_nothing_is_listed() {
    let wire = Wire::start().await;
    let list = "/api/org/v2/environments?page_size=100";
    assert_eq!(wire.send("GET", list, "", "").await.status, 401);
    let cli = Cli::log_in(&wire).await;
    cli.get("/org/v2/environments?page_size=100").await;
    assert_eq!(wire.send("GET", list, "", "").await.status, 401);
}

/// `TestIamUserCRUDLive`.
#[tokio::test]
async fn user_commands() {
    let wire = Wire::start().await;
    let cli = Cli::log_in(&wire).await;
    let one = format!("/iam/v2/users/{}", wire.simulator.state().users[0].id);
    cli.get("/iam/v2/users?page_size=100").await;
    cli.change(&one, json!({"full_name": "updated-full-name"}))
        .await;
    assert_eq!(cli.get(&one).await.text("/full_name"), "updated-full-name");
}
