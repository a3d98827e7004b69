//! Static roles by hand: a key is staged, committed or taken back, and one that
//! exists is imported.

use std::time::Duration;

use logical::{Error, ErrorClass, Object, Storage as _};
use serde_json::{Value, json};

use crate::world::{Fault, World};

const MINUTE: Duration = Duration::from_mins(1);

fn manual() -> Value {
    json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "rotation": "manual",
        "grace": 600, "readiness": "probe",
    })
}

/// A world with a manual static role whose first key is served.
async fn serving() -> World {
    let world = World::ready().await;
    world.cloud.set_propagation(2 * MINUTE);
    world.write("static-role/orders", &manual()).await.unwrap();
    world.pass(4 * MINUTE).await;
    world
}

fn key_of(data: &Object) -> String {
    data["key_id"].as_str().unwrap().to_owned()
}

async fn post(world: &World, step: &str) -> Result<(), Error> {
    let path = format!("static-role/orders/{step}");
    world.write(&path, &json!({})).await.map(|_| ())
}

#[tokio::test(start_paused = true)]
async fn a_staged_key_is_proven_and_served_only_when_it_is_committed() {
    let world = serving().await;
    let first = world.served_key().await;
    post(&world, "stage").await.unwrap();
    world.pass(MINUTE).await;
    let early = post(&world, "commit").await.unwrap_err();
    assert_eq!(early.class(), ErrorClass::BadRequest);
    assert!(early.message().contains("is not proven yet"), "{early}");
    let staged = key_of(&world.data_of("static-creds/orders/pending").await);
    world.pass(20 * MINUTE).await;
    assert_eq!(world.served_key().await, first, "nobody committed it");
    post(&world, "commit").await.unwrap();
    assert_eq!(world.served_key().await, staged);
    let previous = world.data_of("static-creds/orders/previous").await;
    assert_eq!(key_of(&previous), first);
    world.pass(12 * MINUTE).await;
    assert!(!world.lives(&first));
    world
        .read("static-creds/orders/previous")
        .await
        .unwrap_err();
    post(&world, "commit").await.unwrap_err();
}

/// The key before keeps its grace: readers may need it until the new one works.
#[tokio::test(start_paused = true)]
async fn a_staged_key_that_is_not_proven_is_served_when_that_is_forced() {
    let mut world = serving().await;
    let first = world.served_key().await;
    post(&world, "stage").await.unwrap();
    let staged = key_of(&world.data_of("static-creds/orders/pending").await);
    let force = json!({ "force": true });
    world
        .write("static-role/orders/commit", &force)
        .await
        .unwrap();
    assert_eq!(world.served_key().await, staged);
    let status = world.static_status().await;
    assert_eq!(
        (&status["proven"], &status["stage"]),
        (&json!("assumed"), &json!("idle"))
    );
    assert_eq!(status["version"], 2);
    let previous = world.data_of("static-creds/orders/previous").await;
    assert_eq!(key_of(&previous), first);
    world.restart();
    world.pass(9 * MINUTE).await;
    assert!(world.lives(&first), "its grace is not over");
    world.pass(4 * MINUTE).await;
    assert_eq!(world.cloud.live(), std::slice::from_ref(&staged));
    assert_eq!(world.served_key().await, staged);
    let nothing = world
        .write("static-role/orders/commit", &force)
        .await
        .unwrap_err();
    assert!(nothing.message().contains("nothing is staged"), "{nothing}");
}

#[tokio::test(start_paused = true)]
async fn a_staged_key_that_is_dropped_goes() {
    let world = serving().await;
    let first = world.served_key().await;
    post(&world, "stage").await.unwrap();
    world.pass(MINUTE).await;
    assert_eq!(world.cloud.live().len(), 2);
    post(&world, "rollback").await.unwrap();
    world.pass(2 * MINUTE).await;
    assert_eq!(world.cloud.live(), std::slice::from_ref(&first));
    assert_eq!(world.served_key().await, first);
}

#[tokio::test(start_paused = true)]
async fn within_its_grace_the_key_before_is_served_again() {
    let world = serving().await;
    let first = world.served_key().await;
    post(&world, "stage").await.unwrap();
    world.pass(4 * MINUTE).await;
    post(&world, "commit").await.unwrap();
    let second = world.served_key().await;
    world.pass(5 * MINUTE).await;
    post(&world, "rollback").await.unwrap();
    assert_eq!(world.served_key().await, first);
    assert!(world.lives(&second), "its clients get its grace");
    world.pass(15 * MINUTE).await;
    assert!(world.lives(&first));
    assert_eq!(world.served_key().await, first);
    assert!(!world.lives(&second));
    let late = post(&world, "rollback").await.unwrap_err();
    assert!(late.message().contains("is gone"), "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_never_works_is_given_up_and_goes() {
    let world = serving().await;
    let first = world.served_key().await;
    world.cloud.set_propagation(Duration::from_hours(48));
    post(&world, "stage").await.unwrap();
    world.pass(25 * MINUTE).await;
    let status = world.static_status().await;
    let error = status["last_error"].as_str().unwrap();
    assert!(
        error.contains("did not log in within 1200 seconds"),
        "{error}"
    );
    assert_eq!(world.served_key().await, first);
    // One is tried at a time.
    assert!(world.cloud.live().len() <= 2, "{:?}", world.cloud.live());
    world.cloud.set_propagation(MINUTE);
    world.pass(25 * MINUTE).await;
    post(&world, "commit").await.unwrap();
    world.pass(15 * MINUTE).await;
    assert_eq!(world.cloud.live(), [world.served_key().await]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_tried_is_assumed_to_work_after_the_usual_time() {
    let world = serving().await;
    let unreachable = &world.cloud.unreachable;
    unreachable.store(true, std::sync::atomic::Ordering::SeqCst);
    post(&world, "stage").await.unwrap();
    world.pass(4 * MINUTE).await;
    post(&world, "commit").await.unwrap();
    let status = world.static_status().await;
    assert_eq!(status["proven"], "assumed");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_exists_is_imported_and_not_rotated_before_its_time() {
    let world = World::ready().await;
    world.cloud.set_propagation(Duration::ZERO);
    world.cloud.make_by_hand("OLDKEY", "made by hand");
    let import = |id: &str, secret: &str| {
        let mut role = manual();
        role["rotation"] = Value::Null;
        role.as_object_mut().unwrap().remove("rotation");
        role["rotation_period"] = 3600.into();
        role["import_key_id"] = id.into();
        role["import_key_secret"] = secret.into();
        role
    };
    for (id, secret, says) in [
        ("OLDKEY", "wrong", "does not log in"),
        ("NOKEY", "secret-of-NOKEY", "lists no key"),
        ("OLDKEY", "", "`import_key_secret` is missing"),
    ] {
        let refused = world.write("static-role/orders", &import(id, secret)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::BadRequest);
        assert!(refused.message().contains(says), "{refused}");
        assert!(world.read("static-role/orders").await.unwrap().is_none());
    }
    let role = import("OLDKEY", "secret-of-OLDKEY");
    world.write("static-role/orders", &role).await.unwrap();
    assert_eq!(world.served_key().await, "OLDKEY");
    world.pass(30 * MINUTE).await;
    assert_eq!(world.served_key().await, "OLDKEY");
    assert_eq!(world.cloud.made(), 0);
    world.pass(60 * MINUTE).await;
    assert_ne!(world.served_key().await, "OLDKEY");
    let again = world.write("static-role/other", &role).await.unwrap_err();
    assert!(again.message().contains("import_key_id"), "{again}");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_keeps_its_key_leaves_it_alone_when_it_is_deleted() {
    let world = serving().await;
    let first = world.served_key().await;
    let keep = json!({ "on_delete": "keep" });
    world.write("static-role/orders", &keep).await.unwrap();
    world.delete("static-role/orders").await.unwrap();
    world.pass(Duration::from_hours(30)).await;
    assert_eq!(world.cloud.live(), [first]);
}

/// The power went after the record was deleted, before the key was let go of.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_to_be_kept_survives_a_cut_in_the_deletion_of_its_role() {
    let mut world = serving().await;
    let first = world.served_key().await;
    let keep = json!({ "on_delete": "keep" });
    world.write("static-role/orders", &keep).await.unwrap();
    let storage = std::sync::Arc::clone(world.storage.disk());
    let record = storage.get("lockkeeper/static/orders").await.unwrap();
    let left = "lockkeeper/static-left/orders";
    storage.put(left, &record.unwrap()).await.unwrap();
    storage.delete("lockkeeper/static/orders").await.unwrap();
    world.restart();
    world.pass(Duration::from_hours(50)).await;
    assert_eq!(world.cloud.live(), [first]);
    let listed = world.list("keys/").await.unwrap().unwrap().data.unwrap();
    assert!(
        !listed.contains_key("key_info"),
        "nobody keeps account of it"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_staged_or_taken_back_is_refused_in_words() {
    let world = serving().await;
    for (step, says) in [("commit", "nothing is staged"), ("rollback", "is gone")] {
        let refused = post(&world, step).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::BadRequest);
        assert!(refused.message().contains(says), "{refused}");
    }
    world.cloud.arm(Fault::Quota);
    post(&world, "stage").await.unwrap();
    world.pass(Duration::from_secs(5)).await;
    let refused = post(&world, "commit").await.unwrap_err();
    assert!(refused.message().contains("was given up"), "{refused}");
    post(&world, "stage").await.unwrap();
    world.pass(Duration::from_secs(5)).await;
    let twice = post(&world, "stage").await.unwrap_err();
    assert!(twice.message().contains("is staged already"), "{twice}");
}
