//! The private places of tokens. Statuses and texts were seen at OpenBao 2.7.2,
//! which answers 500 to a write without data and to a path without a name.

use std::time::Duration;

use logical::Operation;
use serde_json::{Value, json};
use virtual_world::Timing;

use crate::Core;
use crate::tests::{World, ask, ask_as};

const SECOND: Duration = Duration::from_secs(1);

async fn token(core: &Core, body: Value) -> String {
    let made = ask(core, Operation::Update, "auth/token/create", body).await;
    made.body["auth"]["client_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn cubbyholes(world: &World) -> Vec<String> {
    let mut keys = world.storage.keys();
    keys.retain(|key| key.starts_with("sys/cubbyhole/"));
    keys
}

#[tokio::test(start_paused = true)]
async fn each_token_has_a_place_that_no_other_sees() {
    let core = World::new().start().await;
    let other = token(&core, json!({"policies": ["default"]})).await;
    let value = json!({"x": "y", "n": 1});
    let steps = [
        (Operation::Read, "a", Value::Null, 404, Value::Null),
        (Operation::Update, "a", value.clone(), 204, Value::Null),
        (Operation::Read, "a", Value::Null, 200, value),
        (Operation::Update, "d/e", json!({"x": 1}), 204, Value::Null),
        (
            Operation::List,
            "",
            Value::Null,
            200,
            json!({"keys": ["a", "d/"]}),
        ),
        (
            Operation::List,
            "d",
            Value::Null,
            200,
            json!({"keys": ["e"]}),
        ),
        (Operation::List, "q", Value::Null, 404, Value::Null),
        (Operation::Update, "a", Value::Null, 400, Value::Null),
        (Operation::Read, "", Value::Null, 400, Value::Null),
        (Operation::Read, "d//e", Value::Null, 400, Value::Null),
        (Operation::Delete, "none", Value::Null, 204, Value::Null),
        (Operation::Delete, "a", Value::Null, 204, Value::Null),
        (Operation::Read, "a", Value::Null, 404, Value::Null),
    ];
    for (operation, path, body, status, data) in steps {
        let path = format!("cubbyhole/{path}");
        let seen = ask(&core, operation, &path, body).await;
        assert_eq!((seen.status, &seen.body["data"]), (status, &data), "{path}");
    }
    let as_other =
        async |operation, body| ask_as(&core, Some(&other), operation, "cubbyhole/d/e", body).await;
    assert_eq!(as_other(Operation::Read, Value::Null).await.status, 404);
    assert_eq!(
        as_other(Operation::Update, json!({"x": 2})).await.status,
        204
    );
    let own = ask(&core, Operation::Read, "cubbyhole/d/e", Value::Null).await;
    assert_eq!(own.body["data"], json!({"x": 1}));
}

#[tokio::test(start_paused = true)]
async fn a_batch_token_has_no_place() {
    let world = World::new();
    let core = world.start().await;
    let batch = token(&core, json!({"policies": ["default"], "type": "batch"})).await;
    for operation in [
        Operation::Read,
        Operation::Update,
        Operation::Delete,
        Operation::List,
    ] {
        let body = json!({"x": 1});
        let seen = ask_as(&core, Some(&batch), operation, "cubbyhole/a", body).await;
        let text = "cubbyhole operations are only supported by 'service' type tokens";
        assert_eq!((seen.status, seen.error()), (400, text), "{operation}");
    }
    assert!(cubbyholes(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_token_has_ends_with_it() {
    let world = World::new();
    let core = world.start().await;
    for is_revoked in [true, false] {
        let body = json!({"policies": ["default"], "ttl": "1m"});
        let token = token(&core, body).await;
        for number in 0..300 {
            let path = format!("cubbyhole/{number}/x");
            let body = json!({"x": 1});
            ask_as(&core, Some(&token), Operation::Update, &path, body).await;
        }
        assert_eq!(cubbyholes(&world).len(), 300);
        if is_revoked {
            let body = json!({"token": token});
            ask(&core, Operation::Update, "auth/token/revoke", body).await;
        } else {
            tokio::time::sleep(62 * SECOND).await;
        }
        assert_eq!(cubbyholes(&world), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_the_end_of_its_token_overtakes_leaves_nothing() {
    for hangs_up in [true, false] {
        let (world, machine) = (World::new(), virtual_world::World::new());
        let core = world.start_with(world.effects_of(&machine)).await.unwrap();
        let token = token(&core, json!({"policies": ["default"]})).await;
        let writing = async {
            let path = "cubbyhole/a";
            let body = json!({"x": 1});
            ask_as(&core, Some(&token), Operation::Update, path, body).await
        };
        let revoking = async {
            tokio::time::sleep(2 * SECOND).await;
            machine.storage.set_read_delay(Duration::ZERO);
            machine
                .storage
                .set_write_delay(Duration::ZERO, Timing::Late);
            let body = json!({"token": token});
            ask(&core, Operation::Update, "auth/token/revoke", body).await
        };
        if hangs_up {
            // Its write is in progress.
            machine.storage.set_write_delay(5 * SECOND, Timing::Late);
            let limited = tokio::time::timeout(SECOND, writing);
            let (hung_up, revoked) = tokio::join!(limited, revoking);
            assert!(hung_up.is_err() && revoked.status == 204);
        } else {
            // It has found the token, and looks whether the entry exists.
            machine.storage.set_read_delay(5 * SECOND);
            let (written, revoked) = tokio::join!(writing, revoking);
            assert_eq!((written.status, revoked.status), (403, 204));
        }
        tokio::time::sleep(30 * SECOND).await;
        let mut keys = machine.storage.disk().keys();
        keys.retain(|key| key.starts_with("sys/cubbyhole/"));
        assert_eq!(keys, Vec::<String>::new(), "hangs up: {hangs_up}");
    }
}
