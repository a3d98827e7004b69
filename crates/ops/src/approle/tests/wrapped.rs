//! Secret ids that are handed over as wrapping tokens.

use std::time::Duration;

use super::world::{Kill, World};
use crate::approle::{Event, Options, Stage};

fn wrapping() -> World {
    // No file: nobody here sees the new secret id.
    let world = World::new(&[]);
    world.state().wraps = Some(Duration::from_mins(5));
    world
}

fn tokens(world: &World) -> Vec<String> {
    let state = world.state();
    let told = state.told.iter().filter_map(|event| match event {
        Event::Wrapped(wrapped) => Some(wrapped.token.expose().to_owned()),
        _ => None,
    });
    told.collect()
}

#[tokio::test]
async fn the_wrapping_token_is_handed_over_and_the_old_id_destroyed() {
    let world = wrapping();
    world.rotate(Options::default()).await.unwrap();
    let token = tokens(&world).pop().unwrap();
    let secret = token.strip_prefix("wrapping-").unwrap();
    assert!(world.state().logs_in(secret));
    assert!(!world.state().logs_in("secret-1"));
    assert_eq!(world.accessors().len(), 1);
}

#[tokio::test]
async fn wherever_it_is_killed_the_last_token_handed_over_is_of_the_one_that_is_left() {
    let whole = wrapping();
    whole.rotate(Options::default()).await.unwrap();
    for at in 1..=whole.effects() {
        for before in [true, false] {
            let world = wrapping();
            world.restart(Some(Kill { at, before }));
            world.rotate(Options::default()).await.unwrap_err();
            world.restart(None);
            if world
                .record()
                .is_none_or(|record| record.stage != Stage::Done)
            {
                world.rotate(Options::default()).await.unwrap();
            }
            let token = tokens(&world).pop().unwrap();
            let secret = token.strip_prefix("wrapping-").unwrap();
            assert!(world.state().logs_in(secret), "{at} {before}");
            assert_eq!(world.accessors().len(), 1, "{at} {before}");
        }
    }
}
