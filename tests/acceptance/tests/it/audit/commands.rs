//! `audit list`, `enable` and `disable`, of our command line and of OpenBao's, at
//! our server.

use testkit::{Cli, bin, require_bao};

use super::Audited;

const CONFIG: &str = "storage \"inmem\" {}\nunsafe_allow_api_audit_creation = true\n";

#[test]
fn audit_devices_are_listed_made_and_removed_in_the_same_words() {
    let bao = require_bao!();
    let server = Audited::ours(CONFIG);
    let address = server.anybody().address();
    let ours = Cli::new(bin("lockkeeper"), &address, &server.token);
    let theirs = bao.cli(&address, &server.token);
    let file = |name: &str| format!("file_path={}", server.path(name).display());
    let same = |arguments: &[&str]| {
        let (ours, theirs) = (ours.run(arguments), theirs.run(arguments));
        assert_eq!(ours.stdout, theirs.stdout, "{arguments:?}: {ours:?}");
        assert_eq!(ours.status, theirs.status, "{arguments:?}: {ours:?}");
        ours
    };
    assert_eq!(same(&["audit", "list"]).status, 2);
    // Each makes a device and removes it again, so that both find the same.
    let in_turn = |make: &[&str], remove: &str| {
        let made = [&ours, &theirs].map(|cli| {
            let made = cli.run(make);
            let removed = cli.run(&["audit", "disable", remove]);
            (made.stdout, made.status, removed.stdout, removed.status)
        });
        assert_eq!(made[0], made[1]);
        assert_eq!((made[0].1, made[0].3), (0, 0), "{made:?}");
    };
    in_turn(&["audit", "enable", "file", &file("a.log")], "file");
    let described = ["-path=x/y", "-description=for tests", "-local"];
    let mut arguments = vec!["audit", "enable"];
    arguments.extend(described);
    let second = file("b.log");
    // One option, because `bao` lists several in any order.
    arguments.extend(["file", second.as_str()]);
    in_turn(&arguments, "x/y/");
    ours.ok(&arguments);
    same(&["audit", "list"]);
    let detailed = same(&["audit", "list", "-detailed"]);
    assert!(detailed.stdout.contains(&second), "{detailed:?}");
    let json = ["audit", "list", "-format=json"];
    assert_eq!(ours.json(&json), theirs.json(&json));
    for wrong in [
        &["audit", "enable", "odd"][..],
        &["audit", "enable", "file"],
        &[
            "audit",
            "enable",
            "-path=x",
            "file",
            "file_path=/proc/none/x",
        ],
    ] {
        assert_eq!(same(wrong).status, 2, "{wrong:?}");
    }
    same(&["audit", "disable", "none"]);
}
