//! Secret ids that are handed over as wrapping tokens.

use std::time::Duration;

use super::world::{Kill, World};
use crate::approle::{Error, Options, Order, Stage, Wait};

fn wrapping() -> World {
    // No file: nobody here sees the new secret id.
    let world = World::new(&[]);
    world.state().wraps = Some(Duration::from_mins(5));
    world
}

fn tokens(world: &World) -> Vec<String> {
    world.state().handed_over.clone()
}

/// Its user is given an hour to unwrap it.
fn options() -> Options {
    Options {
        wait: Wait {
            pause: Some(3600),
            ..Wait::default()
        },
        ..Options::default()
    }
}

#[tokio::test]
async fn what_cannot_be_handed_over_leaves_the_old_id_alone() {
    let world = wrapping();
    world.state().is_mute = true;
    let error = world.rotate(options()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be printed"), "{error}");
    assert!(world.state().logs_in("secret-1"));
    world.state().is_mute = false;
    world.rotate(options()).await.unwrap();
    let token = tokens(&world).pop().unwrap();
    assert!(
        world
            .state()
            .logs_in(token.strip_prefix("wrapping-").unwrap())
    );
    assert_eq!(world.accessors().len(), 1);
}

#[tokio::test]
async fn nobody_destroys_the_old_id_before_the_new_one_can_be_unwrapped() {
    let world = wrapping();
    let error = world.rotate(Options::default()).await.unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    assert_eq!(world.record(), None);
    let emergency = Options {
        order: Order::Emergency,
        ..Options::default()
    };
    world.rotate(emergency).await.unwrap();
}

#[tokio::test]
async fn the_wrapping_token_is_handed_over_and_the_old_id_destroyed() {
    let world = wrapping();
    world.rotate(options()).await.unwrap();
    let token = tokens(&world).pop().unwrap();
    let secret = token.strip_prefix("wrapping-").unwrap();
    assert!(world.state().logs_in(secret));
    assert!(!world.state().logs_in("secret-1"));
    assert_eq!(world.accessors().len(), 1);
}

#[tokio::test]
async fn wherever_it_is_killed_the_last_token_handed_over_is_of_the_one_that_is_left() {
    let whole = wrapping();
    whole.rotate(options()).await.unwrap();
    for at in 1..=whole.effects() {
        for before in [true, false] {
            let world = wrapping();
            world.restart(Some(Kill { at, before }));
            world.rotate(options()).await.unwrap_err();
            world.restart(None);
            if world
                .record()
                .is_none_or(|record| record.stage != Stage::Done)
            {
                world.rotate(options()).await.unwrap();
            }
            let token = tokens(&world).pop().unwrap();
            let secret = token.strip_prefix("wrapping-").unwrap();
            assert!(world.state().logs_in(secret), "{at} {before}");
            assert_eq!(world.accessors().len(), 1, "{at} {before}");
        }
    }
}
