//! The wire to Confluent. It answers late, and meanwhile the client is gone or
//! the plugin dies: no key is left behind.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use testkit::{crash, eventually, require_bao};

use crate::late::LateAnswers;
use crate::mounted::{Mounted, write_account_at};

/// By then a busy server has noticed that a client hung up.
const NOTICED: Duration = Duration::from_secs(3);
const SECONDS: Duration = Duration::from_secs(10);
/// An intent of another process is left alone for a minute, a holder lapses a
/// minute after its lease, and the host licenses the sweep every minute.
const SWEPT: Duration = Duration::from_secs(200);

/// A mount whose cloud can be made to answer late.
fn mounted(bao: &testkit::Bao) -> (Mounted, LateAnswers) {
    let mounted = Mounted::start(bao);
    let wire = LateAnswers::to(&mounted.cloud.url());
    write_account_at(&mounted.cli, "confluent", &mounted.cloud, wire.url());
    mounted.role("confluent/role/app", &["ttl=10m"]);
    mounted.role("confluent/role/team", &["ttl=2s", "multi_use_key=true"]);
    (mounted, wire)
}

/// Sends a request for credentials, and waits until a key was made for it.
fn ask(mounted: &Mounted, role: &str) -> TcpStream {
    let made = mounted.cloud.made().len();
    let address = mounted.server.address().strip_prefix("http://").unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let token = mounted.server.root_token();
    write!(
        client,
        "GET /v1/confluent/creds/{role} HTTP/1.1\r\nHost: {address}\r\nX-Vault-Token: {token}\r\n\r\n"
    )
    .unwrap();
    eventually("the cloud made a key", SECONDS, || {
        (mounted.cloud.made().len() == made + 1).then_some(())
    });
    client
}

#[test]
fn connections_to_the_cloud_are_reused() {
    let bao = require_bao!();
    let (mounted, wire) = mounted(&bao);
    let first = mounted.creds("confluent/creds/app");
    let before = wire.connections();
    for _ in 0..10 {
        mounted.creds("confluent/creds/app");
    }
    mounted.cli.ok(&["lease", "revoke", "-sync", &first.lease]);
    assert_eq!(wire.connections(), before);
}

#[test]
fn a_key_whose_reader_hung_up_is_deleted_as_soon_as_it_is_known() {
    let bao = require_bao!();
    let (mounted, wire) = mounted(&bao);
    wire.hold(true);
    drop(ask(&mounted, "app"));
    // The server must have noticed first: an answer that overtakes the hang-up
    // is under a lease like every other.
    std::thread::sleep(NOTICED);
    wire.hold(false);
    mounted.cloud.wait_for_live(&[]);
    // Nothing was put on the next reader's account.
    let next = mounted.creds("confluent/creds/app");
    mounted.cloud.wait_for_live(&[&next.key]);
}

#[test]
fn what_a_dead_plugin_and_a_lost_reader_left_behind_is_swept() {
    let bao = require_bao!();
    let (mounted, wire) = mounted(&bao);
    wire.hold(true);
    let reader = ask(&mounted, "app");
    crash(mounted.process());
    drop(reader);
    wire.hold(false);
    assert_eq!(mounted.cloud.live().len(), 1, "nobody knows of it yet");
    // The next request starts the plugin again.
    mounted.cli.ok(&["read", "confluent/config"]);

    // A shared key without its reader is the spare of the next ones, for one
    // time to live.
    wire.hold(true);
    drop(ask(&mounted, "team"));
    wire.hold(false);
    assert_eq!(mounted.cloud.live().len(), 2);

    eventually("both keys are gone", SWEPT, || {
        mounted.cloud.live().is_empty().then_some(())
    });
    assert_eq!(mounted.cloud.made().len(), 2);
}
