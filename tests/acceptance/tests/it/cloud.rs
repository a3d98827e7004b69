//! The simulated Confluent Cloud as the tests see it: what is alive there.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Http, Launch, Program, bin, eventually, free_port};

const ADMIN_KEY: &str = "ACCEPTANCE234567";
const ADMIN_SECRET: &str = "acceptance-admin-secret-canary-0123456789-0123456789-0123456789ab";

/// A simulator that some program serves.
pub(crate) struct Cloud {
    pub(crate) address: String,
    pub(crate) admin_key: String,
    pub(crate) admin_secret: String,
}

impl Cloud {
    /// Starts a simulator as a program of its own.
    pub(crate) fn start(arguments: &[&str]) -> (Self, Program) {
        let port = free_port();
        let mut program = Launch::new(bin("lockkeeper"))
            .args(["simulator"])
            .args([format!("-listen=127.0.0.1:{port}")])
            .args([format!("-admin-key={ADMIN_KEY}:{ADMIN_SECRET}")])
            .args(arguments)
            .start();
        program.wait_for_line("127.0.0.1");
        (Self::at(port), program)
    }

    /// The flag of a program that serves the simulator itself.
    pub(crate) fn admin_key_as(flag: &str) -> String {
        format!("{flag}={ADMIN_KEY}:{ADMIN_SECRET}")
    }

    /// A simulator with the key of [`Cloud::admin_key_as`].
    pub(crate) fn at(port: u16) -> Self {
        Self {
            address: format!("http://127.0.0.1:{port}"),
            admin_key: ADMIN_KEY.to_owned(),
            admin_secret: ADMIN_SECRET.to_owned(),
        }
    }

    /// What a mount's `config` is written with to work for this organization.
    pub(crate) fn account(&self) -> Value {
        json!({
            "ccloud_api_key_id": self.admin_key,
            "ccloud_api_key_secret": self.admin_secret,
            "url": self.address,
        })
    }

    /// Everything that the simulator tells of itself.
    pub(crate) fn state(&self) -> Value {
        let (status, state) = Http::new(&self.address).raw("GET", "/simulator/state", None);
        assert_eq!(status, 200, "{state}");
        serde_json::from_str(&state).unwrap()
    }

    /// The id of the first service account.
    pub(crate) fn owner(&self) -> String {
        text(&self.state()["service_accounts"][0]["id"])
    }

    /// The id and environment of the first Kafka cluster.
    pub(crate) fn cluster(&self) -> (String, String) {
        let state = self.state();
        let cluster = &state["kafka_clusters"][0];
        (text(&cluster["id"]), text(&cluster["environment"]))
    }

    /// The id of the first Schema Registry.
    pub(crate) fn registry(&self) -> String {
        text(&self.state()["schema_registries"][0]["id"])
    }

    /// The keys that live, but for the admin key.
    pub(crate) fn live(&self) -> Vec<Value> {
        let state = self.state();
        let keys = state["api_keys"].as_array().unwrap();
        keys.iter()
            .filter(|key| key["deleted_at"].is_null() && key["id"] != self.admin_key.as_str())
            .cloned()
            .collect()
    }

    /// How many keys were ever made.
    pub(crate) fn made(&self) -> usize {
        self.state()["api_keys"].as_array().unwrap().len()
    }

    /// A key that lives.
    pub(crate) fn live_key(&self, id: &str) -> Value {
        let live = self.live();
        let found = live.iter().find(|key| key["id"] == id);
        found
            .unwrap_or_else(|| panic!("key `{id}` is not among {live:?}"))
            .clone()
    }

    /// Logs in at the first Kafka cluster; the status of the answer.
    pub(crate) fn log_in(&self, key: &str, secret: &str) -> u16 {
        let http = Http::new(&self.address).with_login(key, secret);
        let path = format!("/kafka/v3/clusters/{}/topics", self.cluster().0);
        http.raw("GET", &path, None).0
    }

    /// How often a Kafka cluster has taken a key.
    pub(crate) fn logins(&self, id: &str) -> usize {
        let (status, audit) = Http::new(&self.address).raw("GET", "/simulator/audit-events", None);
        assert_eq!(status, 200, "{audit}");
        let audit: Value = serde_json::from_str(&audit).unwrap();
        let taken = audit["events"].as_array().unwrap().iter().filter(|event| {
            let data = &event["data"];
            data["methodName"] == "kafka.Authentication"
                && data["authenticationInfo"]["metadata"]["identifier"] == id
                && data["result"]["status"] == "SUCCESS"
        });
        taken.count()
    }

    /// Arms a fault for the next requests of a kind.
    pub(crate) fn arm(&self, operation: &str, fault: &str, times: u64) {
        self.arm_with(operation, fault, times, "1s");
    }

    /// Arms a fault that takes a time of its own.
    pub(crate) fn arm_with(&self, operation: &str, fault: &str, times: u64, delay: &str) {
        let body = json!({
            "operation": operation, "fault": fault, "times": times, "delay": delay,
        });
        let (status, answer) = self.faults("POST", Some(&body));
        assert!(status < 300, "{answer}");
    }

    /// How often a fault of this operation has happened.
    pub(crate) fn fired(&self, operation: &str) -> u64 {
        let (_, armed) = self.faults("GET", None);
        let armed: Value = serde_json::from_str(&armed).unwrap();
        let armed = armed["faults"].as_array().unwrap().iter();
        let fired = armed.filter(|fault| fault["operation"] == operation);
        fired.filter_map(|fault| fault["fired"].as_u64()).sum()
    }

    /// Removes all faults that were armed.
    pub(crate) fn disarm(&self) {
        let (status, answer) = self.faults("DELETE", None);
        assert!(status < 300, "{answer}");
    }

    /// Whether every fault that was armed has happened as often as it was armed.
    pub(crate) fn all_faults_fired(&self) -> bool {
        let (_, armed) = self.faults("GET", None);
        let armed: Value = serde_json::from_str(&armed).unwrap();
        let armed = armed["faults"].as_array().unwrap();
        assert!(!armed.is_empty());
        armed.iter().all(|fault| fault["fired"] == fault["times"])
    }

    fn faults(&self, method: &str, body: Option<&Value>) -> (u16, String) {
        Http::new(&self.address).raw(method, "/simulator/faults", body)
    }

    /// Changes what the simulator is set to.
    pub(crate) fn change_settings(&self, changes: &Value) {
        let http = Http::new(&self.address);
        let (status, answer) = http.raw("POST", "/simulator/settings", Some(changes));
        assert!(status < 300, "{answer}");
    }

    /// Waits until a key is gone.
    pub(crate) fn wait_until_gone(&self, id: &str) {
        eventually(
            &format!("key `{id}` is gone"),
            Duration::from_secs(20),
            || self.live().iter().all(|key| key["id"] != id).then_some(()),
        );
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
