//! Roles whose keys are tried before they are handed out.

use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::{ErrorClass, Operation, Request};
use serde_json::{Value, json};

use crate::world::{Fault, Lease, World};

const MINUTE: Duration = Duration::from_mins(1);

/// A world whose new keys are refused for a time, with a role `tried` for keys of a
/// cluster or of the cloud.
async fn with_role(propagation: u64, resource: &str, fields: Value) -> World {
    let world = World::ready().await;
    world
        .cloud
        .set_propagation(Duration::from_secs(propagation));
    let mut role = json!({
        "owner": "sa-1", "resource": resource, "ttl": 600, "max_ttl": 3600,
        "readiness": "probe",
    });
    if resource.starts_with("lkc-") {
        role["resource_env"] = "env-1".into();
    }
    let fields = fields.as_object().cloned().unwrap();
    role.as_object_mut().unwrap().extend(fields);
    world.write("role/tried", &role).await.unwrap();
    world
}

fn works(world: &World, lease: &Lease) -> bool {
    let secret = lease.data["secret"].as_str().unwrap();
    world.cloud.logs_in(lease.key(), secret)
}

/// The answer to a read, with its warnings.
async fn warnings(world: &World) -> Vec<String> {
    let read = Request::new(Operation::Read, "creds/tried");
    let response = world.engine.handle(read).await.unwrap().unwrap();
    response.warnings
}

/// How long a read takes, and what comes of it.
async fn timed(world: &World) -> (Duration, Result<Lease, logical::Error>) {
    let start = tokio::time::Instant::now();
    let lease = world.lease("tried").await;
    (start.elapsed(), lease)
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_until_its_new_key_works() {
    for shared in [false, true] {
        for not_ready in ["warn", "refuse"] {
            let fields = json!({
                "wait_ready": 50, "not_ready": not_ready, "multi_use_key": shared,
            });
            let world = with_role(20, "cloud", fields).await;
            let (took, lease) = timed(&world).await;
            let lease = lease.unwrap();
            assert!(works(&world, &lease));
            assert!(took >= Duration::from_secs(20), "{took:?}");
            assert!(took <= Duration::from_secs(30), "{took:?}");
            world.revoke(&lease).await.unwrap();
            assert!(world.cloud.live().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_works_has_no_warning() {
    let world = with_role(10, "cloud", json!({"wait_ready": 50})).await;
    assert_eq!(warnings(&world).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn after_the_wait_a_reader_gets_the_key_and_is_told_when_it_works() {
    for shared in [false, true] {
        for wait in [0, 10] {
            let fields = json!({"wait_ready": wait, "multi_use_key": shared});
            let world = with_role(120, "lkc-1", fields).await;
            let start = tokio::time::Instant::now();
            let warnings = warnings(&world).await;
            assert_eq!(start.elapsed().as_secs(), wait);
            // 2027-01-15T08:00:00Z and 120 s.
            let told = "key `KEY0000` is new and works from about 08:02:00 UTC: until then it may be \
                        refused";
            assert_eq!(warnings, [told]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_refuses_gives_no_key_that_does_not_work_and_keeps_it_for_the_next() {
    for shared in [false, true] {
        let fields = json!({"wait_ready": 10, "not_ready": "refuse", "multi_use_key": shared});
        let world = with_role(120, "lkc-1", fields).await;
        let (took, refused) = timed(&world).await;
        let error = refused.unwrap_err();
        assert_eq!(took.as_secs(), 10);
        assert_eq!(error.class(), ErrorClass::UpstreamFailed);
        assert_eq!(
            error.message(),
            "a new key of role `tried` is being proven: about 110 s more; it is kept for the next \
             read, so try again then"
        );
        let (_, again) = timed(&world).await;
        assert!(again.unwrap_err().message().contains("about 100 s more"));
        world.pass(3 * MINUTE).await;
        let (took, lease) = timed(&world).await;
        let lease = lease.unwrap();
        assert_eq!(took, Duration::ZERO);
        assert!(works(&world, &lease));
        assert_eq!(world.cloud.made(), 1, "all reads waited for one key");
        world.revoke(&lease).await.unwrap();
        assert!(world.cloud.live().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_reader_hung_up_while_it_waited_is_the_next_readers() {
    for shared in [false, true] {
        let fields = json!({"wait_ready": 50, "multi_use_key": shared});
        let mut world = with_role(120, "lkc-1", fields).await;
        let reading = world.lease("tried");
        let hung_up = tokio::time::timeout(Duration::from_secs(20), reading).await;
        assert!(hung_up.is_err());
        world.pass(3 * MINUTE).await;
        assert_eq!(world.cloud.live().len(), 1);
        world.restart();
        let lease = world.lease("tried").await.unwrap();
        assert!(works(&world, &lease));
        assert_eq!(world.cloud.made(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn all_readers_of_a_shared_key_wait_for_one_proof() {
    for not_ready in ["warn", "refuse"] {
        let fields = json!({"wait_ready": 50, "not_ready": not_ready, "multi_use_key": true});
        let world = with_role(20, "cloud", fields).await;
        let readers = (0..8).map(|_| world.lease("tried"));
        let leases = futures_util::future::join_all(readers).await;
        let leases: Vec<Lease> = leases.into_iter().map(Result::unwrap).collect();
        assert!(leases.iter().all(|lease| works(&world, lease)));
        assert_eq!(world.cloud.made(), 1);
        let (last, others) = leases.split_last().unwrap();
        for lease in others {
            world.revoke(lease).await.unwrap();
        }
        assert_eq!(world.cloud.live(), [last.key()]);
        world.revoke(last).await.unwrap();
        assert!(world.cloud.live().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_comes_later_waits_its_own_time() {
    let fields = json!({"wait_ready": 20, "not_ready": "refuse", "multi_use_key": true});
    let world = with_role(30, "cloud", fields).await;
    let late = async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        world.lease("tried").await
    };
    let (first, second) = tokio::join!(world.lease("tried"), late);
    first.unwrap_err();
    assert!(works(&world, &second.unwrap()));
    assert_eq!(world.cloud.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_50_seconds() {
    for not_ready in ["warn", "refuse"] {
        let fields = json!({"wait_ready": 50, "not_ready": not_ready});
        let world = with_role(100_000, "lkc-1", fields).await;
        *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(20);
        let (took, _) = timed(&world).await;
        assert_eq!(took.as_secs(), 50);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_never_works_is_given_up_and_reported() {
    for shared in [false, true] {
        let fields = json!({
            "not_ready": "refuse", "readiness_timeout": 300, "multi_use_key": shared,
        });
        let world = with_role(100_000, "lkc-1", fields).await;
        world.lease("tried").await.unwrap_err();
        world.pass(4 * MINUTE).await;
        assert_eq!(world.cloud.live(), ["KEY0000"]);
        world.pass(3 * MINUTE).await;
        assert!(world.cloud.live().is_empty());
        assert_eq!(
            world.taken.of("engine_key_proofs_total outcome=not_ready"),
            Some(1.0)
        );
    }
}

/// Who was given a key with a warning keeps it for the lease, and nobody else gets it.
#[tokio::test(start_paused = true)]
async fn a_shared_key_that_never_works_is_given_to_nobody_else() {
    let fields = json!({"readiness_timeout": 300, "multi_use_key": true, "ttl": 3600});
    let world = with_role(100_000, "lkc-1", fields).await;
    let first = world.lease("tried").await.unwrap();
    world.pass(7 * MINUTE).await;
    assert_eq!(world.cloud.live(), [first.key()]);
    world.pass(20 * MINUTE).await;
    assert_eq!(
        world.taken.of("engine_key_proofs_total outcome=not_ready"),
        Some(1.0),
        "it is tried no more"
    );
    let second = world.lease("tried").await.unwrap();
    assert_ne!(first.key(), second.key());
    world.revoke(&first).await.unwrap();
    assert_eq!(world.cloud.live(), [second.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_tried_counts_after_the_documented_time() {
    let world = World::ready().await;
    let role = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "readiness": "probe",
        "not_ready": "refuse",
    });
    world.write("role/tried", &role).await.unwrap();
    world.lease("tried").await.unwrap_err();
    world.pass(3 * MINUTE).await;
    let lease = world.lease("tried").await.unwrap();
    let key = world.read(&format!("keys/{}", lease.key())).await.unwrap();
    assert_eq!(key.unwrap().get("proven"), Some(&json!("assumed")));
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_waited_for_without_trying() {
    let fields = json!({"readiness": "delay", "readiness_delay": 30, "wait_ready": 40});
    let world = with_role(100_000, "lkc-1", fields).await;
    let (took, lease) = timed(&world).await;
    lease.unwrap();
    assert_eq!(took.as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_made_or_whose_answer_is_lost_leaves_nothing() {
    let world = with_role(20, "cloud", json!({"wait_ready": 50})).await;
    world.cloud.arm(Fault::Quota);
    let error = world.lease("tried").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(error.message().contains("quota is used up"), "{error}");
    world.cloud.arm(Fault::LoseCreateAnswer);
    world.lease("tried").await.unwrap_err();
    world.pass(5 * MINUTE).await;
    assert!(world.cloud.live().is_empty());
    assert!(works(&world, &world.lease("tried").await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_readiness_or_spares_is_said_with_the_fields_name() {
    let world = World::ready().await;
    let owner = json!({"owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1"});
    let cases = [
        (
            json!({"readiness": "probe", "wait_ready": 90}),
            "`wait_ready` is 90s: give 50s at most",
        ),
        (
            json!({"readiness": "probe", "wait_ready": -1}),
            "wait_ready",
        ),
        (
            json!({"readiness": "probe", "wait_ready": "soon"}),
            "wait_ready",
        ),
        (json!({"wait_ready": 10}), "`wait_ready` needs `readiness`"),
        (
            json!({"not_ready": "refuse"}),
            "`not_ready=refuse` needs `readiness`",
        ),
        (
            json!({"readiness": "probe", "not_ready": "wait"}),
            "`not_ready` is `wait`",
        ),
        (json!({"readiness": "maybe"}), "`readiness` is `maybe`"),
        (
            json!({"readiness": "delay", "readiness_delay": 3601}),
            "`readiness_delay` is 3601s",
        ),
        (
            json!({"readiness": "probe", "readiness_timeout": 59}),
            "`readiness_timeout` is 59s",
        ),
        (
            json!({"readiness": "probe", "readiness_timeout": "25h"}),
            "`readiness_timeout`",
        ),
        (
            json!({"readiness": "probe", "spares": -1}),
            "`spares` is -1: give a number from 0 to 10",
        ),
        (
            json!({"readiness": "probe", "spares": 1000}),
            "`spares` is 1000: give a number from 0",
        ),
        (json!({"readiness": "probe", "spares": "many"}), "spares"),
        (json!({"spares": 1}), "`spares` need `readiness`"),
        (
            json!({"readiness": "probe", "spare_max_age": "1m"}),
            "`spare_max_age` is 60s: give 1h to 720h",
        ),
        (
            json!({"readiness": "probe", "spare_max_age": "31d"}),
            "`spare_max_age`",
        ),
    ];
    for (fields, told) in cases {
        let mut role = owner.clone();
        let fields = fields.as_object().cloned().unwrap();
        role.as_object_mut().unwrap().extend(fields);
        let error = world.write("role/wrong", &role).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::BadRequest, "{error}");
        assert!(error.message().contains(told), "{error}");
        assert_eq!(world.read("role/wrong").await.unwrap(), None);
    }
    let mut role = owner;
    role["readiness"] = "probe".into();
    role["spares"] = 2.into();
    world.write("role/right", &role).await.unwrap();
    let error = world
        .write("role/right", &json!({"readiness": "none"}))
        .await
        .unwrap_err();
    assert!(error.message().contains("`spares` need `readiness`"));
}

/// The service's own 403: the key is right, and its owner may not do what was tried.
#[tokio::test(start_paused = true)]
async fn whoever_gets_a_key_whose_owner_has_no_rights_is_told() {
    let is_told = |warnings: &[String]| {
        let mut warnings = warnings.iter();
        warnings.any(|warning| warning.contains("bind a role to the owner"))
    };
    for has_none in [true, false] {
        let fields = json!({ "wait_ready": 50 });
        let world = with_role(0, "lsrc-abc123", fields).await;
        world.cloud.without_rights.store(has_none, Ordering::SeqCst);
        let told = warnings(&world).await;
        assert_eq!(is_told(&told), has_none, "creds: {told:?}");

        let role = json!({
            "owner": "sa-1", "resource": "lsrc-abc123", "rotation": "manual", "grace": 600,
        });
        world.write("static-role/orders", &role).await.unwrap();
        world.pass(3 * MINUTE).await;
        let status = world.read("static-role/orders/status").await;
        let status = status.unwrap().unwrap();
        assert_eq!(is_told(&status.warnings), has_none, "status: {status:?}");
        let key = world.served_key().await;
        assert_eq!(
            status.warnings.iter().any(|told| told.contains(&key)),
            has_none
        );
        let waits = json!({ "wait": 50 });
        let rotated = world.write("rotate-role/orders", &waits).await.unwrap();
        let told = rotated.map_or_else(Vec::new, |response| response.warnings);
        assert_eq!(is_told(&told), has_none, "rotate-role: {told:?}");
        assert_ne!(world.served_key().await, key);
        world
            .write("static-role/orders/stage", &json!({}))
            .await
            .unwrap();
        world.pass(3 * MINUTE).await;
        let committed = world.write("static-role/orders/commit", &json!({})).await;
        let told = committed
            .unwrap()
            .map_or_else(Vec::new, |response| response.warnings);
        assert_eq!(is_told(&told), has_none, "commit: {told:?}");

        world.cloud.make_by_hand_for(
            "OLDKEY",
            "made by hand",
            ("sa-1", "lkc-1"),
            crate::world::ORGANIZATION,
        );
        let import = json!({
            "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "rotation": "manual",
            "grace": 600, "import_key_id": "OLDKEY", "import_key_secret": "secret-of-OLDKEY",
        });
        let written = world.write("static-role/imported", &import).await.unwrap();
        let told = written.map_or_else(Vec::new, |response| response.warnings);
        assert_eq!(is_told(&told), has_none, "the write: {told:?}");
    }
}
