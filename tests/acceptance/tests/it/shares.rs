//! Shares of a key between us and a real OpenBao: its shares are combined here,
//! and shares that were made here unseal it.

use std::fmt::Write as _;
use std::fs;

use runtime::SystemEntropy;
use serde_json::{Value, json};
use shamir::Share;
use testkit::{Bao, Http, Launch, Program, free_port, require_bao};

/// A server in memory that nobody has initialized.
fn start(bao: &Bao) -> (Program, Http) {
    let listen = format!("127.0.0.1:{}", free_port());
    let launch = Launch::new(bao.path());
    let config = launch.folder().join("config.hcl");
    let text = format!(
        "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n  address = \"{listen}\"\n  tls_disable = true\n}}\n"
    );
    fs::write(&config, text).unwrap();
    let mut program = launch.args(["server", "-config"]).args([&config]).start();
    program.wait_for_line("server started!");
    (program, Http::new(&format!("http://{listen}")))
}

fn put(http: &Http, path: &str, body: &Value) -> Value {
    let (status, answer) = http.request("PUT", path, Some(body));
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn shares_of_openbao_are_combined_here_and_ours_unseal_it() {
    let (program, http) = start(&require_bao!());
    let init = json!({ "secret_shares": 5, "secret_threshold": 3 });
    let answer = put(&http, "sys/init", &init);
    let keys = answer["keys"].as_array().unwrap().iter();
    let theirs: Vec<Share> = keys
        .map(|key| Share::from_bytes(from_hex(key.as_str().unwrap())).unwrap())
        .collect();
    let key = shamir::combine(&theirs[..3]).unwrap();
    assert_eq!(key.len(), 32);
    // Whichever three are taken, and with more than three.
    assert_eq!(shamir::combine(&theirs[2..]).unwrap(), key);
    assert_eq!(shamir::combine(&theirs).unwrap(), key);

    let ours = shamir::split(&key, 7, 3, &SystemEntropy).unwrap();
    let mut answered = Value::Null;
    for share in &ours[4..] {
        let body = json!({ "key": hex(share.as_bytes()) });
        answered = put(&http, "sys/unseal", &body);
    }
    assert_eq!(answered["sealed"], false, "{answered}");

    // And shares of some other key do not.
    let root = http
        .clone()
        .with_token(answer["root_token"].as_str().unwrap());
    assert_eq!(root.request("PUT", "sys/seal", None).0, 204);
    let wrong = shamir::split(&[7; 32], 7, 3, &SystemEntropy).unwrap();
    let mut status = 0;
    for share in &wrong[..3] {
        let body = json!({ "key": hex(share.as_bytes()) });
        (status, _) = http.request("PUT", "sys/unseal", Some(&body));
    }
    assert_eq!(status, 400);
    program.kill();
}
