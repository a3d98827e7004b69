//! `bao agent` with the key of a static role: it renders each new key by itself,
//! and nothing in between.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::{Bao, Http, Launch, Program, eventually, require_bao};

use crate::cloud::Cloud;
use crate::hosts::{Host, on_both};
use crate::in_process::Server;
use crate::mounted::mounted;

/// What readers are told to come back in, in seconds.
const REFRESH: u64 = 5;
/// The agent comes back a second after that, and renders at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// Twice as long as an agent sleeps.
const QUIET: Duration = Duration::from_secs(2 * (REFRESH + 1));
const ROTATIONS: usize = 2;

/// What the agent logs when it reads the key, and when it writes the file.
const READS: &str = "GET /v1/team/static-creds/orders";
const RENDERS: &str = "(runner) rendered";

#[test]
fn an_agent_renders_every_new_key_of_a_static_role_and_nothing_in_between() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        static_role(host);
        let agent = Agent::start(&bao, &host.http, TEMPLATE);
        let mut rendered = agent.rendered("");
        for count in 1..=ROTATIONS {
            // The line in the log follows the file.
            eventually("the agent logs what it rendered", PATIENCE, || {
                (agent.logged(RENDERS) == count).then_some(())
            });
            let (renders, reads) = (count, agent.logged(READS));
            let key = rendered.clone();
            log_in_for(host, &key, QUIET);
            assert_eq!(agent.logged(RENDERS), renders, "nothing has changed");
            let more = agent.logged(READS) - reads;
            assert!((1..=3).contains(&more), "{more} reads in {QUIET:?}");

            let wait = json!({ "wait": 30 });
            let (status, answer) = post(host, "rotate-role/orders", &wait);
            assert_eq!(status, 204, "{answer}");
            // Whoever has the old one goes on with it until the file is new.
            eventually("the new key is rendered", PATIENCE, || {
                assert_eq!(log_in(host, &key), 200, "{key} was rendered");
                (agent.rendered("") != key).then_some(())
            });
            rendered = agent.rendered("");
            assert_eq!(log_in(host, &rendered), 200);
        }
    });
}

#[test]
fn an_agent_restarts_its_child_with_every_new_key() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        static_role(host);
        let agent = Agent::start(&bao, &host.http, EXEC);
        let mut key = agent.rendered("");
        for starts in 1..=ROTATIONS {
            assert_eq!(log_in(host, &key), 200);
            let started = fs::read_to_string(agent.file("starts")).unwrap();
            assert_eq!(started.lines().count(), starts, "{started}");
            let wait = json!({ "wait": 30 });
            let (status, answer) = post(host, "rotate-role/orders", &wait);
            assert_eq!(status, 204, "{answer}");
            key = agent.rendered(&key);
        }
    });
}

/// How much faster the clocks of a server run whose planned rotations are waited for.
/// The agent's do not.
const SPEED: u32 = 20;
/// The period of its static role, by its own clocks: a minute of the machine.
const PERIOD: u64 = 1200;
const PLANNED: usize = 2;

#[test]
fn an_agent_renders_at_planned_rotations_and_keeps_quiet_in_between() {
    let bao = require_bao!();
    let (cloud, _simulator) = Cloud::start(&[]);
    let server = Server::start_fast(&cloud, SPEED);
    let role = json!({
        "owner": cloud.owner(), "resource": cloud.cluster().0, "readiness": "none",
        "rotation_period": PERIOD, "grace": PERIOD / 2, "refresh": REFRESH,
    });
    server.write("team/static-role/orders", &role);
    let agent = Agent::start(&bao, &server.http, TEMPLATE);
    let mut rendered = agent.rendered("");
    for rotation in 1..=PLANNED {
        let (begun, reads) = (Instant::now(), agent.logged(READS));
        let (id, secret) = rendered.split_once(':').unwrap();
        let period = Duration::from_secs(PERIOD) / SPEED;
        let next = eventually("the next key is rendered", 2 * period + PATIENCE, || {
            assert_eq!(cloud.log_in(id, secret), 200, "{rendered} was rendered");
            let now = agent.rendered("");
            (now != rendered).then_some(now)
        });
        eventually("the agent logs what it rendered", PATIENCE, || {
            (agent.logged(RENDERS) == rotation + 1).then_some(())
        });
        // It sleeps as long as it was told, and a second.
        let most = begun.elapsed().as_secs() / (REFRESH + 1) + 2;
        let reads = agent.logged(READS) - reads;
        assert!(
            reads as u64 <= most,
            "{reads} reads in {:?}",
            begun.elapsed()
        );
        rendered = next;
    }
    let (status, answer) = server
        .http
        .request("GET", "team/static-role/orders/status", None);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["version"], PLANNED + 1);
}

/// The nearest time that a rotation can be planned for: the shortest `grace`, the time
/// that is set aside for a new key, and some seconds to write the role in.
const NEAREST: SignedDuration = SignedDuration::from_secs(300 + 30 + 15);

/// A plugin in OpenBao has the clocks of the machine, and its host has to call it every
/// minute for anything to be done.
#[test]
fn an_agent_renders_at_the_planned_rotation_of_a_plugin_in_openbao() {
    let bao = require_bao!();
    let host = Host::open_bao(&bao);
    mounted(&host);
    let planned = minute_after(NEAREST);
    let utc = planned.to_zoned(jiff::tz::TimeZone::UTC);
    let role = json!({
        "owner": host.cloud.owner(), "resource": host.cloud.cluster().0, "readiness": "none",
        "rotation_schedule": format!("{} {} * * *", utc.minute(), utc.hour()),
        "grace": 300, "refresh": REFRESH,
    });
    let (status, answer) = post(&host, "static-role/orders", &role);
    assert_eq!(status, 204, "{answer}");
    let agent = Agent::start(&bao, &host.http, TEMPLATE);
    let first = agent.rendered("");
    let begun = Instant::now();
    let left = Duration::try_from(planned.duration_since(Timestamp::now())).unwrap();
    let next = eventually("the next key is rendered", left + PATIENCE, || {
        thread::sleep(Duration::from_millis(500));
        assert_eq!(log_in(&host, &first), 200, "{first} was rendered");
        let now = agent.rendered("");
        (now != first).then_some(now)
    });
    assert!(Timestamp::now() >= planned, "it was rotated too early");
    assert_eq!(log_in(&host, &next), 200);
    eventually("the agent logs what it rendered", PATIENCE, || {
        (agent.logged(RENDERS) == 2).then_some(())
    });
    let most = begun.elapsed().as_secs() / (REFRESH + 1) + 2;
    let reads = agent.logged(READS) as u64;
    assert!(reads <= most, "{reads} reads in {:?}", begun.elapsed());
}

/// The first full minute that is so far away, or more.
fn minute_after(wait: SignedDuration) -> Timestamp {
    let second = (Timestamp::now() + wait).as_second();
    Timestamp::from_second((second / 60 + 1) * 60).unwrap()
}

/// A static role whose keys are served at once, since the simulator's work at
/// once.
pub(crate) fn static_role(host: &Host) {
    mounted(host);
    let (cluster, _) = host.cloud.cluster();
    let role = json!({
        "owner": host.cloud.owner(), "resource": cluster, "readiness": "none",
        "rotation_period": "24h", "grace": 300, "refresh": REFRESH,
    });
    let (status, answer) = post(host, "static-role/orders", &role);
    assert_eq!(status, 204, "{answer}");
}

pub(crate) fn post(host: &Host, path: &str, body: &Value) -> (u16, Value) {
    let path = format!("team/{path}");
    host.http.request("POST", &path, Some(body))
}

/// Logs in at the cluster again and again, and expects to be let in.
fn log_in_for(host: &Host, rendered: &str, time: Duration) {
    let start = std::time::Instant::now();
    while start.elapsed() < time {
        assert_eq!(log_in(host, rendered), 200, "{rendered}");
        thread::sleep(Duration::from_millis(500));
    }
}

/// Logs in at the cluster with `key:secret`; the status of the answer.
fn log_in(host: &Host, rendered: &str) -> u16 {
    let (key, secret) = rendered.trim().split_once(':').unwrap();
    host.cloud.log_in(key, secret)
}

/// Writes the key to a file.
pub(crate) const TEMPLATE: &str = r#"
template {
  contents    = "{{ with secret \"team/static-creds/orders\" }}{{ .Data.key_id }}:{{ .Data.secret }}\n{{ end }}"
  destination = "rendered"
}
"#;

/// Runs a program with the key in its environment, which writes it to a file.
const EXEC: &str = r#"
env_template "KEY" {
  contents = "{{ with secret \"team/static-creds/orders\" }}{{ .Data.key_id }}:{{ .Data.secret }}{{ end }}"
}

exec {
  command                   = ["sh", "-c", "echo $KEY >> starts; echo $KEY > part; mv part rendered; exec sleep 120"]
  restart_on_secret_changes = "always"
  restart_stop_signal       = "SIGTERM"
}
"#;

/// A running `bao agent`. Dropping it ends it, and its child.
pub(crate) struct Agent {
    program: Program,
}

impl Agent {
    pub(crate) fn start(bao: &Bao, server: &Http, what: &str) -> Self {
        let launch = Launch::new(bao.path());
        let folder = launch.folder();
        fs::write(folder.join("token"), "root").unwrap();
        let configuration = format!(
            "vault {{\n  address = \"{}\"\n}}\n\
             auto_auth {{\n  method \"token_file\" {{\n    config = {{\n      \
             token_file_path = \"{}\"\n    }}\n  }}\n}}\n{what}",
            server.address(),
            folder.join("token").display(),
        );
        fs::write(folder.join("agent.hcl"), configuration).unwrap();
        let program = launch
            .args(["agent", "-config=agent.hcl", "-log-level=trace"])
            .start();
        Self { program }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.program.folder().join(name)
    }

    /// What was rendered, once it is something else than that.
    pub(crate) fn rendered(&self, than: &str) -> String {
        eventually("a key is rendered", PATIENCE, || {
            let text = fs::read_to_string(self.file("rendered")).ok()?;
            let text = text.trim();
            (!text.is_empty() && text != than).then(|| text.to_owned())
        })
    }

    fn log(&self) -> String {
        self.program.stdout() + &self.program.stderr()
    }

    fn logged(&self, what: &str) -> usize {
        self.log().matches(what).count()
    }
}
