//! The command line beside the real `bao`, on the same server: what one prints
//! the other prints, and their exit codes are the same.

use serde_json::{Value, json};
use testkit::{BaoServer, Cli, CliOutput, bin, require_bao};

struct Both {
    _server: BaoServer,
    ours: Cli,
    theirs: Cli,
}

impl Both {
    fn start(bao: &testkit::Bao) -> Self {
        let server = BaoServer::start(bao);
        let ours = Cli::new(bin("lockkeeper"), server.address(), server.root_token());
        Self {
            theirs: server.cli(),
            ours,
            _server: server,
        }
    }

    /// Runs a command with both; what they print and how they end must be
    /// equal.
    fn same(&self, arguments: &[&str]) -> CliOutput {
        let (ours, theirs) = self.run(arguments);
        assert_eq!(ours.stdout, theirs.stdout, "{arguments:?}: {ours:?}");
        assert_eq!(ours.status, theirs.status, "{arguments:?}: {ours:?}");
        ours
    }

    /// As [`Both::same`], and what they say beside must be equal too.
    fn same_words(&self, arguments: &[&str]) -> String {
        let (ours, theirs) = self.run(arguments);
        assert_eq!(ours.stderr.trim(), theirs.stderr.trim(), "{arguments:?}");
        self.same(arguments);
        ours.stderr
    }

    /// The lines that each prints, without those that are never the same.
    fn without_id(&self, arguments: &[&str]) -> [Vec<String>; 2] {
        let (ours, theirs) = self.run(arguments);
        [ours, theirs].map(|output| {
            let lines = output.stdout.lines();
            let lines = lines.filter(|line| !line.contains("\"request_id\""));
            lines.map(str::to_owned).collect()
        })
    }

    fn run(&self, arguments: &[&str]) -> (CliOutput, CliOutput) {
        (self.ours.run(arguments), self.theirs.run(arguments))
    }
}

#[test]
fn values_are_written_read_listed_and_deleted_in_the_same_words() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    let path = "cubbyhole/a/thing";
    let said = both.same(&[
        "write",
        path,
        "b=2",
        "a=one two",
        "list=x",
        "list=y",
        "empty=",
    ]);
    assert_eq!(said.stdout, "Success! Data written to: cubbyhole/a/thing\n");
    let said = both.same(&["read", path]);
    assert!(
        said.stdout
            .starts_with("Key      Value\n---      -----\na        one two\n")
    );
    both.same(&["read", &format!("/{path}/")]);
    both.same(&["read", "-field=a", path]);
    both.same(&["read", "--field", "list", path]);
    both.same(&["read", "-field=list", "-format=json", path]);
    both.same(&["list", "cubbyhole/a"]);
    both.same(&["list", "-format=json", "cubbyhole/a"]);
    both.same(&["delete", path]);
    both.same_words(&["read", path]);
    both.same_words(&["list", "cubbyhole/a"]);
    both.same(&["list", "-format=json", "cubbyhole/a"]);
}

#[test]
fn a_list_in_detail_tells_the_same_of_each_name() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same(&["write", "cubbyhole/x", "a=1"]);
    both.same(&["list", "-detailed", "cubbyhole"]);
    both.ours.ok(&["write", "sys/mounts/ssh", "type=ssh"]);
    both.ours.ok(&[
        "write",
        "ssh/roles/code",
        "key_type=otp",
        "default_user=a",
        "cidr_list=10.0.0.0/8",
    ]);
    both.ours.ok(&[
        "write",
        "ssh/roles/a",
        "key_type=ca",
        "allow_user_certificates=true",
    ]);
    for name in ["one", "two"] {
        both.ours
            .ok(&["write", "identity/entity", &format!("name={name}")]);
    }
    for path in ["ssh/roles", "identity/entity/id"] {
        both.same(&["list", path]);
        let said = both.same(&["list", "-detailed", path]);
        assert!(said.stdout.starts_with("Keys  "), "{}", said.stdout);
        let [ours, theirs] = both.without_id(&["list", "-detailed", "-format=json", path]);
        assert_eq!(ours, theirs);
        assert!(
            ours.iter().any(|line| line.contains("key_info")),
            "{ours:?}"
        );
    }
    both.same(&["list", "-detailed", "cubbyhole/none"]);
    both.same(&["list", "-detailed", "-format=json", "cubbyhole/none"]);
}

#[test]
fn an_answer_in_json_has_the_same_members_in_the_same_order() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same(&["write", "cubbyhole/x", "a=1"]);
    let [ours, theirs] = both.without_id(&["read", "-format=json", "cubbyhole/x"]);
    assert_eq!(ours, theirs);
}

#[test]
fn durations_lists_and_missing_values_are_shown_alike() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    for path in [
        "auth/token/lookup-self",
        "sys/mounts/secret/tune",
        "sys/mounts",
    ] {
        both.same(&["read", path]);
    }
    both.same(&["read", "-field=policies", "auth/token/lookup-self"]);
    both.same_words(&["read", "-field=nothing", "auth/token/lookup-self"]);
}

#[test]
fn refusals_of_the_server_are_told_alike() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same_words(&["read", "nowhere/x"]);
    both.same_words(&["write", "sys/mounts/x", "type=none"]);
    both.same_words(&["delete", "sys/mounts/cubbyhole"]);
    both.same_words(&["lease", "lookup", "none"]);
    both.same_words(&["lease", "renew", "none"]);
    let said = both.same_words(&["write", "cubbyhole/x"]);
    assert_eq!(said.trim(), "Must supply data or use -force");
}

#[test]
fn leases_are_revoked_with_the_same_words() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same(&["lease", "revoke", "none"]);
    both.same(&["lease", "revoke", "-sync", "none"]);
    both.same(&["lease", "revoke", "-prefix", "none"]);
    both.same(&["lease", "revoke", "-prefix", "-sync", "none"]);
    both.same(&["lease", "revoke", "-force", "-prefix", "none"]);
    both.same_words(&["lease", "revoke", "-force", "none"]);
}

#[test]
fn the_state_of_a_server_is_told_alike() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    let (ours, theirs) = both.run(&["status", "-format=json"]);
    let members = |output: &CliOutput| -> Value {
        let mut state: Value = serde_json::from_str(&output.stdout).unwrap();
        // OpenBao alone tells it.
        state["commit_date"] = json!(null);
        state
    };
    assert_eq!(members(&ours), members(&theirs));
    let table = both.ours.ok(&["status"]);
    for line in both.theirs.ok(&["status"]).lines() {
        let told_by_openbao_alone = line.starts_with("Commit Date");
        assert!(
            told_by_openbao_alone || table.contains(line),
            "{line}\n{table}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_told_with_a_remedy() {
    let nobody =
        Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "root").env("VAULT_MAX_RETRIES", "0");
    let said = nobody.run(&["read", "cubbyhole/x"]);
    assert_eq!(said.status, 2);
    assert!(
        said.stderr.contains("http://127.0.0.1:1"),
        "{}",
        said.stderr
    );
    assert_eq!(nobody.run(&["status"]).status, 1);
    assert_eq!(nobody.run(&["read"]).status, 1);
    assert_eq!(nobody.run(&["no-such-command"]).status, 1);
}

#[test]
fn what_is_no_text_is_refused_and_nothing_panics() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let said = std::process::Command::new(bin("lockkeeper"))
        .args([OsStr::new("read"), OsStr::from_bytes(b"a\xff")])
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("UTF-8"));
    let odd = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "").env("BAO_FORMAT", "xml");
    let said = odd.run(&["read", "a"]);
    assert!(
        said.stderr.contains("BAO_FORMAT is `xml`"),
        "{}",
        said.stderr
    );
}
