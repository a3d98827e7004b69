//! `operator rotate`, `rotate-keys`, `rekey` and `generate-root` at our own server.

use std::fs;

use serde_json::{Value, json};
use testkit::{Cli, Http, Launch, Program, bin, free_port};

/// A server in memory with two shares, both of which are needed.
struct Server {
    _program: Program,
    cli: Cli,
    shares: Vec<String>,
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().unwrap().iter();
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

impl Server {
    fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let config = folder.path().join("server.hcl");
        let text = format!(
            "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\n"
        );
        fs::write(&config, text).unwrap();
        let arguments = ["server".to_owned(), format!("-config={}", config.display())];
        let mut program = Launch::new(bin("lockkeeper")).args(arguments).start();
        program.wait_for_line("server started!");
        let address = format!("http://127.0.0.1:{port}");
        let http = Http::new(&address);
        let shares = json!({"secret_shares": 2, "secret_threshold": 2});
        let (_, made) = http.request("PUT", "sys/init", Some(&shares));
        let server = Self {
            _program: program,
            cli: Cli::new(
                bin("lockkeeper"),
                &address,
                made["root_token"].as_str().unwrap(),
            ),
            shares: texts(&made["keys_base64"]),
        };
        server.unseal(&server.shares);
        server
    }

    fn unseal(&self, shares: &[String]) {
        for share in shares {
            self.cli.ok(&["operator", "unseal", share]);
        }
    }

    /// Whether these shares open it.
    fn opens_with(&self, shares: &[String]) -> bool {
        self.cli.ok(&["operator", "seal"]);
        self.unseal(shares);
        self.cli.run(&["status"]).status == 0
    }
}

#[test]
fn the_key_that_encrypts_is_replaced_and_shown() {
    let server = Server::start();
    let rotated = server.cli.json(&["operator", "rotate", "-format=json"]);
    assert_eq!(rotated["term"], 2);
    let said = server.cli.ok(&["operator", "rotate"]);
    assert!(said.starts_with("Success! Rotated key\n"), "{said}");
    let term = said.lines().find(|line| line.starts_with("Key Term"));
    assert!(term.unwrap().trim_end().ends_with('3'), "{said}");
}

#[test]
fn shares_are_replaced_step_by_step() {
    let server = Server::start();
    let cli = &server.cli;
    let nothing = cli.run(&["operator", "rotate-keys", &server.shares[0]]);
    assert!(
        nothing.stderr.contains("there is no rotation under way"),
        "{nothing:?}"
    );
    let init = ["operator", "rekey", "-init", "-n", "1", "-t", "1"];
    let begun = cli.ok(&init);
    assert!(begun.contains("0/2"), "{begun}");
    let said = cli.ok(&["operator", "rekey", &server.shares[0]]);
    assert!(said.contains("1/2"), "{said}");
    let done = cli.json(&["operator", "rekey", "-format=json", &server.shares[1]]);
    let only = texts(&done["keys_base64"]);
    assert!(server.opens_with(&only));

    let verified = [
        "operator",
        "rotate-keys",
        "-init",
        "-n=3",
        "-t=2",
        "-verify",
    ];
    cli.ok(&verified);
    let cancelled = cli.ok(&["operator", "rotate-keys", "-cancel"]);
    assert!(cancelled.starts_with("Success!"), "{cancelled}");
    cli.ok(&verified);
    let done = cli.ok(&["operator", "rotate-keys", &only[0]]);
    let new: Vec<String> = done
        .lines()
        .filter_map(|line| line.strip_prefix("Key ")?.split_once(": "))
        .map(|(_, share)| share.to_owned())
        .collect();
    assert_eq!(new.len(), 3, "{done}");
    assert!(done.contains("The old shares count until"), "{done}");
    cli.ok(&["operator", "rotate-keys", "-verify", &new[2]]);
    let status = cli.json(&[
        "operator",
        "rotate-keys",
        "-verify",
        "-status",
        "-format=json",
    ]);
    assert_eq!((&status["progress"], &status["t"]), (&json!(1), &json!(2)));
    let said = cli.ok(&["operator", "rotate-keys", "-verify", &new[0]]);
    assert!(
        said.contains("The new shares replace the old ones"),
        "{said}"
    );
    let status = cli.json(&["operator", "rotate-keys", "-status", "-format=json"]);
    assert_eq!(status["started"], false);
    assert!(server.opens_with(&new[1..]));
}

/// The arguments of `operator generate-root`.
fn generate_root<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["operator", "generate-root"], more].concat()
}

#[test]
fn enough_shares_make_a_root_token() {
    let server = Server::start();
    let cli = &server.cli;
    let idle = cli.run(&generate_root(&[&server.shares[0]]));
    assert_eq!(idle.status, 1, "{idle:?}");
    assert!(idle.stderr.contains("begin one with -init"), "{idle:?}");
    let begun = cli.json(&generate_root(&["-init"]));
    let otp = begun["otp"].as_str().unwrap();
    assert_eq!(
        cli.ok(&generate_root(&["-generate-otp"])).trim().len(),
        otp.len()
    );
    let first = cli.ok(&generate_root(&[&server.shares[0]]));
    assert!(first.contains("Progress    1/2"), "{first}");
    let status = cli.json(&generate_root(&["-status"]));
    assert_eq!(
        (&status["started"], &status["progress"]),
        (&json!(true), &json!(1))
    );
    let done = cli.json(&generate_root(&[&server.shares[1]]));
    assert_eq!(done["complete"], true);
    let encoded = done["encoded_token"].as_str().unwrap();
    let token = cli.ok(&generate_root(&["-decode", encoded, "-otp", otp]));
    let looked_up = cli.json(&["token", "lookup", token.trim()]);
    assert_eq!(looked_up["data"]["policies"], json!(["root"]));
    let other = cli.run(&generate_root(&["-decode", encoded, "-otp=short"]));
    assert_eq!(other.status, 1, "{other:?}");
    cli.ok(&generate_root(&["-init"]));
    let cancelled = cli.ok(&generate_root(&["-cancel"]));
    assert!(cancelled.contains("canceled"), "{cancelled}");
    assert_eq!(cli.json(&generate_root(&["-status"]))["started"], false);
}
