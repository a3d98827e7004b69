//! `lockkeeper dev`, for tests of commands that hand credentials on.

use serde_json::Value;
use testkit::{Cli, Http, Launch, Program, bin, free_port};

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

    /// The ids of all keys that exist, in order.
    pub(crate) fn alive(&self) -> Vec<String> {
        let (_, state) = Http::new(&self.cloud).raw("GET", "/simulator/state", None);
        let state: Value = serde_json::from_str(&state).unwrap();
        let keys = state["api_keys"].as_array().unwrap();
        let alive = keys.iter().filter(|key| key["deleted_at"].is_null());
        let mut ids: Vec<String> = alive
            .map(|key| key["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        ids
    }
}
