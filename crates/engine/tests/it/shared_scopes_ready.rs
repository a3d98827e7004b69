//! Keys of one entity or token that are tried before they are handed out: each is made
//! for the readers of its scope, and for nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use logical::Error;
use serde_json::{Value, json};
use virtual_world::Timing;

use crate::world::{Lease, Reader, World, leased_to};

const MINUTE: Duration = Duration::from_mins(1);

/// As long as keys of a cluster take, and as long as it takes to notice.
const PROPAGATION: Duration = Duration::from_mins(2);
const PROVEN: Duration = Duration::from_mins(4);

async fn with(sharing: &str, more: Value) -> World {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    let mut role = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "ttl": 600,
        "max_ttl": 3600, "sharing": sharing, "readiness": "probe", "not_ready": "refuse",
    });
    let fields = more.as_object().unwrap().clone();
    role.as_object_mut().unwrap().extend(fields);
    world.write("role/scoped", &role).await.unwrap();
    world
}

fn service<'a>(entity: &'a str, accessor: &'a str) -> Reader<'a> {
    Reader {
        entity,
        accessor,
        token: accessor,
    }
}

async fn lease(world: &World, entity: &str, accessor: &str) -> Result<Lease, Error> {
    world.lease_to("scoped", service(entity, accessor)).await
}

fn works(world: &World, lease: &Lease) -> bool {
    let secret = lease.data["secret"].as_str().unwrap();
    world.cloud.logs_in(lease.key(), secret)
}

/// A read that takes no time gives a key that works.
async fn key(world: &World, entity: &str, accessor: &str) -> String {
    let start = tokio::time::Instant::now();
    let lease = lease(world, entity, accessor).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(works(world, &lease), "{} does not work", lease.key());
    lease.key().to_owned()
}

fn pointers(world: &World) -> usize {
    let places = world.storage.disk().keys().into_iter();
    let of_spares = places.filter(|place| place.starts_with("lockkeeper/spare/"));
    of_spares.count()
}

#[tokio::test(start_paused = true)]
async fn a_key_of_one_entity_or_token_is_proven_before_its_readers_get_it() {
    for sharing in ["entity", "token"] {
        let mut world = with(sharing, json!({})).await;
        let refused = lease(&world, "alice", "token-1").await.unwrap_err();
        assert!(refused.message().contains("is being proven"), "{refused}");
        world.pass(PROVEN).await;
        let one = key(&world, "alice", "token-1").await;
        assert_eq!(key(&world, "alice", "token-1").await, one);
        lease(&world, "bob", "token-2").await.unwrap_err();
        world.pass(PROVEN).await;
        let other = key(&world, "bob", "token-2").await;
        assert_ne!(other, one);
        world.restart();
        assert_eq!(key(&world, "alice", "token-1").await, one);
        assert_eq!(key(&world, "bob", "token-2").await, other);
        assert_eq!(world.cloud.made(), 2);
        assert_eq!(pointers(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn readers_of_one_scope_that_wait_together_get_one_key() {
    let world = with("entity", json!({"wait_ready": 50, "not_ready": "warn"})).await;
    world.cloud.set_propagation(Duration::from_secs(30));
    let readers: Vec<_> = (0..12)
        .map(|number| {
            let engine = Arc::clone(&world.engine);
            tokio::spawn(async move {
                let entity = ["alice", "bob", "carol"][number % 3];
                let reader = service(entity, "token");
                let lease = leased_to(&engine, "scoped", reader).await.unwrap();
                (entity, lease.key().to_owned())
            })
        })
        .collect();
    let mut pairs = BTreeSet::new();
    for reader in readers {
        pairs.insert(reader.await.unwrap());
    }
    let keys: BTreeSet<_> = pairs.iter().map(|(_, key)| key).collect();
    assert_eq!((pairs.len(), keys.len()), (3, 3));
    assert_eq!(world.cloud.made(), 3);
}

/// Also after a restart, which remembers nobody who waits.
#[tokio::test(start_paused = true)]
async fn the_key_of_a_reader_who_was_refused_is_kept_for_that_scope_alone() {
    for restarts in [false, true] {
        let mut world = with("token", json!({})).await;
        lease(&world, "", "token-1").await.unwrap_err();
        world.pass(PROVEN).await;
        if restarts {
            world.restart();
        }
        let first = world.cloud.live();
        lease(&world, "", "token-2").await.unwrap_err();
        assert_eq!(world.cloud.made(), 2);
        assert_eq!([key(&world, "", "token-1").await], first[..]);
        world.pass(PROVEN).await;
        assert_ne!(key(&world, "", "token-2").await, first[0]);
        assert_eq!(world.cloud.made(), 2);
    }
}

/// A token that has ended never comes back.
#[tokio::test(start_paused = true)]
async fn a_key_whose_scope_does_not_read_again_goes_within_hours() {
    for more in [json!({}), json!({"max_age": 3600})] {
        let world = with("token", more).await;
        lease(&world, "", "token-1").await.unwrap_err();
        world.pass(40 * MINUTE).await;
        assert_eq!(world.cloud.live().len(), 1);
        world.pass(60 * MINUTE).await;
        assert_eq!(world.cloud.live(), Vec::<String>::new());
        assert_eq!(pointers(&world), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_handed_out_with_a_warning_stays_in_its_scope() {
    let world = with("entity", json!({"not_ready": "warn"})).await;
    let first = lease(&world, "alice", "token-1").await.unwrap();
    let second = lease(&world, "alice", "token-2").await.unwrap();
    assert_eq!(first.key(), second.key());
    let other = lease(&world, "bob", "token-3").await.unwrap();
    assert_ne!(first.key(), other.key());
    world.pass(PROVEN).await;
    assert_eq!(key(&world, "alice", "token-1").await, first.key());
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_next_key_of_a_scope_works_when_the_present_one_is_too_old() {
    let world = with("entity", json!({"max_age": 3600, "ttl": 3600})).await;
    lease(&world, "alice", "token").await.unwrap_err();
    world.pass(PROVEN).await;
    let present = key(&world, "alice", "token").await;
    world.pass(51 * MINUTE).await;
    assert_eq!(key(&world, "alice", "token").await, present);
    world.pass(6 * MINUTE).await;
    let next = key(&world, "alice", "token").await;
    assert_ne!(next, present);
    assert_eq!(key(&world, "alice", "token").await, next);
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_a_scope_that_never_works_is_given_up_and_another_is_made() {
    let world = with("entity", json!({"readiness_timeout": 300})).await;
    world.cloud.set_propagation(Duration::from_hours(1));
    lease(&world, "alice", "token").await.unwrap_err();
    world.pass(10 * MINUTE).await;
    assert_eq!(world.cloud.live(), Vec::<String>::new());
    world.cloud.set_propagation(Duration::from_secs(10));
    lease(&world, "alice", "token").await.unwrap_err();
    world.pass(PROVEN).await;
    key(&world, "alice", "token").await;
    assert_eq!(world.cloud.made(), 2);
}

/// The key's intent is dated by the clock from before it was set (`lifecycle.md`, 25).
#[tokio::test(start_paused = true)]
async fn a_key_made_just_after_the_clock_was_set_forward_is_not_taken_for_an_old_one() {
    let hours = SignedDuration::from_hours;
    for sharing in ["role", "entity"] {
        for more in [json!({}), json!({"max_age": 3600})] {
            let world = with(sharing, more.clone()).await;
            world.set_clock(hours(24 * 9));
            let refused = lease(&world, "alice", "token").await.unwrap_err();
            assert!(refused.message().contains("about 1"), "{refused}");
            world.pass(PROVEN).await;
            let first = lease(&world, "alice", "token").await.unwrap();
            assert!(works(&world, &first), "{sharing} {more}");
            assert_eq!(first.secret.lease.ttl, 10 * MINUTE, "{sharing} {more}");
            world.renew(&first, 0).await.unwrap();
            assert_eq!(key(&world, "alice", "token").await, first.key());
            assert_eq!(world.cloud.made(), 1, "{sharing} {more}");
        }
    }
}

/// Only storage tells how old it is.
#[tokio::test(start_paused = true)]
async fn a_key_read_from_storage_just_after_the_clock_was_set_forward_is_as_old_as_before() {
    let mut world = with("entity", json!({"max_age": 3600})).await;
    lease(&world, "alice", "token").await.unwrap_err();
    world.pass(PROVEN).await;
    let first = key(&world, "alice", "token").await;
    world.restart();
    world.engine.periodic().await.unwrap();
    world.set_clock(SignedDuration::from_hours(2));
    assert_eq!(key(&world, "alice", "token").await, first);
    assert_eq!(world.cloud.made(), 1);
}

/// Keys wait for a whole role, for an entity or for a token.
#[tokio::test(start_paused = true)]
async fn a_change_of_who_shares_hands_no_key_to_another_scope() {
    let kinds = ["role", "entity", "token"];
    for before in kinds {
        for after in kinds.into_iter().filter(|after| *after != before) {
            let world = with(before, json!({})).await;
            lease(&world, "alice", "token-1").await.unwrap_err();
            world.pass(PROVEN).await;
            let waits = world.cloud.live().remove(0);
            let change = json!({"sharing": after, "not_ready": "warn"});
            world.write("role/scoped", &change).await.unwrap();
            for (entity, token) in [("alice", "token-1"), ("bob", "token-2")] {
                let lease = lease(&world, entity, token).await.unwrap();
                assert_ne!(lease.key(), waits, "{before} {after} {entity}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_scope_has_no_spares() {
    for sharing in ["entity", "token"] {
        let world = with(sharing, json!({})).await;
        let more = json!({"spares": 1});
        let refused = world.write("role/scoped", &more).await.unwrap_err();
        let told = format!("`spares` are keys of a whole role, and `sharing` is `{sharing}`");
        assert!(refused.message().contains(&told), "{refused}");
        let of_role = json!({"sharing": "role", "spares": 1});
        world.write("role/scoped", &of_role).await.unwrap();
        let back = json!({"sharing": sharing});
        world.write("role/scoped", &back).await.unwrap_err();
    }
}

/// They find the same key waiting, or make one each, in whatever order their calls go.
#[tokio::test(start_paused = true)]
async fn two_processes_keep_scopes_apart() {
    let millis = Duration::from_millis;
    for later in (0..60).step_by(6) {
        let world = with("token", json!({"not_ready": "warn"})).await;
        let other = world.another_process();
        other.periodic().await.unwrap();
        for token in ["token-1", "token-2"] {
            let read = world.lease_to("scoped", service("", token));
            // Whoever hangs up leaves the key to its scope.
            let _ = tokio::time::timeout(Duration::ZERO, read).await;
        }
        world.pass(PROVEN).await;
        world.storage.set_read_delay(millis(5));
        world.storage.set_write_delay(millis(10), Timing::Last);
        let mut reads: Vec<_> = Vec::new();
        for (number, token) in ["token-1", "token-2", "token-1", "token-2"]
            .into_iter()
            .enumerate()
        {
            let engine = if number < 2 { &world.engine } else { &other };
            let engine = Arc::clone(engine);
            reads.push(async move {
                tokio::time::sleep(millis(later) * u32::try_from(number).unwrap()).await;
                (
                    token,
                    leased_to(&engine, "scoped", service("", token)).await,
                )
            });
        }
        let answers = futures_util::future::join_all(reads).await;
        world.storage.set_read_delay(Duration::ZERO);
        world.storage.set_write_delay(Duration::ZERO, Timing::Last);
        let mut whose = BTreeMap::new();
        let mut leases = Vec::new();
        for (token, lease) in answers {
            let Ok(lease) = lease else { continue };
            let of = *whose.entry(lease.key().to_owned()).or_insert(token);
            assert_eq!(of, token, "{later}");
            leases.push(lease);
        }
        assert!(leases.len() > 1, "{later}");
        world.pass(9 * MINUTE).await;
        for lease in &leases {
            assert!(works(&world, lease), "it went before its lease");
            world.revoke(lease).await.unwrap();
        }
        world.pass(3 * 60 * MINUTE).await;
        assert_eq!(world.cloud.live(), Vec::<String>::new());
    }
}

/// They have no leases that `max_active` counts.
#[tokio::test(start_paused = true)]
async fn keys_that_wait_for_readers_who_do_not_come_back_are_limited() {
    for (more, most) in [(json!({}), 50), (json!({"max_active": 3}), 3)] {
        let world = with("token", more).await;
        for number in 0..most {
            let token = format!("token-{number}");
            lease(&world, "alice", &token).await.unwrap_err();
        }
        let made = world.cloud.live().len();
        let refused = lease(&world, "alice", "one-more").await.unwrap_err();
        assert_eq!(refused.class().status(), 503, "{refused}");
        assert!(
            refused.message().contains(&format!("{most} keys")),
            "{refused}"
        );
        assert_eq!(world.cloud.live().len(), made);
        // Its own reader still gets the first.
        world.pass(PROVEN).await;
        key(&world, "alice", "token-0").await;
        // And there is room for one more.
        let again = lease(&world, "alice", "one-more").await.unwrap_err();
        assert!(again.message().contains("is being proven"), "{again}");
    }
}
