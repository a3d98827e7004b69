//! Old keys that live until nothing logs in with them any more
//! (`lifecycle.md`, 47).

use std::time::Duration;

use jiff::SignedDuration;
use logical::{ErrorClass, Object};
use serde_json::{Value, json};

use crate::world::World;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A manual static role whose old keys must be quiet for two hours and live for a
/// day at most.
fn quiet() -> Value {
    json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "rotation": "manual",
        "grace": 600, "refresh": 300, "readiness": "none",
        "retire_when": "quiet", "quiet": 7200, "max_overlap": 86_400,
    })
}

async fn post(world: &World, keys: Value) {
    let body = json!({ "watermark": world.now().to_string(), "keys": keys });
    world.write("usage", &body).await.unwrap();
    // What it made due is looked at.
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// Time passes while the log is read and shows a login with these keys each minute.
async fn pass_with_logins(world: &World, time: Duration, keys: &[&str]) {
    let mut left = time;
    while !left.is_zero() {
        world.pass(Duration::from_secs(58)).await;
        left = left.saturating_sub(MINUTE);
        let at = (world.now() - SignedDuration::from_secs(1)).to_string();
        let logins: Object = keys
            .iter()
            .map(|key| ((*key).to_owned(), at.clone().into()))
            .collect();
        post(world, logins.into()).await;
    }
}

async fn rotate(world: &World) -> String {
    let body = json!({ "wait": 30 });
    world.write("rotate-role/orders", &body).await.unwrap();
    world.served_key().await
}

/// A world where the log is read, with a rotation behind it; and its keys, old and
/// new.
async fn rotated() -> (World, String, String) {
    let world = World::ready().await;
    post(&world, json!({})).await;
    world.write("static-role/orders", &quiet()).await.unwrap();
    let old = world.served_key().await;
    pass_with_logins(&world, 10 * MINUTE, &[&old]).await;
    let new = rotate(&world).await;
    assert_ne!(old, new);
    (world, old, new)
}

fn waiting(status: &Object) -> &Vec<Value> {
    status["waiting_keys"].as_array().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_old_key_goes_when_the_new_one_logged_in_and_it_was_quiet() {
    let (world, old, new) = rotated().await;
    pass_with_logins(&world, HOUR, &[&old, &new]).await;
    assert!(world.lives(&old), "its grace is over, and it is in use");
    let said = world.static_status().await;
    let said = waiting(&said)[0]["waits_for"].as_str().unwrap();
    assert!(said.starts_with("something logged in with it at"), "{said}");
    pass_with_logins(&world, HOUR + 57 * MINUTE, &[&new]).await;
    assert!(world.lives(&old), "it was quiet for less than two hours");
    pass_with_logins(&world, 5 * MINUTE, &[&new]).await;
    assert!(!world.lives(&old));
    assert_eq!(world.served_key().await, new);
    let said = world.static_status().await;
    assert!(waiting(&said).is_empty());
    assert_eq!(said["healthy"], true);
    assert_eq!(said["previous_key_id"], "");
    let ended = "engine_old_keys_ended_total outcome=quiet";
    assert_eq!(world.taken.of(ended), Some(1.0), "{}", world.taken.all());
}

#[tokio::test(start_paused = true)]
async fn without_reports_an_old_key_lives_until_max_overlap_and_raises_an_alarm() {
    let (world, old, new) = rotated().await;
    pass_with_logins(&world, 5 * MINUTE, &[&new]).await;
    // Nobody reads the log any more.
    world.pass(23 * HOUR).await;
    assert!(world.lives(&old));
    let said = world.static_status().await;
    let said = waiting(&said)[0]["waits_for"].as_str().unwrap();
    assert!(said.starts_with("the audit log was read until"), "{said}");
    let warned = world.read("status").await.unwrap().unwrap().warnings;
    let warned = warned.iter().any(|text| text.contains("wait for silence"));
    assert!(warned);
    world.pass(HOUR).await;
    assert!(!world.lives(&old));
    assert!(world.lives(&new));
    let said = world.static_status().await;
    assert_eq!(said["healthy"], false);
    let problem = said["problem"].as_str().unwrap();
    assert!(problem.contains(&old), "{problem}");
    assert!(
        problem.contains("although something may use it"),
        "{problem}"
    );
    let warned = world.read("status").await.unwrap().unwrap().warnings;
    assert!(warned.iter().any(|text| text == problem), "{warned:?}");
    let ended = "engine_old_keys_ended_total outcome=in_use";
    assert_eq!(world.taken.of(ended), Some(1.0));
    // Whoever writes the role has seen it.
    let same = json!({ "quiet": 7200 });
    world.write("static-role/orders", &same).await.unwrap();
    assert_eq!(world.static_status().await["healthy"], true);
}

#[tokio::test(start_paused = true)]
async fn the_next_old_key_that_was_quiet_ends_the_alarm_about_one_that_was_not() {
    let (world, old, new) = rotated().await;
    world.pass(25 * HOUR).await;
    assert!(!world.lives(&old));
    assert_eq!(world.static_status().await["healthy"], false);
    post(&world, json!({})).await;
    let newest = rotate(&world).await;
    pass_with_logins(&world, 2 * HOUR + 15 * MINUTE, &[&newest]).await;
    assert!(!world.lives(&new));
    assert_eq!(world.static_status().await["healthy"], true);
}

#[tokio::test(start_paused = true)]
async fn an_old_key_that_is_in_use_goes_at_the_latest_end() {
    let (world, old, new) = rotated().await;
    pass_with_logins(&world, 23 * HOUR + 55 * MINUTE, &[&old, &new]).await;
    assert!(world.lives(&old));
    pass_with_logins(&world, 10 * MINUTE, &[&old, &new]).await;
    assert!(!world.lives(&old));
    assert_eq!(world.static_status().await["healthy"], false);
}

#[tokio::test(start_paused = true)]
async fn an_old_key_stays_while_nothing_logs_in_with_the_new_one() {
    let (world, old, _) = rotated().await;
    pass_with_logins(&world, 20 * HOUR, &[]).await;
    assert!(world.lives(&old));
    let said = world.static_status().await;
    let said = waiting(&said)[0]["waits_for"].as_str().unwrap();
    assert_eq!(said, "nothing has logged in with a later key yet");
}

/// A process that was away for long ends nothing that the log was not asked about.
#[tokio::test(start_paused = true)]
async fn a_restart_and_a_long_absence_end_no_key_early() {
    let (mut world, old, new) = rotated().await;
    pass_with_logins(&world, 5 * MINUTE, &[&new]).await;
    tokio::time::sleep(20 * HOUR).await;
    world.restart();
    world.pass(5 * MINUTE).await;
    assert!(world.lives(&old));
    pass_with_logins(&world, 5 * MINUTE, &[&new]).await;
    assert!(!world.lives(&old), "the log caught up");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_key_lives_for_its_grace_and_what_readers_were_told() {
    let world = World::ready().await;
    post(&world, json!({})).await;
    let mut role = quiet();
    role["grace"] = 18_000.into();
    role["refresh"] = 17_000.into();
    world.write("static-role/orders", &role).await.unwrap();
    let old = world.served_key().await;
    let new = rotate(&world).await;
    pass_with_logins(&world, 4 * HOUR + 58 * MINUTE, &[&new]).await;
    assert!(world.lives(&old), "its grace is not over");
    pass_with_logins(&world, 5 * MINUTE, &[&new]).await;
    assert!(!world.lives(&old));
}

#[tokio::test(start_paused = true)]
async fn every_old_key_of_several_rotations_waits_for_its_own_silence() {
    let (world, first, second) = rotated().await;
    pass_with_logins(&world, HOUR, &[&first, &second]).await;
    let third = rotate(&world).await;
    pass_with_logins(&world, 3 * HOUR, &[&first, &third]).await;
    assert!(world.lives(&first), "it is in use");
    assert!(!world.lives(&second), "it was quiet");
    let said = world.static_status().await;
    assert_eq!(waiting(&said).len(), 1);
    assert_eq!(waiting(&said)[0]["key_id"], first);
    pass_with_logins(&world, 3 * HOUR, &[&third]).await;
    assert_eq!(world.cloud.live(), [third]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_served_again_waits_no_more() {
    let (world, old, new) = rotated().await;
    let back = "static-role/orders/rollback";
    world.write(back, &json!({})).await.unwrap();
    assert_eq!(world.served_key().await, old);
    pass_with_logins(&world, 30 * HOUR, &[&old]).await;
    assert_eq!(world.cloud.live(), std::slice::from_ref(&old));
    assert!(!world.lives(&new));
    let third = rotate(&world).await;
    pass_with_logins(&world, 3 * HOUR, &[&third]).await;
    assert_eq!(world.cloud.live(), [third]);
}

#[tokio::test(start_paused = true)]
async fn a_grace_that_is_asked_for_is_neither_longer_nor_shorter() {
    let (world, first, second) = rotated().await;
    let body = json!({ "wait": 30, "grace": 1200 });
    world.write("rotate-role/orders", &body).await.unwrap();
    world.pass(25 * MINUTE).await;
    assert!(!world.lives(&second), "its grace is over");
    assert!(world.lives(&first), "it waits");
    let body = json!({ "wait": 30, "grace": 0 });
    let third = world.served_key().await;
    world.write("rotate-role/orders", &body).await.unwrap();
    world.pass(2 * MINUTE).await;
    assert!(!world.lives(&third));
}

#[tokio::test(start_paused = true)]
async fn other_settings_hold_a_waiting_key_longer_or_let_it_go() {
    let (world, old, new) = rotated().await;
    let until = async || world.static_status().await["previous_key_until"].clone();
    let first = until().await;
    let longer = json!({ "max_overlap": 172_800 });
    world.write("static-role/orders", &longer).await.unwrap();
    world.pass(MINUTE).await;
    let second = until().await;
    assert!(second.as_str() > first.as_str(), "{first} {second}");
    let longer = json!({ "max_overlap": 259_200 });
    world.write("static-role/orders", &longer).await.unwrap();
    world.pass(30 * HOUR).await;
    assert!(until().await.as_str() > second.as_str());
    assert!(world.lives(&old));
    let grace = json!({ "retire_when": "grace" });
    world.write("static-role/orders", &grace).await.unwrap();
    world.pass(2 * MINUTE).await;
    assert_eq!(world.cloud.live(), [new]);
    assert_eq!(world.static_status().await["healthy"], true);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_role_leaves_its_waiting_keys_and_takes_them_back() {
    let (world, old, new) = rotated().await;
    world.delete("static-role/orders").await.unwrap();
    world.pass(5 * MINUTE).await;
    world.write("static-role/orders", &quiet()).await.unwrap();
    assert_eq!(world.served_key().await, new);
    assert_eq!(waiting(&world.static_status().await).len(), 1);
    pass_with_logins(&world, 3 * HOUR, &[&new]).await;
    assert!(!world.lives(&old));
}

#[tokio::test(start_paused = true)]
async fn quiet_is_refused_where_nothing_was_written_to_usage() {
    let world = World::ready().await;
    let refused = world.write("static-role/orders", &quiet()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::BadRequest);
    assert_eq!(
        refused.message(),
        "`quiet` needs evidence: nothing was written to `usage` yet"
    );
    assert!(world.read("static-role/orders").await.unwrap().is_none());
    assert_eq!(world.cloud.made(), 0);
    let mut plain = quiet();
    for field in ["retire_when", "quiet", "max_overlap"] {
        plain.as_object_mut().unwrap().remove(field);
    }
    world.write("static-role/orders", &plain).await.unwrap();
    let later = json!({ "retire_when": "quiet", "quiet": 7200 });
    let refused = world.write("static-role/orders", &later).await;
    assert!(refused.unwrap_err().message().contains("needs evidence"));
    let role = world.data_of("static-role/orders").await;
    assert_eq!(role["retire_when"], "grace");
    assert_eq!(role["quiet"], 0);
}

#[tokio::test(start_paused = true)]
async fn the_fields_read_back_as_they_were_written() {
    let world = World::ready().await;
    post(&world, json!({})).await;
    world.write("static-role/orders", &quiet()).await.unwrap();
    let role = world.data_of("static-role/orders").await;
    for field in ["retire_when", "quiet", "max_overlap"] {
        assert_eq!(role[field], quiet()[field], "{field}");
    }
    let shorter = json!({ "quiet": 3600 });
    world.write("static-role/orders", &shorter).await.unwrap();
    let role = world.data_of("static-role/orders").await;
    assert_eq!(role["max_overlap"], 86_400);
}

#[tokio::test(start_paused = true)]
async fn a_login_with_any_later_key_lets_an_old_one_go() {
    let (world, first, second) = rotated().await;
    let third = rotate(&world).await;
    pass_with_logins(&world, 2 * HOUR + 5 * MINUTE, &[&second]).await;
    assert!(!world.lives(&first));
    assert!(world.lives(&second) && world.lives(&third));
}
