//! The simulated Confluent Cloud, in a process of its own so that its cost counts
//! for no subject, and the engines that use it. Both hosts speak one API.

use anyhow::{Result, ensure};
use http::StatusCode;
use serde_json::{Value, json};
use testkit::{Http, Launch, Program, bin, free_port};

const ADMIN: (&str, &str) = ("BENCHADMIN234567", "a-secret-of-the-bench");

/// The role whose readers share a key, the one whose readers do not, and the
/// static role.
pub(crate) const SHARED: &str = "creds/shared";
pub(crate) const SINGLE: &str = "creds/single";
pub(crate) const STATIC: &str = "static-creds/static";

/// A running simulator. It is always this build's.
pub(crate) struct Cloud {
    address: String,
    /// For whom, and for what, keys are made.
    owner: Value,
    resource: Value,
    _program: Program,
}

impl Cloud {
    /// Starts it.
    pub(crate) fn start() -> Result<Self> {
        let port = free_port();
        let mut program = Launch::new(bin("lockkeeper"))
            .args(["simulator".to_owned()])
            .args([format!("-admin-key={}:{}", ADMIN.0, ADMIN.1)])
            .args([format!("-listen=127.0.0.1:{port}")])
            .start();
        program.wait_for_line("Ctrl-C");
        let address = format!("http://127.0.0.1:{port}");
        let (_, state) = Http::new(&address).raw("GET", "/simulator/state", None);
        let mut state: Value = serde_json::from_str(&state)?;
        Ok(Self {
            address,
            owner: state["service_accounts"][0]["id"].take(),
            resource: state["kafka_clusters"][0]["id"].take(),
            _program: program,
        })
    }

    /// Gives an engine its account and its roles. Returns whether it knows static
    /// roles, which an earlier build need not.
    pub(crate) fn configure(&self, host: &Http, engine: &str) -> Result<bool> {
        let account = json!({
            "ccloud_api_key_id": ADMIN.0,
            "ccloud_api_key_secret": ADMIN.1,
            "url": self.address,
        });
        write(host, &format!("{engine}/config"), &account)?;
        for (name, shared) in [("shared", true), ("single", false)] {
            let role = json!({
                "owner": self.owner,
                "resource": self.resource,
                "ttl": "1h",
                "multi_use_key": shared,
            });
            write(host, &format!("{engine}/role/{name}"), &role)?;
        }
        self.write_static_role(host, engine, "static")
    }

    /// Writes a static role with nothing due for weeks. Returns whether the engine
    /// knows static roles.
    pub(crate) fn write_static_role(&self, host: &Http, engine: &str, name: &str) -> Result<bool> {
        let path = format!("{engine}/static-role/{name}");
        let role = json!({
            "owner": self.owner,
            "resource": self.resource,
            "rotation_period": "30d",
            "readiness": "none",
        });
        let (status, answer) = host.request("POST", &path, Some(&role));
        if status == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        ensure!(status < 300, "POST {path}: {status} {answer}");
        Ok(true)
    }

    /// New keys are not known for so long from now on.
    pub(crate) fn set_propagation(&self, time: &str) -> Result<()> {
        let http = Http::new(&self.address);
        let settings = json!({ "propagation": time });
        let (status, answer) = http.raw("POST", "/simulator/settings", Some(&settings));
        ensure!(status < 300, "POST /simulator/settings: {status} {answer}");
        Ok(())
    }

    /// Writes a role whose keys are proven before anybody gets them.
    pub(crate) fn write_role_with_spares(
        &self,
        host: &Http,
        engine: &str,
        name: &str,
        spares: usize,
    ) -> Result<()> {
        let role = json!({
            "owner": self.owner, "resource": self.resource, "ttl": "1h",
            "readiness": "probe", "not_ready": "refuse", "spares": spares,
        });
        write(host, &format!("{engine}/role/{name}"), &role)
    }

    /// Whether the cluster takes a key.
    pub(crate) fn takes(&self, key: &str, secret: &str) -> bool {
        let http = Http::new(&self.address).with_login(key, secret);
        let cluster = self.resource.as_str().unwrap_or_default();
        let path = format!("/kafka/v3/clusters/{cluster}/topics");
        http.raw("GET", &path, None).0 == 200
    }
}

/// Writes to a path of a host.
pub(crate) fn write(host: &Http, path: &str, body: &Value) -> Result<()> {
    let (status, answer) = host.request("POST", path, Some(body));
    ensure!(status < 300, "POST {path}: {status} {answer}");
    Ok(())
}
