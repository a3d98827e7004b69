//! New secret ids that do not work, and such as cannot be tried.

use super::world::World;
use crate::approle::{Options, Restrictions, Stage};

fn options() -> Options {
    Options {
        canary_read: vec!["secret/data/orders".to_owned()],
        ..Options::default()
    }
}

#[tokio::test]
async fn an_id_that_does_not_log_in_is_taken_back_and_another_is_tried_later() {
    let world = World::new(&["a"]);
    world.state().readable = vec!["secret/data/orders".to_owned()];
    world.state().logins_refused = Some("400 `source address \"a\" unauthorized`".to_owned());
    let error = world.rotate(options()).await.unwrap_err().to_string();
    assert!(
        error.contains("networks that this machine is not in"),
        "{error}"
    );
    assert!(error.contains("hold the old one again"), "{error}");
    assert_eq!(world.state().files["a"], "secret-1");
    world.state().logins_refused = None;
    world.rotate(options()).await.unwrap();
    assert_eq!(world.accessors().len(), 1);
    assert_ne!(world.state().files["a"], "secret-1");
}

#[tokio::test]
async fn an_id_whose_token_may_not_read_what_its_users_need_destroys_nothing() {
    let world = World::new(&["a"]);
    let error = world.rotate(options()).await.unwrap_err().to_string();
    assert!(
        error.contains("may not read `secret/data/orders`"),
        "{error}"
    );
    let state = world.state();
    assert!(state.logs_in("secret-1"));
    assert_eq!(state.files["a"], "secret-1");
    assert_eq!(state.tokens.len(), 1, "the token of the trial is revoked");
}

#[tokio::test]
async fn an_id_with_few_uses_is_not_used_up_by_trials() {
    let world = World::new(&["a"]);
    let options = Options {
        restrictions: Restrictions {
            uses: Some(1),
            ..Restrictions::default()
        },
        ..Options::default()
    };
    world.state().logins_refused = None;
    world.rotate(options).await.unwrap();
    let record = world.record().unwrap();
    assert_eq!(record.stage, Stage::Done);
    let found = &record.proofs[0].found;
    assert!(found.contains("costs one of its 1 uses"), "{found}");
}

#[tokio::test]
async fn batch_tokens_are_told_with_their_end() {
    let world = World::new(&["a"]);
    world.state().batch = true;
    world.rotate(Options::default()).await.unwrap();
    let warnings = world.record().unwrap().warnings.join("\n");
    assert!(warnings.contains("batch tokens"), "{warnings}");
    assert!(warnings.contains("within 3600 s"), "{warnings}");
}
