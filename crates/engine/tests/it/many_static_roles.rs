//! Many static roles that are due in one hour, at a slow pace.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Object;
use serde_json::json;

use crate::world::World;

const ROLES: u64 = 1_000;
/// Ten keys for each are what Confluent allows unless asked.
const OWNERS: u64 = 100;
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

const AHEAD: Duration = Duration::from_mins(15);

/// Requests to the control plane are sent this far apart: five a second.
const APART: Duration = Duration::from_millis(200);

fn time(data: &Object, name: &str) -> Timestamp {
    data[name].as_str().unwrap().parse().unwrap()
}

struct Counts {
    made: u64,
    calls: u64,
    lists: u64,
}

fn counts(world: &World) -> Counts {
    Counts {
        made: world.cloud.made(),
        calls: world.cloud.calls.load(Ordering::SeqCst),
        lists: world.cloud.lists.load(Ordering::SeqCst),
    }
}

/// Roles which all rotate at 02:00 within an hour, once their
/// new keys are proven.
async fn with_roles(world: &World) {
    for number in 0..ROLES {
        let role = json!({
            "owner": format!("sa-{}", number % OWNERS), "resource": "lkc-1", "resource_env": "env-1",
            "rotation_schedule": "0 2 * * *", "rotation_window": 3600,
            "grace": 1800, "refresh": 600, "readiness": "probe",
        });
        let path = format!("static-role/number-{number}");
        world.write(&path, &role).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_roles_rotate_within_their_hour_at_five_requests_a_second() {
    let world = World::ready().await;
    world.cloud.set_propagation(2 * MINUTE);
    world.cloud.set_pace(APART);
    with_roles(&world).await;
    world.pass(10 * MINUTE).await;
    let mut served = BTreeSet::new();
    let mut planned = None;
    for number in 0..ROLES {
        let status = world
            .data_of(&format!("static-role/number-{number}/status"))
            .await;
        served.insert(status["key_id"].as_str().unwrap().to_owned());
        let next = time(&status, "next_rotation");
        planned = Some(planned.map_or(next, |planned: Timestamp| planned.min(next)));
    }
    let planned = planned.unwrap();
    let opens = planned - SignedDuration::from_secs(planned.as_second().rem_euclid(3600));
    let left = Duration::try_from(opens.duration_since(world.now())).unwrap();
    // Keys are made ahead of their time, to be proven by then.
    world.pass(left.checked_sub(AHEAD).unwrap()).await;

    let before = counts(&world);
    // The window, and then the grace of the last old key.
    let period = AHEAD + 95 * MINUTE;
    world.pass(period).await;
    let now = counts(&world);
    assert_eq!(now.made - before.made, ROLES, "each is rotated once");
    // Beside it, the keys of each owner are listed every ten minutes, in case
    // somebody deleted one.
    let lists = now.lists - before.lists;
    let times = period.as_secs() / 600 + 1;
    assert!(lists <= times * OWNERS, "{lists} lists");
    let calls = now.calls - before.calls - lists;
    assert!(calls <= 3 * ROLES, "{calls} requests");
    for number in 0..ROLES {
        let creds = world
            .data_of(&format!("static-creds/number-{number}"))
            .await;
        let since = time(&creds, "last_vault_rotation");
        assert!(
            since >= opens && since <= opens + WINDOW,
            "number {number} was rotated at {since}"
        );
        assert!(!served.contains(creds["key_id"].as_str().unwrap()));
    }
    let live = world.cloud.live();
    assert_eq!(live.len() as u64, ROLES, "no old key is left");
}

/// Whose clients were told a time, and come back after it.
const CROWD: u64 = 200;

/// What waits at the pace is no part of the lead (`lifecycle.md`, 39): the last of many
/// roles without a window are late, by what the requests for all of them take.
#[tokio::test(start_paused = true)]
async fn roles_that_are_due_at_one_moment_are_late_by_what_their_requests_take() {
    let world = World::ready().await;
    world.cloud.set_pace(APART);
    for number in 0..CROWD {
        let role = json!({
            "owner": format!("sa-{}", number % OWNERS), "resource": "lkc-1", "resource_env": "env-1",
            "rotation_schedule": "0 2 * * *", "grace": 1800, "refresh": 600, "readiness": "none",
        });
        let path = format!("static-role/number-{number}");
        world.write(&path, &role).await.unwrap();
    }
    let status = world.data_of("static-role/number-0/status").await;
    let planned = time(&status, "next_rotation");
    let left = Duration::try_from(planned.duration_since(world.now())).unwrap();
    world.pass(left.checked_sub(MINUTE).unwrap()).await;
    world.pass(10 * MINUTE).await;
    // A key is made and the old ones of its owner are listed: two requests for each.
    let longest = SignedDuration::try_from(APART * 2 * u32::try_from(CROWD).unwrap()).unwrap();
    for number in 0..CROWD {
        let creds = world
            .data_of(&format!("static-creds/number-{number}"))
            .await;
        let since = time(&creds, "last_vault_rotation");
        assert!(
            since >= planned && since <= planned + longest,
            "number {number} was rotated at {since}"
        );
    }
}
