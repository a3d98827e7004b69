//! Devices beside real files and sockets.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tempfile::TempDir;

use super::*;

fn options(options: &[(&str, &str)]) -> Options {
    let owned = options
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

fn made(kind: &str, given: &[(&str, &str)]) -> Result<Arc<dyn AuditSink>, Error> {
    Devices.sink(kind, &options(given))
}

fn line(text: &str) -> writer::Line {
    zeroize::Zeroizing::new(format!("{text}\n").into_bytes())
}

/// Writes at once, without a thread.
fn write(target: &mut impl Target, text: &str) -> std::io::Result<()> {
    target.write(&[line(text)])
}

fn file_at(folder: &TempDir, name: &str, more: &[(&str, &str)]) -> (File, String) {
    let path = folder.path().join(name);
    let path = path.to_str().unwrap().to_owned();
    let mut all = options(more);
    all.insert("file_path".into(), path.clone());
    (File::new(&all).unwrap(), path)
}

#[test]
fn wrong_options_are_refused_with_their_names() {
    for (kind, given, text) in [
        ("nope", &[][..], "unknown backend type: \"nope\""),
        ("file", &[][..], "file_path is required"),
        ("file", &[("file_path", "a"), ("mode", "abc")][..], "`mode`"),
        (
            "file",
            &[("file_path", "a"), ("mode", "1777")][..],
            "`mode`",
        ),
        (
            "file",
            &[("file_path", "a"), ("mod", "1")][..],
            "`mod` is no option",
        ),
        ("socket", &[][..], "address is required"),
        (
            "socket",
            &[("address", "a"), ("socket_type", "x")][..],
            "`socket_type`",
        ),
        (
            "socket",
            &[("address", "a"), ("write_timeout", "x")][..],
            "`write_timeout`",
        ),
        (
            "socket",
            &[("address", "a"), ("write_timeout", "0")][..],
            "`write_timeout`",
        ),
        ("syslog", &[("facility", "x")][..], "`facility`"),
        ("syslog", &[("tag", "a b")][..], "`tag`"),
    ] {
        let Err(error) = made(kind, given) else {
            panic!("{kind} {given:?}");
        };
        assert!(error.message().contains(text), "{error}");
    }
    assert!(made("file", &[("path", "a")]).is_ok());
    assert!(made("syslog", &[]).is_ok());
}

#[tokio::test]
async fn lines_are_in_the_file_in_the_order_of_the_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = file_at(&folder, "below/a.log", &[]);
    let writer = Writer::start(file).unwrap();
    let written: Vec<_> = (0..1000)
        .map(|number| writer.write(line(&number.to_string())))
        .collect();
    for written in futures_util::future::join_all(written).await {
        written.unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().eq((0..1000).map(|number| number.to_string())));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_gets_the_mode_that_is_wanted_and_may_keep_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (mut file, path) = file_at(&folder, "a", &[("mode", "0640")]);
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    fs::write(&path, "").unwrap();
    write(&mut file, "a").unwrap();
    assert_eq!(mode(), 0o640);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let (mut file, _) = file_at(&folder, "a", &[("mode", "0000")]);
    write(&mut file, "b").unwrap();
    assert_eq!(mode(), 0o604);
}

#[test]
fn a_file_that_was_renamed_is_left_at_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let (mut file, path) = file_at(&folder, "a", &[]);
    let old = format!("{path}.1");
    write(&mut file, "1").unwrap();
    fs::rename(&path, &old).unwrap();
    write(&mut file, "2").unwrap();
    file.reopen().unwrap();
    write(&mut file, "3").unwrap();
    assert_eq!(fs::read_to_string(&old).unwrap(), "1\n2\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
}

#[test]
fn a_full_disk_and_a_folder_that_cannot_be_are_errors() {
    let mut full = File::new(&options(&[("file_path", "/dev/full")])).unwrap();
    assert!(write(&mut full, "a").is_err());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), "").unwrap();
    let (mut below, _) = file_at(&folder, "f/a", &[]);
    assert!(write(&mut below, "a").is_err());
    // It heals by itself.
    fs::remove_file(folder.path().join("f")).unwrap();
    write(&mut below, "a").unwrap();
}

#[test]
fn a_pipe_without_a_reader_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (mut file, path) = file_at(&folder, "pipe", &[]);
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    assert!(write(&mut file, "a").is_err());
    let reader = std::thread::spawn({
        let path = path.clone();
        move || BufReader::new(fs::File::open(path).unwrap()).lines().next()
    });
    while write(&mut file, "b").is_err() {
        std::thread::yield_now();
    }
    assert_eq!(reader.join().unwrap().unwrap().unwrap(), "b");
    assert!(write(&mut file, "c").is_err());
}

/// Keeps half a line and then fails, like a disk that is full.
#[test]
fn half_a_line_is_ended_before_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = file_at(&folder, "a", &[]);
    let File::Path(mut target) = file else {
        panic!("no file");
    };
    target.write(&[line("whole")]).unwrap();
    fs::write(&path, "whole\nhal").unwrap();
    target.tear();
    target.write(&[line("next")]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nhal\nnext\n");
}

/// Tells which lines arrive at the peer.
fn tell(reader: impl std::io::Read + Send + 'static, told: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines() {
            let Ok(line) = line else { return };
            let _ = told.send(line);
        }
    });
}

fn next(told: &Receiver<String>) -> String {
    told.recv_timeout(Duration::from_secs(10)).unwrap()
}

#[test]
fn a_peer_gets_lines_and_may_come_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut socket = Socket::new(&options(&[("address", &address)])).unwrap();
    let (sender, told) = channel();
    write(&mut socket, "1").unwrap();
    let (peer, _) = listener.accept().unwrap();
    tell(peer.try_clone().unwrap(), sender.clone());
    assert_eq!(next(&told), "1");
    peer.shutdown(std::net::Shutdown::Both).unwrap();
    // No line is lost to a connection that has ended.
    write(&mut socket, "2").unwrap();
    tell(listener.accept().unwrap().0, sender);
    assert_eq!(next(&told), "2");
    drop(listener);
    socket.connection_lost();
    assert!(write(&mut socket, "3").is_err());
}

#[test]
fn a_peer_that_reads_nothing_is_an_error_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let given = [("address", address.as_str()), ("write_timeout", "50ms")];
    let mut socket = Socket::new(&options(&given)).unwrap();
    let big = "x".repeat(64 << 20);
    assert!(write(&mut socket, &big).is_err());
}

#[test]
fn a_socket_of_this_machine_and_a_datagram_take_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let given = [("address", path.to_str().unwrap()), ("socket_type", "unix")];
    let mut socket = Socket::new(&options(&given)).unwrap();
    write(&mut socket, "unix").unwrap();
    let (sender, told) = channel();
    tell(listener.accept().unwrap().0, sender);
    assert_eq!(next(&told), "unix");
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = peer.local_addr().unwrap().to_string();
    let given = [("address", address.as_str()), ("socket_type", "udp")];
    let mut socket = Socket::new(&options(&given)).unwrap();
    write(&mut socket, "udp").unwrap();
    let mut buffer = [0; 16];
    let length = peer.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"udp\n");
}

#[test]
fn the_systems_log_gets_a_message_for_each_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let given = options(&[("facility", "local0"), ("tag", "keys")]);
    let mut syslog = Syslog::at(&given, vec![folder.path().join("none"), path.clone()]).unwrap();
    assert!(write(&mut syslog, "a").is_err());
    let log = UnixDatagram::bind(&path).unwrap();
    syslog.write(&[line("one"), line("two")]).unwrap();
    let received = || {
        let mut buffer = [0; 256];
        let length = log.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let end = |text: &str| format!(" keys[{}]: {text}", std::process::id());
    let first = received();
    // 16 * 8 + 6.
    assert!(
        first.starts_with("<134>") && first.ends_with(&end("one")),
        "{first}"
    );
    assert!(received().ends_with(&end("two")));
    // It may be started again.
    drop(log);
    fs::remove_file(&path).unwrap();
    let log = UnixDatagram::bind(&path).unwrap();
    write(&mut syslog, "three").unwrap();
    let mut buffer = [0; 256];
    assert!(log.recv(&mut buffer).unwrap() > 0);
}

/// Takes nothing until it is told to.
struct Blocked {
    begun: Sender<()>,
    go: Receiver<()>,
}

impl Target for Blocked {
    fn write(&mut self, _: &[writer::Line]) -> std::io::Result<()> {
        let _ = self.begun.send(());
        let _ = self.go.recv();
        Ok(())
    }

    fn reopen(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_device_that_hangs_takes_a_limited_number_of_lines_and_holds_nobody() {
    let (go, waits) = channel();
    let (begun, has_begun) = channel();
    let writer = Writer::start(Blocked { begun, go: waits }).unwrap();
    let first = writer.write(line("a"));
    has_begun.recv().unwrap();
    let mut waiting: Vec<_> = (0..10_000).map(|_| writer.write(line("a"))).collect();
    let last = waiting.pop().unwrap().await;
    assert_eq!(
        last.unwrap_err().message(),
        "it is behind by too many lines"
    );
    writer.make_stuck();
    let refused = writer.write(line("b")).await.unwrap_err();
    assert_eq!(refused.message(), "it does not take the lines that it has");
    drop(go);
    first.await.unwrap();
}

/// Has room for short lines, each a message of its own.
struct Datagrams {
    begun: Sender<()>,
    go: Receiver<()>,
}

impl Target for Datagrams {
    fn batch(&self) -> usize {
        1
    }

    fn write(&mut self, lines: &[writer::Line]) -> std::io::Result<()> {
        let _ = self.begun.send(());
        let _ = self.go.recv();
        if lines.iter().any(|line| line.len() > 100) {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        Ok(())
    }

    fn reopen(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_line_that_is_too_long_for_a_datagram_fails_no_other() {
    let (go, waits) = channel();
    let (begun, has_begun) = channel();
    let writer = Writer::start(Datagrams { begun, go: waits }).unwrap();
    let first = writer.write(line("a"));
    has_begun.recv().unwrap();
    let [short, long, other] = ["b", &"c".repeat(200), "d"].map(|text| writer.write(line(text)));
    drop(go);
    first.await.unwrap();
    short.await.unwrap();
    long.await.unwrap_err();
    other.await.unwrap();
}
