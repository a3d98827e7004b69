//! Real OpenBao servers with Raft storage, the only durable storage of OpenBao
//! 2.7: one node, or a cluster. A node can crash and restart with its data.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Launch, Program};
use crate::{Bao, Cli, Http, bao, eventually, free_port};

/// Time limit for a node to serve, for a cluster to elect a leader, and for a node
/// to become a voter; all take seconds.
const READY: Duration = Duration::from_mins(1);
/// How many times a node is restarted when a port was taken meanwhile.
const TRIES: usize = 5;
/// A node that others join.
const HEALTHY_IN_ANY_ROLE: &str = "/v1/sys/health?standbyok=true&perfstandbyok=true";
/// The static unseal key, shared by all nodes.
const SEAL_KEY: &[u8; 32] = b"thirty-two bytes that unseal it.";

/// A server whose data outlive its process. It unseals itself, listens on
/// loopback, and is removed with its data when dropped.
#[derive(Debug)]
pub struct BaoNode {
    bao: Bao,
    home: TempDir,
    address: String,
    root_token: String,
    /// None between a crash and the next start.
    program: Option<Program>,
}

impl BaoNode {
    /// Starts and initializes a single node.
    ///
    /// # Panics
    ///
    /// When it does not serve.
    pub fn start(bao: &Bao) -> Self {
        let mut node = Self::spawn(bao, "node-0", None);
        let (status, made) = node.http().request(
            "PUT",
            "sys/init",
            Some(&json!({"recovery_shares": 1, "recovery_threshold": 1})),
        );
        assert_eq!(status, 200, "cannot initialize: {made}");
        let token = made["root_token"].as_str().expect("a root token");
        token.clone_into(&mut node.root_token);
        node.wait_until_active();
        node
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A root token.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// The command line of the same program, as root.
    pub fn cli(&self) -> Cli {
        self.bao.cli(&self.address, &self.root_token)
    }

    /// A client of its HTTP API, as root.
    pub fn http(&self) -> Http {
        Http::new(&self.address).with_token(&self.root_token)
    }

    /// The path of the program `name` in the plugin folder.
    pub fn plugin(&self, name: &str) -> PathBuf {
        self.home.path().join(bao::PLUGINS).join(name)
    }

    /// Copies `program` into the plugin folder as `name` and registers it, like
    /// [`BaoServer::register_plugin`](crate::BaoServer::register_plugin).
    ///
    /// # Panics
    ///
    /// When the server does not accept it.
    pub fn register_plugin(&self, program: &Path, name: &str) -> String {
        let folder = self.home.path().join(bao::PLUGINS);
        bao::register_plugin(&self.cli(), program, &folder, name)
    }

    /// What the running process has logged so far.
    pub fn log(&self) -> String {
        let program = self.program.as_ref();
        program.map_or_else(String::new, |program| program.stdout() + &program.stderr())
    }

    /// Every file of it, logs and data, except plugin programs.
    ///
    /// # Panics
    ///
    /// When one cannot be read.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = vec![(PathBuf::from("log"), self.log().into_bytes())];
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder of the node") {
                let path = entry.expect("an entry of it").path();
                let kind = fs::symlink_metadata(&path).expect("what it is").file_type();
                if kind.is_dir() && !path.ends_with(bao::PLUGINS) {
                    folders.push(path);
                } else if kind.is_file() {
                    let bytes = fs::read(&path).expect("a file of the node");
                    files.push((path, bytes));
                }
            }
        }
        files
    }

    /// Kills it (SIGKILL).
    ///
    /// # Panics
    ///
    /// When it is not running.
    pub fn crash(&mut self) {
        self.program.take().expect("a node that runs").kill();
    }

    /// Restarts it with its data, and waits until it is active.
    ///
    /// # Panics
    ///
    /// When it does not become active.
    pub fn restart(&mut self) {
        self.program = Some(launch(&self.bao, self.home.path()).start());
        self.wait_until_active();
    }

    /// Whether it is the active node of its cluster.
    pub fn is_active(&self) -> bool {
        self.http().health() == Some(200)
    }

    fn wait_until_active(&self) {
        eventually("the node is active", READY, || {
            self.is_active().then_some(())
        });
    }

    /// Starts a node, which joins the cluster of `leader`, if given.
    fn spawn(bao: &Bao, name: &str, leader: Option<&str>) -> Self {
        for _ in 0..TRIES {
            let home = tempfile::tempdir().expect("no temporary folder");
            let (port, cluster_port) = (free_port(), free_port());
            let address = format!("http://127.0.0.1:{port}");
            let cluster = format!("http://127.0.0.1:{cluster_port}");
            let configuration = json!({
                "storage": raft(home.path(), name, leader),
                "listener": {"tcp": {
                    "address": format!("127.0.0.1:{port}"),
                    "cluster_address": format!("127.0.0.1:{cluster_port}"),
                    "tls_disable": true,
                }},
                "api_addr": address,
                "cluster_addr": cluster,
                "plugin_directory": home.path().join(bao::PLUGINS),
                "log_level": "debug",
                // Lets a test write entries as another plugin would have.
                "raw_storage_endpoint": true,
                "seal": {"static": {
                    "current_key_id": "test",
                    "current_key": format!("file://{}", home.path().join(KEY).display()),
                }},
            });
            let write = |name: &str, bytes: &[u8]| {
                std::fs::write(home.path().join(name), bytes).expect("cannot write a file");
            };
            write(KEY, SEAL_KEY);
            write(CONFIGURATION, configuration.to_string().as_bytes());
            for folder in [DATA, bao::PLUGINS] {
                std::fs::create_dir(home.path().join(folder)).expect("cannot create a folder");
            }
            let mut program = launch(bao, home.path()).start();
            let listens = eventually("a node listens", READY, || {
                if program.ended().is_some() {
                    let log = program.stdout() + &program.stderr();
                    assert!(log.contains("address already in use"), "{log}");
                    return Some(false);
                }
                // Its own word first: another server may answer on a port that was lost.
                let started = program.stdout().contains("server started!");
                (started && Http::new(&address).health().is_some()).then_some(true)
            });
            if listens {
                return Self {
                    bao: bao.clone(),
                    home,
                    address,
                    root_token: String::new(),
                    program: Some(program),
                };
            }
        }
        panic!("found no free port for a node in {TRIES} tries");
    }
}

/// What lies in the folder of a node, beside its plugins.
const CONFIGURATION: &str = "configuration.json";
const DATA: &str = "data";
const KEY: &str = "seal.key";

fn launch(bao: &Bao, home: &Path) -> Launch {
    let configuration = home.join(CONFIGURATION);
    Launch::new(bao.path())
        .args(["server"])
        .args([format!("-config={}", configuration.display())])
}

fn raft(home: &Path, name: &str, leader: Option<&str>) -> Value {
    let mut raft = json!({
        "path": home.join(DATA),
        "node_id": name,
        "performance_multiplier": 1,
    });
    if let Some(address) = leader {
        raft["retry_join"] = json!([{"leader_api_addr": address}]);
    }
    json!({"raft": raft})
}

/// A Raft cluster. One node is active, the others are standbys that serve
/// reads.
#[derive(Debug)]
pub struct BaoCluster {
    nodes: Vec<BaoNode>,
}

impl BaoCluster {
    /// Starts a cluster in which every node has a vote.
    ///
    /// # Panics
    ///
    /// When it does not come together.
    pub fn start(bao: &Bao, size: usize) -> Self {
        let first = BaoNode::start(bao);
        // Otherwise a new node waits ten seconds for its vote.
        let (status, answer) = first.http().request(
            "POST",
            "sys/storage/raft/autopilot/configuration",
            Some(&json!({"server_stabilization_time": "1s"})),
        );
        assert!(status < 300, "{answer}");
        let mut nodes = vec![first];
        for number in 1..size {
            let leader = Some(nodes[0].address.as_str());
            let name = format!("node-{number}");
            let mut node = BaoNode::spawn(bao, &name, leader);
            node.root_token.clone_from(&nodes[0].root_token);
            nodes.push(node);
        }
        let cluster = Self { nodes };
        eventually("every node serves and has a vote", READY, || {
            let serve = cluster.nodes.iter().all(|node| {
                let (status, _) = node.http().raw("GET", HEALTHY_IN_ANY_ROLE, None);
                status == 200
            });
            (serve && cluster.voters() == size).then_some(())
        });
        cluster.wait_until_led();
        cluster
    }

    /// Waits until every node knows the active one: before that, a standby refuses
    /// what it would forward.
    ///
    /// # Panics
    ///
    /// When one does not learn it.
    pub fn wait_until_led(&self) {
        eventually("every node knows the active one", READY, || {
            let led = self.nodes.iter().all(|node| {
                let (status, answer) = node.http().request("GET", "sys/leader", None);
                let leader = answer["leader_address"].as_str().unwrap_or_default();
                status == 200 && !leader.is_empty()
            });
            led.then_some(())
        });
    }

    /// The nodes, in the order of their names.
    pub fn nodes(&self) -> &[BaoNode] {
        &self.nodes
    }

    /// The number of the active node, once there is one.
    ///
    /// # Panics
    ///
    /// When none becomes active.
    pub fn leader(&self) -> usize {
        eventually("the cluster has an active node", READY, || {
            self.nodes.iter().position(BaoNode::is_active)
        })
    }

    /// The number of a node that is not active.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn standby(&self) -> usize {
        let leader = self.leader();
        let mut others = (0..self.nodes.len()).filter(|node| *node != leader);
        let running = others.find(|node| self.nodes[*node].program.is_some());
        running.expect("a node beside the active one")
    }

    /// Ends a node at once (SIGKILL).
    ///
    /// # Panics
    ///
    /// When it is not running.
    pub fn crash(&mut self, node: usize) {
        self.nodes[node].crash();
    }

    fn voters(&self) -> usize {
        let (status, answer) =
            self.nodes[0]
                .http()
                .request("GET", "sys/storage/raft/configuration", None);
        let servers = answer["data"]["config"]["servers"].as_array();
        let votes = servers.into_iter().flatten();
        if status != 200 {
            return 0;
        }
        votes.filter(|server| server["voter"] == true).count()
    }
}
