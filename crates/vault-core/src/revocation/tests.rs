//! The end of a token, whatever its client and the power do.

use std::time::Duration;

use logical::Operation;
use serde_json::Value;

use crate::Core;
use crate::tests::{World, ask};

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
