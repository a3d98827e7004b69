//! The whole engine under any request: it is answered or refused because of
//! what it says, and the account's secret is never shown.

use std::sync::Arc;

use engine::EngineFactory;
use logical::{Backend, ErrorClass, Factory as _, Object, Operation, Request, Response};
use serde_json::json;
use virtual_world::World;

use crate::CANARY;
use crate::control_plane::Cloud;
use crate::input::{Input, text};
use crate::runtime::paused;

/// Mounts an engine in a world.
pub(super) fn mount(world: &World, cloud: &Arc<Cloud>) -> Arc<dyn Backend> {
    let factory = EngineFactory::new(Arc::clone(cloud) as _);
    let engine = factory.create(world.context());
    engine.expect("an engine can be made")
}

/// Gives it an account, two roles and a static role.
pub(super) async fn configure(engine: &Arc<dyn Backend>) {
    let account = json!({
        "ccloud_api_key_id": "ADMINKEY23456777",
        "ccloud_api_key_secret": CANARY,
    });
    let role = |shared: bool| {
        json!({
            "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
            "ttl": 600, "max_ttl": 3600, "multi_use_key": shared,
        })
    };
    let steady = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "rotation": "manual",
        "readiness": "none",
    });
    for (path, body) in [
        ("config", account),
        ("role/single", role(false)),
        ("role/shared", role(true)),
        ("static-role/steady", steady),
    ] {
        let data = body.as_object().cloned().unwrap_or_default();
        let request = Request::new(Operation::Update, path).with_data(data);
        let answered = engine.handle(request).await;
        assert!(answered.is_ok(), "{path}: {:?}", answered.err());
    }
}

/// Whether an answer shows the account's secret.
pub(super) fn shows_secret(response: &Response) -> bool {
    let data = response.data.as_ref();
    let shown = |object: &Object| serde_json::to_string(object).unwrap_or_default();
    data.is_some_and(|data| shown(data).contains(CANARY))
        || response.warnings.iter().any(|text| text.contains(CANARY))
}

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let operation = input.one_of(&[
        Operation::Update,
        Operation::Read,
        Operation::List,
        Operation::Delete,
        Operation::Patch,
        Operation::Help,
        Operation::Create,
        Operation::Header,
    ]);
    let Some(path) = text(input.line()).map(str::to_owned) else {
        return;
    };
    let Ok(data) = serde_json::from_slice::<Object>(input.rest()) else {
        return;
    };
    let writes_secret = serde_json::to_string(&data).is_ok_and(|data| data.contains(CANARY));
    paused(async {
        let world = World::new();
        let cloud = Arc::<Cloud>::default();
        let engine = mount(&world, &cloud);
        configure(&engine).await;
        let request = Request::new(operation, path).with_data(data);
        let existed = engine.exists(request.clone()).await;
        for _ in 0..2 {
            match engine.handle(request.clone()).await {
                Ok(answer) => {
                    let shown = answer.as_ref().is_some_and(shows_secret);
                    assert!(!shown || writes_secret, "{request:?} shows the secret");
                }
                Err(error) => {
                    let internal = error.class() == ErrorClass::Internal;
                    assert!(!internal, "{request:?}: {error}");
                    let shown = error.message().contains(CANARY);
                    assert!(!shown || writes_secret, "{request:?}: {error}");
                }
            }
        }
        drop(existed);
        let _ = engine.periodic().await;
        world.tasks.finish().await;
        assert_eq!(world.tasks.panics(), 0);
    });
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let requests: &[(u8, &str, &str)] = &[
        (
            0,
            "config",
            r#"{"ccloud_api_key_id":"A","ccloud_api_key_secret":"b","url":"https://c"}"#,
        ),
        (1, "config", "{}"),
        (3, "config", "{}"),
        (
            0,
            "role/a",
            r#"{"owner":"sa-1","owner_env":"env-1","resource":"lkc-1","resource_env":"env-1","ttl":"10m","max_ttl":"1h","key_description":"d","multi_use_key":true}"#,
        ),
        (4, "role/single", r#"{"ttl":60}"#),
        (1, "role/single", "{}"),
        (3, "role/single", "{}"),
        (2, "role/", "{}"),
        (1, "creds/single", "{}"),
        (1, "creds/shared", r#"{"ttl":"5m"}"#),
        (0, "creds/shared", "{}"),
        (2, "keys/", "{}"),
        (1, "keys/KEY0000", "{}"),
        (1, "role/shared/keys", "{}"),
        (0, "reconcile", "{}"),
        (1, "reconcile", "{}"),
        (1, "status", "{}"),
        (0, "rotate-root", "{}"),
        (0, "role/shared/rotate", "{}"),
        (5, "", "{}"),
        (5, "config", "{}"),
        (
            0,
            "role/warm",
            r#"{"owner":"sa-1","resource":"lkc-1","sharing":"entity","max_age":"1d","max_active":5,"max_active_per_requester":2,"readiness":"probe","readiness_delay":"1m","readiness_timeout":"20m","wait_ready":5,"not_ready":"refuse","spares":2,"spare_max_age":"1h","output":"compat,kafka-java"}"#,
        ),
        (
            0,
            "static-role/a",
            r#"{"owner":"sa-1","resource":"lkc-1","rotation_period":"1h","grace":"10m","refresh":"5m","readiness":"none","retire_when":"grace","on_delete":"keep","output":["minimal"]}"#,
        ),
        (
            0,
            "static-role/b",
            r#"{"owner":"sa-1","resource":"lkc-1","rotation_schedule":"0 2 * * sun","rotation_timezone":"Europe/Berlin","rotation_window":"2h"}"#,
        ),
        (
            0,
            "static-role/c",
            r#"{"owner":"sa-1","resource":"lkc-1","resource_env":"env-1","rotation":"manual","readiness":"none","import_key_id":"KEY0000","import_key_secret":"s"}"#,
        ),
        (
            0,
            "static-role/d",
            r#"{"owner":"sa-1","resource":"lkc-1","resource_env":"env-1","rotation":"manual","adopt_role":"shared"}"#,
        ),
        (
            0,
            "static-role/steady",
            r#"{"resource":"lsrc-1","output":"schema-registry"}"#,
        ),
        (1, "static-role/steady", "{}"),
        (1, "static-role/steady/status", "{}"),
        (3, "static-role/steady", "{}"),
        (2, "static-role/", "{}"),
        (0, "static-role/steady/stage", "{}"),
        (0, "static-role/steady/commit", r#"{"force":true}"#),
        (0, "static-role/steady/rollback", "{}"),
        (1, "static-creds/steady", "{}"),
        (1, "static-creds/steady/pending", "{}"),
        (1, "static-creds/steady/previous", "{}"),
        (0, "rotate-role/steady", r#"{"grace":"10m","wait":5}"#),
        (1, "data/steady", r#"{"version":1}"#),
        (1, "metadata/steady", "{}"),
        (2, "metadata/", "{}"),
        (
            0,
            "usage",
            r#"{"watermark":"1970-01-01T00:00:00Z","source":"s","offsets":"0:1","keys":{"KEY0000":"1970-01-01T00:00:00Z"}}"#,
        ),
        (1, "usage", "{}"),
    ];
    let seed = |(operation, path, body): &(u8, &str, &str)| {
        [&[*operation], path.as_bytes(), b"\n", body.as_bytes()].concat()
    };
    requests.iter().map(seed).collect()
}
