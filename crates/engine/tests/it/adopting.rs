//! A static role takes over the key that the readers of a role share
//! (`lifecycle.md`, 32, 44).

use std::sync::Arc;
use std::time::Duration;

use logical::{ErrorClass, Operation, Request};
use serde_json::{Value, json};

use crate::world::{Lease, World};

const MINUTE: Duration = Duration::from_mins(1);

fn adopting() -> Value {
    json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
        "rotation_period": 3600, "grace": 600, "refresh": 300, "readiness": "probe",
        "adopt_role": "shared",
    })
}

/// A world with a lease on a shared key that works.
async fn shared() -> (World, Lease) {
    let world = World::ready().await;
    world.cloud.set_propagation(Duration::ZERO);
    let lease = world.lease("shared").await.unwrap();
    (world, lease)
}

#[tokio::test(start_paused = true)]
async fn a_shared_key_becomes_the_key_of_a_static_role_and_keeps_its_leases() {
    let (world, lease) = shared().await;
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    assert_eq!(world.served_key().await, lease.key());
    assert_eq!(world.cloud.made(), 1);
    let record = world.data_of(&format!("keys/{}", lease.key())).await;
    assert_eq!(record["purpose"], "static-role");
    assert_eq!(record["proven"], "probe");
    assert_eq!(record["holders"], 1);
    world.pass(5 * MINUTE).await;
    world.renew(&lease, 600).await.unwrap();
    assert_eq!(
        world.served_key().await,
        lease.key(),
        "its time has not come"
    );
    world.revoke(&lease).await.unwrap();
    assert!(world.lives(lease.key()), "the static role serves it");
    world.pass(20 * MINUTE).await;
    assert_eq!(world.served_key().await, lease.key());
}

#[tokio::test(start_paused = true)]
async fn after_a_rotation_the_leases_on_an_adopted_key_keep_it() {
    let (world, lease) = shared().await;
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    let body = json!({ "wait": 30 });
    world.write("rotate-role/orders", &body).await.unwrap();
    world.pass(3 * MINUTE).await;
    assert_ne!(world.served_key().await, lease.key());
    for _ in 0..4 {
        world.pass(5 * MINUTE).await;
        world.renew(&lease, 600).await.unwrap();
    }
    assert!(
        world.lives(lease.key()),
        "its grace is over, and a lease holds it"
    );
    world.revoke(&lease).await.unwrap();
    assert!(!world.lives(lease.key()));
}

#[tokio::test(start_paused = true)]
async fn that_a_key_was_taken_over_is_forgotten_a_day_after_its_rotation_at_the_latest() {
    let (world, _) = shared().await;
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    let noted = || {
        let places = world.storage.disk().keys().into_iter();
        places
            .filter(|place| place.starts_with("lockkeeper/adopted/"))
            .count()
    };
    world.pass(30 * MINUTE).await;
    assert_eq!(noted(), 1);
    world.pass(Duration::from_hours(26)).await;
    assert_eq!(noted(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_role_gives_its_next_readers_another_key_and_ends_none_of_the_static_role() {
    let (mut world, lease) = shared().await;
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    let next = world.lease("shared").await.unwrap();
    assert_ne!(next.key(), lease.key());
    world.restart();
    assert_eq!(world.lease("shared").await.unwrap().key(), next.key());
    world.delete("role/shared/keys").await.unwrap();
    assert!(!world.lives(next.key()));
    assert!(world.lives(lease.key()));
    world.delete("role/shared").await.unwrap();
    world.pass(25 * MINUTE).await;
    assert_eq!(world.served_key().await, lease.key());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_adopted_is_refused_with_the_field() {
    let (world, lease) = shared().await;
    world.lease("single").await.unwrap();
    let empty = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "multi_use_key": true,
    });
    world.write("role/empty", &empty).await.unwrap();
    let scoped = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "sharing": "token",
    });
    world.write("role/scoped", &scoped).await.unwrap();
    for (field, value, says) in [
        (
            "adopt_role",
            "other",
            "`adopt_role`: role `other` does not exist",
        ),
        (
            "adopt_role",
            "single",
            "`adopt_role`: role `single` has no key that all its readers share",
        ),
        (
            "adopt_role",
            "scoped",
            "`adopt_role`: role `scoped` has no key that all its readers share",
        ),
        (
            "adopt_role",
            "empty",
            "`adopt_role`: role `empty` has no key that lives",
        ),
        (
            "adopt_role",
            "No/Name",
            "`adopt_role` is \"No/Name\", which is no name",
        ),
        ("owner", "sa-2", "`owner` is \"sa-2\" and `adopt_role`"),
        (
            "resource",
            "lkc-2",
            "`resource` is \"lkc-2\" and `adopt_role`",
        ),
        (
            "resource_env",
            "env-2",
            "`resource_env` is \"env-2\" and `adopt_role`",
        ),
        (
            "import_key_id",
            "OLDKEY",
            "`adopt_role` and `import_key_id` were both given",
        ),
        (
            "import_key_secret",
            "s",
            "`adopt_role` and `import_key_secret` were both given",
        ),
    ] {
        let mut role = adopting();
        role[field] = value.into();
        let refused = world.write("static-role/orders", &role).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::BadRequest, "{refused}");
        assert!(refused.message().starts_with(says), "{refused}");
        assert!(world.read("static-role/orders").await.unwrap().is_none());
    }
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    let again = world.write("static-role/orders", &adopting()).await;
    let again = again.unwrap_err();
    assert!(
        again.message().contains("only a new one takes a key"),
        "{again}"
    );
    let other = world.write("static-role/other", &adopting()).await;
    let other = other.unwrap_err();
    assert!(other.message().contains("has no key that lives"), "{other}");
    assert_eq!(world.served_key().await, lease.key());
}

#[tokio::test(start_paused = true)]
async fn a_shared_key_that_does_not_log_in_is_not_adopted() {
    let (world, lease) = shared().await;
    world.cloud.set_propagation(Duration::from_hours(1));
    let refused = world.write("static-role/orders", &adopting()).await;
    let refused = refused.unwrap_err();
    assert!(
        refused.message().starts_with("`adopt_role`: key"),
        "{refused}"
    );
    assert_eq!(world.lease("shared").await.unwrap().key(), lease.key());
}

/// The power went after the key was taken over, before the record was written.
#[tokio::test(start_paused = true)]
async fn an_adoption_that_was_cut_off_goes_on_or_leaves_the_key_to_its_leases() {
    for again in [true, false] {
        let (mut world, lease) = shared().await;
        world
            .write("static-role/orders", &adopting())
            .await
            .unwrap();
        world.restart_without_static_role("orders").await;
        if again {
            world
                .write("static-role/orders", &adopting())
                .await
                .unwrap();
            assert_eq!(world.served_key().await, lease.key());
            continue;
        }
        for _ in 0..4 {
            world.pass(5 * MINUTE).await;
            world.renew(&lease, 600).await.unwrap();
        }
        world.revoke(&lease).await.unwrap();
        world.pass(Duration::from_hours(50)).await;
        assert!(!world.lives(lease.key()), "nothing needs it");
    }
}

/// Another process that shares the key knows nothing of the static role.
#[tokio::test(start_paused = true)]
async fn a_process_that_knows_the_key_as_the_roles_does_not_end_it() {
    let (mut world, lease) = shared().await;
    let other = world.another_process();
    let old = std::mem::replace(&mut world.engine, other);
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    let new = std::mem::replace(&mut world.engine, old);
    let _ = world.revoke(&lease).await;
    world.engine = new;
    assert!(world.lives(lease.key()));
}

#[tokio::test(start_paused = true)]
async fn an_adopted_key_that_is_left_to_its_users_outlives_its_leases() {
    let (world, lease) = shared().await;
    let mut role = adopting();
    role["on_delete"] = "keep".into();
    world.write("static-role/orders", &role).await.unwrap();
    world.delete("static-role/orders").await.unwrap();
    world.pass(3 * MINUTE).await;
    world.revoke(&lease).await.unwrap();
    world.pass(Duration::from_hours(26)).await;
    assert!(world.lives(lease.key()));
    let listed = read_list(&world).await;
    assert!(!listed.contains(&lease.key().to_owned()), "{listed:?}");
}

async fn read_list(world: &World) -> Vec<String> {
    let listed = world.list("keys/").await.unwrap();
    let keys = listed.and_then(|listed| listed.data).unwrap_or_default();
    let keys = keys.get("keys").and_then(Value::as_array).cloned();
    let names = keys.into_iter().flatten();
    names.map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// The one that readers got before is older, and only their leases hold it.
#[tokio::test(start_paused = true)]
async fn the_key_that_new_readers_get_is_adopted() {
    let world = World::ready().await;
    world.cloud.set_propagation(Duration::ZERO);
    let age = json!({ "max_age": 1000, "ttl": 900 });
    world.write("role/shared", &age).await.unwrap();
    let first = world.lease("shared").await.unwrap();
    world.pass(13 * MINUTE).await;
    world.renew(&first, 0).await.unwrap();
    world.pass(4 * MINUTE).await;
    let next = world.lease("shared").await.unwrap();
    assert_ne!(first.key(), next.key());
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    assert_eq!(world.served_key().await, next.key());
}

#[tokio::test(start_paused = true)]
async fn leases_on_an_adopted_key_count_for_the_limit_of_their_role() {
    let (mut world, lease) = shared().await;
    let limit = json!({ "max_active": 1 });
    world.write("role/shared", &limit).await.unwrap();
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    world.lease("shared").await.unwrap_err();
    world.restart();
    world.lease("shared").await.unwrap_err();
    world.revoke(&lease).await.unwrap();
    world.lease("shared").await.unwrap();
    world.lease("shared").await.unwrap_err();
}

/// Some brokers know the key, and some do not.
#[tokio::test(start_paused = true)]
async fn a_key_that_does_not_work_everywhere_yet_is_not_adopted() {
    let world = World::ready().await;
    world.cloud.set_propagation(2 * MINUTE);
    let lease = world.lease("shared").await.unwrap();
    tokio::time::sleep(MINUTE).await;
    let secret = lease.data["secret"].as_str().unwrap();
    assert!(world.cloud.logs_in(lease.key(), secret), "this time");
    let refused = world.write("static-role/orders", &adopting()).await;
    let refused = refused.unwrap_err();
    assert!(refused.message().contains("does not log in"), "{refused}");
    world.pass(2 * MINUTE).await;
    world
        .write("static-role/orders", &adopting())
        .await
        .unwrap();
    assert_eq!(world.served_key().await, lease.key());
}

/// Somebody else writes the static role while the key is tried.
#[tokio::test(start_paused = true)]
async fn a_static_role_that_has_a_key_by_then_adopts_none() {
    let (world, lease) = shared().await;
    *world.cloud.probe_delay.lock().unwrap() = Duration::from_secs(10);
    let request = Request::new(Operation::Update, "static-role/orders")
        .with_data(adopting().as_object().cloned().unwrap());
    let engine = Arc::clone(&world.engine);
    let adopt = tokio::spawn(async move { engine.handle(request).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut own = adopting();
    own["readiness"] = "none".into();
    own.as_object_mut().unwrap().remove("adopt_role");
    world.write("static-role/orders", &own).await.unwrap();
    let made = world.served_key().await;
    let late = adopt.await.unwrap().unwrap_err();
    assert_eq!(late.class(), ErrorClass::BadRequest);
    assert!(late.message().starts_with("`adopt_role`"), "{late}");
    assert_eq!(world.served_key().await, made);
    world.revoke(&lease).await.unwrap();
    assert!(!world.lives(lease.key()), "it is the role's still");
}
