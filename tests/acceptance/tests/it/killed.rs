//! Our server killed under load: leases are honoured afterwards, and nothing is
//! left behind. As far as its storage can tell, a server whose runtime ends is
//! one that was killed: every task stops where it waits, and memory is gone.
//! OpenBao is killed in the tests of the plugin.

use std::collections::BTreeSet;
use std::future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use store::MemoryStorage;
use testkit::{Http, Launch, bin, eventually, free_port};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use vault_core::{ClientToken, Core, CoreConfig, MountRequest, ServerInfo};

use crate::cloud::Cloud;
use crate::hosts::ENGINE;

const ADMIN: (&str, &str) = ("KILLED2345672345", "killed-admin-secret-canary");

/// A holder whose lease was lost lapses a minute after its time.
const SWEPT: Duration = Duration::from_mins(4);

/// Our server on a storage that outlives it.
struct Server {
    runtime: Runtime,
    http: Http,
}

impl Server {
    fn start(storage: &Arc<MemoryStorage>) -> Self {
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let factory: Arc<dyn logical::Factory> = Arc::new(confluent_backend::factory());
            let config = CoreConfig {
                server_info: ServerInfo {
                    version: server::VAULT_VERSION.to_owned(),
                    lockkeeper_version: "test".to_owned(),
                    storage_type: "inmem".to_owned(),
                },
                factories: [(ENGINE.to_owned(), factory)].into(),
            };
            let effects = server::effects(Arc::clone(storage) as Arc<dyn logical::Storage>);
            let first = storage.keys().is_empty();
            let core = Core::start(config, effects).await.unwrap();
            if first {
                let token = Some(ClientToken::new("root".to_owned()));
                core.create_root_token(token).await.unwrap();
                let mount = MountRequest {
                    path: "team".to_owned(),
                    kind: ENGINE.to_owned(),
                    ..MountRequest::default()
                };
                core.mount(mount).await.unwrap();
            }
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(server::serve(core, listener, future::pending()));
            address
        });
        let http = Http::new(&format!("http://{address}")).with_token("root");
        Self { runtime, http }
    }

    fn kill(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }

    fn write(&self, path: &str, body: &Value) {
        let (status, answer) = self.http.request("POST", path, Some(body));
        assert!(status < 300, "{path}: {status} {answer}");
    }

    /// Reads keys from several threads until so many came, then kills itself
    /// while they go on.
    fn kill_under_load(self, secrets: &Mutex<BTreeSet<String>>) {
        let enough = secrets.lock().unwrap().len() + 40;
        let stop = AtomicBool::new(false);
        let http = self.http.clone();
        thread::scope(|scope| {
            for reader in 0..6 {
                let (http, stop) = (&http, &stop);
                let path = ["team/creds/brief", "team/creds/pool"][reader % 2];
                scope.spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        if let Ok((200, answer)) = http.try_request("GET", path, None) {
                            secrets.lock().unwrap().insert(secret_of(&answer));
                        } else {
                            thread::sleep(Duration::from_millis(50));
                        }
                    }
                });
            }
            eventually("keys are read", Duration::from_mins(1), || {
                (secrets.lock().unwrap().len() >= enough).then_some(())
            });
            self.kill();
            stop.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn our_server_killed_three_times_under_load_leaves_no_key_without_a_lease() {
    let port = free_port();
    let mut simulator = Launch::new(bin("lockkeeper"))
        .args(["simulator"])
        .args([format!("-listen=127.0.0.1:{port}")])
        .args([format!("-admin-key={}:{}", ADMIN.0, ADMIN.1)])
        .start();
    simulator.wait_for_line("Ctrl-C");
    let cloud = Cloud {
        address: format!("http://127.0.0.1:{port}"),
        admin_key: ADMIN.0.to_owned(),
        admin_secret: ADMIN.1.to_owned(),
    };
    let storage = Arc::new(MemoryStorage::new());
    let mut server = Server::start(&storage);
    let config = json!({
        "ccloud_api_key_id": ADMIN.0, "ccloud_api_key_secret": ADMIN.1, "url": cloud.address,
    });
    server.write("team/config", &config);
    for (name, ttl, shared) in [
        ("app", "1h", false),
        ("brief", "10s", false),
        ("pool", "10s", true),
    ] {
        let role = json!({
            "owner": cloud.owner(), "resource": cloud.cluster().0,
            "ttl": ttl, "max_ttl": ttl, "multi_use_key": shared,
        });
        server.write(&format!("team/role/{name}"), &role);
    }
    let (_, kept) = server.http.request("GET", "team/creds/app", None);
    let kept_key = kept["data"]["key_id"].as_str().unwrap();
    let secrets = Mutex::new(BTreeSet::from([secret_of(&kept)]));
    for _ in 0..3 {
        server.kill_under_load(&secrets);
        assert!(cloud.live().len() > 1, "nothing was left to clean up");
        server = Server::start(&storage);
    }
    eventually("only the key with a lease is left", SWEPT, || {
        thread::sleep(Duration::from_secs(1));
        server.http.request("POST", "team/reconcile", None);
        let live = cloud.live();
        let kept_lives = live.iter().any(|key| key["id"] == kept_key);
        assert!(kept_lives, "a key with a lease is gone");
        (live.len() == 1).then_some(())
    });
    let renewal = json!({ "lease_id": kept["lease_id"] });
    server.write("sys/leases/renew", &renewal);
    server.write(
        "sys/leases/revoke",
        &json!({ "lease_id": kept["lease_id"], "sync": true }),
    );
    cloud.wait_until_gone(kept_key);
}

fn secret_of(answer: &Value) -> String {
    answer["data"]["secret"].as_str().unwrap().to_owned()
}
