//! Consumers that are waited for.

use super::world::{Kill, World};
use crate::approle::{Error, Options, Revocation, Stage, Wait};

fn options(consumers: usize) -> Options {
    Options {
        wait: Wait {
            consumers: Some(consumers),
            ..Wait::default()
        },
        ..Options::default()
    }
}

#[tokio::test]
async fn nothing_is_destroyed_until_each_consumer_has_a_token_of_the_new_id() {
    let world = World::new(&["a"]);
    world.state().tokens.clear();
    // Logs in with what the file holds, 20 minutes after the rotation began.
    world.state().consumer = Some(1200);
    world.rotate(options(1)).await.unwrap();
    let record = world.record().unwrap();
    let time = |stage: &str| record.times[stage].parse::<jiff::Timestamp>().unwrap();
    let waited = time("destroy").duration_since(time("consumers")).as_secs();
    assert!((1200..1230).contains(&waited), "{waited}");
    assert_eq!(record.stage, Stage::Done);
}

#[tokio::test]
async fn out_of_time_the_old_id_is_still_valid_and_the_rotation_goes_on_later() {
    let world = World::new(&["a"]);
    let error = world.rotate(options(1)).await.unwrap_err();
    assert!(matches!(error, Error::OutOfTime { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("0 of 1 tokens"), "{text}");
    assert!(text.contains("1 of old ones"), "{text}");
    assert!(world.state().logs_in("secret-1"));
    world.state().consumer = Some(0);
    world.rotate(options(1)).await.unwrap();
    assert!(!world.state().logs_in("secret-1"));
}

#[tokio::test]
async fn once_consumers_have_moved_the_old_tokens_are_revoked() {
    let world = World::new(&["a"]);
    world.state().consumer = Some(0);
    world.rotate(options(1)).await.unwrap();
    assert_eq!(world.record().unwrap().revoked, ["old-token"]);
    let left: Vec<String> = world.state().tokens.keys().cloned().collect();
    assert_eq!(left, ["new-token"]);
    let world = World::new(&["a"]);
    world.state().consumer = Some(0);
    let never = Options {
        revocation: Some(Revocation::Never),
        ..options(1)
    };
    world.rotate(never).await.unwrap();
    assert!(world.state().tokens.contains_key("old-token"));
}

#[tokio::test]
async fn a_pause_is_as_long_as_was_asked_for() {
    let world = World::new(&["a"]);
    let options = Options {
        wait: Wait {
            pause: Some(86_400),
            ..Wait::default()
        },
        ..Options::default()
    };
    world.rotate(options).await.unwrap();
    let record = world.record().unwrap();
    let time = |stage: &str| record.times[stage].parse::<jiff::Timestamp>().unwrap();
    let waited = time("destroy").duration_since(time("consumers")).as_secs();
    assert_eq!(waited, 86_400);
}

/// Its users have to take another secret id.
#[tokio::test]
async fn another_attempt_is_waited_for_as_long_as_the_first() {
    let world = World::new(&["a"]);
    let options = Options {
        wait: Wait {
            pause: Some(86_400),
            command: Some("moved".to_owned()),
            ..Wait::default()
        },
        ..Options::default()
    };
    world.state().failures_of_commands = usize::MAX;
    let error = world.rotate(options.clone()).await.unwrap_err();
    assert!(matches!(error, Error::OutOfTime { .. }), "{error}");
    let went = |world: &World| world.state().now;
    // Nothing new has to be delivered: the pause is over.
    let before = went(&world);
    world.rotate(options.clone()).await.unwrap_err();
    assert!(went(&world) - before < 86_400);
    // Somebody has put another one there.
    world.state().is_watched = false;
    world.state().files.insert("a".to_owned(), "?".to_owned());
    world.state().failures_of_commands = 0;
    let before = went(&world);
    world.rotate(options).await.unwrap();
    assert!(went(&world) - before >= 86_400);
}

#[tokio::test]
async fn a_command_is_asked_until_it_succeeds() {
    let world = World::new(&["a"]);
    world.state().failures_of_commands = 3;
    let options = Options {
        wait: Wait {
            command: Some("kubectl rollout status deployment/orders".to_owned()),
            ..Wait::default()
        },
        ..Options::default()
    };
    world.rotate(options).await.unwrap();
    assert_eq!(world.state().commands.len(), 4);
    assert!(
        world
            .state()
            .commands
            .iter()
            .all(|(_, input)| input.is_none())
    );
}

#[tokio::test]
async fn a_command_tries_the_new_id_where_this_machine_cannot_log_in() {
    let world = World::new(&["a"]);
    let options = Options {
        canary_command: Some("ssh host try".to_owned()),
        ..Options::default()
    };
    world.rotate(options).await.unwrap();
    let held = world.state().files["a"].clone();
    for (command, input) in &world.state().commands {
        assert_eq!(command, "ssh host try");
        assert_eq!(input.as_deref(), Some(held.as_str()));
    }
    assert_eq!(world.state().commands.len(), 2, "before and after");
    let proofs = world.record().unwrap().proofs;
    assert!(proofs[0].found.contains("-canary-command"), "{proofs:?}");

    let world = World::new(&["a"]);
    world.state().failures_of_commands = 1;
    let options = Options {
        canary_command: Some("ssh host try".to_owned()),
        ..Options::default()
    };
    let error = world.rotate(options).await.unwrap_err();
    assert!(matches!(error, Error::Canary(_)), "{error}");
    assert_eq!(world.state().files["a"], "secret-1");
}

#[tokio::test]
async fn the_token_of_a_trial_that_was_cut_off_is_no_consumer() {
    let world = World::new(&["a"]);
    // After the login of the trial, before its token is revoked.
    world.restart(Some(Kill {
        at: 7,
        before: false,
    }));
    world.rotate(options(1)).await.unwrap_err();
    assert_eq!(world.state().tokens.len(), 2, "the trial's is left");
    world.restart(None);
    let error = world.rotate(options(1)).await.unwrap_err().to_string();
    assert!(error.contains("1 of 2 tokens"), "{error}");
}

#[tokio::test]
async fn nothing_is_destroyed_while_a_target_holds_another_id() {
    let world = World::new(&["a"]);
    let (wait, restored) = (Some("true".to_owned()), Some("secret-1".to_owned()));
    world.state().overwrites = restored;
    let options = Options {
        wait: Wait {
            command: wait,
            ..Wait::default()
        },
        ..Options::default()
    };
    let error = world.rotate(options.clone()).await.unwrap_err().to_string();
    assert!(
        error.contains("holds another secret id, accessor-1"),
        "{error}"
    );
    assert!(world.state().logs_in("secret-1"));
    world.rotate(options).await.unwrap();
    assert_ne!(world.state().files["a"], "secret-1");
    assert_eq!(world.accessors().len(), 1);
}
