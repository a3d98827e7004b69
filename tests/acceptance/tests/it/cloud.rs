//! The simulated Confluent Cloud as the tests see it: what is alive there.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Http, eventually};

/// A simulator that some program serves.
pub(crate) struct Cloud {
    pub(crate) address: String,
    pub(crate) admin_key: String,
    pub(crate) admin_secret: String,
}

impl Cloud {
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
        let body = json!({
            "operation": operation, "fault": fault, "times": times, "delay": "1s",
        });
        let (status, answer) = self.faults("POST", Some(&body));
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
