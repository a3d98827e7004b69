//! `lockkeeper load -http2`, on our server and on `OpenBao`.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use testkit::{Cli, CliOutput, bin, require_bao};

use crate::load::tls_server;
use crate::own_server::OwnServer;

/// What HTTP/2 begins with, in the clear.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// Passes connections on to a server, and keeps how each began.
struct Forwarder {
    port: u16,
    begun: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Forwarder {
    fn to(address: &str) -> Self {
        let (_, server) = address.split_once("://").unwrap();
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let begun = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&begun);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let kept = Arc::clone(&kept);
                thread::spawn(move || forward(client, server, &kept));
            }
        });
        Self { port, begun }
    }

    fn begun(&self) -> Vec<Vec<u8>> {
        self.begun.lock().unwrap().clone()
    }
}

fn forward(mut client: TcpStream, mut server: TcpStream, begun: &Mutex<Vec<Vec<u8>>>) {
    let mut first = [0; 1024];
    let Ok(read) = client.read(&mut first) else {
        return;
    };
    begun.lock().unwrap().push(first[..read].to_vec());
    server.write_all(&first[..read]).unwrap();
    let mut back = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut back.0, &mut back.1);
        let _ = back.1.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Both);
}

/// Sends 40 requests to a URL, so fast that eight workers have some each.
fn load(cli: &Cli, url: &str, flags: &[&str]) -> CliOutput {
    std::fs::write(cli.folder().join("targets.txt"), format!("GET {url}\n")).unwrap();
    let test = ["load", "-targets=targets.txt", "-rate=400", "-requests=40"];
    let said = cli.run(&[&test[..], flags].concat());
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.contains("statuses       40 of 200"), "{said:?}");
    said
}

#[test]
fn in_the_clear_all_workers_share_one_connection_over_http2() {
    let server = OwnServer::start();
    let cli = server.cli();
    for (flags, is_http2) in [(&["-http2"][..], true), (&[][..], false)] {
        let forwarder = Forwarder::to(&server.address);
        let url = format!("http://127.0.0.1:{}/v1/sys/health", forwarder.port);
        load(&cli, &url, flags);
        let begun = forwarder.begun();
        assert_eq!(begun.len() == 1, is_http2, "{}", begun.len());
        for first in begun {
            assert_eq!(first.starts_with(PREFACE), is_http2);
        }
    }
}

#[test]
fn over_tls_http2_is_agreed_on_with_our_server_and_with_openbao() {
    let bao = require_bao!();
    for program in [&bin("lockkeeper"), bao.path()] {
        let folder = tempfile::tempdir().unwrap();
        let (_server, address) = tls_server(folder.path(), program);
        let certificate = folder.path().join("cert.pem");
        let cli = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "")
            .env("VAULT_CACERT", certificate.to_str().unwrap());
        for (flags, is_http2) in [(&["-http2"][..], true), (&[][..], false)] {
            let forwarder = Forwarder::to(&address);
            let url = format!("https://localhost:{}/v1/sys/seal-status", forwarder.port);
            load(&cli, &url, flags);
            let connections = forwarder.begun().len();
            assert_eq!(connections == 1, is_http2, "{program:?}: {connections}");
        }
    }
}

#[test]
fn a_server_that_speaks_no_http2_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let _ = client
                .unwrap()
                .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let cli = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    let target = format!("GET http://127.0.0.1:{port}/");
    std::fs::write(cli.folder().join("targets.txt"), target).unwrap();
    let said = cli.run(&["load", "-targets=targets.txt", "-requests=3", "-http2"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stdout.contains("connection broke"), "{said:?}");
}
