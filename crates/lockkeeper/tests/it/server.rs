//! `lockkeeper server` as a process: what it keeps when it is killed, its
//! certificates, and what it says of a file that it cannot use.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Cli, Http, Launch, Program, bin, eventually, free_port};

const KILLS: usize = 20;

/// A folder with a configuration, a store, and the server on them.
struct Server {
    folder: TempDir,
    port: u16,
    program: Option<Program>,
}

impl Server {
    fn start(more: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let config = format!(
            "storage \"sqlite\" {{ path = \"{}\" }}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  {more}\n}}\n",
            folder.path().join("store.db").display(),
        );
        fs::write(folder.path().join("server.hcl"), config).unwrap();
        let mut server = Self {
            folder,
            port,
            program: None,
        };
        server.start_again();
        server
    }

    fn start_again(&mut self) {
        let mut program = launch(&self.config());
        program.wait_for_line("server started!");
        self.program = Some(program);
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("server.hcl")
    }

    fn http(&self) -> Http {
        Http::new(&format!("http://127.0.0.1:{}", self.port))
    }

    fn kill(&mut self) {
        self.program.take().unwrap().kill();
    }
}

fn launch(config: &Path) -> Program {
    let arguments = ["server".to_owned(), format!("-config={}", config.display())];
    Launch::new(bin("lockkeeper")).args(arguments).start()
}

fn put(http: &Http, path: &str, body: &Value) -> Value {
    let (status, answer) = http.request("PUT", path, Some(body));
    assert!(status < 300, "{path}: {status} {answer}");
    answer
}

/// Writes from several threads until the server is gone.
fn write_until_killed(
    server: &mut Server,
    http: &Http,
    round: usize,
    acknowledged: &Mutex<BTreeSet<String>>,
) {
    thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                for number in 0.. {
                    let name = format!("{round}-{writer}-{number}");
                    let body = json!({"value": name.repeat(20)});
                    match http.try_request("PUT", &format!("kv/{name}"), Some(&body)) {
                        Ok((204, _)) => acknowledged.lock().unwrap().insert(name),
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => return,
                    };
                }
            });
        }
        let before = acknowledged.lock().unwrap().len();
        eventually("something is written", Duration::from_secs(30), || {
            (acknowledged.lock().unwrap().len() > before + 10 * (round % 3)).then_some(())
        });
        server.kill();
    });
}

#[test]
fn a_server_that_is_killed_again_and_again_keeps_every_acknowledged_write() {
    let mut server = Server::start("tls_disable = true");
    let http = server.http();
    let made = put(
        &http,
        "sys/init",
        &json!({"secret_shares": 3, "secret_threshold": 2}),
    );
    let unseal = |http: &Http| {
        for key in &made["keys"].as_array().unwrap()[1..] {
            put(http, "sys/unseal", &json!({ "key": key }));
        }
    };
    unseal(&http);
    let root = http
        .clone()
        .with_token(made["root_token"].as_str().unwrap());
    put(&root, "sys/mounts/kv", &json!({"type": "kv"}));
    let acknowledged = Mutex::new(BTreeSet::new());
    for round in 0..KILLS {
        write_until_killed(&mut server, &root, round, &acknowledged);
        server.start_again();
        let (status, answer) = root.request("GET", "kv/any", None);
        assert_eq!(
            (status, &answer["errors"][0]),
            (503, &json!("Vault is sealed"))
        );
        unseal(&http);
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    for name in &acknowledged {
        let (status, answer) = root.request("GET", &format!("kv/{name}"), None);
        assert_eq!(status, 200, "lost {name}");
        assert_eq!(answer["data"]["value"], name.repeat(20));
    }
    // Nothing of it can be read without the key.
    for file in fs::read_dir(server.folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let secrets = [
            made["root_token"].as_str().unwrap().to_owned(),
            acknowledged.first().unwrap().repeat(3),
        ];
        for secret in secrets {
            let shown = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!shown, "{}", path.display());
        }
    }
}

#[test]
fn a_second_server_on_the_same_store_is_refused() {
    let server = Server::start("tls_disable = true");
    let config = fs::read_to_string(server.config()).unwrap();
    let other = server.folder.path().join("other.hcl");
    fs::write(
        &other,
        config.replace(&server.port.to_string(), &free_port().to_string()),
    )
    .unwrap();
    let refused = Cli::new(bin("lockkeeper"), "", "")
        .run(&["server", &format!("-config={}", other.display())]);
    assert_eq!(refused.status, 1);
    assert!(
        refused.stderr.contains("is in use by another server"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_socket_of_the_machine_is_served_and_taken_over_after_a_kill() {
    let sockets = tempfile::tempdir().unwrap();
    let path = sockets.path().join("lockkeeper.sock");
    let mut server = Server::start(&format!(
        "tls_disable = true\n}}\nlistener \"unix\" {{\n  address = \"{}\"\n  socket_mode = \"0600\"",
        path.display()
    ));
    let address = format!("unix://{}", path.display());
    let cli = Cli::new(bin("lockkeeper"), &address, "");
    let mode = || fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    assert_eq!(cli.run(&["status"]).status, 2, "not initialized");
    let shown = cli.run(&["read", "-output-curl-string", "sys/health"]);
    let command = format!("--unix-socket {}", path.display());
    assert!(shown.stdout.contains(&command), "{shown:?}");
    let key = json!({"secret_shares": 1, "secret_threshold": 1});
    let made = put(&server.http(), "sys/init", &key);
    put(
        &server.http(),
        "sys/unseal",
        &json!({"key": made["keys"][0]}),
    );
    let root = Cli::new(
        bin("lockkeeper"),
        &address,
        made["root_token"].as_str().unwrap(),
    );
    assert_eq!(
        root.json(&["token", "lookup", "-format=json"])["data"]["policies"][0],
        "root"
    );

    server.kill();
    assert!(path.exists(), "a server that is killed leaves its socket");
    assert_eq!(cli.run(&["status"]).status, 1);
    server.start_again();
    assert_eq!(cli.run(&["status"]).status, 2, "sealed");
    server.program.take().unwrap().stop();
    assert!(!path.exists(), "a server that stops removes its socket");
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.hcl");
    let argument = format!("-config={}", file.display());
    let cli = Cli::new(bin("lockkeeper"), "", "");
    let refusal = |text: &str| {
        fs::write(&file, text).unwrap();
        let refused = cli.run(&["server", &argument]);
        assert_eq!(refused.status, 1);
        refused.stderr.replace(&file.display().to_string(), "F")
    };
    let inmem = "storage \"inmem\" {}\n";
    assert_eq!(
        refusal("storage \"postgresql\" {}\n"),
        "F: line 1, column 9: `postgresql` is not supported by this release: use `sqlite`, and move with the API later\n"
    );
    let tls = "listener \"tcp\" { tls_cert_file = \"/no/cert\" tls_key_file = \"/no/key\" }\n";
    let refused = refusal(&format!("{inmem}{tls}"));
    assert!(
        refused.starts_with("F: line 2, column 10: cannot read a certificate in `/no/cert`: "),
        "{refused}"
    );
    fs::remove_file(&file).unwrap();
    let missing = cli.run(&["server", &argument]);
    assert_eq!(missing.status, 1);
    assert!(
        missing.stderr.contains(&file.display().to_string()),
        "{}",
        missing.stderr
    );
}

#[test]
fn certificates_are_read_again_at_a_hangup() {
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name);
    let certify = |copy: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        fs::write(path("cert.pem"), made.cert.pem()).unwrap();
        fs::write(path(copy), made.cert.pem()).unwrap();
    };
    certify("first.pem");
    let server = Server::start(&format!(
        "tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"",
        path("cert.pem").display(),
        path("key.pem").display(),
    ));
    let address = format!("https://localhost:{}", server.port);
    let status = |trusted: &str| {
        let cli = Cli::new(bin("lockkeeper"), &address, "")
            .env("VAULT_CACERT", path(trusted).to_str().unwrap())
            .env("VAULT_MAX_RETRIES", "0");
        cli.run(&["status"]).status
    };
    assert_eq!(status("first.pem"), 2, "sealed");
    // In the clear there is no answer.
    assert!(
        server
            .http()
            .try_request("GET", "sys/health", None)
            .is_err()
    );

    let program = server.program.as_ref().unwrap();
    let pid = Pid::from_raw(i32::try_from(program.pid()).unwrap()).unwrap();
    let hang_up = || rustix::process::kill_process(pid, Signal::HUP).unwrap();
    let certificate = fs::read(path("cert.pem")).unwrap();
    fs::write(path("cert.pem"), "no certificate").unwrap();
    hang_up();
    eventually("the mistake is logged", Duration::from_secs(30), || {
        program
            .stderr()
            .contains("the old certificates stay in use")
            .then_some(())
    });
    assert_eq!(status("first.pem"), 2, "the old certificate");
    fs::write(path("cert.pem"), certificate).unwrap();

    certify("second.pem");
    hang_up();
    eventually(
        "the new certificate is used",
        Duration::from_secs(30),
        || (status("second.pem") == 2).then_some(()),
    );
    assert_eq!(status("first.pem"), 1, "the old certificate is gone");
}

#[test]
fn a_backup_under_load_is_restored_and_opens_with_the_same_keys() {
    let mut server = Server::start("tls_disable = true");
    let http = server.http();
    let shares = json!({"secret_shares": 3, "secret_threshold": 2});
    let made = put(&http, "sys/init", &shares);
    let unseal = |http: &Http| {
        for key in &made["keys"].as_array().unwrap()[1..] {
            put(http, "sys/unseal", &json!({ "key": key }));
        }
    };
    unseal(&http);
    let root = http
        .clone()
        .with_token(made["root_token"].as_str().unwrap());
    put(&root, "sys/mounts/kv", &json!({"type": "kv"}));
    let cli = Cli::new(bin("lockkeeper"), "", "");
    let config = format!("-config={}", server.config().display());
    let backup = server.folder.path().join("backup.db");
    let backup = backup.to_str().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let written = thread::scope(|scope| {
        for writer in 0..4 {
            let (acknowledged, is_done, root) = (&acknowledged, &is_done, &root);
            scope.spawn(move || {
                for number in 0.. {
                    if is_done.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    let name = format!("{writer}-{number}");
                    put(root, &format!("kv/{name}"), &json!({"value": name}));
                    acknowledged.lock().unwrap().insert(name);
                }
            });
        }
        eventually("something is written", Duration::from_secs(30), || {
            (acknowledged.lock().unwrap().len() > 50).then_some(())
        });
        let before = acknowledged.lock().unwrap().clone();
        let copied = cli.run(&["operator", "backup", &config, backup]);
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(copied.status, 0, "{copied:?}");
        before
    });
    let again = cli.run(&["operator", "backup", &config, backup]);
    assert!(again.stderr.contains("exists: give the path of a new file"));
    put(&root, "kv/later", &json!({"value": "later"}));

    let restore = |force: &[&str]| {
        let mut arguments = vec!["operator", "restore", &config];
        arguments.extend(force);
        arguments.push(backup);
        cli.run(&arguments)
    };
    let running = restore(&["-force"]);
    assert!(
        running.stderr.contains("is in use by another server"),
        "{running:?}"
    );
    server.program.take().unwrap().stop();
    let refused = restore(&[]);
    assert_eq!(refused.status, 1);
    assert!(
        refused.stderr.contains("add -force to overwrite it"),
        "{refused:?}"
    );
    assert_eq!(restore(&["-force"]).status, 0);

    server.start_again();
    unseal(&http);
    for name in &written {
        let (status, answer) = root.request("GET", &format!("kv/{name}"), None);
        assert_eq!(status, 200, "lost {name}");
        assert_eq!(&answer["data"]["value"], name);
    }
    assert_eq!(root.request("GET", "kv/later", None).0, 404);
}

/// A crash would write the key of the store to a file. That the process is not
/// dumpable either shows nowhere outside of it.
#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_server_is_in_no_core_dump() {
    let server = Server::start("tls_disable = true");
    let process = Path::new("/proc").join(server.program.as_ref().unwrap().pid().to_string());
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let current = core.unwrap().split_whitespace().nth(4);
    assert_eq!(current, Some("0"), "{limits}");
}

#[test]
fn the_audit_log_may_be_standard_output() {
    let mut server = Server::start(
        "tls_disable = true\n}\naudit \"file\" \"out\" {\n  options { file_path = \"stdout\" }",
    );
    let shares = json!({"secret_shares": 1, "secret_threshold": 1});
    let made = put(&server.http(), "sys/init", &shares);
    put(
        &server.http(),
        "sys/unseal",
        &json!({"key": made["keys"][0]}),
    );
    let token = made["root_token"].as_str().unwrap();
    let (status, _) = server
        .http()
        .with_token(token)
        .request("GET", "sys/mounts", None);
    assert_eq!(status, 200);
    let program = server.program.as_mut().unwrap();
    program.wait_for_line("\"path\":\"sys/mounts\"");
    let lines = program.stdout();
    let about: Vec<Value> = lines
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["request"]["path"] == "sys/mounts")
        .collect();
    assert!(
        about.iter().any(|line| line["type"] == "request"),
        "{lines}"
    );
    assert!(
        !program.stderr().contains("sys/mounts"),
        "lines are on one output"
    );
    assert!(!lines.contains(token));
}
