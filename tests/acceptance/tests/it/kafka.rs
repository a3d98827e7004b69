//! What a lease means to a real Kafka client: its key lets it in, and the end
//! of the lease ends its connection when the broker asks for the key again.

use std::thread;
use std::time::Duration;

use testkit::{Kafka, eventually, require_bao, require_kafka};

use crate::broker::{Broker, Listener, Producer};
use crate::hosts::{ENGINE, Host};

/// Three times as long as the broker lets a login count.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two records of a producer that goes on.
const PACE: Duration = Duration::from_millis(200);

#[test]
fn a_producers_open_connection_ends_after_its_lease_is_revoked_on_both_hosts() {
    let kafka = require_kafka!();
    let bao = require_bao!();
    // One after the other: they share few cores, and it is about seconds.
    story(&kafka, &Host::lockkeeper(&bao));
    story(&kafka, &Host::open_bao(&bao));
}

fn story(kafka: &Kafka, host: &Host) {
    let topics = format!(
        "{}/kafka/v3/clusters/{}/topics",
        host.cloud.address,
        host.cloud.cluster().0
    );
    let broker = Broker::start(kafka, &topics);
    let leased = lease_a_key(host);
    let mut records = broker.consumer();

    let mut checked = broker.producer(Listener::AsksAgain, &leased.jaas);
    let mut trusted = broker.producer(Listener::AsksOnce, &leased.jaas);
    checked.send("in with the key");
    records.wait_for_line("in with the key");
    trusted.send("in with the key, too");
    records.wait_for_line("in with the key, too");

    let logins = host.cloud.logins(&leased.key);
    goes_on_until(&mut checked, "the broker asked again", |_| {
        host.cloud.logins(&leased.key) > logins
    });
    checked.send("in again");
    records.wait_for_line("in again");
    assert!(!checked.is_cast_out(), "the key is alive");

    host.cli.ok(&["lease", "revoke", "-sync", &leased.lease]);
    host.cloud.wait_until_gone(&leased.key);
    goes_on_until(
        &mut checked,
        "the open connection was ended",
        Producer::is_cast_out,
    );
    checked.kill();

    let mut late = broker.producer(Listener::AsksAgain, &leased.jaas);
    late.send("in without a key");
    eventually("a new login was refused", 2 * PATIENCE, || {
        late.is_turned_away().then_some(())
    });

    // Where the broker does not ask again, the connection outlives the key.
    trusted.send("in for good");
    records.wait_for_line("in for good");
    let arrived = records.stdout();
    assert!(!arrived.contains("in without a key"), "{arrived}");
}

/// A key that a lease keeps alive.
struct Leased {
    key: String,
    lease: String,
    jaas: String,
}

fn lease_a_key(host: &Host) -> Leased {
    let cloud = &host.cloud;
    host.cli.ok(&["secrets", "enable", "-path=team", ENGINE]);
    host.cli.ok(&[
        "write",
        "team/config",
        &format!("ccloud_api_key_id={}", cloud.admin_key),
        &format!("ccloud_api_key_secret={}", cloud.admin_secret),
        &format!("url={}", cloud.address),
    ]);
    let (cluster, environment) = cloud.cluster();
    host.cli.ok(&[
        "write",
        "team/role/app",
        &format!("owner={}", cloud.owner()),
        &format!("resource={cluster}"),
        &format!("resource_env={environment}"),
        "ttl=1h",
    ]);
    let answer = host.cli.json(&["read", "team/creds/app"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    Leased {
        key: text(&answer["data"]["key_id"]),
        lease: text(&answer["lease_id"]),
        jaas: text(&answer["data"]["sasl.jaas.config"]),
    }
}

/// A producer at work until something is so; a client that sends nothing is
/// not asked for its key.
fn goes_on_until(producer: &mut Producer, what: &str, so: impl Fn(&Producer) -> bool) {
    eventually(what, PATIENCE, || {
        producer.send("at work");
        thread::sleep(PACE);
        so(producer).then_some(())
    });
}
