//! The end of a token, whatever its client and the power do.

use std::sync::Arc;
use std::time::Duration;

use logical::Operation;
use serde_json::{Value, json};

use crate::tests::{World, ask, ask_as};
use crate::tokens::Children;
use crate::{ClientToken, Core};

const SECOND: Duration = Duration::from_secs(1);

async fn leases(core: &Core, count: u64) {
    for _ in 0..count {
        let leased = ask(core, Operation::Read, "puppet/lease", Value::Null).await;
        assert_eq!(leased.status, 200, "{leased:?}");
    }
}

async fn revoke_self(core: &Core) -> u16 {
    let path = "auth/token/revoke-self";
    ask(core, Operation::Update, path, Value::Null).await.status
}

fn all_revoked(world: &World) -> bool {
    let mut revoked = world.puppet.revoked();
    revoked.sort_unstable();
    revoked.dedup();
    revoked == [0, 1, 2, 3, 4, 5, 6, 7]
}

#[tokio::test(start_paused = true)]
async fn all_leases_of_a_token_end_although_the_client_that_revoked_it_hung_up() {
    for tenths in 1..6 {
        let world = World::new();
        let core = world.mounted().await;
        leases(&core, 8).await;
        *world.slow.writes_take.lock().unwrap() = SECOND / 5;
        let hung_up = tokio::time::timeout(tenths * SECOND / 10, revoke_self(&core)).await;
        assert!(hung_up.is_err());
        tokio::time::sleep(5 * SECOND).await;
        assert!(all_revoked(&world), "{:?}", world.puppet.revoked());
        let refused = ask(&core, Operation::Read, "puppet/asker", Value::Null).await;
        assert_eq!(refused.status, 403);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_of_a_token_goes_on_after_a_restart() {
    let world = World::new();
    let core = world.mounted().await;
    leases(&core, 8).await;
    *world.slow.writes_take.lock().unwrap() = Duration::from_mins(1);
    let hung_up = tokio::time::timeout(SECOND, revoke_self(&core)).await;
    assert!(hung_up.is_err());
    core.shut_down().await;
    *world.slow.writes_take.lock().unwrap() = Duration::ZERO;
    // `start` makes the token anew, with the same text.
    let _core = world.start().await;
    tokio::time::sleep(3 * SECOND).await;
    assert!(all_revoked(&world), "{:?}", world.puppet.revoked());
}

/// The second attempt would read the token shortly before the first one ends
/// it, and look for its leases long after that.
#[tokio::test(start_paused = true)]
async fn two_attempts_at_a_revocation_leave_a_new_token_with_the_same_text_alone() {
    // When the second attempt begins, and when reads become slow and fast again.
    let cases = [
        (Attempt::Resumes, 2_500, [4_400, 4_600]),
        (Attempt::Revokes, 500, [3_900, 5_100]),
    ];
    for (second, begins, [slow, fast]) in cases {
        let (world, machine) = (World::new(), virtual_world::World::new());
        let core = world.mounted_with(world.effects_of(&machine)).await;
        let active = core.active().unwrap();
        let (tokens, root) = (&active.tokens, ClientToken::new("root"));
        let salted = tokens.salted(&root);
        machine.storage.set_read_delay(SECOND);
        let attempt = |after: Duration, kind: Attempt| {
            let (revocation, salted) = (Arc::clone(&active.revocation), salted.clone());
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                match kind {
                    Attempt::Resumes => revocation.resume().await,
                    Attempt::Revokes => revocation.revoke(&salted, Children::Revoked).await,
                }
            })
        };
        let first = attempt(Duration::ZERO, Attempt::Revokes);
        let second = attempt(Duration::from_millis(begins), second);
        tokio::time::sleep(Duration::from_millis(slow)).await;
        machine.storage.set_read_delay(5 * SECOND);
        tokio::time::sleep(Duration::from_millis(fast - slow)).await;
        machine.storage.set_read_delay(Duration::ZERO);
        while tokens.create(Some(root.clone()), &["root"]).await.is_err() {
            tokio::time::sleep(SECOND / 10).await;
        }
        leases(&core, 1).await;
        for attempt in [first, second] {
            attempt.await.unwrap().unwrap();
        }
        tokio::time::sleep(SECOND).await;
        assert!(world.puppet.revoked().is_empty());
    }
}

#[derive(Debug, Clone, Copy)]
enum Attempt {
    Resumes,
    Revokes,
}

/// Promise P9: once a revocation is answered, nothing is let in any more that began
/// later, with the token or with one that it made.
#[tokio::test(start_paused = true)]
async fn a_revocation_under_load_ends_all_access_at_once() {
    let world = World::new();
    let core = world.mounted().await;
    let all = json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\"] }"});
    ask(&core, Operation::Update, "sys/policies/acl/all", all).await;
    let create = "auth/token/create";
    let text = |made: &crate::tests::Seen| {
        let text = made.body["auth"]["client_token"].as_str();
        text.unwrap().to_owned()
    };
    let body = json!({"policies": ["all"]});
    let parent = text(&ask(&core, Operation::Update, create, body).await);
    let child = ask_as(&core, Some(&parent), Operation::Update, create, json!({})).await;
    let child = text(&child);
    *world.slow.writes_take.lock().unwrap() = SECOND / 20;
    let (revoked, told) = tokio::sync::watch::channel(false);
    let clients: Vec<_> = [parent.clone(), child]
        .into_iter()
        .cycle()
        .take(32)
        .map(|token| {
            let (core, told) = (Arc::clone(&core), told.clone());
            tokio::spawn(async move {
                let (mut before, mut after) = (0, 0);
                for _ in 0..200 {
                    let was_revoked = *told.borrow();
                    let path = "puppet/lease";
                    let seen = ask_as(&core, Some(&token), Operation::Read, path, Value::Null);
                    match (was_revoked, seen.await.status) {
                        (false, 200) => before += 1,
                        (true, 200) => after += 1,
                        _ => {}
                    }
                    tokio::time::sleep(SECOND / 50).await;
                }
                (before, after)
            })
        })
        .collect();
    tokio::time::sleep(SECOND).await;
    let body = json!({"token": parent});
    let seen = ask(&core, Operation::Update, "auth/token/revoke", body).await;
    assert_eq!(seen.status, 204);
    revoked.send_replace(true);
    for client in clients {
        let (before, after) = client.await.unwrap();
        assert!(before > 0, "nobody was let in before");
        assert_eq!(after, 0, "somebody was let in after");
    }
    tokio::time::sleep(30 * SECOND).await;
    let left = world.storage.keys();
    let leases = left.iter().filter(|key| key.starts_with("sys/expire/"));
    assert_eq!(leases.collect::<Vec<_>>(), Vec::<&String>::new());
}
