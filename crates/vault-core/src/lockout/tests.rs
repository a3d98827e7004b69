//! Wrong logins with `AppRole`, from a client's point of view. Statuses, texts and
//! shapes were seen at OpenBao 2.7.2.

use std::sync::Arc;
use std::time::Duration;

use logical::Operation;
use serde_json::{Value, json};

use super::UserLockout;
use crate::routing::LockoutTuning;
use crate::tests::{Seen, World, ask, ask_as};
use crate::{ClientToken, Core, CoreConfig, Effects};

const MINUTE: Duration = Duration::from_mins(1);

/// A core with the roles `one` and `two`.
struct Server {
    core: Arc<Core>,
    accessor: String,
    roles: Vec<Role>,
}

struct Role {
    id: Value,
    secret: Value,
}

async fn post(core: &Core, path: &str, body: Value) -> Seen {
    ask(core, Operation::Update, path, body).await
}

async fn get(core: &Core, path: &str) -> Value {
    ask(core, Operation::Read, path, Value::Null).await.body["data"].clone()
}

impl Server {
    async fn start(world: &World, lockout: UserLockout) -> Self {
        let config = CoreConfig {
            user_lockout: lockout,
            ..world.config()
        };
        Self::start_with(config, world.effects()).await
    }

    async fn start_with(config: CoreConfig, effects: Effects) -> Self {
        let core = Core::start(config, effects).await.unwrap();
        core.create_root_token(Some(ClientToken::new("root")))
            .await
            .unwrap();
        post(&core, "sys/auth/approle", json!({"type": "approle"})).await;
        let mut roles = Vec::new();
        for name in ["one", "two"] {
            let path = format!("auth/approle/role/{name}");
            post(&core, &path, json!({"policies": "p"})).await;
            let id = get(&core, &format!("{path}/role-id")).await;
            let secret = post(&core, &format!("{path}/secret-id"), json!({})).await;
            roles.push(Role {
                id: id["role_id"].clone(),
                secret: secret.body["data"]["secret_id"].clone(),
            });
        }
        let mounts = get(&core, "sys/auth").await;
        let accessor = mounts["approle/"]["accessor"].as_str().unwrap().to_owned();
        Self {
            core,
            accessor,
            roles,
        }
    }

    async fn log_in(&self, role: usize, secret: &Value) -> Seen {
        log_in(&self.core, &self.roles[role].id, secret).await
    }

    async fn wrong(&self, role: usize) -> u16 {
        self.log_in(role, &json!("wrong")).await.status
    }

    async fn right(&self, role: usize) -> u16 {
        self.log_in(role, &self.roles[role].secret).await.status
    }

    async fn lock(&self, role: usize) {
        for _ in 0..5 {
            assert_eq!(self.wrong(role).await, 400);
        }
        let refused = self.log_in(role, &self.roles[role].secret).await;
        assert_eq!(
            (refused.status, refused.error()),
            (403, "permission denied")
        );
    }
}

async fn log_in(core: &Core, role_id: &Value, secret_id: &Value) -> Seen {
    let body = json!({"role_id": role_id, "secret_id": secret_id});
    ask_as(core, None, Operation::Update, "auth/approle/login", body).await
}

#[tokio::test(start_paused = true)]
async fn five_wrong_logins_lock_a_role_out_for_a_quarter_of_an_hour_and_no_other() {
    let server = Server::start(&World::new(), UserLockout::default()).await;
    server.lock(0).await;
    assert_eq!(server.right(1).await, 200);
    tokio::time::sleep(14 * MINUTE).await;
    assert_eq!(server.right(0).await, 403);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(server.right(0).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_locked_out_stays_so_while_storage_fails() {
    let (world, machine) = (World::new(), virtual_world::World::new());
    let server = Server::start_with(world.config(), world.effects_of(&machine)).await;
    server.lock(0).await;
    for failures in 1..4 {
        machine.storage.fail_next_reads(failures);
        assert_ne!(server.right(0).await, 200, "{failures} reads failed");
        machine.storage.heal();
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_login_and_a_quarter_of_an_hour_forget_the_wrong_ones() {
    let server = Server::start(&World::new(), UserLockout::default()).await;
    let four = || async {
        for _ in 0..4 {
            assert_eq!(server.wrong(0).await, 400);
        }
    };
    four().await;
    assert_eq!(server.right(0).await, 200);
    four().await;
    tokio::time::sleep(15 * MINUTE).await;
    four().await;
    assert_eq!(server.right(0).await, 200);
}

#[tokio::test(start_paused = true)]
async fn ids_that_no_role_has_and_requests_without_a_secret_id_lock_nobody_out() {
    let server = Server::start(&World::new(), UserLockout::default()).await;
    for _ in 0..10 {
        let unknown = log_in(&server.core, &json!("nobody"), &json!("wrong")).await;
        assert_eq!(unknown.status, 400);
        let missing = server.log_in(0, &json!("")).await;
        assert_eq!(
            (missing.status, missing.error()),
            (400, "missing secret_id")
        );
    }
    assert_eq!(server.right(0).await, 200);
    assert_eq!(get(&server.core, "sys/locked-users").await["total"], 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_locked_out_is_listed_and_unlocked() {
    let server = Server::start(&World::new(), UserLockout::default()).await;
    let nobody = json!({
        "by_namespace": [{
            "namespace_id": "root", "namespace_path": "", "counts": 0, "mount_accessors": [],
        }],
        "total": 0,
    });
    assert_eq!(get(&server.core, "sys/locked-users").await, nobody);
    server.lock(0).await;
    let alias = server.roles[0].id.as_str().unwrap();
    let locked = json!({
        "by_namespace": [{
            "namespace_id": "root", "namespace_path": "", "counts": 1,
            "mount_accessors": [{
                "mount_accessor": server.accessor, "counts": 1, "alias_identifiers": [alias],
            }],
        }],
        "total": 1,
    });
    assert_eq!(get(&server.core, "sys/locked-users").await, locked);
    let asked = |accessor: &str| {
        let query = json!({"mount_accessor": accessor});
        let core = Arc::clone(&server.core);
        async move { ask(&core, Operation::Read, "sys/locked-users", query).await }
    };
    assert_eq!(asked(&server.accessor).await.body["data"], locked);
    assert_eq!(asked("other").await.body["data"]["total"], 0);
    let unlock = |accessor: &str, alias: &str| {
        let path = format!("sys/locked-users/{accessor}/unlock/{alias}");
        let core = Arc::clone(&server.core);
        async move { post(&core, &path, Value::Null).await.status }
    };
    assert_eq!(unlock("other", alias).await, 204);
    assert_eq!(unlock(&server.accessor, "nobody").await, 204);
    assert_eq!(server.right(0).await, 403);
    assert_eq!(unlock(&server.accessor, alias).await, 204);
    assert_eq!(server.right(0).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_restart_lets_nobody_in_and_nothing_is_left_when_it_is_over() {
    let world = World::new();
    let server = Server::start(&world, UserLockout::default()).await;
    server.lock(0).await;
    server.core.shut_down().await;
    let core = Core::start(world.config(), world.effects()).await.unwrap();
    let role = &server.roles[0];
    assert_eq!(log_in(&core, &role.id, &role.secret).await.status, 403);
    let stored = || {
        let keys = world.storage.keys();
        keys.iter().any(|key| key.starts_with("sys/lockout/"))
    };
    assert!(stored());
    tokio::time::sleep(17 * MINUTE).await;
    assert_eq!(log_in(&core, &role.id, &role.secret).await.status, 200);
    assert!(!stored());
}

#[tokio::test(start_paused = true)]
async fn the_server_and_the_mount_say_when_a_user_is_locked_out() {
    let lockout = UserLockout {
        all: LockoutTuning {
            threshold: Some(3),
            ..LockoutTuning::default()
        },
        by_type: [(
            "approle".to_owned(),
            LockoutTuning {
                duration: Some(60),
                ..LockoutTuning::default()
            },
        )]
        .into(),
    };
    let server = Server::start(&World::new(), lockout).await;
    for _ in 0..3 {
        assert_eq!(server.wrong(0).await, 400);
    }
    assert_eq!(server.right(0).await, 403);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(server.right(0).await, 200);

    let tune = |config: Value| {
        let core = Arc::clone(&server.core);
        let body = json!({"user_lockout_config": config});
        async move { post(&core, "sys/auth/approle/tune", body).await }
    };
    let config = json!({
        "lockout_threshold": "2", "lockout_duration": "5s",
        "lockout_counter_reset_duration": "5m",
    });
    assert_eq!(tune(config).await.status, 204);
    let tuned = get(&server.core, "sys/auth/approle/tune").await;
    for (name, value) in [
        ("user_lockout_counter_reset_duration", json!(300)),
        ("user_lockout_disable", json!(false)),
        ("user_lockout_duration", json!(5)),
        ("user_lockout_threshold", json!(2)),
    ] {
        assert_eq!(tuned[name], value, "{name}");
        let listed = get(&server.core, "sys/auth").await;
        let config = &listed["approle/"]["config"]["user_lockout_config"];
        assert_eq!(config[name], value, "{name}");
    }
    for _ in 0..2 {
        assert_eq!(server.wrong(0).await, 400);
    }
    assert_eq!(server.right(0).await, 403);
    tokio::time::sleep(5 * MINUTE / 60).await;
    assert_eq!(server.right(0).await, 200);

    let disabled = json!({"user_lockout_config": {"lockout_disable": true}});
    let seen = post(&server.core, "sys/mounts/auth/approle/tune", disabled).await;
    assert_eq!(seen.status, 204);
    for _ in 0..9 {
        assert_eq!(server.wrong(0).await, 400);
    }
    assert_eq!(server.right(0).await, 200);
    let wrong = tune(json!({"lockout_duration": "x"})).await;
    assert!(wrong.error().contains("`lockout_duration`"), "{wrong:?}");
    let token = json!({"user_lockout_config": {"lockout_threshold": 2}});
    let refused = post(&server.core, "sys/auth/token/tune", token).await;
    assert_eq!(refused.status, 400, "{refused:?}");
}
