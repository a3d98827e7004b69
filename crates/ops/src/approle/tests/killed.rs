//! The process is killed at every effect, and again while it goes on.

use super::world::{Kill, World};
use crate::approle::{Options, Order, Revocation, Stage};

/// What every rotation comes to: one secret id, which all consumers have.
fn check_end(world: &World, context: &str) {
    assert_eq!(world.record().unwrap().stage, Stage::Done, "{context}");
    let accessors = world.accessors();
    assert_eq!(accessors.len(), 1, "{context}: {accessors:?}");
    let state = world.state();
    for (file, secret) in &state.taken {
        assert!(state.logs_in(secret), "{context}: {file} has {secret}");
    }
    assert!(!state.logs_in("secret-1"), "{context}");
}

/// Kills a rotation at each effect, and the one that goes on at each of its own.
async fn killed_everywhere(new: impl Fn() -> World, options: Options) {
    let whole = new();
    whole.restart(None);
    whole.rotate(options.clone()).await.unwrap();
    check_end(&whole, "in one go");
    let effects = whole.effects();
    assert!(effects > 10, "{effects}");
    for first in kills(effects) {
        // Far more than a resumed rotation has.
        for second in kills(effects + 5) {
            let context = format!("{first:?}, then {second:?}");
            let world = new();
            world.restart(Some(first));
            assert!(world.rotate(options.clone()).await.is_err(), "{context}");
            world.restart(Some(second));
            if world.rotate(options.clone()).await.is_err() {
                world.restart(None);
                world
                    .rotate(options.clone())
                    .await
                    .unwrap_or_else(|error| panic!("{context}: {error}"));
            }
            check_end(&world, &context);
        }
    }
}

fn kills(effects: usize) -> impl Iterator<Item = Kill> {
    (1..=effects).flat_map(|at| [true, false].map(|before| Kill { at, before }))
}

fn options() -> Options {
    Options {
        deliver: vec!["file:a".to_owned()],
        revocation: Some(Revocation::Now),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_consumer_always_has_an_id_that_logs_in_and_one_is_left() {
    killed_everywhere(|| World::new(&["a"]), options()).await;
}

#[tokio::test]
async fn so_it_is_with_two_files() {
    killed_everywhere(|| World::new(&["a", "b"]), options()).await;
}

#[tokio::test]
async fn so_it_is_with_an_agent_that_removes_what_it_has_read() {
    let taken = || {
        let world = World::new(&["a"]);
        {
            let mut state = world.state();
            state.is_taken = true;
            state.files.insert("a".to_owned(), String::new());
        }
        world
    };
    killed_everywhere(taken, options()).await;
}

#[tokio::test]
async fn in_an_emergency_one_is_left_wherever_the_process_is_killed() {
    let unwatched = || {
        let world = World::new(&["a"]);
        world.state().is_watched = false;
        world
    };
    let options = Options {
        order: Order::Emergency,
        ..options()
    };
    killed_everywhere(unwatched, options).await;
}

#[tokio::test]
async fn tokens_of_old_ids_are_revoked_and_no_others() {
    let world = World::new(&["a"]);
    {
        let mut state = world.state();
        let mut other = state.tokens["old-token"].clone();
        other
            .metadata
            .insert("role_name".to_owned(), "payments".to_owned());
        state.tokens.insert("of another role".to_owned(), other);
        let mut other = state.tokens["old-token"].clone();
        other.path = "auth/ci/login".to_owned();
        state.tokens.insert("of another mount".to_owned(), other);
    }
    world.rotate(options()).await.unwrap();
    let left: Vec<String> = world.state().tokens.keys().cloned().collect();
    assert_eq!(left, ["of another mount", "of another role"]);
    assert_eq!(world.record().unwrap().revoked, ["old-token"]);
}

#[tokio::test]
async fn without_a_word_of_the_operator_tokens_live_on_and_that_is_told() {
    let world = World::new(&["a"]);
    let options = Options {
        revocation: None,
        ..options()
    };
    world.rotate(options).await.unwrap();
    assert!(world.state().tokens.contains_key("old-token"));
    let warnings = world.record().unwrap().warnings.join("\n");
    assert!(warnings.contains("not revoked"), "{warnings}");
}

#[tokio::test]
async fn tokens_are_revoked_after_the_time_that_was_asked_for() {
    let world = World::new(&["a"]);
    let options = Options {
        revocation: Some(Revocation::AfterSeconds(3600)),
        ..options()
    };
    world.rotate(options).await.unwrap();
    let record = world.record().unwrap();
    assert_eq!(record.revoked, ["old-token"]);
    let time = |stage: &str| record.times[stage].parse::<jiff::Timestamp>().unwrap();
    let waited = time("prove").duration_since(time("revoke"));
    assert_eq!(waited.as_secs(), 3600);
}

#[tokio::test]
async fn an_id_that_was_delivered_before_it_was_on_record_is_not_made_again() {
    let world = World::new(&["a"]);
    // The file has it, and the journal does not know.
    world.restart(Some(Kill {
        at: 4,
        before: false,
    }));
    world.rotate(options()).await.unwrap_err();
    let held = world.state().files["a"].clone();
    assert_ne!(held, "secret-1");
    world.restart(None);
    world.rotate(options()).await.unwrap();
    assert_eq!(world.state().files["a"], held);
    assert_eq!(world.record().unwrap().attempt, 1);
}
