//! The program is killed at each request that changes something, before and after the server has
//! carried it out.

use std::time::Duration;

use testkit::{Cli, Launch, bin, eventually, require_bao};

use super::proxy::{Kill, Proxy};
use super::{Rotations, at_both};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_rotation_that_is_killed_at_any_request_leaves_its_consumer_an_id_and_is_resumed() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let proxy = Proxy::start(&rotations.http.address());
        let mut at = 1;
        while killed_at(rotations, &proxy, at) {
            at += 1;
        }
        assert!(at > 8, "a rotation has more than {at} effects");
    });
}

/// Whether a rotation has so many requests.
fn killed_at(rotations: &Rotations, proxy: &Proxy, at: usize) -> bool {
    let mut was_killed = false;
    for before in [true, false] {
        let role = format!("orders-{at}-{before}");
        let old = rotations.role(&role);
        rotations.log_in(&role, &old);
        was_killed = kill(rotations, proxy, &role, Kill { at, before });
        let held = rotations.held(&role);
        assert_eq!(rotations.log_in(&role, &held).0, 200, "{role}");
        if was_killed {
            go_on(rotations, proxy, &role);
        }
        rotations.check_rotated(&role, &old);
        rotations.check_no_secret(&[&old, &rotations.held(&role)]);
    }
    was_killed
}

fn kill(rotations: &Rotations, proxy: &Proxy, role: &str, kill: Kill) -> bool {
    proxy.plan(Some(kill));
    let mut program = Launch::new(bin("lockkeeper"))
        .env("VAULT_ADDR", &proxy.address)
        .env("VAULT_TOKEN", "root")
        .args(["approle", "rotate", role])
        .args([rotations.deliver(role), "-revoke-tokens=now".to_owned()])
        .args([journal(rotations, role)])
        .start();
    proxy.client(program.pid());
    let status = eventually("the rotation ends", PATIENCE, || program.ended());
    rotations.said.lock().unwrap().push_str(&program.stderr());
    assert!(
        status.code().is_none_or(|code| code == 0),
        "{}",
        program.stderr()
    );
    status.code().is_none()
}

/// Goes on, or begins where nothing was on record yet.
fn go_on(rotations: &Rotations, proxy: &Proxy, role: &str) {
    proxy.plan(None);
    let program = Cli::new(bin("lockkeeper"), &proxy.address, "root");
    let journal = journal(rotations, role);
    let mut output = program.run(&["approle", "resume", role, &journal]);
    if output.status == 1 && output.stderr.contains("there is none") {
        let deliver = rotations.deliver(role);
        output = program.run(&["approle", "rotate", role, &deliver, &journal]);
    }
    assert_eq!(output.status, 0, "{role}: {output:?}");
    let mut said = rotations.said.lock().unwrap();
    said.push_str(&output.stdout);
    said.push_str(&output.stderr);
}

fn journal(rotations: &Rotations, role: &str) -> String {
    let file = rotations.file(&format!("{role}.json"));
    format!("-journal={}", file.display())
}
