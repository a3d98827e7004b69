//! Mounting, renaming, removing and revoking while 32 clients read and write: every
//! request is answered, what stays is untouched, and nothing of what went is left in
//! the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use logical::Storage;
use serde_json::{Value, json};
use store::SqliteStorage;
use testkit::{Http, eventually};

use crate::on_disk::OnDisk;

const CLIENTS: usize = 32;
/// Mounts that come and go, each in the hands of one thread.
const MOUNTS: usize = 6;
const DURATION: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn nothing_breaks_or_is_left_behind_when_mounts_come_and_go_under_load() {
    let server = OnDisk::start();
    let secret_id = set_up(&server.root);
    let (server, before) = server.restarted(keys);

    let load = Load::new(&server.root, &secret_id);
    thread::scope(|scope| {
        let load = &load;
        for client in 0..CLIENTS {
            scope.spawn(move || load.repeat(|| load.read_and_write(client)));
        }
        for mount in 0..MOUNTS {
            scope.spawn(move || load.repeat(|| load.mount_rename_and_remove(mount)));
        }
        scope.spawn(move || load.repeat(|| load.enable_and_disable_a_method()));
        scope.spawn(move || load.repeat(|| load.revoke_all_logins()));
    });
    let answers = load.answers.into_inner().unwrap();
    let broken: Vec<_> = answers
        .iter()
        .filter(|((status, _), _)| *status >= 500)
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let of = |status: u16| answers.keys().any(|(answered, _)| *answered == status);
    assert!(of(200) && of(404), "mounts were there and were gone");

    clean_up(&server.root);
    let (_server, after) = server.restarted(keys);
    let left: Vec<_> = after.difference(&before).collect();
    assert!(left.is_empty(), "{left:#?}");
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(lost.is_empty(), "{lost:#?}");
}

/// A mount and a method that stay; the secret id of a role.
fn set_up(root: &Http) -> String {
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    must(root, "POST", "sys/mounts/steady", &kv);
    // What a mount writes with its first secret is there before, too.
    for data in [json!({ "data": {} }), Value::Null] {
        let method = if data.is_null() { "DELETE" } else { "POST" };
        let kind = if data.is_null() { "metadata" } else { "data" };
        must(root, method, &format!("steady/{kind}/first"), &data);
    }
    let approle = json!({ "type": "approle" });
    must(root, "POST", "sys/auth/approle", &approle);
    let role = json!({ "token_policies": "default", "token_ttl": "1h", "role_id": "worker" });
    must(root, "POST", "auth/approle/role/worker", &role);
    let path = "auth/approle/role/worker/secret-id";
    let made = must(root, "POST", path, &json!({}));
    let secret_id = made["data"]["secret_id"].as_str().unwrap();
    // So does the entity of its first login, which stays as long as its method.
    let ids = json!({ "role_id": "worker", "secret_id": secret_id });
    let login = must(root, "POST", "auth/approle/login", &ids);
    let token = json!({ "token": login["auth"]["client_token"] });
    must(root, "POST", "auth/token/revoke", &token);
    secret_id.to_owned()
}

fn must(client: &Http, method: &str, path: &str, body: &Value) -> Value {
    let body = (!body.is_null()).then_some(body);
    let (status, answer) = client.request(method, path, body);
    assert!(status < 300, "{method} {path}: {status} {answer}");
    answer
}

/// How often each status came, and of errors of the server also with which text.
type Answers = BTreeMap<(u16, String), usize>;

struct Load {
    root: Http,
    secret_id: String,
    end: Instant,
    answers: Mutex<Answers>,
}

impl Load {
    fn new(root: &Http, secret_id: &str) -> Self {
        Self {
            root: root.clone(),
            secret_id: secret_id.to_owned(),
            end: Instant::now() + DURATION,
            answers: Mutex::default(),
        }
    }

    fn repeat(&self, turn: impl Fn()) {
        while Instant::now() < self.end {
            turn();
        }
    }

    /// Sends a request, whatever comes of it.
    fn ask(&self, client: &Http, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let sent = (!body.is_null()).then_some(body);
        let (status, answer) = client.request(method, path, sent);
        let error = answer["errors"][0].as_str().unwrap_or_default();
        let said = if status >= 500 {
            format!("{method} {path}: {error}")
        } else {
            String::new()
        };
        *self
            .answers
            .lock()
            .unwrap()
            .entry((status, said))
            .or_default() += 1;
        (status, answer)
    }

    /// One turn of a client: a secret that stays, one of a mount that may be gone, a
    /// token of its own, and a login.
    fn read_and_write(&self, client: usize) {
        let root = &self.root;
        let path = format!("steady/data/client-{client}");
        let data = json!({ "data": { "client": client } });
        must(root, "POST", &path, &data);
        let read = must(root, "GET", &path, &Value::Null);
        assert_eq!(read["data"]["data"], data["data"]);

        let mount = client % MOUNTS;
        for at in [format!("here-{mount}"), format!("there-{mount}")] {
            let secret = format!("{at}/data/client-{client}");
            self.ask(root, "POST", &secret, &data);
            self.ask(root, "GET", &secret, &Value::Null);
            self.ask(root, "LIST", &format!("{at}/metadata"), &Value::Null);
        }

        let made = must(root, "POST", "auth/token/create", &json!({ "ttl": "1h" }));
        let token = made["auth"]["client_token"].as_str().unwrap();
        let own = Http::new(&root.address()).with_token(token);
        must(&own, "POST", "cubbyhole/note", &json!({ "of": client }));
        must(&own, "POST", "auth/token/revoke-self", &json!({}));

        let ids = json!({ "role_id": "worker", "secret_id": self.secret_id });
        let login = must(root, "POST", "auth/approle/login", &ids);
        let token = login["auth"]["client_token"].as_str().unwrap();
        let own = Http::new(&root.address()).with_token(token);
        // All logins may have been revoked meanwhile.
        let (status, _) = self.ask(&own, "GET", "auth/token/lookup-self", &Value::Null);
        assert!([200, 403].contains(&status), "{status}");
        self.ask(&own, "POST", "auth/token/renew-self", &json!({}));
    }

    fn mount_rename_and_remove(&self, mount: usize) {
        let root = &self.root;
        let (here, there) = (format!("here-{mount}"), format!("there-{mount}"));
        let kv = json!({ "type": "kv", "options": { "version": "2" } });
        must(root, "POST", &format!("sys/mounts/{here}"), &kv);
        let data = json!({ "data": { "password": "moved" } });
        self.ask(root, "POST", &format!("{here}/data/moved"), &data);
        let renaming = json!({ "from": here, "to": there });
        let begun = must(root, "POST", "sys/remount", &renaming);
        let id = begun["data"]["migration_id"].as_str().unwrap();
        let status = eventually("the mount has moved or stays", PATIENCE, || {
            let path = format!("sys/remount/status/{id}");
            let told = must(root, "GET", &path, &Value::Null);
            let status = told["data"]["migration_info"]["status"].as_str().unwrap();
            (status != "in-progress").then(|| status.to_owned())
        });
        assert_eq!(status, "success");
        let (status, read) = self.ask(root, "GET", &format!("{there}/data/moved"), &Value::Null);
        assert_eq!(
            (status, &read["data"]["data"]["password"]),
            (200, &json!("moved"))
        );
        must(root, "DELETE", &format!("sys/mounts/{there}"), &Value::Null);
    }

    fn enable_and_disable_a_method(&self) {
        let root = &self.root;
        let approle = json!({ "type": "approle" });
        must(root, "POST", "sys/auth/passing", &approle);
        let role = json!({ "token_policies": "default", "role_id": "passing" });
        must(root, "POST", "auth/passing/role/passing", &role);
        let path = "auth/passing/role/passing/secret-id";
        let made = must(root, "POST", path, &json!({}));
        let ids = json!({ "role_id": "passing", "secret_id": made["data"]["secret_id"] });
        let login = must(root, "POST", "auth/passing/login", &ids);
        must(root, "DELETE", "sys/auth/passing", &Value::Null);
        let body = json!({ "token": login["auth"]["client_token"] });
        let (status, _) = self.ask(root, "POST", "auth/token/lookup", &body);
        assert_eq!(status, 403, "a token ends with its method");
    }

    fn revoke_all_logins(&self) {
        let path = "sys/leases/revoke-prefix/auth/approle/login";
        must(&self.root, "PUT", path, &json!({ "sync": true }));
    }
}

/// Removes what the clients left on purpose, and waits until all leases are gone.
fn clean_up(root: &Http) {
    for client in 0..CLIENTS {
        let path = format!("steady/metadata/client-{client}");
        must(root, "DELETE", &path, &Value::Null);
    }
    let path = "sys/leases/revoke-prefix/auth/approle/login";
    must(root, "PUT", path, &json!({ "sync": true }));
    let mounted = |path: &str| {
        let told = must(root, "GET", path, &Value::Null);
        let mounts = told["data"].as_object().unwrap().keys().cloned();
        let passing = |path: &String| {
            ["here-", "there-", "passing"]
                .iter()
                .any(|name| path.starts_with(name))
        };
        mounts.filter(passing).count()
    };
    eventually("all that was removed is gone", PATIENCE, || {
        let accessors = must(root, "LIST", "auth/token/accessors", &Value::Null);
        let tokens = accessors["data"]["keys"].as_array().unwrap().len();
        (tokens == 1 && mounted("sys/mounts") == 0 && mounted("sys/auth") == 0).then_some(())
    });
}

/// Every key of the physical store in a server's folder.
fn keys(folder: &Path) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqliteStorage::open(folder.join("store.db")).unwrap();
        let (mut keys, mut folders) = (BTreeSet::new(), vec![String::new()]);
        while let Some(prefix) = folders.pop() {
            for name in store.list(&prefix).await.unwrap() {
                let path = format!("{prefix}{name}");
                if path.ends_with('/') {
                    folders.push(path);
                } else {
                    keys.insert(path);
                }
            }
        }
        keys
    })
}
