//! Rotations that are given up.

use super::world::{Kill, World, is_marked};
use crate::approle::{Options, Stage};

#[tokio::test]
async fn wherever_it_is_given_up_consumers_keep_an_id_that_logs_in() {
    let whole = World::new(&["a", "b"]);
    whole.rotate(Options::default()).await.unwrap();
    let mut given_up = 0;
    for at in 1..=whole.effects() {
        let world = World::new(&["a", "b"]);
        let before = false;
        world.restart(Some(Kill { at, before }));
        world.rotate(Options::default()).await.unwrap_err();
        world.restart(None);
        let stage = world.record().unwrap().stage;
        let aborted = world.abort().await;
        if matches!(stage, Stage::Destroy | Stage::Revoke | Stage::Prove) {
            let error = aborted.unwrap_err().to_string();
            assert!(error.contains("no way back"), "{error}");
            continue;
        }
        if stage == Stage::Done {
            aborted.unwrap_err();
            continue;
        }
        given_up += 1;
        let aborted = aborted.unwrap();
        let state = world.state();
        assert!(state.logs_in("secret-1"));
        for secret in state.files.values() {
            assert!(state.logs_in(secret), "killed after {at}: {secret}");
        }
        let ours = state.ids.values();
        let ours = ours.filter(|(_, entry)| is_marked(&entry.restrictions.metadata));
        let ours: Vec<&String> = ours.map(|(_, entry)| &entry.accessor).collect();
        assert_eq!(ours, aborted.left.iter().collect::<Vec<_>>());
        let delivered = state.files.values().any(|secret| secret != "secret-1");
        assert_eq!(ours.len(), usize::from(delivered), "killed after {at}");
    }
    assert!(given_up > 4, "{given_up}");
}

#[tokio::test]
async fn a_new_rotation_ends_what_an_aborted_one_left() {
    let world = World::new(&["a"]);
    let before = false;
    world.restart(Some(Kill { at: 5, before }));
    world.rotate(Options::default()).await.unwrap_err();
    world.restart(None);
    world.abort().await.unwrap();
    assert_eq!(world.record().unwrap().stage, Stage::Aborted);
    // The same rotation id would make the leftovers its own.
    world.rotate(Options::default()).await.unwrap();
    assert_eq!(world.accessors().len(), 1);
}
