//! `lockkeeper load`: what it refuses, its summary, its screen and its other name.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::json;
use testkit::{Cli, CliOutput, Http, Launch, Program, bin, eventually, free_port};

use crate::own_server::OwnServer;

/// Runs `load` over a file with these targets.
fn load(targets: &str, flags: &[&str]) -> CliOutput {
    let cli = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    std::fs::write(cli.folder().join("targets.txt"), targets).unwrap();
    cli.run(&[&["load", "-targets=targets.txt"], flags].concat())
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let good = "GET http://127.0.0.1:1/";
    for (targets, flags, part) in [
        ("", &[][..], "targets.txt:1: there is no target"),
        (
            "GET http://a/\n\nGET",
            &[],
            "targets.txt:3: there is no URL",
        ),
        (
            "GET http://a/\n\n$ {}",
            &[],
            "targets.txt:3: a body without a target",
        ),
        (
            "PUT http://a/\n$ canary!",
            &["-base64body"],
            "targets.txt:2: the body is not base64",
        ),
        (
            "@targets 2\n@nome a\nGET http://a/",
            &[],
            "targets.txt:2: `@nome` is none of",
        ),
        (good, &["-rate=0"], "a rate of 0 sends nothing"),
        (good, &["-rate=fast"], "`fast` is not a rate"),
        (
            good,
            &["-minY=100ms", "-maxY", "90ms"],
            "-minY must be smaller",
        ),
        (good, &["-timeout=5"], "`5` is not a duration"),
        (good, &["-timeout=0"], "-timeout is 0"),
        (good, &["-workers=0"], "--workers"),
        (good, &["-requests=0"], "--requests"),
        (
            good,
            &["-H", "X-Vault-Token canary"],
            "-H: a header is written",
        ),
        (good, &["-expect=p99"], "`p99<90ms`"),
        (
            good,
            &["-expect=login:p99<1s"],
            "no target is called `login`",
        ),
        (
            good,
            &["-out=none/file.json"],
            "cannot write `none/file.json`",
        ),
        (good, &["-targets=none.txt"], "cannot read `none.txt`"),
    ] {
        let said = load(targets, flags);
        assert_eq!(said.status, 1, "{flags:?} {said:?}");
        assert!(said.stderr.contains(part), "{flags:?} {said:?}");
        assert!(!said.stderr.contains("canary"), "{said:?}");
        assert_eq!(said.stdout, "", "{flags:?}");
    }
}

#[test]
fn a_test_ends_with_a_summary_that_has_no_secret() {
    let server = OwnServer::start();
    let targets = format!(
        "PUT {0}/v1/secret/data/load\n$ {{\"data\": {{\"password\": \"canary-body\"}}}}\n\
         GET {0}/v1/secret/data/load?version=1\nGET {0}/v1/secret/data/none\n",
        server.address
    );
    let token = "X-Vault-Token: root";
    let said = load(
        &targets,
        &["-rate=300", "-requests=30", "-workers=1", "-H", token],
    );
    assert_eq!(said.status, 0, "{said:?}");
    let begin = "30 of 30 planned requests sent in 0.";
    assert!(said.stdout.starts_with(begin), "{said:?}");
    for part in [
        "statuses       20 of 200, 10 of 404",
        "errors         10 other",
        "\nresponse time ",
        "\nservice time ",
        "\nGET /v1/secret/data/load  ",
    ] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    for secret in ["canary", "root", "version=1"] {
        assert!(!format!("{said:?}").contains(secret), "{said:?}");
    }
}

#[test]
fn a_token_of_a_login_is_renewed_replaced_and_revoked() {
    let server = OwnServer::start();
    let http = Http::new(&server.address).with_token("root");
    let post = |path: &str, body: serde_json::Value| {
        let (status, answer) = http.request("POST", path, Some(&body));
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    };
    post("sys/auth/approle", json!({"type": "approle"}));
    // Renewed until its time is over. Without renewals, four logins do not last.
    let role = json!({
        "token_ttl": "2s", "token_max_ttl": "5s", "token_policies": "default",
        "secret_id_num_uses": 4,
    });
    post("auth/approle/role/app", role);
    let role_id = http.request("GET", "auth/approle/role/app/role-id", None).1;
    let role_id = role_id["data"]["role_id"].as_str().unwrap();
    let made = post("auth/approle/role/app/secret-id", json!({}));
    let secret_id = made["data"]["secret_id"].as_str().unwrap();

    let cli = Cli::new(bin("lockkeeper"), &server.address, "");
    let target = format!("GET {}/v1/auth/token/lookup-self\n", server.address);
    std::fs::write(cli.folder().join("targets.txt"), target).unwrap();
    std::fs::write(cli.folder().join("id"), format!("{secret_id}\n")).unwrap();
    let role_id = format!("-role-id={role_id}");
    let load = ["load", "-targets=targets.txt", "-login=approle", &role_id];
    let test = [
        "-secret-id=@id",
        "-rate=20",
        "-duration=6s",
        "-expect=errors<0.1%",
    ];
    let passed = cli.run(&[&load[..], &test].concat());
    assert_eq!(passed.status, 0, "{passed:?}");
    assert!(!format!("{passed:?}").contains(secret_id));
    // Those that were replaced end by themselves; then only the root token is left.
    let accessors = || {
        let accessors = http.request("LIST", "auth/token/accessors", None).1;
        accessors["data"]["keys"].as_array().unwrap().len()
    };
    eventually("the tokens end", Duration::from_secs(20), || {
        (accessors() == 1).then_some(())
    });
    post(
        "auth/approle/role/app",
        json!({"token_ttl": "1h", "token_max_ttl": "1h", "secret_id_num_uses": 0}),
    );
    let made = post("auth/approle/role/app/secret-id", json!({}));
    let id = made["data"]["secret_id"].as_str().unwrap();
    std::fs::write(cli.folder().join("id"), id).unwrap();
    let once = ["-secret-id=@id", "-requests=1"];
    let passed = cli.run(&[&load[..], &once].concat());
    assert_eq!(passed.status, 0, "{passed:?}");
    assert_eq!(accessors(), 1, "the last token is revoked");
    for (flags, told) in [
        (&["-secret-id=abc"][..], "write `@FILE`"),
        (&["-secret-id=@none"][..], "`none`: No such file"),
        (
            &["-secret-id=@id", "-H", "x-vault-token: a"][..],
            "take `X-Vault-Token` away",
        ),
    ] {
        let refused = cli.run(&[&load[..], flags].concat());
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    std::fs::write(cli.folder().join("id"), "wrong").unwrap();
    let refused = cli.run(&[&load[..], &["-secret-id=@id"]].concat());
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.stderr.contains("Error logging in"), "{refused:?}");
}

#[test]
fn a_result_is_written_to_files_and_a_missed_expectation_is_exit_code_3() {
    let server = OwnServer::start();
    let cli = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    let targets = format!(
        "PUT {0}/v1/secret/data/load\n$ {{\"data\": {{\"password\": \"canary-body\"}}}}\n\
         GET {0}/v1/sys/health?token=canary-query\n",
        server.address
    );
    std::fs::write(cli.folder().join("targets.txt"), targets).unwrap();
    let arguments = [
        "load",
        "-targets=targets.txt",
        "-rate=500",
        "-requests=200",
        "-H",
        "X-Vault-Token: root",
        "-format=json",
        "-out=out.json",
        "-hdr=out.hlog",
        "-report=out.html",
        "-expect=health:errors<1%",
        "-expect=max<1us",
    ];
    let said = cli.run(&arguments);
    assert_eq!(said.status, 3, "{said:?}");
    assert_eq!(
        said.stderr.lines().last(),
        Some("an expectation was missed")
    );
    let result: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(result["summary"]["sent"], 200);
    assert_eq!(result["expectations"][0]["met"], true);
    assert_eq!(result["expectations"][1]["met"], false);
    let read = |name: &str| std::fs::read_to_string(cli.folder().join(name)).unwrap();
    assert_eq!(read("out.json"), said.stdout);
    assert!(read("out.hlog").contains("\nTag=service,0.000,"));
    assert!(read("out.html").contains("<rect "));
    for text in [said.stdout, said.stderr, read("out.hlog"), read("out.html")] {
        assert!(!text.contains("canary") && !text.contains("root"), "{text}");
    }
}

#[test]
fn a_test_that_shows_too_many_errors_ends_early() {
    let server = OwnServer::start();
    let targets = format!("GET {}/v1/secret/data/a", server.address);
    let flags = ["-rate=500", "-requests=100000", "-expect=abort:errors<1%"];
    let said = load(&targets, &flags);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(
        said.stdout
            .contains("MISSED  abort:errors<1%  (found 100.000%)"),
        "{said:?}"
    );
}

#[test]
fn without_a_terminal_each_second_is_a_line_and_a_signal_ends_the_test() {
    let server = OwnServer::start();
    let mut program = server.launch().args(["load", "-rate=100"]).with_input();
    std::fs::write(
        program.folder().join("targets.txt"),
        format!("GET {}/v1/sys/health", server.address),
    )
    .unwrap();
    program = program.args(["-targets=targets.txt"]);
    let mut program = program.start();
    let line = program.wait_for_line("rate ");
    assert!(line.starts_with("1s sent 1"), "{line}");
    assert!(line.contains("/100 good "), "{line}");
    let pid = rustix::process::Pid::from_raw(i32::try_from(program.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    program.wait_for_line("response time");
}

#[test]
fn a_server_that_is_not_there_is_exit_code_2() {
    let target = format!("GET http://127.0.0.1:{}/", free_port());
    let said = load(&target, &["-requests=3", "-rate=100"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stdout.contains("errors         3 connect"), "{said:?}");
    assert_eq!(said.stderr.trim(), "no server answered any request");
}

#[test]
fn targets_come_from_standard_input_where_no_file_is_named() {
    let server = OwnServer::start();
    let mut program = Command::new(bin("lockkeeper"))
        .args(["load", "--requests", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = program.stdin.take().unwrap();
    writeln!(input, "GET {}/v1/sys/health", server.address).unwrap();
    drop(input);
    let output = program.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("statuses       2 of 200"), "{text}");
}

#[test]
fn under_the_name_slapper_it_verifies_no_certificate_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let slapper = folder.path().join("slapper");
    std::os::unix::fs::symlink(bin("lockkeeper"), &slapper).unwrap();
    let (_server, address) = tls_server(folder.path(), &bin("lockkeeper"));
    let target = format!("GET {address}/v1/sys/seal-status");
    std::fs::write(folder.path().join("targets.txt"), target).unwrap();
    let run = |program: &Path, before: &[&str]| {
        Command::new(program)
            .args(before)
            .args(["-requests", "2", "-targets", "targets.txt"])
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let warning = "certificates of servers are not verified";
    let output = run(&slapper, &[]);
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(said.contains("statuses       2 of 200"), "{said} {told}");
    assert_eq!(told.matches(warning).count(), 1, "{told}");

    let output = run(&bin("lockkeeper"), &["load"]);
    assert_eq!(output.status.code(), Some(2));
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(said.contains("errors         2 TLS"), "{said}");
    assert!(!told.contains(warning), "{told}");
}

/// A sealed server of a program behind a certificate that nobody has signed, which
/// is in `cert.pem` then.
pub(crate) fn tls_server(folder: &Path, program: &Path) -> (Program, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (port, config) = (free_port(), folder.join("server.hcl"));
    let listener = format!(
        "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  \
         tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"\n}}\n",
        certificate.display(),
        key.display()
    );
    std::fs::write(&config, listener).unwrap();
    let flag = format!("-config={}", config.display());
    let mut program = Launch::new(program).args(["server", &flag]).start();
    program.wait_for_line("server started!");
    (program, format!("https://127.0.0.1:{port}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A terminal of 80x24, and the side of the person before it.
fn terminal() -> (OwnedFd, File) {
    let person = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&person).unwrap();
    rustix::pty::unlockpt(&person).unwrap();
    let name = rustix::pty::ptsname(&person, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let terminal = rustix::fs::open(&*name, flags, Mode::empty()).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    (terminal, File::from(person))
}

#[test]
fn keys_change_the_rate_reset_and_end_and_the_terminal_is_given_back() {
    let server = OwnServer::start();
    let (terminal, mut person) = terminal();
    let shows = || {
        let modes = tcgetattr(&terminal).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.txt");
    std::fs::write(&file, format!("GET {}/v1/sys/health", server.address)).unwrap();
    let program = Command::new(bin("lockkeeper"))
        .args(["load", "-targets"])
        .arg(&file)
        .env("TERM", "xterm")
        .stdin(terminal.try_clone().unwrap())
        .stdout(Stdio::piped())
        .stderr(terminal.try_clone().unwrap())
        .spawn()
        .unwrap();
    let mut screen = String::new();
    let mut until = |screen: &mut String, part: &str| {
        let end = Instant::now() + Duration::from_secs(20);
        screen.clear();
        while !screen.contains(part) {
            assert!(Instant::now() < end, "no `{part}` in {screen}");
            let mut buffer = [0; 4096];
            let read = person.read(&mut buffer).unwrap();
            screen.push_str(&text(&buffer[..read]));
        }
        person.try_clone().unwrap()
    };
    let mut keys = until(&mut screen, "/50 RPS");
    assert!(screen.contains("\x1b[?1049h"), "{screen:?}");
    assert!(!shows());
    keys.write_all(b"k").unwrap();
    until(&mut screen, "/150 RPS");
    keys.write_all(b"jj").unwrap();
    until(&mut screen, "/0 RPS");
    keys.write_all(b"r").unwrap();
    until(&mut screen, "sent: 0 ");
    keys.write_all(b"\tk").unwrap();
    until(&mut screen, " errors |");
    keys.write_all(b"\t").unwrap();
    until(&mut screen, "503 sealed");
    keys.write_all(b"q").unwrap();
    until(&mut screen, "\x1b[?1049l");
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(shows());
    assert!(
        text(&output.stdout).contains("planned requests"),
        "{output:?}"
    );
}
