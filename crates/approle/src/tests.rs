//! The paths of the method. What they answer was seen at OpenBao 2.7.2.

use std::sync::Arc;
use std::time::Duration;

use logical::{
    Auth, Backend, Connection, Error, Factory as _, Object, Operation, Request, Response, Storage,
};
use serde_json::{Value, json};
use virtual_world::World;

use crate::AppRoleFactory;

mod compared;

struct Mounted {
    world: World,
    method: Arc<dyn Backend>,
}

const NOTHING: Value = Value::Null;

impl Mounted {
    fn new() -> Self {
        let world = World::new();
        let method = AppRoleFactory::new("v1.0.0")
            .create(world.context())
            .unwrap();
        Self { world, method }
    }

    async fn try_ask(
        &self,
        operation: Operation,
        path: &str,
        body: Value,
    ) -> Result<Option<Response>, Error> {
        let data = body.as_object().cloned().unwrap_or_default();
        let mut request = Request::new(operation, path).with_data(data);
        request.connection = Some(Connection::new("127.0.0.1".parse().unwrap(), 1));
        self.method.handle(request).await
    }

    async fn ask(&self, operation: Operation, path: &str, body: Value) -> Option<Response> {
        let asked = self.try_ask(operation, path, body).await;
        asked.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn write(&self, path: &str, body: Value) -> Object {
        let response = self.ask(Operation::Update, path, body).await;
        response
            .and_then(|response| response.data)
            .unwrap_or_default()
    }

    async fn read(&self, path: &str) -> Option<Value> {
        let response = self.ask(Operation::Read, path, NOTHING).await?;
        response.data.map(Value::Object)
    }

    async fn refused(&self, path: &str, body: Value) -> (u16, String) {
        let error = self
            .try_ask(Operation::Update, path, body)
            .await
            .unwrap_err();
        (error.class().status(), error.message().to_owned())
    }

    async fn role_id(&self, role: &str) -> String {
        let read = self.read(&format!("role/{role}/role-id")).await.unwrap();
        read["role_id"].as_str().unwrap().to_owned()
    }

    /// A new secret id and its accessor.
    async fn secret_id(&self, role: &str, body: Value) -> (String, String) {
        let made = self.write(&format!("role/{role}/secret-id"), body).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("secret_id"), text("secret_id_accessor"))
    }

    /// What a login proposes, after its host stored it.
    async fn log_in(&self, role_id: &str, secret_id: &str) -> Result<Auth, String> {
        loop {
            let body = json!({"role_id": role_id, "secret_id": secret_id});
            let answer = self.try_ask(Operation::Update, "login", body).await;
            let auth = answer
                .map_err(|error| error.message().to_owned())?
                .unwrap()
                .auth
                .unwrap();
            let changes = auth.changes.clone();
            let storage = &self.world.storage;
            if storage
                .apply_if(changes.conditions, changes.writes)
                .await
                .unwrap()
            {
                return Ok(*auth);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_and_a_secret_id_log_in() {
    let approle = Mounted::new();
    let role = json!({"token_policies": ["P"], "token_ttl": "1h", "token_max_ttl": "2h"});
    approle.write("role/App", role).await;
    let role_id = approle.role_id("app").await;
    let metadata = json!({"metadata": "{\"a\":\"b\"}"});
    let (secret_id, _) = approle.secret_id("APP", metadata).await;
    let auth = approle
        .log_in(&format!(" {role_id}"), &format!("{secret_id}\n"))
        .await
        .unwrap();
    assert_eq!(auth.policies, ["P"]);
    assert_eq!(auth.lease.ttl, Duration::from_hours(1));
    let metadata: Vec<_> = auth
        .metadata
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(metadata, [("a", "b"), ("role_name", "app")]);
    assert_eq!(auth.alias.unwrap().name, role_id);
    for (role_id, secret_id, text) in [
        (role_id.as_str(), "bad", "invalid role or secret ID"),
        ("bad", secret_id.as_str(), "invalid role or secret ID"),
        (role_id.as_str(), "", "missing secret_id"),
        ("", "", "missing role_id"),
    ] {
        assert_eq!(approle.log_in(role_id, secret_id).await.unwrap_err(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn storage_shows_neither_a_secret_id_nor_its_accessor() {
    let approle = Mounted::new();
    approle
        .write("role/app", json!({"role_id": "canary-role"}))
        .await;
    let path = "role/app/custom-secret-id";
    let made = approle
        .write(path, json!({"secret_id": "canary-secret"}))
        .await;
    let disk = approle.world.storage.disk();
    for key in disk.keys() {
        let value = disk.get(&key).await.unwrap().unwrap();
        let value = String::from_utf8_lossy(&value);
        assert!(
            !key.contains("canary") && !value.contains("canary-secret"),
            "{key}: {value}"
        );
        let accessor = made["secret_id_accessor"].as_str().unwrap();
        assert!(!key.contains(accessor));
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_id_is_used_as_often_as_it_says_even_when_all_come_at_once() {
    let approle = Arc::new(Mounted::new());
    approle
        .write("role/app", json!({"secret_id_num_uses": 3}))
        .await;
    let role_id = approle.role_id("app").await;
    let (secret_id, accessor) = approle.secret_id("app", json!({})).await;
    approle
        .world
        .storage
        .set_read_delay(Duration::from_millis(3));
    let racing: Vec<_> = (0..100)
        .map(|_| {
            let (approle, role_id, secret_id) =
                (Arc::clone(&approle), role_id.clone(), secret_id.clone());
            tokio::spawn(async move { approle.log_in(&role_id, &secret_id).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for racer in racing {
        won += usize::from(racer.await.unwrap());
    }
    assert_eq!(won, 3);
    let path = "role/app/secret-id-accessor/lookup";
    let body = json!({"secret_id_accessor": accessor});
    let gone = approle.ask(Operation::Update, path, body).await.unwrap();
    assert_eq!(gone.status, Some(404));
    assert!(
        gone.get("error")
            .unwrap()
            .as_str()
            .unwrap()
            .starts_with("failed to find accessor")
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_id_ends_at_its_time_and_is_removed() {
    let approle = Mounted::new();
    approle
        .write("role/app", json!({"secret_id_ttl": "10m"}))
        .await;
    let role_id = approle.role_id("app").await;
    let (used, _) = approle.secret_id("app", json!({})).await;
    let (_, unused) = approle.secret_id("app", json!({"ttl": 60})).await;
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert!(approle.log_in(&role_id, &used).await.is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = approle.log_in(&role_id, &used).await.unwrap_err();
    assert_eq!(refused, "invalid role or secret ID");
    let listed = approle
        .ask(Operation::List, "role/app/secret-id", NOTHING)
        .await
        .unwrap();
    assert_eq!(listed.get("keys"), Some(&json!([unused])));
    let tidied = approle
        .ask(Operation::Update, "tidy/secret-id", NOTHING)
        .await
        .unwrap();
    assert_eq!(tidied.status, Some(202));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = approle.world.storage.disk().keys();
    assert!(
        !left
            .iter()
            .any(|key| key.starts_with("secret-id/") || key.starts_with("accessor/"))
    );
}

#[tokio::test(start_paused = true)]
async fn expired_secret_ids_are_removed_by_themselves() {
    let approle = Mounted::new();
    approle.write("role/app", json!({})).await;
    approle.secret_id("app", json!({"ttl": 60})).await;
    let ids = |approle: &Mounted| {
        let keys = approle.world.storage.disk().keys();
        keys.iter()
            .filter(|key| key.starts_with("secret-id/"))
            .count()
    };
    tokio::time::sleep(Duration::from_mins(2)).await;
    approle.method.periodic().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ids(&approle), 1, "not every minute");
    tokio::time::sleep(Duration::from_mins(15)).await;
    approle.method.periodic().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ids(&approle), 0);
}

#[tokio::test(start_paused = true)]
async fn a_login_counts_only_from_the_addresses_that_are_allowed() {
    let approle = Mounted::new();
    let own = json!({
        "role_id": "own", "bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.1/32",
    });
    approle.write("role/own", own).await;
    assert!(approle.log_in("own", "").await.is_ok());
    let other = json!({
        "role_id": "other", "bind_secret_id": false, "secret_id_bound_cidrs": "10.0.0.1",
    });
    approle.write("role/other", other).await;
    let refused = approle.log_in("other", "").await.unwrap_err();
    assert_eq!(
        refused,
        "source address \"127.0.0.1\" unauthorized by CIDR restrictions on the role"
    );
    let bound = json!({"role_id": "bound", "token_strictly_bind_ip": true});
    approle.write("role/bound", bound).await;
    let (far, _) = approle
        .secret_id("bound", json!({"cidr_list": "10.0.0.0/8"}))
        .await;
    let refused = approle.log_in("bound", &far).await.unwrap_err();
    assert!(
        refused.ends_with("through CIDR restrictions on the secret ID"),
        "{refused}"
    );
    let (near, _) = approle
        .secret_id("bound", json!({"cidr_list": "127.0.0.0/8"}))
        .await;
    assert_eq!(
        approle.log_in("bound", &near).await.unwrap().bound_cidrs,
        ["127.0.0.1"]
    );
    let tokens = json!({"token_bound_cidrs": "127.0.0.0/8"});
    let (own, _) = approle.secret_id("bound", tokens).await;
    assert_eq!(
        approle.log_in("bound", &own).await.unwrap().bound_cidrs,
        ["127.0.0.1"],
        "a secret id does not loosen the role"
    );
    let tokens = json!({"token_bound_cidrs": "10.0.0.0/8"});
    let (own, _) = approle.secret_id("bound", tokens).await;
    let refused = approle.log_in("bound", &own).await.unwrap_err();
    assert_eq!(
        refused,
        "source address \"127.0.0.1\" unauthorized by CIDR restrictions on the token"
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_id_narrows_the_networks_of_its_role_and_never_widens_them() {
    let approle = Mounted::new();
    let role = |networks: &str| json!({"role_id": "app", "token_bound_cidrs": networks});
    let subset = "failed to verify subset relationship between CIDR blocks on the role";
    approle
        .write("role/app", role("10.0.0.0/8,127.0.0.1"))
        .await;
    for (path, body) in [
        ("secret-id", json!({"token_bound_cidrs": "0.0.0.0/0"})),
        (
            "custom-secret-id",
            json!({"secret_id": "x", "token_bound_cidrs": ["10.1.0.0/16", "127.0.0.0/8"]}),
        ),
    ] {
        let (status, said) = approle.refused(&format!("role/app/{path}"), body).await;
        assert!(status == 400 && said.starts_with(subset), "{status} {said}");
        assert!(said.contains("`token_bound_cidrs`"), "{said}");
    }
    let narrower = json!({"token_bound_cidrs": "10.1.0.0/16"});
    let (secret_id, _) = approle.secret_id("app", narrower).await;
    let bound = async || {
        let auth = approle.log_in("app", &secret_id).await?;
        Ok::<_, String>(auth.bound_cidrs)
    };
    assert_eq!(bound().await.unwrap(), ["10.1.0.0/16"]);
    approle.write("role/app", role("")).await;
    assert_eq!(bound().await.unwrap(), ["10.1.0.0/16"]);
    approle.write("role/app", role("10.1.2.0/24")).await;
    let refused = bound().await.unwrap_err();
    assert!(refused.starts_with(subset), "{refused}");
    let (plain, _) = approle.secret_id("app", json!({})).await;
    let auth = approle.log_in("app", &plain).await.unwrap();
    assert_eq!(auth.bound_cidrs, ["10.1.2.0/24"]);
}

#[tokio::test(start_paused = true)]
async fn metadata_is_json_or_pairs_and_either_in_base64() {
    let approle = Mounted::new();
    approle.write("role/app", json!({})).await;
    for (text, expected) in [
        (r#"{"a":"b"}"#, json!({"a": "b"})),
        (" eyJhIjoiYiJ9\n", json!({"a": "b"})),
        ("eyJhIjoiYmIifQ==", json!({"a": "bb"})),
        ("az12", json!({"k": "v"})),
        ("a=b, c=d", json!({"a": "b", "c": "d"})),
        ("", json!({})),
    ] {
        let (secret_id, _) = approle.secret_id("app", json!({"metadata": text})).await;
        let by_id = json!({"secret_id": secret_id});
        let found = approle.write("role/app/secret-id/lookup", by_id).await;
        assert_eq!(found["metadata"], expected, "{text}");
    }
    for (text, problem) in [
        ("/////w==", "invalid <key,value> format"),
        ("abcd", "invalid <key,value> format"),
        ("a=", "invalid <key,value> pair: key: \"a\" value: \"\""),
        (r#"{"a":1}"#, "invalid <key,value> format"),
        (r#"{"a":""}"#, "invalid value for key \"a\""),
    ] {
        let body = json!({"metadata": text});
        let (status, said) = approle.refused("role/app/secret-id", body).await;
        let begins = said.starts_with("failed to parse metadata: ");
        assert!(status == 400 && begins && said.contains(problem), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_are_kept_unless_they_are_given_and_read_one_by_one() {
    let approle = Mounted::new();
    approle
        .write("role/App", json!({"policies": "X", "token_ttl": "1h"}))
        .await;
    approle
        .write("role/app", json!({"token_num_uses": 5}))
        .await;
    let role = approle.read("role/APP").await.unwrap();
    assert_eq!(role["token_policies"], json!(["x"]));
    assert_eq!(role["policies"], json!(["x"]));
    assert_eq!(
        (&role["token_ttl"], &role["token_num_uses"]),
        (&json!(3600), &json!(5))
    );
    assert_eq!(
        (&role["bind_secret_id"], &role["token_type"]),
        (&json!(true), &json!("default"))
    );
    assert_eq!(role["secret_id_bound_cidrs"], Value::Null);
    let list = approle.ask(Operation::List, "role", NOTHING).await.unwrap();
    assert_eq!(list.get("keys"), Some(&json!(["app"])));
    // A role without secret ids needs networks, which a row below removes.
    let networks = json!({"secret_id_bound_cidrs": "10.0.0.1"});
    approle.write("role/app", networks).await;
    for (path, field, value, reset) in [
        ("policies", "token_policies", json!(["q", "w"]), json!([])),
        ("token-ttl", "token_ttl", json!(1800), json!(0)),
        ("token-max-ttl", "token_max_ttl", json!(7200), json!(0)),
        ("token-num-uses", "token_num_uses", json!(2), json!(0)),
        ("period", "token_period", json!(60), json!(0)),
        ("secret-id-ttl", "secret_id_ttl", json!(60), json!(0)),
        (
            "secret-id-num-uses",
            "secret_id_num_uses",
            json!(9),
            json!(0),
        ),
        (
            "bind-secret-id",
            "bind_secret_id",
            json!(false),
            json!(true),
        ),
        (
            "secret-id-bound-cidrs",
            "secret_id_bound_cidrs",
            json!(["10.0.0.0/8"]),
            Value::Null,
        ),
        (
            "token-bound-cidrs",
            "token_bound_cidrs",
            json!(["10.0.0.1"]),
            json!([]),
        ),
    ] {
        let path = format!("role/app/{path}");
        approle.write(&path, json!({field: value.clone()})).await;
        assert_eq!(approle.read(&path).await.unwrap(), json!({field: value}));
        approle.ask(Operation::Delete, &path, NOTHING).await;
        assert_eq!(approle.read(&path).await.unwrap()[field], reset, "{path}");
        let (status, text) = approle.refused(&path, json!({})).await;
        assert_eq!((status, text), (400, format!("missing {field}")));
    }
    assert_eq!(approle.read("role/none/token-ttl").await, None);
    assert_eq!(
        approle
            .refused("role/none/token-ttl", json!({"token_ttl": 1}))
            .await
            .0,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn a_role_id_belongs_to_one_role() {
    let approle = Mounted::new();
    approle.write("role/a", json!({"role_id": "one"})).await;
    let taken = (400, "role_id already in use".to_owned());
    assert_eq!(
        approle.refused("role/b", json!({"role_id": "one"})).await,
        taken
    );
    assert_eq!(approle.read("role/b").await, None);
    approle.write("role/b", json!({})).await;
    assert_eq!(
        approle
            .refused("role/b/role-id", json!({"role_id": "one"}))
            .await,
        taken
    );
    approle
        .write("role/a/role-id", json!({"role_id": "two"}))
        .await;
    approle
        .write("role/b/role-id", json!({"role_id": "one"}))
        .await;
    assert_eq!(
        (approle.role_id("a").await, approle.role_id("b").await),
        ("two".into(), "one".into())
    );
    let missing = (400, "missing role_id".to_owned());
    assert_eq!(approle.refused("role/a/role-id", json!({})).await, missing);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_role_leaves_nothing_and_renews_no_login() {
    let approle = Mounted::new();
    approle.write("role/app", json!({"token_ttl": "1h"})).await;
    let role_id = approle.role_id("app").await;
    let (secret_id, _) = approle.secret_id("app", json!({})).await;
    approle.secret_id("app", json!({})).await;
    let auth = approle.log_in(&role_id, &secret_id).await.unwrap();
    let renew = async || {
        let mut request = Request::new(Operation::Renew, "login");
        request.auth = Some(Box::new(auth.clone()));
        approle.method.handle(request).await
    };
    approle.write("role/app", json!({"token_ttl": "30m"})).await;
    let renewed = renew().await.unwrap().unwrap().auth.unwrap();
    assert_eq!(renewed.lease.ttl, Duration::from_mins(30));
    approle.ask(Operation::Delete, "role/app", NOTHING).await;
    approle.ask(Operation::Delete, "role/app", NOTHING).await;
    assert_eq!(approle.world.storage.disk().keys(), ["hash-key"]);
    let error = renew().await.unwrap_err();
    assert_eq!(
        error.message(),
        "failed to renew entry: role \"app\" does not exist during renewal"
    );
    assert!(approle.log_in(&role_id, &secret_id).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_secret_id_is_found_and_destroyed_by_itself_or_by_its_accessor() {
    let approle = Mounted::new();
    approle.write("role/app", json!({})).await;
    approle.write("role/other", json!({})).await;
    let (secret_id, accessor) = approle.secret_id("app", json!({"ttl": "1h"})).await;
    let by_id = json!({"secret_id": secret_id});
    let found = approle
        .write("role/app/secret-id/lookup", by_id.clone())
        .await;
    assert_eq!(found["secret_id_accessor"], json!(accessor));
    assert_eq!(found["secret_id_ttl"], 3600);
    let by_accessor = json!({"secret_id_accessor": accessor});
    let found = approle
        .write("role/app/secret-id-accessor/lookup", by_accessor.clone())
        .await;
    assert_eq!(found["secret_id_accessor"], json!(accessor));
    let of_other = approle
        .ask(
            Operation::Update,
            "role/other/secret-id-accessor/lookup",
            by_accessor.clone(),
        )
        .await;
    assert_eq!(
        of_other.unwrap().status,
        Some(404),
        "it belongs to another role"
    );
    approle
        .write("role/app/secret-id-accessor/destroy", by_accessor.clone())
        .await;
    assert_eq!(
        approle
            .ask(
                Operation::Update,
                "role/app/secret-id/lookup",
                by_id.clone()
            )
            .await,
        None
    );
    let again = approle
        .refused("role/app/secret-id-accessor/destroy", by_accessor)
        .await;
    assert_eq!(again.0, 404);
    approle.write("role/app/secret-id/destroy", by_id).await;
    for path in ["secret-id/lookup", "secret-id/destroy"] {
        let missing = approle
            .refused(&format!("role/app/{path}"), json!({}))
            .await;
        assert_eq!(missing, (400, "missing secret_id".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_400_and_says_why() {
    let approle = Mounted::new();
    approle
        .write(
            "role/app",
            json!({"secret_id_num_uses": 2, "secret_id_ttl": "10m"}),
        )
        .await;
    let unbound = json!({"bind_secret_id": false, "secret_id_bound_cidrs": "10.0.0.0/8"});
    approle.write("role/unbound", unbound).await;
    approle
        .write("role/app/custom-secret-id", json!({"secret_id": "taken"}))
        .await;
    for (path, body, text) in [
        (
            "role/x",
            json!({"bind_secret_id": false}),
            "at least one constraint",
        ),
        (
            "role/x",
            json!({"token_ttl": "3h", "token_max_ttl": "1h"}),
            "'token_ttl' cannot be greater",
        ),
        (
            "role/x",
            json!({"token_type": "batch", "token_period": "1h"}),
            "periodic tokens",
        ),
        (
            "role/x",
            json!({"token_type": "nope"}),
            "invalid 'token_type' value \"nope\"",
        ),
        (
            "role/x",
            json!({"token_bound_cidrs": "x"}),
            "`token_bound_cidrs` has \"x\"",
        ),
        (
            "role/x",
            json!({"secret_id_num_uses": -1}),
            "secret_id_num_uses cannot be negative",
        ),
        (
            "role/app",
            json!({"local_secret_ids": true}),
            "local_secret_ids can only be modified",
        ),
        (
            "role/app/secret-id",
            json!({"num_uses": 3}),
            "num_uses cannot be higher",
        ),
        (
            "role/app/secret-id",
            json!({"num_uses": 0}),
            "num_uses cannot be higher",
        ),
        (
            "role/app/secret-id",
            json!({"num_uses": -1}),
            "num_uses cannot be negative",
        ),
        (
            "role/app/secret-id",
            json!({"ttl": "1h"}),
            "ttl cannot be longer",
        ),
        (
            "role/app/secret-id",
            json!({"metadata": "x"}),
            "failed to parse metadata",
        ),
        (
            "role/app/secret-id",
            json!({"cidr_list": "x"}),
            "`cidr_list` has \"x\"",
        ),
        (
            "role/unbound/secret-id",
            json!({}),
            "bind_secret_id is not set on the role",
        ),
        (
            "role/app/custom-secret-id",
            json!({"secret_id": "taken"}),
            "failed to store secret_id",
        ),
        ("role/app/custom-secret-id", json!({}), "missing secret_id"),
    ] {
        let (status, said) = approle.refused(path, body).await;
        assert!(
            status == 400 && said.contains(text),
            "{path}: {status} {said}"
        );
    }
    let (status, said) = approle.refused("role/none/secret-id", json!({})).await;
    assert_eq!(
        (status, said.as_str()),
        (404, "role \"none\" does not exist")
    );
    let long = json!({"token_max_ttl": "9000h"});
    let warned = approle
        .ask(Operation::Update, "role/long", long)
        .await
        .unwrap();
    assert!(warned.warnings[0].starts_with("token_max_ttl is greater"));
}
