//! Static roles: one key that all readers get, replaced without a gap
//! (`lifecycle.md`, 32 to 45).

use std::sync::Arc;
use std::time::Duration;

use logical::effects::Replication;
use logical::{ErrorClass, Object};
use serde_json::{Value, json};

use crate::world::{Fault, World};

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A static role that rotates each hour; nobody tries its keys.
pub(crate) fn hourly() -> Value {
    json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
        "rotation_period": 3600, "grace": 600, "refresh": 300, "readiness": "none",
    })
}

pub(crate) async fn with_role(role: &Value) -> World {
    let world = World::ready().await;
    world.write("static-role/orders", role).await.unwrap();
    world
}

async fn creds(world: &World) -> Object {
    world.data_of("static-creds/orders").await
}

fn text<'a>(data: &'a Object, name: &str) -> &'a str {
    data[name].as_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_new_static_role_has_a_key_that_all_readers_get_without_a_lease() {
    let world = with_role(&hourly()).await;
    let response = world.read("static-creds/orders").await.unwrap().unwrap();
    assert!(response.secret.is_none(), "there is no lease");
    let data = response.data.unwrap();
    assert!(world.lives(text(&data, "key_id")));
    assert!(text(&data, "sasl.jaas.config").contains(text(&data, "secret")));
    assert_eq!(data["rotation_period"], 3600);
    assert_eq!(data["ttl"], 300);
    for _ in 0..10 {
        assert_eq!(world.served_key().await, text(&data, "key_id"));
    }
    assert_eq!(world.cloud.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_not_served_before_it_is_proven() {
    let mut role = hourly();
    role["readiness"] = "probe".into();
    let world = with_role(&role).await;
    let early = world.read("static-creds/orders").await.unwrap_err();
    assert_eq!(early.class(), ErrorClass::UpstreamFailed);
    assert!(
        early
            .message()
            .contains("is being proven: about 120 s more"),
        "{early}"
    );
    world.pass(3 * MINUTE).await;
    assert!(world.lives(&world.served_key().await));
    assert_eq!(text(&world.static_status().await, "proven"), "assumed");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_is_on_time_and_leaves_the_old_key_its_grace() {
    let world = with_role(&hourly()).await;
    let (first, planned) = (world.served_key().await, world.static_status().await);
    let planned: jiff::Timestamp = text(&planned, "next_rotation").parse().unwrap();
    let mut switched = None;
    for _ in 0..60 {
        let before = creds(&world).await;
        let ttl = before["ttl"].as_u64().unwrap();
        assert!((1..=300).contains(&ttl));
        world.pass(MINUTE).await;
        if text(&before, "key_id") == first && world.served_key().await != first {
            let since = creds(&world).await;
            switched = Some(text(&since, "last_vault_rotation").parse().unwrap());
        }
    }
    let switched: jiff::Timestamp = switched.unwrap();
    assert!(switched >= planned, "nobody is switched before the time");
    assert!(switched.duration_since(planned).as_secs() <= 2);
    assert_eq!(world.cloud.made(), 2);
    let left = switched.duration_since(world.now()).as_secs() + 600;
    world
        .pass(Duration::from_secs(u64::try_from(left.max(0)).unwrap()))
        .await;
    assert!(world.lives(&first), "its grace is not over");
    world.pass(3 * MINUTE).await;
    assert!(!world.lives(&first));
    assert!(world.lives(&world.served_key().await));
}

#[tokio::test(start_paused = true)]
async fn rotations_count_from_the_planned_time() {
    let world = with_role(&hourly()).await;
    let planned: jiff::Timestamp = text(&world.static_status().await, "next_rotation")
        .parse()
        .unwrap();
    for hours in 1..6 {
        world.pass(HOUR).await;
        let next: jiff::Timestamp = text(&world.static_status().await, "next_rotation")
            .parse()
            .unwrap();
        assert_eq!(next.duration_since(planned).as_secs(), hours * 3600);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_rotation_does_not_move_the_times_after_it() {
    let world = with_role(&hourly()).await;
    let next =
        |status: &Object| -> jiff::Timestamp { text(status, "next_rotation").parse().unwrap() };
    let planned = next(&world.static_status().await);
    // Nobody calls for a while.
    tokio::time::sleep(HOUR + 17 * MINUTE).await;
    world.pass(2 * MINUTE).await;
    let after = next(&world.static_status().await);
    assert_eq!(world.cloud.made(), 2);
    assert_eq!(after.duration_since(planned).as_secs(), 3600);
}

#[tokio::test(start_paused = true)]
async fn the_first_rotation_of_a_role_is_not_a_whole_period_away() {
    let world = with_role(&hourly()).await;
    let planned: jiff::Timestamp = text(&world.static_status().await, "next_rotation")
        .parse()
        .unwrap();
    // The random numbers of these tests are small.
    let wait = planned.duration_since(world.now()).as_secs();
    assert!((3240..3590).contains(&wait), "{wait}");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_is_asked_for_is_done_at_once_and_begins_the_period_anew() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    world.pass(10 * MINUTE).await;
    let wait = json!({ "wait": 30 });
    let answer = world.write("rotate-role/orders", &wait).await.unwrap();
    assert!(answer.is_none(), "{answer:?}");
    let second = creds(&world).await;
    assert_ne!(text(&second, "key_id"), first);
    assert!(world.lives(&first));
    let status = world.static_status().await;
    assert_eq!(status["version"], 2);
    assert_eq!(text(&status, "previous_key_id"), first);
    let next: jiff::Timestamp = text(&status, "next_rotation").parse().unwrap();
    let wait = next.duration_since(world.now()).as_secs();
    assert!((3590..=3601).contains(&wait), "{wait}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_logs_in_for_its_ttl_and_a_minute_whatever_was_asked_for() {
    let world = with_role(&hourly()).await;
    for _ in 0..4 {
        let answer = creds(&world).await;
        let rotate = json!({ "wait": 30 });
        world.write("rotate-role/orders", &rotate).await.unwrap();
        let ttl = answer["ttl"].as_u64().unwrap();
        world.pass(Duration::from_secs(ttl + 60)).await;
        assert!(world.lives(text(&answer, "key_id")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_without_grace_ends_the_old_key() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    let now = json!({ "grace": 0, "wait": 30 });
    world.write("rotate-role/orders", &now).await.unwrap();
    world.pass(Duration::from_secs(5)).await;
    assert!(!world.lives(&first));
    assert!(world.lives(&world.served_key().await));
}

#[tokio::test(start_paused = true)]
async fn a_grace_that_is_asked_for_is_as_long_as_readers_rely_on_the_key() {
    let world = with_role(&hourly()).await;
    let first = creds(&world).await;
    let short = json!({ "grace": 359, "wait": 30 });
    let refused = world.write("rotate-role/orders", &short).await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::BadRequest);
    assert!(refused.message().contains("rely on its key for 360s"));
    // Readers that were told less still rely on what others were told before.
    let change = json!({ "refresh": 5, "grace": 300 });
    world.write("static-role/orders", &change).await.unwrap();
    let short = json!({ "grace": 65, "wait": 30 });
    world.write("rotate-role/orders", &short).await.unwrap();
    world
        .pass(Duration::from_secs(first["ttl"].as_u64().unwrap() + 60))
        .await;
    assert!(world.lives(text(&first, "key_id")));
}

#[tokio::test(start_paused = true)]
async fn settings_that_promise_less_do_not_shorten_what_readers_were_told() {
    let mut role = hourly();
    role["grace"] = 1700.into();
    role["refresh"] = 1600.into();
    let world = with_role(&role).await;
    let answer = creds(&world).await;
    assert_eq!(answer["ttl"], 1600);
    let change = json!({ "refresh": 60, "grace": 300 });
    world.write("static-role/orders", &change).await.unwrap();
    let rotate = json!({ "wait": 30 });
    world.write("rotate-role/orders", &rotate).await.unwrap();
    world.pass(Duration::from_secs(1660)).await;
    assert!(world.lives(text(&answer, "key_id")));
    world.pass(3 * MINUTE).await;
    assert_eq!(world.cloud.live(), [world.served_key().await]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_no_record_names_has_its_grace_only_if_it_was_proven() {
    let mut role = hourly();
    role["readiness"] = "delay".into();
    let mut world = with_role(&role).await;
    world.pass(3 * MINUTE).await;
    let proven = world.served_key().await;
    world.write("rotate-role/orders", &json!({})).await.unwrap();
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.cloud.live().len(), 2);
    world.restart_without_static_role("orders").await;
    world.pass(5 * MINUTE).await;
    assert_eq!(world.cloud.live(), std::slice::from_ref(&proven));
    world.pass(23 * HOUR).await;
    assert_eq!(world.cloud.live(), [proven]);
    world.pass(2 * HOUR).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_missed_its_window_waits_for_the_next_one() {
    let mut role = hourly();
    role.as_object_mut().unwrap().remove("rotation_period");
    // Two hours after the clock of these tests begins.
    role["rotation_schedule"] = "0 10 * * *".into();
    role["rotation_window"] = 3600.into();
    let world = with_role(&role).await;
    let first = world.served_key().await;
    // Nobody calls until the window has closed.
    tokio::time::sleep(4 * HOUR).await;
    world.pass(HOUR).await;
    assert_eq!(world.served_key().await, first);
    assert_eq!(world.cloud.made(), 1);
    let planned: jiff::Timestamp = text(&world.static_status().await, "next_rotation")
        .parse()
        .unwrap();
    assert!(planned.duration_since(world.now()).as_hours() >= 20);
    assert_eq!(world.static_status().await["missed"], 1);
    // The window closes before the key is there.
    for _ in 0..8 {
        world.cloud.arm(Fault::Quota);
    }
    world.pass(26 * HOUR).await;
    assert_eq!(world.static_status().await["missed"], 2);
    let other = json!({ "key_description": "another" });
    world.write("static-role/orders", &other).await.unwrap();
    assert_eq!(world.static_status().await["missed"], 2);
    world.pass(22 * HOUR).await;
    assert_ne!(world.served_key().await, first);
    assert_eq!(world.static_status().await["missed"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_changes_nothing_for_readers_and_is_tried_again() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    for _ in 0..3 {
        world.cloud.arm(Fault::Quota);
    }
    let answer = world.write("rotate-role/orders", &json!({})).await.unwrap();
    assert!(answer.unwrap().warnings[0].contains("goes on"));
    world.pass(Duration::from_secs(2)).await;
    let report = world.static_status().await;
    assert_eq!(text(&report, "stage"), "failed");
    assert_eq!(report["healthy"], false);
    assert!(!text(&report, "last_error").is_empty());
    assert_eq!(world.served_key().await, first);
    // A minute, two and four.
    world.pass(6 * MINUTE).await;
    assert_eq!(world.served_key().await, first);
    world.pass(2 * MINUTE).await;
    assert_ne!(world.served_key().await, first);
    assert_eq!(world.static_status().await["healthy"], true);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_deleted_and_another_is_made() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    world.cloud.arm(Fault::LoseCreateAnswer);
    world.write("rotate-role/orders", &json!({})).await.unwrap();
    world.pass(5 * MINUTE).await;
    let second = world.served_key().await;
    assert_ne!(second, first);
    let mut live = world.cloud.live();
    live.sort();
    let mut ours = [first, second];
    ours.sort();
    assert_eq!(live, ours);
}

#[tokio::test(start_paused = true)]
async fn a_static_role_that_gets_no_first_key_is_not_stored() {
    let world = World::ready().await;
    world.cloud.arm(Fault::Quota);
    let error = world.write("static-role/orders", &hourly()).await;
    let error = error.unwrap_err();
    assert!(error.message().contains("is not stored"), "{error}");
    assert!(world.read("static-role/orders").await.unwrap().is_none());
    world.pass(5 * MINUTE).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_static_role_leaves_its_key_for_its_grace_and_takes_it_back() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    world.delete("static-role/orders").await.unwrap();
    assert!(world.read("static-role/orders").await.unwrap().is_none());
    world.read("static-creds/orders").await.unwrap_err();
    world.pass(5 * MINUTE).await;
    assert!(world.lives(&first));
    world.write("static-role/orders", &hourly()).await.unwrap();
    assert_eq!(world.served_key().await, first);
    assert_eq!(world.static_status().await["version"], 1);
    world.pass(20 * MINUTE).await;
    assert!(world.lives(&first), "the role needs it again");
    assert_eq!(world.served_key().await, first);
    assert_eq!(world.cloud.made(), 1);
    world.delete("static-role/orders").await.unwrap();
    world.pass(15 * MINUTE).await;
    assert!(!world.lives(&first));
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_role_for_another_target_does_not_take_a_key_back() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    world.delete("static-role/orders").await.unwrap();
    let mut other = hourly();
    other["owner"] = "sa-2".into();
    world.write("static-role/orders", &other).await.unwrap();
    let second = world.served_key().await;
    assert_ne!(second, first);
    assert_eq!(world.cloud.owner_of(&second), "sa-2");
}

#[tokio::test(start_paused = true)]
async fn a_new_target_is_a_rotation_at_once() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    let change = json!({ "owner": "sa-2" });
    world.write("static-role/orders", &change).await.unwrap();
    world.pass(Duration::from_secs(5)).await;
    let second = world.served_key().await;
    assert_ne!(second, first);
    assert_eq!(world.cloud.owner_of(&second), "sa-2");
    assert!(world.lives(&first), "its grace is not over");
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_static_roles_stay_when_the_mount_is_removed() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    world.lease("single").await.unwrap();
    world.host.set_tainted(true);
    world.engine.cleanup().await;
    assert_eq!(world.cloud.live(), [first]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_person_ends_is_replaced() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    world.delete(&format!("keys/{first}")).await.unwrap();
    let error = world.read("static-creds/orders").await.unwrap_err();
    assert!(error.message().contains("another is being made"), "{error}");
    world.pass(Duration::from_secs(5)).await;
    let second = world.served_key().await;
    assert_ne!(second, first);
    assert_eq!(world.cloud.live(), [second]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_middle_of_a_rotation_goes_on_with_it() {
    let mut role = hourly();
    role["readiness"] = "delay".into();
    let mut world = with_role(&role).await;
    world.pass(3 * MINUTE).await;
    let first = world.served_key().await;
    world.write("rotate-role/orders", &json!({})).await.unwrap();
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(text(&world.static_status().await, "stage"), "proving");
    assert_eq!(world.cloud.made(), 2);
    world.restart();
    world.pass(3 * MINUTE).await;
    assert_ne!(world.served_key().await, first);
    assert_eq!(world.cloud.made(), 2, "the same key was proven");
}

#[tokio::test(start_paused = true)]
async fn two_processes_that_rotate_one_role_strand_no_key() {
    let world = with_role(&hourly()).await;
    let other = world.another_process();
    let rotate = || {
        let request = logical::Request::new(logical::Operation::Update, "rotate-role/orders");
        request.with_data(json!({ "wait": 30 }).as_object().cloned().unwrap())
    };
    let engine = Arc::clone(&world.engine);
    let (one, two) = tokio::join!(engine.handle(rotate()), other.handle(rotate()));
    let _ = (one, two);
    // A day later whatever was left over is gone.
    world.pass(26 * HOUR).await;
    let served = world.served_key().await;
    let status = world.static_status().await;
    let mut named = vec![served];
    named.extend(Some(text(&status, "previous_key_id").to_owned()).filter(|id| !id.is_empty()));
    named.extend(Some(text(&status, "pending_key_id").to_owned()).filter(|id| !id.is_empty()));
    named.sort();
    let mut live = world.cloud.live();
    live.sort();
    assert_eq!(live, named);
}

#[tokio::test(start_paused = true)]
async fn a_standby_reads_from_storage_and_forwards_when_a_rotation_is_due() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    let active = Arc::clone(&world.engine);
    let standby = world.another_process();
    let read = || logical::Request::new(logical::Operation::Read, "static-creds/orders");
    world.host.set_replication(Replication(STANDBY));
    let answer = standby.handle(read()).await.unwrap().unwrap();
    assert_eq!(text(&answer.data.unwrap(), "key_id"), first);
    world.host.set_replication(Replication(0));
    let rotate = logical::Request::new(logical::Operation::Update, "rotate-role/orders")
        .with_data(json!({ "wait": 30 }).as_object().cloned().unwrap());
    active.handle(rotate).await.unwrap();
    world.host.set_replication(Replication(STANDBY));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answer = standby.handle(read()).await.unwrap().unwrap();
    assert_ne!(text(&answer.data.unwrap(), "key_id"), first);
    tokio::time::sleep(2 * HOUR).await;
    let late = standby.handle(read()).await.unwrap_err();
    assert_eq!(late.class(), ErrorClass::ReadOnlyStorage);
}

#[tokio::test(start_paused = true)]
async fn a_standby_does_not_serve_a_key_that_the_active_node_ended() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    let standby = world.another_process();
    let read = || logical::Request::new(logical::Operation::Read, "static-creds/orders");
    world.host.set_replication(Replication(STANDBY));
    standby.handle(read()).await.unwrap();
    world.host.set_replication(Replication(0));
    world.delete(&format!("keys/{first}")).await.unwrap();
    world.host.set_replication(Replication(STANDBY));
    let answer = standby.handle(read()).await;
    let served = answer.ok().flatten().and_then(|answer| answer.data);
    assert!(served.is_none_or(|data| text(&data, "key_id") != first));
}

/// The bit of a standby in what hosts tell of their replication.
const STANDBY: u32 = 1 << 14;

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_caught_up_once() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    // Nobody calls for two days.
    tokio::time::sleep(48 * HOUR).await;
    let late = creds(&world).await;
    assert_eq!(text(&late, "key_id"), first);
    assert_eq!(late["ttl"], 10);
    world.pass(2 * MINUTE).await;
    assert_ne!(world.served_key().await, first);
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn bad_input_is_refused_with_the_field_and_makes_no_key() {
    let world = World::ready().await;
    for (change, field) in [
        (json!({ "rotation_period": 0 }), "rotation_period"),
        (json!({ "rotation_period": 599 }), "rotation_period"),
        (json!({ "rotation_period": "11y" }), "rotation_period"),
        (
            json!({ "rotation_schedule": "* * * * *" }),
            "rotation_schedule",
        ),
        (json!({ "rotation_window": 3600 }), "rotation_window"),
        (json!({ "rotation": "manual" }), "rotation"),
        (json!({ "grace": 3600 }), "grace"),
        (json!({ "grace": 299 }), "grace"),
        (json!({ "refresh": 600 }), "refresh"),
        (json!({ "owner": "" }), "owner"),
        (json!({ "readiness": "perhaps" }), "readiness"),
        (json!({ "readiness_timeout": 1 }), "readiness_timeout"),
        (json!({ "unheard_of": 1 }), "unheard_of"),
    ] {
        let mut role = hourly();
        for (name, value) in change.as_object().unwrap() {
            role[name] = value.clone();
        }
        let error = world.write("static-role/orders", &role).await;
        let error = error.expect_err(field);
        assert_eq!(error.class(), ErrorClass::BadRequest, "{change} {error}");
        assert!(error.message().contains(field), "{change} {error}");
    }
    assert_eq!(world.cloud.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_face_of_a_kv_engine_answers_404_only_where_there_is_no_role() {
    let mut role = hourly();
    role["readiness"] = "delay".into();
    let world = with_role(&role).await;
    assert!(world.read("data/other").await.unwrap().is_none(), "404");
    let early = world.read("data/orders").await.unwrap_err();
    assert_eq!(early.class(), ErrorClass::UpstreamFailed, "503");
    world.pass(3 * MINUTE).await;
    let first = world.served_key().await;
    let read = |path: &'static str| {
        let reading = world.read(path);
        async {
            reading
                .await
                .map(|response| response.and_then(|response| response.data))
        }
    };
    let answer = read("data/orders").await.unwrap().unwrap();
    assert_eq!(answer["data"]["key_id"], first);
    assert_eq!(answer["metadata"]["version"], 1);
    world.write("rotate-role/orders", &json!({})).await.unwrap();
    world.pass(4 * MINUTE).await;
    let answer = read("data/orders").await.unwrap().unwrap();
    assert_eq!(answer["metadata"]["version"], 2);
    assert_ne!(answer["data"]["key_id"], first);
    let metadata = read("metadata/orders").await.unwrap().unwrap();
    assert_eq!(metadata["current_version"], 2);
    let listed = world
        .list("metadata/")
        .await
        .unwrap()
        .unwrap()
        .data
        .unwrap();
    assert_eq!(listed["keys"], json!(["orders"]));
    let old = |version: u64| {
        let data = json!({ "version": version }).as_object().cloned().unwrap();
        let request = logical::Request::new(logical::Operation::Read, "data/orders");
        world.engine.handle(request.with_data(data))
    };
    let before = old(1).await.unwrap().unwrap().data.unwrap();
    assert_eq!(before["data"]["key_id"], first);
    world.pass(15 * MINUTE).await;
    assert!(old(1).await.unwrap().is_none(), "its grace is over");
    assert!(old(9).await.unwrap().is_none());
}

/// The Go client of Vault refuses an answer whose `created_time` is no time
/// (`api/kv_v2.go`).
#[tokio::test(start_paused = true)]
async fn every_version_of_a_key_in_the_form_of_kv_has_a_creation_time() {
    let mut role = hourly();
    role["readiness"] = "delay".into();
    let world = with_role(&role).await;
    let assert_times = |data: &logical::Object, versions: usize| {
        let given = data["versions"].as_object().unwrap();
        assert_eq!(given.len(), versions);
        let of_versions = given.values().map(|version| &version["created_time"]);
        for time in of_versions.chain([&data["created_time"], &data["updated_time"]]) {
            let text = time.as_str().unwrap();
            assert!(
                text.parse::<jiff::Timestamp>().is_ok(),
                "{time} in {data:?}"
            );
        }
    };
    assert_times(&world.data_of("metadata/orders").await, 0);
    world.pass(3 * MINUTE).await;
    let first = world.data_of("metadata/orders").await;
    assert_times(&first, 1);
    assert_eq!(first["oldest_version"], 1);
    world.write("rotate-role/orders", &json!({})).await.unwrap();
    world.pass(4 * MINUTE).await;
    let second = world.data_of("metadata/orders").await;
    assert_times(&second, 2);
    assert_eq!(second["oldest_version"], 1);
    assert_eq!(second["versions"]["1"], first["versions"]["1"]);
    let version = json!({ "version": 1 }).as_object().cloned().unwrap();
    let request = logical::Request::new(logical::Operation::Read, "data/orders");
    let before = world.engine.handle(request.with_data(version)).await;
    let before = before.unwrap().unwrap().data.unwrap();
    let created = &before["metadata"]["created_time"];
    assert_eq!(*created, first["versions"]["1"]["created_time"]);
}

#[tokio::test(start_paused = true)]
async fn the_key_before_is_told_in_the_fields_of_what_it_was_made_for() {
    let world = with_role(&hourly()).await;
    let first = creds(&world).await;
    let registry = json!({ "resource": "lsrc-abc123" });
    world.write("static-role/orders", &registry).await.unwrap();
    world.pass(4 * MINUTE).await;
    let now = creds(&world).await;
    assert!(!now.contains_key("sasl.jaas.config"), "not a Kafka key");
    let before = world.read("static-creds/orders/previous").await;
    let before = before.unwrap().unwrap().data.unwrap();
    assert_eq!(before["key_id"], first["key_id"]);
    assert_eq!(before["sasl.jaas.config"], first["sasl.jaas.config"]);
}

#[tokio::test(start_paused = true)]
async fn readers_get_the_fields_that_the_role_says() {
    let mut role = hourly();
    role["output"] = json!(["minimal", "librdkafka"]);
    let world = with_role(&role).await;
    let data = creds(&world).await;
    assert_eq!(data["sasl.username"], data["key_id"]);
    assert_eq!(data["sasl.password"], data["secret"]);
    assert!(!data.contains_key("sasl.jaas.config"));
    let shown = world.read("static-role/orders").await.unwrap().unwrap();
    let shown = shown.data.unwrap();
    assert_eq!(shown["output"], json!(["minimal", "librdkafka"]));
    for (output, says) in [("nothing", "`output`"), ("schema-registry", "`output`")] {
        let change = json!({ "output": output });
        let refused = world.write("static-role/orders", &change).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::BadRequest);
        assert!(refused.message().contains(says), "{refused}");
    }
    let leased = json!({ "output": "template" });
    world.write("role/single", &leased).await.unwrap();
    let lease = world.read("creds/single").await.unwrap().unwrap();
    let data = lease.data.unwrap();
    assert!(data.contains_key("username") && data.contains_key("sasl_jaas_config"));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_person_deleted_at_confluent_is_noticed_and_replaced() {
    let world = with_role(&hourly()).await;
    world.pass(5 * MINUTE).await;
    let first = world.served_key().await;
    world.cloud.delete_by_hand(&first);
    world.pass(12 * MINUTE).await;
    let second = world.served_key().await;
    assert_ne!(second, first);
    assert!(world.lives(&second));
}
