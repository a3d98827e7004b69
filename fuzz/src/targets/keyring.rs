//! The barrier with any keyring under its root key: it opens or says why not, works
//! or says why not, and quotes no key.

use std::sync::{Arc, OnceLock};

use barrier::{Barrier, KEYRING, Key};
use logical::{Error, Storage as _};
use virtual_world::World;

use crate::runtime::paused;

const ROOT: [u8; 32] = [7; 32];
/// A key of the ring, in base64: 32 bytes of zeros.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn root() -> Key {
    Key::from_bytes(&ROOT).expect("32 bytes")
}

fn barrier(world: &World) -> Barrier {
    Barrier::new(
        Arc::clone(&world.storage) as _,
        Arc::clone(&world.entropy) as _,
        Arc::clone(&world.clock) as _,
    )
}

fn check<T>(answered: Result<T, Error>) {
    if let Err(error) = answered {
        assert!(!error.message().contains(KEY), "{error}");
    }
}

pub(super) fn run(bytes: &[u8]) {
    paused(async {
        let world = World::new();
        let sealed = barrier::fuzzing::keyring(&root(), bytes, &*world.entropy);
        let sealed = sealed.expect("any bytes can be encrypted");
        let put = world.storage.disk().put(KEYRING, &sealed).await;
        put.expect("memory can be written");
        let barrier = barrier(&world);
        check(barrier.unseal(root()).await);
        check(barrier.key_status());
        for _ in 0..2 {
            check(barrier.put("a", b"value").await);
            check(barrier.get("a").await);
            check(barrier.rotate_if_due().await);
            check(barrier.rotate().await);
        }
        barrier.seal();
        check(barrier.unseal(root()).await);
        check(barrier.get("a").await);
    });
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    static KEPT: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let key = |encryptions: u64| {
        format!(
            r#"{{"value":"{KEY}","installed":"2027-01-15T08:00:00Z","encryptions":{encryptions}}}"#
        )
    };
    let kept = KEPT.get_or_init(|| {
        let texts = [
            format!(r#"{{"version":1,"keys":{{"1":{}}}}}"#, key(5)),
            format!(
                r#"{{"version":1,"keys":{{"1":{},"2":{}}},"rotation":{{"enabled":true,"max_operations":4294967296,"interval":86400}}}}"#,
                key(5),
                key(0)
            ),
            format!(r#"{{"version":1,"keys":{{"4294967295":{}}}}}"#, key(u64::MAX)),
            r#"{"version":1,"keys":{}}"#.to_owned(),
            r#"{"version":2}"#.to_owned(),
        ];
        texts.map(String::into_bytes).to_vec()
    });
    kept.clone()
}
