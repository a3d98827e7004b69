//! A key that exists becomes the first key of a static role
//! (`lifecycle.md`, 43, 44).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::{ErrorClass, Operation, Request};
use serde_json::{Value, json};

use crate::world::{ADMIN_KEY, ADMIN_SECRET, ORGANIZATION, OTHER_ORGANIZATION, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

fn importing() -> Value {
    json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
        "rotation_period": 3600, "grace": 600, "refresh": 300, "readiness": "probe",
        "import_key_id": "OLDKEY", "import_key_secret": "secret-of-OLDKEY",
    })
}

/// A world with a key that somebody else made.
async fn with_key() -> World {
    let world = World::ready().await;
    world.cloud.set_propagation(Duration::ZERO);
    world.cloud.make_by_hand("OLDKEY", "made by hand");
    world
}

/// Writes a static role beside what the test does.
fn write_beside(
    world: &World,
    body: &Value,
) -> tokio::task::JoinHandle<Result<Option<logical::Response>, logical::Error>> {
    let request = Request::new(Operation::Update, "static-role/orders")
        .with_data(body.as_object().cloned().unwrap());
    let engine = Arc::clone(&world.engine);
    tokio::spawn(async move { engine.handle(request).await })
}

fn plain() -> Value {
    let mut plain = importing();
    plain["readiness"] = "none".into();
    for field in ["import_key_id", "import_key_secret"] {
        plain.as_object_mut().unwrap().remove(field);
    }
    plain
}

#[tokio::test(start_paused = true)]
async fn others_write_the_role_while_it_is_seen_whether_an_imported_key_logs_in() {
    let world = with_key().await;
    *world.cloud.probe_delay.lock().unwrap() = 30 * SECOND;
    let import = write_beside(&world, &importing());
    tokio::time::sleep(SECOND).await;
    let begun = tokio::time::Instant::now();
    world.write("static-role/orders", &plain()).await.unwrap();
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
    let made = world.served_key().await;
    let late = import.await.unwrap().unwrap_err();
    assert_eq!(late.class(), ErrorClass::BadRequest);
    assert!(late.message().starts_with("`import_key_id`"), "{late}");
    assert_eq!(world.served_key().await, made);
    world.pass(Duration::from_hours(50)).await;
    let live = world.cloud.live();
    assert!(live.contains(&"OLDKEY".to_owned()), "it is not ours");
}

#[tokio::test(start_paused = true)]
async fn one_key_is_imported_by_one_of_two_roles_that_want_it_at_once() {
    let world = with_key().await;
    *world.cloud.probe_delay.lock().unwrap() = 10 * SECOND;
    let import = write_beside(&world, &importing());
    let other = world.write("static-role/other", &importing()).await;
    let one = import.await.unwrap();
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    let refused = one.err().or(other.err()).unwrap();
    assert!(
        refused.message().contains("is on record already"),
        "{refused}"
    );
}

/// The power went after the key was noted, before the record was written.
#[tokio::test(start_paused = true)]
async fn an_import_that_was_cut_off_goes_on_or_leaves_the_key_alone() {
    for again in [true, false] {
        let mut world = with_key().await;
        world
            .write("static-role/orders", &importing())
            .await
            .unwrap();
        world.restart_without_static_role("orders").await;
        if again {
            world
                .write("static-role/orders", &importing())
                .await
                .unwrap();
            assert_eq!(world.served_key().await, "OLDKEY");
            continue;
        }
        // A role that is written in its place rotates meanwhile.
        world.write("static-role/orders", &plain()).await.unwrap();
        world.pass(Duration::from_hours(60)).await;
        let live = world.cloud.live();
        assert!(live.contains(&"OLDKEY".to_owned()), "{live:?}");
        let listed = world.list("keys/").await.unwrap().unwrap().data.unwrap();
        let keys = listed["keys"].as_array().unwrap();
        assert!(
            !keys.contains(&json!("OLDKEY")),
            "nobody keeps account of it"
        );
    }
}

/// The first attempt gave another secret, which nothing tried.
#[tokio::test(start_paused = true)]
async fn an_import_that_goes_on_takes_the_secret_that_is_given_now() {
    let mut world = with_key().await;
    let mut wrong = importing();
    wrong["readiness"] = "none".into();
    wrong["import_key_secret"] = "mistyped".into();
    world.write("static-role/orders", &wrong).await.unwrap();
    world.restart_without_static_role("orders").await;
    world
        .write("static-role/orders", &importing())
        .await
        .unwrap();
    let data = world.read("static-creds/orders").await.unwrap().unwrap();
    assert_eq!(data.get("secret"), Some(&json!("secret-of-OLDKEY")));
    world.restart();
    let data = world.read("static-creds/orders").await.unwrap().unwrap();
    assert_eq!(data.get("secret"), Some(&json!("secret-of-OLDKEY")));
}

#[tokio::test(start_paused = true)]
async fn the_organization_of_an_imported_key_is_what_the_list_says() {
    let world = with_key().await;
    world.delete("config").await.unwrap();
    let unproven = json!({
        "ccloud_api_key_id": ADMIN_KEY, "ccloud_api_key_secret": ADMIN_SECRET, "verify": false,
    });
    world.cloud.admin_hidden.store(true, Ordering::SeqCst);
    world.write("config", &unproven).await.unwrap();
    world
        .write("static-role/orders", &importing())
        .await
        .unwrap();
    let known = world.data_of("keys/OLDKEY").await;
    assert_eq!(known["organization"], ORGANIZATION);
}

/// An imported key that was served is the role's, and goes as its other keys do.
#[tokio::test(start_paused = true)]
async fn an_imported_key_goes_after_its_rotation() {
    let world = with_key().await;
    world
        .write("static-role/orders", &importing())
        .await
        .unwrap();
    world.pass(50 * MINUTE).await;
    assert_eq!(world.served_key().await, "OLDKEY", "its time has not come");
    world.pass(30 * MINUTE).await;
    assert_ne!(world.served_key().await, "OLDKEY");
    assert!(!world.lives("OLDKEY"));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_a_place_that_cannot_be_reached_is_imported_on_trust_alone() {
    let world = with_key().await;
    world.cloud.unreachable.store(true, Ordering::SeqCst);
    let mut role = importing();
    let refused = world.write("static-role/orders", &role).await.unwrap_err();
    assert!(refused.message().contains("`readiness=none`"), "{refused}");
    role["readiness"] = "none".into();
    world.write("static-role/orders", &role).await.unwrap();
    assert_eq!(world.served_key().await, "OLDKEY");
}

/// Nobody is asked: a secret that was cut is known by its checksum.
#[tokio::test(start_paused = true)]
async fn a_secret_whose_checksum_is_wrong_is_not_imported() {
    for readiness in ["none", "probe"] {
        let world = with_key().await;
        let mut role = importing();
        role["readiness"] = readiness.into();
        role["import_key_secret"] = "cflt-canary".into();
        let calls = world.cloud.calls.load(Ordering::SeqCst);
        let refused = world.write("static-role/orders", &role).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::BadRequest, "{refused}");
        let words = "`import_key_secret`: the checksum is wrong";
        assert!(refused.message().starts_with(words), "{refused}");
        assert!(!refused.message().contains("canary"), "{refused}");
        assert_eq!(world.cloud.calls.load(Ordering::SeqCst), calls);
        assert!(world.read("static-role/orders").await.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_owner_resource_or_organization_is_not_imported() {
    let world = World::ready().await;
    world.cloud.set_propagation(Duration::ZERO);
    for (id, target, organization) in [
        ("OFOWNER", ("sa-2", "lkc-1"), ORGANIZATION),
        ("OFRESOURCE", ("sa-1", "lkc-2"), ORGANIZATION),
        ("OFOTHERS", ("sa-1", "lkc-1"), OTHER_ORGANIZATION),
    ] {
        let cloud = &world.cloud;
        cloud.make_by_hand_for(id, "made by hand", target, organization);
        for readiness in ["none", "probe"] {
            let mut role = importing();
            role["import_key_id"] = id.into();
            role["import_key_secret"] = format!("secret-of-{id}").into();
            role["readiness"] = readiness.into();
            let refused = world.write("static-role/orders", &role).await.unwrap_err();
            assert_eq!(refused.class(), ErrorClass::BadRequest, "{refused}");
            let message = refused.message();
            assert!(message.starts_with("`import_key_id`"), "{message}");
            for part in [id, "`sa-1`", "`lkc-1`", "organization"] {
                assert!(message.contains(part), "{message}");
            }
            assert!(world.read("static-role/orders").await.unwrap().is_none());
        }
        assert!(world.lives(id));
    }
}
