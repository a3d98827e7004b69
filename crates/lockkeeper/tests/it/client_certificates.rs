//! A server that requires certificates of its clients, and the command lines that
//! have one.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use testkit::{Cli, Launch, Program, bin, eventually, free_port, require_bao};

/// The exit code of `status` for a sealed server, and for one that cannot be reached.
const SEALED: i32 = 2;
const UNREACHABLE: i32 = 1;

/// A folder with certificates, and the server that uses them.
struct Server {
    folder: TempDir,
    port: u16,
    program: Program,
}

impl Server {
    fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let path = |name: &str| folder.path().join(name);
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(path("server.pem"), own.cert.pem()).unwrap();
        fs::write(path("server.key"), own.signing_key.serialize_pem()).unwrap();
        certify(&folder, "first");
        certify(&folder, "second");
        fs::copy(path("first-ca.pem"), path("clients.pem")).unwrap();
        let config = format!(
            "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  \
             tls_cert_file = {:?}\n  tls_key_file = {:?}\n  tls_client_ca_file = {:?}\n  \
             tls_require_and_verify_client_cert = true\n}}\n",
            path("server.pem").display().to_string(),
            path("server.key").display().to_string(),
            path("clients.pem").display().to_string(),
        );
        fs::write(path("server.hcl"), config).unwrap();
        let argument = format!("-config={}", path("server.hcl").display());
        let mut program = Launch::new(bin("lockkeeper"))
            .args(["server".to_owned(), argument])
            .start();
        program.wait_for_line("server started!");
        Self {
            folder,
            port,
            program,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The exit code of `status`, asked with this certificate.
    fn status(&self, cli: impl Fn(&str) -> Cli, name: Option<&str>) -> i32 {
        let address = format!("https://localhost:{}", self.port);
        let cli = cli(&address)
            .env("VAULT_CACERT", self.path("server.pem").to_str().unwrap())
            .env("VAULT_MAX_RETRIES", "0");
        let Some(name) = name else {
            return cli.run(&["status"]).status;
        };
        let certificate = self.path(&format!("{name}.pem"));
        let key = self.path(&format!("{name}.key"));
        let certificate = format!("-client-cert={}", certificate.display());
        let key = format!("-client-key={}", key.display());
        cli.run(&["status", &certificate, &key]).status
    }
}

/// An authority and a client that it vouches for.
fn certify(folder: &TempDir, name: &str) {
    let write = |suffix: &str, text: String| {
        fs::write(folder.path().join(format!("{name}{suffix}")), text).unwrap();
    };
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("-ca.pem", params.self_signed(&key).unwrap().pem());
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let client = CertificateParams::new(["client".to_owned()]).unwrap();
    write(".pem", client.signed_by(&key, &issuer).unwrap().pem());
    write(".key", key.serialize_pem());
}

#[test]
fn only_clients_with_a_certificate_of_the_authorities_in_the_file_reach_the_server() {
    let bao = require_bao!();
    let server = Server::start();
    let ours = |address: &str| Cli::new(bin("lockkeeper"), address, "");
    let theirs = |address: &str| bao.cli(address, "");
    for (name, expected) in [
        (Some("first"), SEALED),
        (Some("second"), UNREACHABLE),
        (None, UNREACHABLE),
    ] {
        assert_eq!(server.status(ours, name), expected, "{name:?}");
        assert_eq!(server.status(theirs, name), expected, "bao, {name:?}");
    }

    fs::copy(server.path("second-ca.pem"), server.path("clients.pem")).unwrap();
    let pid = Pid::from_raw(i32::try_from(server.program.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    eventually(
        "the new authority is believed",
        Duration::from_secs(30),
        || (server.status(theirs, Some("second")) == SEALED).then_some(()),
    );
    assert_eq!(server.status(ours, Some("second")), SEALED);
    assert_eq!(server.status(ours, Some("first")), UNREACHABLE);
}
