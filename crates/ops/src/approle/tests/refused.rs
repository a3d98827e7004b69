//! What stops a rotation before it changes anything, or before it destroys
//! anything.

use super::world::World;
use crate::approle::{Options, Restrictions, Revocation};

#[tokio::test]
async fn a_token_without_the_rights_makes_nothing() {
    let world = World::new(&["a"]);
    world.state().lacking = vec!["`list` on `x`".to_owned()];
    let error = world.rotate(Options::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token lacks `list` on `x`: nothing was changed; extend its policy"
    );
    assert_eq!(world.effects(), 0);
}

#[tokio::test]
async fn a_rotation_without_a_target_makes_nothing() {
    let world = World::new(&[]);
    let error = world.rotate(Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("give `-deliver`"), "{error}");
    assert_eq!(world.effects(), 0);
}

#[tokio::test]
async fn what_a_target_holds_and_the_server_does_not_know_is_not_lost() {
    let world = World::new(&["a"]);
    let strange = "of another role".to_owned();
    world.state().files.insert("a".to_owned(), strange);
    let error = world.rotate(Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("give `-overwrite`"), "{error}");
    assert_eq!(world.effects(), 0);
    assert_eq!(world.state().files["a"], "of another role");
}

#[tokio::test]
async fn ids_of_different_networks_are_not_guessed_from() {
    let world = World::new(&["a"]);
    world.state().files.insert("a".to_owned(), String::new());
    let other = world.state().made_by_hand();
    {
        let mut state = world.state();
        let (_, entry) = state.ids.get_mut(&other).unwrap();
        entry.restrictions.cidr_list = vec!["10.0.0.0/8".to_owned()];
    }
    let error = world.rotate(Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("give `-cidr-list`"), "{error}");
    let options = Options {
        restrictions: Restrictions {
            cidr_list: vec!["10.1.0.0/16".to_owned()],
            ..Restrictions::default()
        },
        ..Options::default()
    };
    world.rotate(options).await.unwrap();
    let state = world.state();
    let (_, entry) = state.ids.values().next().unwrap();
    assert_eq!(entry.restrictions.cidr_list, ["10.1.0.0/16"]);
}

#[tokio::test]
async fn an_id_that_somebody_else_made_meanwhile_is_left_alone() {
    let world = World::new(&["a"]);
    world.state().logins_refused = Some("403 `no`".to_owned());
    world.rotate(Options::default()).await.unwrap_err();
    let other = world.state().made_by_hand();
    world.state().logins_refused = None;
    world.rotate(Options::default()).await.unwrap();
    let record = world.record().unwrap();
    assert_eq!(record.left.join(" "), other);
    assert_eq!(world.accessors().len(), 2);
    assert!(world.accessors().contains(&other));
}

#[tokio::test]
async fn the_newest_old_ids_are_kept_on_request() {
    let world = World::new(&["a"]);
    let second = world.state().made_by_hand();
    let options = Options {
        keep: 1,
        revocation: Some(Revocation::Never),
        ..Options::default()
    };
    world.rotate(options).await.unwrap();
    let record = world.record().unwrap();
    assert_eq!(record.kept, [second]);
    assert_eq!(record.destroyed, ["accessor-1"]);
    assert_eq!(world.accessors().len(), 2);
}

#[tokio::test]
async fn dead_accessors_are_told_and_tidied() {
    let world = World::new(&["a"]);
    world.state().dead_accessors = vec!["ghost".to_owned()];
    world.rotate(Options::default()).await.unwrap();
    let record = world.record().unwrap();
    assert_eq!(record.dead, ["ghost"]);
    assert!(
        record.warnings[0].contains("ghost"),
        "{:?}",
        record.warnings
    );
    assert!(world.state().dead_accessors.is_empty());
}

#[tokio::test]
async fn a_token_that_cannot_list_tokens_is_told_when_the_old_ones_end() {
    let world = World::new(&["a"]);
    world.state().lists_tokens = false;
    world.state().token_max_ttl = 7200;
    let options = Options {
        revocation: Some(Revocation::Now),
        ..Options::default()
    };
    world.rotate(options).await.unwrap();
    let warnings = world.record().unwrap().warnings.join("\n");
    assert!(warnings.contains("`sudo`"), "{warnings}");
    assert!(warnings.contains("7200 s"), "{warnings}");
}
