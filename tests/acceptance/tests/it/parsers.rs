//! What clients make of the keys of static roles that cannot run here: each answer is
//! read as the client's own source reads it, and put to the cases that break it with
//! engines of Vault.
//!
//! The sources: External Secrets `pkg/provider/vault/client_get.go`; Vault Secrets
//! Operator `controllers/vaultdynamicsecret_controller.go`; consul-template
//! `dependency/vault_common.go`; Spring Vault `SecretLeaseContainer`.

use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use testkit::{Http, eventually, require_bao};

use crate::agent::post;
use crate::cloud::Cloud;
use crate::hosts::{Host, on_both};
use crate::in_process::Server;
use crate::mounted::{mounted, write_role};

const PATIENCE: Duration = Duration::from_mins(1);

/// What External Secrets does with an answer of a KV version 2 store.
#[derive(Debug, PartialEq)]
enum ExternalSecret {
    /// It writes these fields.
    Synced(Map<String, Value>),
    /// With `deletionPolicy: Delete` it deletes what it wrote.
    Deleted,
    /// It keeps what it has, and tries again.
    Kept,
}

impl ExternalSecret {
    fn read(http: &Http, name: &str, version: &str) -> Self {
        // The mount, `data`, and the key of the reference.
        let mut path = format!("team/data/{name}");
        if !version.is_empty() {
            path = format!("{path}?version={version}");
        }
        match http.request("GET", &path, None) {
            // Vault's client makes no error of that.
            (404, _) => Self::Deleted,
            (200, answer) => match &answer["data"]["data"] {
                Value::Null => Self::Deleted,
                Value::Object(fields) => Self::Synced(fields.clone()),
                _ => Self::Kept,
            },
            _ => Self::Kept,
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Synced(fields) => fields["key_id"].as_str().unwrap().to_owned(),
            other => panic!("{other:?} has no key"),
        }
    }
}

#[test]
fn external_secrets_deletes_only_secrets_whose_role_is_gone() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let http = &host.http;
        let read = |version: &str| ExternalSecret::read(http, "orders", version);
        assert_eq!(read(""), ExternalSecret::Deleted, "there is no such role");

        let slow = json!({ "readiness": "delay", "readiness_delay": 20 });
        let (status, answer) = write_static_role(host, "orders", &slow);
        assert_eq!(status, 200, "its key is not ready: {answer}");
        assert_eq!(
            read(""),
            ExternalSecret::Kept,
            "its first key is not proven"
        );
        let first = eventually("the first key is proven", PATIENCE, || {
            let read = read("");
            assert_ne!(read, ExternalSecret::Deleted);
            (read != ExternalSecret::Kept).then_some(read)
        });
        let ExternalSecret::Synced(fields) = &first else {
            panic!("{first:?}");
        };
        assert!(fields.values().all(Value::is_string), "{fields:?}");

        let (status, answer) = post(host, "rotate-role/orders", &json!({ "wait": 50 }));
        assert_eq!(status, 204, "{answer}");
        let second = read("");
        assert_ne!(second.key(), first.key());
        // Who pins a version keeps it while its key lives.
        assert_eq!(read("2"), second);
        assert_eq!(read("1"), first);
        assert_eq!(read("3"), ExternalSecret::Deleted);

        let path = "team/static-role/orders";
        assert_eq!(http.request("DELETE", path, None).0, 204);
        assert_eq!(read(""), ExternalSecret::Deleted);
    });
}

/// What Vault Secrets Operator knows of static credentials after a synchronization.
#[derive(Debug, PartialEq)]
struct Synced {
    last_rotation: Timestamp,
    ttl: i64,
    /// The fields whose change restarts what uses them.
    watched: Map<String, Value>,
}

impl Synced {
    fn read(http: &Http, name: &str) -> Self {
        let path = format!("team/static-creds/{name}");
        let (status, mut answer) = http.request("GET", &path, None);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["renewable"], false);
        let Value::Object(mut watched) = answer["data"].take() else {
            panic!("{answer}");
        };
        let mut take = |name: &str| watched.remove(name);
        let last_rotation = take("last_vault_rotation").unwrap();
        let last_rotation = last_rotation.as_str().unwrap().parse().unwrap();
        // Else it does not take them for static credentials, and never comes back.
        assert!(take("rotation_period").unwrap().as_i64().unwrap() >= 1);
        let ttl = take("ttl").unwrap().as_i64().unwrap();
        // With a schedule it waits ten seconds for a rotation that it takes for due,
        // and then fails.
        assert_eq!(take("rotation_schedule"), None);
        Self {
            last_rotation,
            ttl,
            watched,
        }
    }

    /// When it comes back; it adds half a second and some by chance.
    fn horizon(&self) -> Duration {
        assert!(self.ttl > 0, "it would come back every second");
        Duration::from_secs(self.ttl.unsigned_abs()) + Duration::from_millis(500)
    }
}

#[test]
fn vault_secrets_operator_restarts_pods_at_rotations_and_at_no_other_time() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let times = json!({ "rotation_period": "24h", "refresh": 30 });
        assert_eq!(write_static_role(host, "orders", &times).0, 204);
        let schedule = json!({
            "rotation_schedule": "0 2 * * SAT", "rotation_timezone": "Europe/Berlin",
            "rotation_window": "3h",
        });
        assert_eq!(write_static_role(host, "payments", &schedule).0, 204);
        for name in ["orders", "payments"] {
            let first = Synced::read(&host.http, name);
            for _ in 0..3 {
                let again = Synced::read(&host.http, name);
                assert_eq!(again.watched, first.watched);
                assert_eq!(again.last_rotation, first.last_rotation);
                again.horizon();
            }
            let path = format!("rotate-role/{name}");
            let (status, answer) = post(host, &path, &json!({ "wait": 50 }));
            assert_eq!(status, 204, "{answer}");
            let rotated = Synced::read(&host.http, name);
            assert_ne!(rotated.watched, first.watched);
            assert!(rotated.last_rotation > first.last_rotation);
            let again = Synced::read(&host.http, name);
            assert_eq!(again.watched, rotated.watched);
        }
        assert_eq!(Synced::read(&host.http, "orders").ttl, 30);
    });
}

/// How long consul-template sleeps after a read.
fn consul_template_sleeps(answer: &Value) -> Duration {
    let second = Duration::from_secs(1);
    let data = &answer["data"];
    if answer["lease_id"] == "" && !data["rotation_period"].is_null() {
        // It would go by the lease if it could not read it as an integer.
        if let Some(ttl) = data["ttl"].as_u64() {
            assert!(ttl > 0, "it would come back every second");
            return second * u32::try_from(ttl).unwrap() + second;
        }
    }
    let lease = match answer["lease_duration"].as_u64().unwrap() {
        0 => 5 * 60,
        lease => lease,
    };
    Duration::from_secs(lease) / 3
}

#[test]
fn consul_template_sleeps_as_long_as_it_is_told_and_a_second() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let times = json!({ "rotation_period": "24h", "refresh": 30 });
        assert_eq!(write_static_role(host, "orders", &times).0, 204);
        let manual = json!({ "rotation": "manual", "refresh": 30 });
        assert_eq!(write_static_role(host, "payments", &manual).0, 204);
        for name in ["orders", "payments"] {
            let path = format!("team/static-creds/{name}");
            let (_, answer) = host.http.request("GET", &path, None);
            assert_eq!(consul_template_sleeps(&answer), Duration::from_secs(31));
            // It would sleep by these instead.
            for name in ["certificate", "secret_id"] {
                assert!(answer["data"][name].is_null(), "{answer}");
            }
        }
    });
}

#[test]
fn spring_reads_a_static_role_at_its_start_and_follows_leases() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let spring = json!({ "output": "spring", "rotation_period": "24h" });
        assert_eq!(write_static_role(host, "orders", &spring).0, 204);
        let (_, answer) = host.http.request("GET", "team/static-creds/orders", None);
        // Without a lease it never comes back by itself.
        assert_eq!(answer["lease_id"], "");
        assert_eq!(answer["lease_duration"], 0);
        // Its properties are the members: none is an object, which it would flatten.
        let data = answer["data"].as_object().unwrap();
        for (name, value) in data {
            let plain = value.is_string() || value.is_number();
            assert!(plain, "`{name}` is {value}");
        }
        let jaas = "spring.kafka.properties.sasl.jaas.config";
        let jaas = data[jaas].as_str().unwrap();
        assert!(jaas.contains("PlainLoginModule required"), "{jaas}");

        // With one it renews, and reads again when that is over.
        write_role(host, "leased", &json!({ "ttl": "10m", "output": "spring" }));
        let (_, answer) = host.http.request("GET", "team/creds/leased", None);
        assert_eq!(answer["renewable"], true);
        assert_eq!(answer["lease_duration"], 600);
        assert_ne!(answer["lease_id"], "");
    });
}

/// How much faster the clocks of a server run whose rotation is late.
const SPEED: u32 = 30;

#[test]
fn clients_come_back_soon_while_a_rotation_is_late_and_change_nothing() {
    let (cloud, _simulator) = Cloud::start(&[]);
    let server = Server::start_fast(&cloud, SPEED);
    let role = json!({
        "owner": cloud.owner(), "resource": cloud.cluster().0, "readiness": "none",
        "rotation_period": 600, "grace": 300, "refresh": 60,
    });
    server.write("team/static-role/orders", &role);
    let first = Synced::read(&server.http, "orders");
    cloud.arm("create-api-key", "fail-before", 1_000_000);
    let read = || {
        let synced = Synced::read(&server.http, "orders");
        synced.horizon();
        assert_eq!(synced.watched, first.watched, "nothing was rotated");
        let (_, answer) = server.http.request("GET", "team/static-creds/orders", None);
        let sleeps = consul_template_sleeps(&answer).as_secs();
        assert!((2..=61).contains(&sleeps), "{sleeps} s: {answer}");
        let text = |name: &str| answer["data"][name].as_str().unwrap();
        assert_eq!(cloud.log_in(text("key_id"), text("secret")), 200);
        synced.ttl
    };
    // On the way to its time the `ttl` shrinks; from then on it stands still.
    let mut late = 0;
    eventually("the rotation is late", 3 * PATIENCE, || {
        thread::sleep(Duration::from_millis(100));
        late = if read() == 10 { late + 1 } else { 0 };
        (late == 10).then_some(())
    });
    cloud.disarm();
    let rotated = eventually("it is caught up", 3 * PATIENCE, || {
        let now = Synced::read(&server.http, "orders");
        (now.watched != first.watched).then_some(now)
    });
    assert!(rotated.last_rotation > first.last_rotation);
}

fn write_static_role(host: &Host, name: &str, more: &Value) -> (u16, Value) {
    let mut role = json!({
        "owner": host.cloud.owner(), "resource": host.cloud.cluster().0, "readiness": "none",
    });
    if more["rotation_schedule"].is_null() && more["rotation"].is_null() {
        role["rotation_period"] = "24h".into();
    }
    for (name, value) in more.as_object().unwrap() {
        role[name] = value.clone();
    }
    post(host, &format!("static-role/{name}"), &role)
}
