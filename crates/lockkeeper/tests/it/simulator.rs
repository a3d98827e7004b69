//! The rate limits of `lockkeeper simulator`.

use testkit::{Cli, Http, Launch, Program, bin};

fn simulator(arguments: &[&str]) -> (Program, Http) {
    let launch = Launch::new(bin("lockkeeper"))
        .args(["simulator", "-listen=127.0.0.1:0"])
        .args(arguments);
    let mut program = launch.start();
    program.wait_for_line("Ctrl-C");
    let said = program.stdout();
    let lines = said.lines();
    let mut addresses = lines.filter_map(|line| line.split("listens at ").nth(1));
    let http = Http::new(addresses.next().unwrap());
    (program, http)
}

#[test]
fn a_rate_limit_is_taken_from_the_command_line() {
    for (arguments, settings) in [
        (
            ["-rate-limit=2/1m"].as_slice(),
            serde_json::json!({"principal": "2/60s", "organization": "none", "headers": true}),
        ),
        (
            &[
                "-rate-limit=2/1m",
                "-rate-limit-by=organization",
                "-rate-limit-headers=false",
            ],
            serde_json::json!({"principal": "none", "organization": "2/60s", "headers": false}),
        ),
    ] {
        let (_program, http) = simulator(arguments);
        let (_, told) = http.raw("GET", "/simulator/settings", None);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["rate_limits"], settings);
        // Without a credential all requests are counted together.
        let statuses = [(); 3].map(|()| http.raw("GET", "/org/v2/environments", None).0);
        assert_eq!(statuses, [401, 401, 429]);
    }
}

#[test]
fn a_rate_limit_that_cannot_be_is_refused_with_what_can() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for (arguments, name, remedy) in [
        (["-rate-limit=20"].as_slice(), "-rate-limit:", "`20/1s`"),
        (&["-rate-limit=0/1s"], "-rate-limit:", "1 or more"),
        (
            &["-rate-limit=20/1s", "-rate-limit-by=ip"],
            "-rate-limit-by:",
            "`organization`",
        ),
        (
            &["-rate-limit-by=principal"],
            "-rate-limit-by:",
            "-rate-limit=",
        ),
        (
            &["-rate-limit-headers=maybe"],
            "",
            "[possible values: true, false]",
        ),
    ] {
        let mut all = vec!["simulator", "-listen=127.0.0.1:0"];
        all.extend(arguments);
        let refused = program.run(&all);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.starts_with(name), "{}", refused.stderr);
        assert!(refused.stderr.contains(remedy), "{}", refused.stderr);
    }
}
