//! A simulated Confluent Cloud in the test's own process, so that the plugin's
//! program need not be accompanied by another.

use std::time::Duration;

use confluent_simulator::{KeyState, NewKey, Options, Running, Simulator};
use testkit::eventually;
use tokio::runtime::{Builder, Runtime};

/// How long a key may take to go when nothing hinders it.
const SOON: Duration = Duration::from_secs(20);

/// A simulator that is being served, for tests that block.
pub(crate) struct Cloud {
    simulator: Simulator,
    running: Running,
    _runtime: Runtime,
}

impl Cloud {
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let simulator = Simulator::new(&Options::default()).unwrap();
        let running = runtime.block_on(simulator.spawn()).unwrap();
        Self {
            simulator,
            running,
            _runtime: runtime,
        }
    }

    /// The base address for clients.
    pub(crate) fn url(&self) -> String {
        self.running.url()
    }

    /// Id and secret of the key that may do everything.
    pub(crate) fn admin(&self) -> (String, String) {
        let key = self.simulator.admin_key();
        (key.id.to_string(), key.secret.expose().to_owned())
    }

    /// A service account.
    pub(crate) fn owner(&self) -> String {
        self.simulator.state().service_accounts[0].id.clone()
    }

    /// A Kafka cluster.
    pub(crate) fn cluster(&self) -> String {
        self.simulator.state().kafka_clusters[0].id.clone()
    }

    /// A key of the first owner and cluster that somebody else made: its id and
    /// secret.
    pub(crate) fn make_key(&self) -> (String, String) {
        let made = self.simulator.create_key(&NewKey {
            display_name: "display_name".into(),
            description: String::new(),
            owner: self.owner(),
            resource: Some(self.cluster()),
            environment: None,
        });
        let made = made.unwrap();
        (made.key.id.to_string(), made.secret.expose().to_owned())
    }

    /// Every key that was ever made, but for the admin's.
    pub(crate) fn made(&self) -> Vec<KeyState> {
        let admin = self.admin().0;
        let mut keys = self.simulator.state().api_keys;
        keys.retain(|key| key.id != admin);
        keys
    }

    /// The ids of the keys that live, but for the admin's.
    pub(crate) fn live(&self) -> Vec<String> {
        let made = self.made().into_iter();
        made.filter(|key| key.deleted_at.is_none())
            .map(|key| key.id)
            .collect()
    }

    /// Waits until exactly these keys live.
    pub(crate) fn wait_for_live(&self, expected: &[&str]) {
        eventually(&format!("{expected:?} live"), SOON, || {
            (self.live() == expected).then_some(())
        });
    }
}
