//! hvac, Python's client of Vault, as it is published: it knows static roles of
//! databases and of LDAP and secrets of KV, and finds ours at the same paths.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Launch, Reader, eventually, require_bao, require_reader};

use crate::hosts::{ENGINE, Host, on_both};
use crate::mounted::set_up_at;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/readers/hvac_static_roles.py");
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn hvac_uses_static_roles_as_those_of_a_database_and_of_ldap_and_as_secrets_of_kv() {
    let bao = require_bao!();
    let _there = require_reader!(Reader::Hvac);
    on_both(&bao, |host| {
        let mount = "kafka/keys";
        host.cli
            .ok(&["secrets", "enable", &format!("-path={mount}"), ENGINE]);
        set_up_at(host, mount);
        for name in ["orders", "payments"] {
            write_static_role(host, mount, name);
        }
        let launch = Reader::Hvac.find_or_leave_out().unwrap();
        let told = run(launch, host, mount);

        for engine in ["database", "ldap"] {
            let of = &told[engine];
            assert_eq!(of["roles"], json!(["orders", "payments"]));
            assert_eq!(of["role"]["rotation_period"], 86_400);
            assert_eq!(of["role"]["owner"], host.cloud.owner());
            assert_eq!(of["first"]["lease_id"], "");
            assert_eq!(of["first"]["data"]["rotation_period"], 86_400);
            assert!(of["first"]["data"]["ttl"].as_u64().unwrap() > 0);
            let rotated = &of["rotated"];
            assert!(
                *rotated == 204 || rotated.to_string().contains("goes on"),
                "{rotated}"
            );
            assert_eq!(of["deleted"], 204);
            for key in [&of["first"]["data"], &of["second"]] {
                let text = |name: &str| key[name].as_str().unwrap();
                let status = host.cloud.log_in(text("key_id"), text("secret"));
                assert_eq!(status, 200, "a key outlives its role by its grace");
            }
        }
        let kv = &told["kv"];
        assert_eq!(kv["roles"], json!(["orders", "payments"]));
        let second = &told["database"]["second"];
        assert_eq!(kv["secret"]["data"]["key_id"], second["key_id"]);
        assert_eq!(kv["secret"]["data"]["secret"], second["secret"]);
        assert_eq!(kv["secret"]["metadata"]["version"], 2);
        let first = &told["database"]["first"]["data"];
        assert_eq!(kv["first"]["data"]["secret"], first["secret"]);
        assert_eq!(kv["metadata"]["current_version"], 2);
        let versions = &kv["metadata"]["versions"];
        for (number, of) in [("1", &kv["first"]), ("2", &kv["secret"])] {
            let created = &versions[number]["created_time"];
            assert_eq!(*created, of["metadata"]["created_time"]);
            created.as_str().unwrap().parse::<Timestamp>().unwrap();
        }
        assert!(kv["gone"].is_string(), "{kv}");
        let gone = told["gone"].as_array().unwrap();
        assert_eq!(gone.len(), 2, "{gone:?}");
        assert!(gone[0].to_string().contains("does not exist"), "{gone:?}");
    });
}

fn write_static_role(host: &Host, mount: &str, name: &str) {
    let body = json!({
        "owner": host.cloud.owner(), "resource": host.cloud.cluster().0,
        "rotation_period": "24h", "readiness": "none",
    });
    let path = format!("{mount}/static-role/{name}");
    let (status, answer) = host.http.request("POST", &path, Some(&body));
    assert_eq!(status, 204, "{answer}");
}

fn run(launch: Launch, host: &Host, mount: &str) -> Value {
    let address = host.http.address();
    let mut program = launch
        .args([Path::new(SCRIPT)])
        .args([address.as_str(), "root", mount, "orders", "payments"])
        .start();
    let status = eventually("hvac is done", PATIENCE, || program.ended());
    let printed = program.stdout();
    assert!(status.success(), "{printed}{}", program.stderr());
    serde_json::from_str(&printed).unwrap()
}
