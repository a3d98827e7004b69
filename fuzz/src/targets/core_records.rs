//! The core on storage of which one entry was changed: it starts and answers, or
//! says which entry it cannot read.

use std::sync::OnceLock;
use std::time::Duration;

use logical::{Operation, Storage as _};
use serde_json::{Value, json};
use tokio::time::sleep;
use virtual_world::World;

use super::http_requests::{ROOT, client, core};
use crate::input::Input;
use crate::runtime::paused;

/// Entries by their keys, after mounts, tokens and leases were made.
fn kept() -> &'static [(String, Vec<u8>)] {
    static KEPT: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    KEPT.get_or_init(|| {
        paused(async {
            let world = World::new();
            let core = core(&world).await.expect("an empty core starts");
            for (operation, path, data) in [
                (
                    Operation::Update,
                    "auth/token/create",
                    json!({"ttl": "1h", "policies": ["a"]}),
                ),
                (
                    Operation::Update,
                    "auth/token/create",
                    json!({"no_parent": true}),
                ),
                (
                    Operation::Update,
                    "sys/mounts/puppet/tune",
                    json!({"max_lease_ttl": "2h"}),
                ),
                (Operation::Read, "puppet/lease", json!({})),
                (Operation::Read, "puppet/lease", json!({})),
                (
                    Operation::Update,
                    "sys/policies/acl/a",
                    json!({"policy": "path \"puppet/*\" { capabilities = [\"read\"] }"}),
                ),
                (
                    Operation::Update,
                    "sys/policies/password/p",
                    json!({"policy": "length = 20\nrule \"charset\" { charset = \"abc\" }"}),
                ),
                (
                    Operation::Update,
                    "sys/quotas/rate-limit/q",
                    json!({"rate": 1000, "path": "puppet"}),
                ),
                (
                    Operation::Update,
                    "sys/quotas/config",
                    json!({"rate_limit_exempt_paths": ["sys/health"]}),
                ),
                (
                    Operation::Update,
                    "sys/auth/approle",
                    json!({"type": "approle"}),
                ),
                (
                    Operation::Update,
                    "auth/approle/role/app",
                    json!({"token_policies": ["a"]}),
                ),
                (
                    Operation::Update,
                    "auth/approle/role/app/role-id",
                    json!({"role_id": "the-role"}),
                ),
                (Operation::Update, "cubbyhole/mine", json!({"a": "b"})),
            ]
            .into_iter()
            // Enough wrong logins for a lockout.
            .chain((0..6).map(|_| (Operation::Update, "auth/approle/login", wrong_login())))
            {
                let answer = core.handle(client(operation, path, &data, ROOT)).await;
                assert!(answer.status() < 500, "{path}: {}", answer.status());
            }
            let disk = world.storage.disk();
            let mut entries = Vec::new();
            for key in disk.keys() {
                let value = disk.get(&key).await.expect("memory can be read");
                entries.extend(value.map(|value| (key, value.to_vec())));
            }
            entries
        })
    })
}

fn wrong_login() -> Value {
    json!({"role_id": "the-role", "secret_id": "wrong"})
}

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let kept = kept();
    let changed = usize::from(input.byte()) % kept.len();
    paused(async {
        let world = World::new();
        for (number, (key, value)) in kept.iter().enumerate() {
            let value = if number == changed {
                input.rest()
            } else {
                value
            };
            let put = world.storage.disk().put(key, value).await;
            put.expect("memory can be written");
        }
        let Ok(core) = core(&world).await else {
            return;
        };
        for (operation, path) in [
            (Operation::Read, "sys/mounts"),
            (Operation::Read, "auth/token/lookup-self"),
            (Operation::List, "auth/token/accessors"),
            (Operation::List, "sys/leases/lookup/puppet/lease"),
            (Operation::Read, "puppet/lease"),
            (Operation::Read, "sys/policies/acl/a"),
            (Operation::Read, "sys/policies/password/p"),
            (Operation::Read, "sys/policies/password/p/generate"),
            (Operation::Read, "sys/quotas/rate-limit/q"),
            (Operation::Read, "sys/auth"),
            (Operation::Read, "sys/locked-users"),
            (Operation::Read, "cubbyhole/mine"),
            (Operation::Read, "auth/approle/role/app"),
            (Operation::Update, "auth/approle/login"),
            (Operation::Update, "sys/leases/revoke-prefix/puppet"),
        ] {
            core.handle(client(operation, path, &json!({}), ROOT)).await;
        }
        sleep(Duration::from_hours(1)).await;
        core.shut_down().await;
    });
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let seeds = (0_u8..).zip(kept());
    seeds
        .map(|(changed, (_, value))| [&[changed], value.as_slice()].concat())
        .collect()
}
