//! The end of a token, whatever its client and the power do.

use std::sync::Arc;
use std::time::Duration;

use logical::Operation;
use serde_json::Value;

use crate::tests::{World, ask};
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
