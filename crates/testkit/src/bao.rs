//! A real OpenBao: the program, and a development server of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::left_out::leave_out;
use crate::process::{Launch, Program};
use crate::{Cli, Http, files, free_port};

/// The token of every development server here.
const ROOT_TOKEN: &str = "root";
/// How many times a server is restarted when its port was taken meanwhile.
const TRIES: usize = 5;
/// Time limit until it is healthy; usually less than a second.
const READY: Duration = Duration::from_secs(30);
/// A server's plugin folder, below its own.
pub(crate) const PLUGINS: &str = "plugins";

/// The `bao` program, server and command line in one.
#[derive(Debug, Clone)]
pub struct Bao {
    program: PathBuf,
}

impl Bao {
    /// The program that `LOCKKEEPER_BAO` names; `cargo xtask test` sets it.
    ///
    /// # Panics
    ///
    /// When the variable names a file that does not exist.
    pub fn find() -> Option<Self> {
        let program = PathBuf::from(std::env::var_os("LOCKKEEPER_BAO")?);
        assert!(
            program.is_file(),
            "LOCKKEEPER_BAO names `{}`, which is no file",
            program.display()
        );
        Some(Self { program })
    }

    /// Like [`Bao::find`]; without a program, the running test is recorded as
    /// skipped. [`require_bao!`](crate::require_bao) calls it.
    ///
    /// # Panics
    ///
    /// When there is none and `CI=true`: in CI no test may be skipped.
    pub fn find_or_leave_out() -> Option<Self> {
        let found = Self::find();
        if found.is_none() {
            leave_out("no `bao`: run `cargo xtask test`, or set LOCKKEEPER_BAO");
        }
        found
    }

    /// Where the program is.
    pub fn path(&self) -> &Path {
        &self.program
    }

    /// Its command line, for any server that speaks Vault's API.
    pub fn cli(&self, address: &str, token: &str) -> Cli {
        Cli::new(&self.program, address, token)
    }
}

/// A development server: unsealed, in memory, on loopback, with one root token
/// and an empty plugin folder. It is stopped when dropped.
#[derive(Debug)]
pub struct BaoServer {
    bao: Bao,
    program: Program,
    address: String,
}

impl BaoServer {
    /// Starts one and waits until it is healthy.
    ///
    /// # Panics
    ///
    /// When it does not become healthy.
    pub fn start(bao: &Bao) -> Self {
        for _ in 0..TRIES {
            if let Some(server) = Self::try_start(bao) {
                return server;
            }
        }
        panic!("found no free port for a `bao` server in {TRIES} tries");
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A root token.
    pub fn root_token(&self) -> &'static str {
        ROOT_TOKEN
    }

    /// The command line of the same program, as root.
    pub fn cli(&self) -> Cli {
        self.bao.cli(&self.address, ROOT_TOKEN)
    }

    /// A client of its HTTP API, as root.
    pub fn http(&self) -> Http {
        Http::new(&self.address).with_token(ROOT_TOKEN)
    }

    /// Its process.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.program.stdout() + &self.program.stderr()
    }

    /// The path of the program `name` in the plugin folder.
    pub fn plugin(&self, name: &str) -> PathBuf {
        self.program.folder().join(PLUGINS).join(name)
    }

    /// Copies `program` into the plugin folder as `name` and registers it in
    /// the catalogue as a secrets engine; returns its hash.
    ///
    /// # Panics
    ///
    /// When the server does not accept it.
    pub fn register_plugin(&self, program: &Path, name: &str) -> String {
        let folder = self.program.folder().join(PLUGINS);
        register_plugin(&self.cli(), program, &folder, name)
    }

    /// Stops it and waits until it has exited.
    ///
    /// # Panics
    ///
    /// When it does not exit in time.
    pub fn stop(self) {
        self.program.stop();
    }

    fn try_start(bao: &Bao) -> Option<Self> {
        let listen = format!("127.0.0.1:{}", free_port());
        let address = format!("http://{listen}");
        let launch = Launch::new(bao.path());
        let plugins = launch.folder().join(PLUGINS);
        std::fs::create_dir(&plugins).expect("cannot create a folder in a temporary folder");
        let mut program = launch
            .args(["server", "-dev", "-dev-no-store-token", "-log-level=debug"])
            .args([format!("-dev-root-token-id={ROOT_TOKEN}")])
            .args([format!("-dev-listen-address={listen}")])
            .args([format!("-dev-plugin-dir={}", plugins.display())])
            .start();
        let port_was_taken = crate::eventually("`bao` listens", READY, || {
            if program.ended().is_some() {
                let taken = program.stderr().contains("address already in use")
                    || program.stdout().contains("address already in use");
                assert!(taken, "`bao server` ended by itself");
                return Some(true);
            }
            // Wait for its own log line first: another server may have taken the port.
            let started = program.stdout().contains("server started!");
            (started && Http::new(&address).health() == Some(200)).then_some(false)
        });
        (!port_was_taken).then(|| Self {
            bao: bao.clone(),
            program,
            address,
        })
    }
}

/// Copies a program into a plugin folder and registers it; returns its hash.
pub(crate) fn register_plugin(cli: &Cli, program: &Path, folder: &Path, name: &str) -> String {
    let hash = files::sha256(&files::install(program, folder, name));
    let sum = format!("-sha256={hash}");
    cli.ok(&["plugin", "register", &sum, "secret", name]);
    hash
}
