//! Static roles whose kind of resource or `output` changes: readers get the key that
//! was made before in fields that can hold it, until it is replaced.

use std::time::Duration;

use logical::{ErrorClass, Object, Operation, Request};
use serde_json::{Value, json};

use crate::static_roles::hourly;
use crate::world::World;

const MINUTE: Duration = Duration::from_mins(1);

/// A world with a static role for a Kafka cluster, whose keys need two minutes.
async fn for_kafka(output: &str) -> World {
    let world = World::ready().await;
    world.cloud.set_propagation(2 * MINUTE);
    let mut role = hourly();
    role["readiness"] = "probe".into();
    role["output"] = output.into();
    world.write("static-role/orders", &role).await.unwrap();
    world.pass(4 * MINUTE).await;
    world
}

/// Gives it to a Schema Registry.
async fn give_to_registry(world: &World) {
    let registry = json!({ "resource": "lsrc-abc123", "output": "schema-registry" });
    world.write("static-role/orders", &registry).await.unwrap();
}

async fn version(world: &World, version: u64) -> Object {
    let request = Request::new(Operation::Read, "data/orders")
        .with_data(json!({ "version": version }).as_object().cloned().unwrap());
    let answer = world.engine.handle(request).await.unwrap().unwrap();
    answer.data.unwrap()["data"].as_object().cloned().unwrap()
}

#[tokio::test(start_paused = true)]
async fn readers_are_answered_while_a_role_turns_to_another_kind_of_resource() {
    let mut world = for_kafka("kafka-java").await;
    let before = world.data_of("static-creds/orders").await;
    let line = &before["sasl.jaas.config"];
    give_to_registry(&world).await;
    for reads in 0..30 {
        if reads == 2 {
            world.restart();
            let pending = world.data_of("static-creds/orders/pending").await;
            assert!(pending.contains_key("basic.auth.user.info"), "{pending:?}");
        }
        let data = world.data_of("static-creds/orders").await;
        let face = version(&world, 0).await;
        if world.static_status().await["version"] == json!(1) {
            assert_eq!(
                (&data["sasl.jaas.config"], &face["sasl.jaas.config"]),
                (line, line)
            );
        } else {
            assert!(data.contains_key("basic.auth.user.info"), "{data:?}");
            assert!(face.contains_key("basic.auth.user.info"), "{face:?}");
        }
        world.pass(Duration::from_secs(20)).await;
    }
    assert_eq!(world.static_status().await["version"], 2);
    let previous = world.data_of("static-creds/orders/previous").await;
    assert_eq!(&previous["sasl.jaas.config"], line);
    assert_eq!(&version(&world, 1).await["sasl.jaas.config"], line);
    world
        .write("static-role/orders/rollback", &json!({}))
        .await
        .unwrap();
    let back = world.data_of("static-creds/orders").await;
    assert_eq!(&back["sasl.jaas.config"], line);
    let previous = world.data_of("static-creds/orders/previous").await;
    assert!(
        previous.contains_key("basic.auth.user.info"),
        "{previous:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_fields_that_are_kept_are_those_that_readers_had_last() {
    let world = for_kafka("kafka-java").await;
    give_to_registry(&world).await;
    for (output, resource) in [("librdkafka", "lkc-1"), ("schema-registry", "lsrc-abc123")] {
        let change = json!({ "output": output, "resource": resource });
        world.write("static-role/orders", &change).await.unwrap();
        let data = world.data_of("static-creds/orders").await;
        assert!(data.contains_key("sasl.username"), "{data:?}");
    }
}

fn imported(secret: &str, output: &str) -> Value {
    let mut role = hourly();
    role["import_key_id"] = "OLDKEY".into();
    role["import_key_secret"] = secret.into();
    role["output"] = output.into();
    role
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_output_cannot_hold_is_not_imported() {
    let world = World::ready().await;
    world.cloud.make_by_hand("OLDKEY", "made by hand");
    for (secret, output) in [("a${canary}", "spring"), ("a\0canary", "kafka-java")] {
        let role = imported(secret, output);
        let refused = world.write("static-role/orders", &role).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::BadRequest, "{refused}");
        assert!(
            refused.message().contains("`import_key_secret`"),
            "{refused}"
        );
        assert!(!refused.message().contains("canary"), "{refused}");
        assert!(world.read("static-role/orders").await.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_that_cannot_hold_the_key_that_is_served_is_refused() {
    let world = World::ready().await;
    world.cloud.make_by_hand("OLDKEY", "made by hand");
    let role = imported("a${b}", "compat");
    world.write("static-role/orders", &role).await.unwrap();
    let spring = json!({ "output": "spring" });
    let refused = world
        .write("static-role/orders", &spring)
        .await
        .unwrap_err();
    assert_eq!(refused.class(), ErrorClass::BadRequest, "{refused}");
    assert!(refused.message().starts_with("`output`"), "{refused}");
    assert!(
        refused.message().contains("rotate-role/orders"),
        "{refused}"
    );
    world.data_of("static-creds/orders").await;
    world
        .write("rotate-role/orders", &json!({ "wait": 10 }))
        .await
        .unwrap();
    world.write("static-role/orders", &spring).await.unwrap();
    for path in ["static-creds/orders", "static-creds/orders/previous"] {
        world.data_of(path).await;
    }
    assert!(version(&world, 1).await.contains_key("secret"));
}

/// It was deleted before it served a key for its last target.
#[tokio::test(start_paused = true)]
async fn a_key_for_an_earlier_target_is_not_taken_back() {
    let world = for_kafka("compat").await;
    let registry = json!({ "resource": "lsrc-abc123" });
    world.write("static-role/orders", &registry).await.unwrap();
    world.delete("static-role/orders").await.unwrap();
    let mut role = hourly();
    role["resource"] = "lsrc-abc123".into();
    world.write("static-role/orders", &role).await.unwrap();
    world.pass(MINUTE).await;
    let key = world.served_key().await;
    assert_eq!(
        world.data_of(&format!("keys/{key}")).await["resource"],
        "lsrc-abc123"
    );
}

/// The role was deleted, so that its key cannot be replaced first.
#[tokio::test(start_paused = true)]
async fn a_role_that_is_written_again_says_how_to_get_past_the_key_that_it_had() {
    let world = World::ready().await;
    world.cloud.make_by_hand("OLDKEY", "made by hand");
    let mut role = imported("a${b}", "compat");
    world.write("static-role/orders", &role).await.unwrap();
    world.delete("static-role/orders").await.unwrap();
    for field in ["import_key_id", "import_key_secret"] {
        role.as_object_mut().unwrap().remove(field);
    }
    let mut spring = role.clone();
    spring["output"] = "spring".into();
    let refused = world
        .write("static-role/orders", &spring)
        .await
        .unwrap_err();
    assert_eq!(refused.class(), ErrorClass::BadRequest, "{refused}");
    let told = "write the role with an `output` that can hold the key, replace it with \
                `rotate-role/orders`, and change `output` after that";
    assert!(refused.message().contains(told), "{refused}");
    assert!(world.read("static-role/orders").await.unwrap().is_none());
    // As it says.
    world.write("static-role/orders", &role).await.unwrap();
    assert_eq!(world.served_key().await, "OLDKEY");
    world
        .write("rotate-role/orders", &json!({ "wait": 10 }))
        .await
        .unwrap();
    let change = json!({ "output": "spring" });
    world.write("static-role/orders", &change).await.unwrap();
    world.data_of("static-creds/orders").await;
}
