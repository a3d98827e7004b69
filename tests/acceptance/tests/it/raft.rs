//! Static roles on three servers of OpenBao with Raft: every node answers, and the
//! death of the leader in any stage of a rotation leaves one key served and none
//! behind.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Bao, BaoCluster, BaoNode, Http, Program, bin, eventually, require_bao};

use crate::cloud::Cloud;
use crate::hosts::ENGINE;

/// A key that was being made when the leader died is given up a minute later, the
/// next attempt begins after another, and the sweep comes every minute.
const SETTLED: Duration = Duration::from_mins(6);
/// What takes seconds on an idle machine; on a busy one an attempt may be given up,
/// and the next begins a minute later.
const SOON: Duration = Duration::from_mins(4);
/// Roles that rotate without a pause while the leader dies.
const BUSY: [&str; 4] = ["busy-0", "busy-1", "busy-2", "busy-3"];
/// Roles whose readers go on all the time.
const READ: [&str; 3] = ["making", "ready", "calm"];

/// Three nodes with the engine at `team/`, and its account.
struct Three {
    cluster: BaoCluster,
    cloud: Cloud,
    _simulator: Program,
}

impl Three {
    fn start(bao: &Bao) -> Self {
        let (cluster, (cloud, simulator)) = (BaoCluster::start(bao, 3), Cloud::start(&[]));
        for node in cluster.nodes() {
            node.register_plugin(&bin(ENGINE), ENGINE);
        }
        let three = Self {
            cluster,
            cloud,
            _simulator: simulator,
        };
        let leader = &three.cluster.nodes()[three.cluster.leader()];
        leader
            .cli()
            .ok(&["secrets", "enable", "-path=team", ENGINE]);
        write(&leader.http(), "config", &three.cloud.account());
        three
    }

    fn leader(&self) -> Http {
        self.cluster.nodes()[self.cluster.leader()].http()
    }

    /// A static role for the first owner that rotates only when asked.
    fn static_role(&self, name: &str, resource: &str, readiness: &str) {
        let role = json!({
            "owner": self.cloud.owner(), "resource": resource,
            "rotation": "manual", "readiness": readiness,
        });
        write(&self.leader(), &format!("static-role/{name}"), &role);
        eventually(&format!("`{name}` has its first key"), SOON, || {
            (status(&self.leader(), name)?["version"] == 1).then_some(())
        });
    }

    /// The address of every node, the dead one included.
    fn nodes(&self) -> Vec<Http> {
        self.cluster.nodes().iter().map(BaoNode::http).collect()
    }
}

fn write(http: &Http, path: &str, body: &Value) {
    let (status, answer) = http.request("POST", &format!("team/{path}"), Some(body));
    assert!(status < 300, "{path}: {status} {answer}");
}

/// What `status` of a static role says, while there is a leader who does.
fn status(http: &Http, name: &str) -> Option<Value> {
    let path = format!("team/static-role/{name}/status");
    match http.try_request("GET", &path, None) {
        Ok((200, mut answer)) => Some(answer["data"].take()),
        _ => None,
    }
}

fn wait_for_stage(http: &Http, name: &str, stage: &str) {
    let begun = Instant::now();
    loop {
        let status = status(http, name).unwrap_or_default();
        if status["stage"] == stage {
            return;
        }
        assert!(begun.elapsed() < SOON, "`{name}` is not {stage}: {status}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The key that a node tells, if it tells one.
fn told(http: &Http, name: &str) -> Option<Value> {
    let path = format!("team/static-creds/{name}");
    match http.try_request("GET", &path, None) {
        Ok((200, mut answer)) => Some(answer["data"].take()),
        _ => None,
    }
}

fn text<'a>(data: &'a Value, name: &str) -> &'a str {
    data[name].as_str().unwrap()
}

#[test]
fn a_standby_tells_the_key_of_a_static_role_without_asking_the_leader() {
    let bao = require_bao!();
    let three = Three::start(&bao);
    three.static_role("calm", &three.cloud.cluster().0, "none");
    let leader = three.leader();
    for _ in 0..2 {
        let key = told(&leader, "calm").unwrap();
        for node in three.nodes() {
            let alone = node.without_forwarding();
            eventually(
                "every node tells the key that the leader tells",
                SOON,
                || (told(&alone, "calm")?["key_id"] == key["key_id"]).then_some(()),
            );
        }
        let rotation = json!({ "wait": 30 });
        let standby = &three.nodes()[three.cluster.standby()];
        let path = "team/rotate-role/calm";
        let alone = standby.clone().without_forwarding();
        assert_eq!(alone.request("POST", path, Some(&rotation)).0, 307);
        assert_eq!(standby.request("POST", path, Some(&rotation)).0, 204);
    }
}

#[test]
fn the_death_of_the_leader_in_any_stage_of_a_rotation_leaves_one_key_and_none_behind() {
    let bao = require_bao!();
    let mut three = Three::start(&bao);
    let (cluster, registry) = (three.cloud.cluster().0, three.cloud.registry());
    for name in READ.iter().chain(&["retiring"]).chain(&BUSY) {
        three.static_role(name, &cluster, "none");
    }
    three.static_role("proving", &registry, "probe");

    bring_into_stages(&three, &registry);
    let (first, nodes, load) = (three.cluster.leader(), three.nodes(), Load::default());
    let Three { cluster, cloud, .. } = &mut three;
    let cloud = &*cloud;
    thread::scope(|scope| {
        let _stop = StopsWhenDropped(&load);
        for node in &nodes {
            scope.spawn(|| load.read(node, cloud));
        }
        for name in BUSY {
            let (load, leader) = (&load, &nodes[first]);
            scope.spawn(move || load.rotate(leader, name));
        }
        load.wait_for_more();
        write(&nodes[first], "rotate-role/calm", &json!({}));
        cluster.crash(first);
        cloud.disarm();
        cloud.change_settings(&json!({ "unreachable": [] }));
        let second = cluster.leader();
        assert_ne!(first, second);
        load.wait_for_more();

        let leader = &nodes[second];
        wait_for_stage(leader, "ready", "ready");
        write(leader, "static-role/ready/commit", &json!({}));
        all_rotated_and_nothing_else_lives(leader, cloud);
    });
    // Each node tells the key that the leader tells, and those log in.
    let leader = cluster.leader();
    for name in READ.iter().chain(&["retiring", "proving"]).chain(&BUSY) {
        let key = told(&nodes[leader], name).unwrap();
        for node in (0..nodes.len()).filter(|node| *node != first) {
            let same = told(&nodes[node], name).unwrap();
            assert_eq!(same["key_id"], key["key_id"], "`{name}` at node {node}");
        }
        if *name != "proving" {
            let login = cloud.log_in(text(&key, "key_id"), text(&key, "secret"));
            assert_eq!(login, 200, "`{name}`");
        }
    }
}

/// Brings a role into each stage in which a rotation can stand still.
fn bring_into_stages(three: &Three, registry: &str) {
    let (leader, cloud) = (three.leader(), &three.cloud);
    // Confluent refuses to delete the old key.
    cloud.arm("delete-api-key", "fail-before", 1000);
    let at_once = json!({ "grace": 0, "wait": 30 });
    write(&leader, "rotate-role/retiring", &at_once);
    eventually("the old key is to be deleted", SOON, || {
        (cloud.fired("delete-api-key") > 0).then_some(())
    });
    // The new key is not tried to the end.
    cloud.change_settings(&json!({ "unreachable": [registry] }));
    write(&leader, "rotate-role/proving", &json!({}));
    wait_for_stage(&leader, "proving", "proving");
    // It is proven, and nobody commits it.
    write(&leader, "static-role/ready/stage", &json!({}));
    wait_for_stage(&leader, "ready", "ready");
    // It was asked for, and the answer takes longer than the leader lives.
    cloud.arm_with("create-api-key", "delay", 1, "25s");
    write(&leader, "rotate-role/making", &json!({}));
    eventually("a key is asked for", SOON, || {
        (cloud.fired("create-api-key") > 0).then_some(())
    });
    assert_eq!(status(&leader, "making").unwrap()["stage"], "making");
}

/// Waits until every rotation has ended and every key is accounted for.
fn all_rotated_and_nothing_else_lives(leader: &Http, cloud: &Cloud) {
    let one = ["retiring", "proving"];
    let at_least = |name: &str| if BUSY.contains(&name) { 1 } else { 2 };
    eventually("one key is served, and none is left", SETTLED, || {
        thread::sleep(Duration::from_secs(1));
        let mut known = BTreeSet::new();
        for name in READ.iter().chain(&one).chain(&BUSY) {
            let status = status(leader, name)?;
            let done = status["stage"] == "idle"
                && status["healthy"] == true
                && status["version"].as_u64()? >= at_least(name);
            if !done {
                return None;
            }
            for key in ["key_id", "previous_key_id"] {
                known.insert(text(&status, key).to_owned());
            }
        }
        known.remove("");
        let live = cloud.live();
        let live: BTreeSet<String> = live.iter().map(|key| text(key, "id").to_owned()).collect();
        (live == known).then_some(())
    });
}

/// Clients that go on while the leader dies.
#[derive(Default)]
struct Load {
    done: AtomicUsize,
    stop: AtomicBool,
}

/// Ends the load, also when the test fails: it would wait for its threads.
struct StopsWhenDropped<'a>(&'a Load);

impl Drop for StopsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
    }
}

impl Load {
    /// Reads keys at one node, which log in whatever happens.
    fn read(&self, node: &Http, cloud: &Cloud) {
        while !self.stop.load(Ordering::SeqCst) {
            for name in READ {
                let Some(key) = told(node, name) else {
                    // There is no leader, or this node is dead.
                    thread::sleep(Duration::from_millis(200));
                    continue;
                };
                let login = cloud.log_in(text(&key, "key_id"), text(&key, "secret"));
                assert_eq!(login, 200, "the key of `{name}`");
                self.done.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Rotates a role again and again, until the leader is dead.
    fn rotate(&self, leader: &Http, name: &str) {
        let path = format!("team/rotate-role/{name}");
        let body = json!({ "grace": 0, "wait": 5 });
        while !self.stop.load(Ordering::SeqCst) {
            let answer = leader.try_request("POST", &path, Some(&body));
            if !matches!(answer, Ok((200 | 204, _))) {
                return;
            }
            self.done.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn wait_for_more(&self) {
        let goal = self.done.load(Ordering::SeqCst) + 60;
        eventually("clients go on", SOON, || {
            (self.done.load(Ordering::SeqCst) >= goal).then_some(())
        });
    }
}
