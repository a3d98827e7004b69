//! What a rotation means to real Kafka clients: one that takes new keys as they come
//! notices nothing, and a key that is handed out as ready logs in the first time.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::{Bao, Kafka, Program, eventually, require_bao, require_kafka};

use crate::agent::{Agent, TEMPLATE, post, static_role};
use crate::broker::Broker;
use crate::cloud::Cloud;
use crate::hosts::{ENGINE, Host, on_both};
use crate::mounted::set_up_at;

const ROTATIONS: usize = 3;
/// The shortest grace that readers of the role can rely on.
const GRACE: u64 = 65;
/// A client logs in again every five seconds.
const SOON: Duration = Duration::from_mins(1);
/// A grace, and a minute until the sweep comes.
const ENDED: Duration = Duration::from_mins(5);
/// How many keys are handed out as ready.
const KEYS: usize = 100;
/// The simulator's keys take two minutes, and proofs have pauses between them.
const READY: Duration = Duration::from_mins(6);

#[test]
fn a_producer_that_takes_new_keys_as_they_come_sends_through_three_rotations() {
    let kafka = require_kafka!();
    let bao = require_bao!();
    on_both(&bao, |host| sends_through_rotations(&kafka, &bao, host));
}

fn sends_through_rotations(kafka: &Kafka, bao: &Bao, host: &Host) {
    static_role(host);
    let cloud = &host.cloud;
    let agent = Agent::start(bao, &host.http, TEMPLATE);
    let mut rendered = agent.rendered("");
    let broker = Broker::start(kafka, &topics(cloud));
    let records = broker.consumer();
    let mut producer = broker.producer_that_keeps_up(&agent.file("rendered"));
    let mut old = Vec::new();
    logged_in(&producer, cloud, &rendered);
    for _ in 0..ROTATIONS {
        let wish = json!({ "wait": 50, "grace": GRACE });
        let (status, answer) = post(host, "rotate-role/orders", &wish);
        assert_eq!(status, 204, "{answer}");
        old.push(rendered.clone());
        rendered = agent.rendered(&rendered);
        logged_in(&producer, cloud, &rendered);
    }

    let mut login = broker.login();
    for key in &old {
        let (id, secret) = key.split_once(':').unwrap();
        eventually("an old key is gone", ENDED, || {
            assert!(!producer.stdout().contains("failed"));
            cloud.live().iter().all(|key| key["id"] != id).then_some(())
        });
        login.write_line(&format!("{id} {secret}"));
        assert_eq!(login.wait_for_line(id), format!("{id} is refused"));
    }
    let (id, secret) = rendered.split_once(':').unwrap();
    login.write_line(&format!("{id} {secret}"));
    assert_eq!(login.wait_for_line(id), format!("{id} is in"));

    producer.write_line("stop");
    let told = producer.wait_for_line("sent ");
    assert_eq!(producer.stdout(), format!("{told}\n"), "nothing failed");
    let sent: usize = told.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(sent > 0);
    eventually("every record has arrived", SOON, || {
        let arrived = records.stdout();
        let all = (0..sent).all(|number| arrived.contains(&format!("record {number}.")));
        all.then_some(())
    });
}

/// Waits until the broker has asked for a key that was rendered, and let it in.
fn logged_in(producer: &Program, cloud: &Cloud, rendered: &str) {
    let (id, _) = rendered.split_once(':').unwrap();
    eventually("the producer logs in with the new key", SOON, || {
        assert_eq!(producer.stdout(), "", "what the producer could not send");
        (cloud.logins(id) > 0).then_some(())
    });
}

fn topics(cloud: &Cloud) -> String {
    let cluster = cloud.cluster().0;
    format!("{}/kafka/v3/clusters/{cluster}/topics", cloud.address)
}

#[test]
fn a_key_that_is_handed_out_as_ready_logs_in_the_first_time() {
    let kafka = require_kafka!();
    let bao = require_bao!();
    thread::scope(|scope| {
        for start in [Host::lockkeeper, Host::open_bao] {
            let (kafka, bao) = (&kafka, &bao);
            scope.spawn(move || {
                let mut host = start(bao);
                // Its keys take 120 s, during which brokers know them by turns.
                let (cloud, _simulator) = Cloud::start(&["-propagation=real"]);
                cloud.change_settings(&json!({ "key_spread": "alternating" }));
                host.cloud = cloud;
                ready_keys_log_in(kafka, &host);
            });
        }
    });
}

fn ready_keys_log_in(kafka: &Kafka, host: &Host) {
    host.cli.ok(&["secrets", "enable", "-path=ready", ENGINE]);
    set_up_at(host, "ready");
    let broker = Broker::start(kafka, &topics(&host.cloud));
    let mut login = broker.login();
    let (owner, (cluster, _)) = (host.cloud.owner(), host.cloud.cluster());
    let role = json!({ "owner": owner, "resource": cluster, "rotation_period": "24h" });
    for number in 0..KEYS {
        let path = format!("ready/static-role/r{number}");
        let (status, answer) = host.http.request("POST", &path, Some(&role));
        assert_eq!(status, 200, "its key is not proven yet: {answer}");
    }
    let mut handed_out = BTreeMap::new();
    eventually("all keys are handed out", READY, || {
        for number in 0..KEYS {
            if handed_out.contains_key(&number) {
                continue;
            }
            let path = format!("ready/static-creds/r{number}");
            let (status, answer) = host.http.request("GET", &path, None);
            if status == 503 {
                continue;
            }
            assert_eq!(status, 200, "{answer}");
            let text = |name: &str| answer["data"][name].as_str().unwrap().to_owned();
            login.write_line(&format!("{} {}", text("key_id"), text("secret")));
            handed_out.insert(number, text("key_id"));
        }
        thread::sleep(Duration::from_millis(200));
        (handed_out.len() == KEYS).then_some(())
    });
    for key in handed_out.values() {
        let expected = format!("{key} is in");
        assert_eq!(login.wait_for_line(key), expected);
    }
}
