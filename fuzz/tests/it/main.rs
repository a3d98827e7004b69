//! Every target on its seeds, and on small changes of them: the part of fuzzing
//! that is fast, the same on every machine, and needs no instrumentation.

#![allow(clippy::expect_used, reason = "tests")]

use std::panic::catch_unwind;

use fuzz::{TARGETS, Target};
use virtual_world::Rng;

/// How many changed inputs each target gets.
const CHANGED: usize = 200;

fn check(target: &Target, input: &[u8]) {
    assert!(
        catch_unwind(|| (target.run)(input)).is_ok(),
        "target `{}` breaks its promise on {:?}",
        target.name,
        String::from_utf8_lossy(input)
    );
}

/// A few bytes replaced, removed, repeated, or joined from two seeds.
fn change(seeds: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = seeds[rng.index(seeds.len())].clone();
    for _ in 0..=rng.below(4) {
        let at = rng.index(bytes.len() + 1);
        match rng.below(4) {
            0 if at < bytes.len() => bytes[at] = rng.number().to_le_bytes()[0],
            1 => bytes.truncate(at),
            2 => {
                let end = at + rng.index(bytes.len() - at + 1);
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let other = &seeds[rng.index(seeds.len())];
                let from = rng.index(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
        }
    }
    bytes
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("the table has this target");
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    check(target, b"");
    for seed in &seeds {
        check(target, seed);
    }
    let mut rng = Rng::new(1);
    for _ in 0..CHANGED {
        check(target, &change(&seeds, &mut rng));
    }
}

macro_rules! targets {
    ($($test:ident: $name:literal),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                run($name);
            }
        )+

        #[test]
        fn every_target_is_run_here() {
            let run = [$($name),+];
            assert!(TARGETS.iter().all(|target| run.contains(&target.name)));
            assert_eq!(run.len(), TARGETS.len());
        }
    };
}

targets! {
    durations_hold_for_changed_seeds: "durations",
    rotation_times_hold_for_changed_seeds: "rotation-times",
    hcl1_texts_hold_for_changed_seeds: "hcl1-texts",
    shares_hold_for_changed_seeds: "shares",
    ids_hold_for_changed_seeds: "ids",
    coercion_holds_for_changed_seeds: "coercion",
    engine_requests_hold_for_changed_seeds: "engine-requests",
    engine_records_hold_for_changed_seeds: "engine-records",
    core_records_hold_for_changed_seeds: "core-records",
    kv_records_hold_for_changed_seeds: "kv-records",
    approle_records_hold_for_changed_seeds: "approle-records",
    keyrings_hold_for_changed_seeds: "keyring",
    http_requests_hold_for_changed_seeds: "http-requests",
    plugin_messages_hold_for_changed_seeds: "plugin-messages",
    handshakes_hold_for_changed_seeds: "handshake",
    confluent_answers_hold_for_changed_seeds: "confluent-answers",
    vault_answers_hold_for_changed_seeds: "vault-answers",
}
