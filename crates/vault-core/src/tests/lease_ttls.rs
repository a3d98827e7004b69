//! The TTLs of the server count wherever a mount, an engine or a client says
//! nothing else. Texts and numbers were seen at OpenBao 2.7.2.

use std::sync::Arc;
use std::time::Duration;

use logical::Operation;
use serde_json::{Value, json};
use virtual_world::Timing;

use super::{Seen, World, ask};
use crate::{ClientToken, Core, CoreConfig, LeaseTtls};

const HOUR: u64 = 3600;

/// A core whose leases live for 2 hours, and 10 hours at most.
async fn core() -> Arc<Core> {
    let world = World::new();
    let config = CoreConfig {
        lease_ttls: LeaseTtls {
            default: Duration::from_hours(2),
            max: Duration::from_hours(10),
        },
        ..world.config()
    };
    let core = Core::start(config, world.effects()).await.unwrap();
    let root = Some(ClientToken::new("root"));
    core.create_root_token(root).await.unwrap();
    core
}

async fn post(core: &Core, path: &str, body: Value) -> Seen {
    ask(core, Operation::Update, path, body).await
}

async fn get(core: &Core, path: &str) -> Value {
    let seen = ask(core, Operation::Read, path, Value::Null).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.body
}

#[tokio::test(start_paused = true)]
async fn a_mount_inherits_the_ttls_of_the_server() {
    let core = core().await;
    let tuned = |path: &'static str| {
        let core = Arc::clone(&core);
        async move {
            let body = get(&core, path).await;
            let seconds = |name: &str| body["data"][name].as_u64().unwrap();
            (seconds("default_lease_ttl"), seconds("max_lease_ttl"))
        }
    };
    for built_in in ["sys/mounts/sys/tune", "sys/auth/token/tune"] {
        assert_eq!(tuned(built_in).await, (2 * HOUR, 10 * HOUR));
    }
    let mount = |config: Value| {
        post(
            &core,
            "sys/mounts/a",
            json!({"type": "kv", "config": config}),
        )
    };
    let long = mount(json!({"default_lease_ttl": "20h"})).await;
    assert_eq!(
        (long.status, long.error()),
        (
            400,
            "given default lease TTL greater than system max lease TTL of 36000"
        )
    );
    assert_eq!(mount(json!({"max_lease_ttl": "100h"})).await.status, 204);
    assert_eq!(tuned("sys/mounts/a/tune").await, (2 * HOUR, 100 * HOUR));
    // What is listed is what was said.
    let listed = get(&core, "sys/mounts").await;
    assert_eq!(listed["data"]["a/"]["config"]["default_lease_ttl"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_and_a_login_live_as_long_as_the_server_says() {
    let core = core().await;
    let ttl = |seen: &Seen| seen.body["auth"]["lease_duration"].as_u64().unwrap();
    let create = |body: Value| post(&core, "auth/token/create", body);
    assert_eq!(ttl(&create(json!({"policies": "default"})).await), 2 * HOUR);
    let long = create(json!({"policies": "default", "ttl": "20h"})).await;
    assert_eq!(ttl(&long), 10 * HOUR);
    let warning = long.body["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("exceeded the effective max_ttl of \"10h"),
        "{warning}"
    );
    let token = long.body["auth"]["client_token"].as_str().unwrap();
    let renewed = post(&core, "auth/token/renew", json!({"token": token})).await;
    assert_eq!(ttl(&renewed), 10 * HOUR);

    post(&core, "sys/auth/approle", json!({"type": "approle"})).await;
    let role = json!({"policies": "p"});
    post(&core, "auth/approle/role/app", role).await;
    let role_id = get(&core, "auth/approle/role/app/role-id").await;
    let secret_id = post(&core, "auth/approle/role/app/secret-id", json!({})).await;
    let ids = json!({
        "role_id": role_id["data"]["role_id"],
        "secret_id": secret_id.body["data"]["secret_id"],
    });
    let login = post(&core, "auth/approle/login", ids).await;
    assert_eq!(ttl(&login), 2 * HOUR, "{login:?}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_is_told_the_ttls_of_the_server() {
    let core = core().await;
    post(&core, "sys/mounts/kv", json!({"type": "kv"})).await;
    post(&core, "kv/a", json!({"b": "c"})).await;
    assert_eq!(get(&core, "kv/a").await["lease_duration"], 2 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_says_the_ttl_that_it_granted_however_long_the_write_takes() {
    let (world, disk) = (World::new(), virtual_world::World::new());
    let core = world.mounted_with(world.effects_of(&disk)).await;
    let body = json!({ "ttl": "1h" });
    let made = post(&core, "auth/token/create", body).await.body;
    let token = made["auth"]["client_token"].clone();
    let second = Duration::from_secs(1);
    disk.storage.set_write_delay(second, Timing::Late);
    let body = json!({ "token": token, "increment": "2h" });
    let renewed = post(&core, "auth/token/renew", body).await.body;
    assert_eq!(renewed["auth"]["lease_duration"], 2 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_without_an_increment_repeats_the_ttl_that_was_granted_last() {
    let core = World::new().start().await;
    let granted = async |token: &Value, increment: Value| {
        let body = json!({ "token": token, "increment": increment });
        let renewed = post(&core, "auth/token/renew", body).await.body;
        renewed["auth"]["lease_duration"].as_u64()
    };
    for (created, each) in [
        (json!({ "ttl": "1h" }), [1, 1, 5, 5]),
        (
            json!({ "ttl": "1h", "explicit_max_ttl": "3h" }),
            [1, 1, 3, 3],
        ),
        (json!({ "ttl": "1h", "period": "2h" }), [2, 2, 2, 2]),
    ] {
        let made = post(&core, "auth/token/create", created.clone()).await.body;
        let token = &made["auth"]["client_token"];
        let asked = [Value::Null, json!(0), json!("5h"), json!("0s")];
        for (increment, hours) in asked.into_iter().zip(each) {
            let ttl = granted(token, increment.clone()).await;
            assert_eq!(ttl, Some(hours * HOUR), "{created}, then {increment}");
        }
    }
}
