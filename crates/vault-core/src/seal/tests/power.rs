//! The power goes at each step of the server's own changes, and a client hangs up
//! at each await: what is left can be opened, and nothing of it is half done.

use std::time::Duration;

use virtual_world::World as Machine;

use super::*;

/// A vault on a machine.
async fn boot(world: &World, machine: &Machine) -> Arc<Vault> {
    let effects = world.effects_of(machine);
    Vault::load(world.config(), effects).await.unwrap()
}

/// Waits for a request until it is answered or its process is gone.
async fn until_cut<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_mins(5), work)
        .await
        .ok()
}

/// A machine with an initialized store and a secret, its power off.
async fn stored(world: &World) -> (Machine, Keys) {
    let machine = Machine::new();
    let vault = boot(world, &machine).await;
    let keys = Keys::make(&vault, 3, 2).await;
    keys.give(&vault, [0, 1]).await;
    for (path, body) in [
        ("sys/mounts/kv", json!({"type": "kv"})),
        ("kv/a", json!({"b": "canary"})),
    ] {
        let written = keys.ask(&vault, Operation::Update, path, body).await;
        assert_eq!(written.status, 204, "{written:?}");
    }
    vault.shut_down().await;
    (machine.successor(), keys)
}

async fn reads_canary(vault: &Arc<Vault>, keys: &Keys) {
    let seen = keys.ask(vault, Operation::Read, "kv/a", Value::Null).await;
    assert_eq!(seen.body["data"]["b"], "canary", "{seen:?}");
}

/// Each number of calls and each moment, until a run goes through without a cut.
fn cuts() -> impl Iterator<Item = (u64, Moment)> {
    (0..).flat_map(|calls| [(calls, Moment::Before), (calls, Moment::After)])
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_while_it_unseals_leaves_a_store_that_unseals() {
    let world = World::new();
    for (calls, moment) in cuts() {
        let (machine, keys) = stored(&world).await;
        let vault = boot(&world, &machine).await;
        machine.process.cut_in(calls, moment);
        until_cut(keys.give(&vault, [0, 1])).await;
        let was_cut = machine.process.is_dead();
        let next = machine.successor();
        let vault = boot(&world, &next).await;
        assert_eq!(keys.give(&vault, [1, 2]).await.body["sealed"], false);
        reads_canary(&vault, &keys).await;
        vault.shut_down().await;
        if !was_cut {
            assert!(calls > 2, "nothing was cut");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_while_it_loads_leaves_a_store_that_unseals() {
    let world = World::new();
    for (calls, moment) in cuts() {
        let (machine, keys) = stored(&world).await;
        machine.process.cut_in(calls, moment);
        let effects = world.effects_of(&machine);
        until_cut(Vault::load(world.config(), effects)).await;
        let was_cut = machine.process.is_dead();
        let vault = boot(&world, &machine.successor()).await;
        assert_eq!(keys.give(&vault, [1, 2]).await.body["sealed"], false);
        reads_canary(&vault, &keys).await;
        vault.shut_down().await;
        if !was_cut {
            assert!(calls > 1, "nothing was cut");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_while_it_seals_leaves_a_store_that_unseals() {
    let world = World::new();
    for (calls, moment) in cuts() {
        let (machine, keys) = stored(&world).await;
        let vault = boot(&world, &machine).await;
        keys.give(&vault, [0, 1]).await;
        machine.process.cut_in(calls, moment);
        let seal = keys.ask(&vault, Operation::Update, "sys/seal", Value::Null);
        until_cut(seal).await;
        let was_cut = machine.process.is_dead();
        let vault = boot(&world, &machine.successor()).await;
        assert_eq!(read(&vault, "sys/seal-status").await.body["sealed"], true);
        assert_eq!(keys.give(&vault, [1, 2]).await.body["sealed"], false);
        reads_canary(&vault, &keys).await;
        vault.shut_down().await;
        if !was_cut {
            assert!(calls > 0, "nothing was cut");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_while_the_key_that_encrypts_is_replaced_leaves_all_readable() {
    let world = World::new();
    for (calls, moment) in cuts() {
        let (machine, keys) = stored(&world).await;
        let vault = boot(&world, &machine).await;
        keys.give(&vault, [0, 1]).await;
        machine.process.cut_in(calls, moment);
        let rotate = keys.ask(&vault, Operation::Update, "sys/rotate", Value::Null);
        until_cut(rotate).await;
        let write = keys.ask(&vault, Operation::Update, "kv/b", json!({"b": "new"}));
        let written = until_cut(write).await;
        let was_cut = machine.process.is_dead();
        let next = machine.successor();
        let vault = boot(&world, &next).await;
        keys.give(&vault, [1, 2]).await;
        reads_canary(&vault, &keys).await;
        if written.is_some_and(|written| written.status == 204) {
            let seen = keys.ask(&vault, Operation::Read, "kv/b", Value::Null).await;
            assert_eq!(seen.body["data"]["b"], "new", "{seen:?}");
        }
        vault.shut_down().await;
        if !was_cut {
            assert!(calls > 1, "nothing was cut");
            break;
        }
    }
}

/// New shares that operators hold, and whether they were told that these have
/// taken effect.
type HandedOut = Option<(Keys, bool)>;

/// Rotates the root key, with verification if it is told to, and notes what
/// operators see of it.
async fn rotate(vault: &Arc<Vault>, keys: &Keys, verifies: bool, seen: &mut HandedOut) {
    let post = |path: &'static str, body: Value| keys.ask(vault, Operation::Update, path, body);
    let wish = json!({
        "secret_shares": 4, "secret_threshold": 3, "require_verification": verifies,
    });
    let begun = post("sys/rotate/root/init", wish).await;
    let mut nonce = begun.body["data"]["nonce"].clone();
    let mut done = Value::Null;
    for key in &keys.keys[..2] {
        let body = json!({"key": key, "nonce": nonce});
        done = post("sys/rotate/root/update", body).await.body["data"].clone();
    }
    let Some(new) = done["keys"].as_array() else {
        return;
    };
    let texts = new.iter().map(|key| key.as_str().unwrap().to_owned());
    let new: Vec<String> = texts.collect();
    let handed_out = Keys {
        keys: new.clone(),
        root: keys.root.clone(),
    };
    *seen = Some((handed_out, !verifies));
    if !verifies {
        return;
    }
    nonce = done["verification_nonce"].clone();
    let mut verified = Value::Null;
    for key in &new[..3] {
        let body = json!({"key": key, "nonce": nonce});
        verified = post("sys/rotate/root/verify", body).await.body["data"].clone();
    }
    if let Some((_, took_effect)) = seen {
        *took_effect = verified["complete"] == true;
    }
}

/// The shares that were handed out, if any were, or the old ones open the store.
async fn opens_with_either(vault: &Arc<Vault>, old: &Keys, new: HandedOut) {
    match new {
        Some((new, true)) => {
            assert_eq!(new.give(vault, [3, 0, 2]).await.body["sealed"], false);
        }
        Some((new, false)) => {
            let seen = new.give(vault, [3, 0, 2]).await;
            if seen.body["sealed"] != false {
                put(vault, "sys/unseal", json!({"reset": true})).await;
                assert_eq!(old.give(vault, [2, 0]).await.body["sealed"], false);
            }
        }
        None => assert_eq!(old.give(vault, [2, 0]).await.body["sealed"], false),
    }
    reads_canary(vault, old).await;
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_while_the_shares_are_replaced_leaves_a_store_that_opens_with_the_old_or_the_new()
 {
    let world = World::new();
    for verifies in [false, true] {
        for (calls, moment) in cuts() {
            let (machine, keys) = stored(&world).await;
            let vault = boot(&world, &machine).await;
            keys.give(&vault, [0, 1]).await;
            machine.process.cut_in(calls, moment);
            let mut new = None;
            until_cut(rotate(&vault, &keys, verifies, &mut new)).await;
            let was_cut = machine.process.is_dead();
            let next = machine.successor();
            let vault = boot(&world, &next).await;
            opens_with_either(&vault, &keys, new).await;
            vault.shut_down().await;
            if !was_cut {
                assert!(calls > 1, "nothing was cut");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_while_old_or_new_shares_decide_leaves_a_store_that_opens() {
    let world = World::new();
    for with_old in [false, true] {
        for (calls, moment) in cuts() {
            let (machine, keys) = stored(&world).await;
            let vault = boot(&world, &machine).await;
            keys.give(&vault, [0, 1]).await;
            let mut new = None;
            rotate(&vault, &keys, false, &mut new).await;
            let (new, _) = new.unwrap();
            let machine = machine.successor();
            let vault = boot(&world, &machine).await;
            machine.process.cut_in(calls, moment);
            if with_old {
                until_cut(keys.give(&vault, [0, 1])).await;
            } else {
                until_cut(new.give(&vault, [0, 1, 2])).await;
            }
            let was_cut = machine.process.is_dead();
            let vault = boot(&world, &machine.successor()).await;
            let same = if with_old {
                keys.give(&vault, [0, 1]).await
            } else {
                new.give(&vault, [0, 1, 2]).await
            };
            assert_eq!(same.body["sealed"], false, "{calls} {moment:?}");
            reads_canary(&vault, &keys).await;
            vault.shut_down().await;
            if !was_cut {
                assert!(calls > 2, "nothing was cut");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn shares_that_a_client_hung_up_on_do_not_replace_those_that_are_known() {
    let world = World::new();
    for awaits in 0.. {
        let (machine, keys) = stored(&world).await;
        let vault = boot(&world, &machine).await;
        keys.give(&vault, [0, 1]).await;
        let delay = Duration::from_millis(10);
        machine.storage.set_read_delay(delay);
        machine
            .storage
            .set_write_delay(delay, virtual_world::Timing::First);
        let mut new = None;
        let rotation = rotate(&vault, &keys, false, &mut new);
        let is_done = hang_up_after(awaits, rotation).await.is_some();
        tokio::time::sleep(Duration::from_mins(11)).await;
        vault.shut_down().await;
        let vault = boot(&world, &machine.successor()).await;
        opens_with_either(&vault, &keys, new).await;
        vault.shut_down().await;
        if is_done {
            assert!(awaits > 2, "nobody hung up");
            break;
        }
    }
}
