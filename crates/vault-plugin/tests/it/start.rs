//! How the plugin starts, and when it does not.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::example;
use crate::fake_host::{FakeHost, Identity, command};

async fn refused(mut command: Command) -> Output {
    let output = tokio::time::timeout(Duration::from_secs(10), command.output());
    output.await.expect("the plugin ends by itself").unwrap()
}

#[tokio::test]
async fn a_person_who_starts_it_is_told_how_to_register_it() {
    let mut by_hand = Command::new(example());
    by_hand.env_clear().stdin(Stdio::null());
    let output = refused(by_hand).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("plugin register"), "{text}");
    assert!(text.contains("secret key_value"), "{text}");
}

#[tokio::test]
async fn the_cookie_of_another_kind_of_plugin_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let mut other = command(&Identity::of_a_host(), temporary.path());
    other.env(
        "VAULT_BACKEND_PLUGIN",
        "926a0820-aea2-be28-51d6-83cdf00e8edb",
    );
    let output = refused(other).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
}

#[tokio::test]
async fn without_a_host_certificate_nothing_is_served() {
    let temporary = tempfile::tempdir().unwrap();
    let mut bare = command(&Identity::of_a_host(), temporary.path());
    bare.env_remove("PLUGIN_CLIENT_CERT");
    let output = refused(bare).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("leave AutoMTLS on"), "{log}");
}

#[tokio::test]
async fn a_host_certificate_that_is_none_is_named() {
    for pem in ["no certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END"] {
        let temporary = tempfile::tempdir().unwrap();
        let mut odd = command(&Identity::of_a_host(), temporary.path());
        odd.env("PLUGIN_CLIENT_CERT", pem);
        let output = refused(odd).await;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(output.stdout, b"");
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.contains("`PLUGIN_CLIENT_CERT` cannot be read"), "{log}");
    }
}

#[tokio::test]
async fn a_fallback_to_older_protocols_is_answered_so_that_the_host_says_why() {
    let temporary = tempfile::tempdir().unwrap();
    let mut older = command(&Identity::of_a_host(), temporary.path());
    older.env("PLUGIN_PROTOCOL_VERSIONS", "3,4");
    let mut child = older.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).await.unwrap();
    assert_eq!(line, "1|5|unix|/|grpc\n");
    // The host may take its time to read the line.
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_signal_to_terminate_ends_it_in_order_and_an_interrupt_does_not() {
    let mut host = FakeHost::start().await;
    let connection = host.connect().await;
    let pid = host.child().id().and_then(|pid| i32::try_from(pid).ok());
    let pid = rustix::process::Pid::from_raw(pid.unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    // A host whose terminal was interrupted goes on to use its plugins.
    let reply = connection.backend();
    let id = crate::fake_host::about("nobody", vault_plugin::pb::backend::Empty {});
    assert!({ reply }.cleanup(id).await.is_ok());
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(host.ended().await.success());
    assert_eq!(host.litter(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_plugin_whose_host_was_killed_ends() {
    // A shell plays the host: it starts the plugin in the background, and
    // waits. Its end leaves the plugin with another parent.
    let temporary = tempfile::tempdir().unwrap();
    let identity = Identity::of_a_host();
    let plugin = command(&identity, temporary.path());
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", "\"$0\" & wait", &example().display().to_string()])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in plugin.as_std().get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let mut shell = shell.spawn().unwrap();
    let mut output = BufReader::new(shell.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("1|5|unix|"), "{line:?}");
    shell.kill().await.unwrap();

    // The plugin is the last that holds the pipe open.
    let start = Instant::now();
    let limit = Duration::from_secs(10);
    let mut rest = String::new();
    let ended = tokio::time::timeout(limit, output.read_line(&mut rest)).await;
    assert_eq!(ended.expect("the plugin ends").unwrap(), 0, "{rest:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}
