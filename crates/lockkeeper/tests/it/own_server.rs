//! `lockkeeper dev`, for tests of commands that hand credentials on.

use serde_json::{Value, json};
use testkit::{Cli, Http, Launch, Program, bin, free_port};

/// The admin key of the simulated cloud.
const ADMIN_KEY: &str = "ABCDEFGHIJKLMNOP";
/// The secret of that key.
pub(crate) const ADMIN_SECRET: &str =
    "own-server-admin-secret-0123456789-0123456789-0123456789-0123456";

/// A development server with its simulated cloud.
pub(crate) struct OwnServer {
    _program: Program,
    pub(crate) address: String,
    cloud: String,
}

impl OwnServer {
    pub(crate) fn start() -> Self {
        let (server, cloud) = (free_port(), free_port());
        let launch = Launch::new(bin("lockkeeper")).args([
            "dev".to_owned(),
            format!("-listen=127.0.0.1:{server}"),
            format!("-simulator-listen=127.0.0.1:{cloud}"),
            "-root-token=root".to_owned(),
            format!("-simulator-admin-key={ADMIN_KEY}:{ADMIN_SECRET}"),
        ]);
        let mut program = launch.start();
        program.wait_for_line("Ctrl-C");
        Self {
            _program: program,
            address: format!("http://127.0.0.1:{server}"),
            cloud: format!("http://127.0.0.1:{cloud}"),
        }
    }

    pub(crate) fn cli(&self) -> Cli {
        Cli::new(bin("lockkeeper"), &self.address, "root")
    }

    /// Prepares the program as root, to be started and sent signals.
    pub(crate) fn launch(&self) -> Launch {
        Launch::new(bin("lockkeeper"))
            .env("VAULT_ADDR", &self.address)
            .env("VAULT_TOKEN", "root")
    }

    /// What an engine needs to make keys at the simulated cloud, as the file of
    /// `load -creds`.
    pub(crate) fn creds_file(&self) -> Value {
        let state = self.state();
        let cluster = &state["kafka_clusters"][0];
        json!({
            "config": {
                "ccloud_api_key_id": ADMIN_KEY,
                "ccloud_api_key_secret": ADMIN_SECRET,
                "url": self.cloud,
            },
            "role": {
                "owner": state["service_accounts"][0]["id"],
                "resource": cluster["id"],
                "resource_env": cluster["environment"],
                "ttl": "5m",
            },
        })
    }

    fn state(&self) -> Value {
        let (_, state) = Http::new(&self.cloud).raw("GET", "/simulator/state", None);
        serde_json::from_str(&state).unwrap()
    }

    /// The ids of all keys that exist, in order.
    pub(crate) fn alive(&self) -> Vec<String> {
        let state = self.state();
        let keys = state["api_keys"].as_array().unwrap();
        let alive = keys.iter().filter(|key| key["deleted_at"].is_null());
        let mut ids: Vec<String> = alive
            .map(|key| key["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        ids
    }
}
