//! The targets under libFuzzer. `cargo xtask fuzz` builds it with coverage and
//! names the target in the environment; libFuzzer reads the arguments.

#![no_main]
#![allow(clippy::expect_used, reason = "a program for development ends so")]

use std::path::PathBuf;
use std::sync::OnceLock;

use fuzz::{TARGETS, Target};

/// The target that this process runs.
static CHOSEN: OnceLock<&Target> = OnceLock::new();

fn choose() {
    let name = std::env::var("LOCKKEEPER_FUZZ_TARGET").unwrap_or_default();
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("LOCKKEEPER_FUZZ_TARGET names a target");
    if let Some(folder) = std::env::var_os("LOCKKEEPER_FUZZ_SEEDS").map(PathBuf::from) {
        for (number, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)
                .expect("a seed can be written");
        }
    }
    CHOSEN.get_or_init(|| target);
}

libfuzzer_sys::fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        (target.run)(data);
    }
});
