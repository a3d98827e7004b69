//! The two hosts: our server, and OpenBao with the engine as a plugin.

use std::thread;

use testkit::{Bao, BaoServer, Cli, Http, Launch, Program, bin, free_port};

use crate::cloud::Cloud;

/// The name under which both hosts know the engine.
pub(crate) const ENGINE: &str = "vault-plugin-secrets-confluent-cloud";

/// A host of the engine, and the cloud that its keys are made in.
pub(crate) struct Host {
    pub(crate) cli: Cli,
    pub(crate) http: Http,
    pub(crate) cloud: Cloud,
    running: Running,
}

enum Running {
    Lockkeeper {
        program: Program,
    },
    OpenBao {
        server: BaoServer,
        _simulator: Program,
    },
}

impl Host {
    /// Our server, as `lockkeeper dev` starts it.
    pub(crate) fn lockkeeper(bao: &Bao) -> Self {
        let (server, simulator) = (free_port(), free_port());
        let address = format!("http://127.0.0.1:{server}");
        let mut program = Launch::new(bin("lockkeeper"))
            .env("LOCKKEEPER_LOG", "trace")
            .args(["dev", "-root-token=root"])
            .args([format!("-listen=127.0.0.1:{server}")])
            .args([format!("-simulator-listen=127.0.0.1:{simulator}")])
            .args([Cloud::admin_key_as("-simulator-admin-key")])
            .start();
        program.wait_until_healthy(&address);
        program.wait_for_line("Ctrl-C");
        Self {
            cli: bao.cli(&address, "root"),
            http: Http::new(&address).with_token("root"),
            cloud: Cloud::at(simulator),
            running: Running::Lockkeeper { program },
        }
    }

    /// The host's name, for a report.
    pub(crate) fn name(&self) -> &'static str {
        match self.running {
            Running::Lockkeeper { .. } => "Lockkeeper",
            Running::OpenBao { .. } => "OpenBao",
        }
    }

    /// What it has logged so far, at its most talkative. What `dev` shows on
    /// purpose, on its standard output, is no log.
    pub(crate) fn log(&self) -> String {
        match &self.running {
            Running::Lockkeeper { program } => program.stderr(),
            Running::OpenBao { server, .. } => server.log(),
        }
    }

    /// OpenBao with the plugin registered.
    pub(crate) fn open_bao(bao: &Bao) -> Self {
        let (cloud, simulator) = Cloud::start(&[]);
        let server = BaoServer::start(bao);
        server.register_plugin(&bin(ENGINE), ENGINE);
        Self {
            cli: server.cli(),
            http: server.http(),
            cloud,
            running: Running::OpenBao {
                server,
                _simulator: simulator,
            },
        }
    }
}

/// Tells a story on both hosts at the same time. What it comes to on ours is first.
pub(crate) fn on_both<T: Send>(bao: &Bao, story: impl Fn(&Host) -> T + Sync) -> (T, T) {
    thread::scope(|scope| {
        let ours = scope.spawn(|| story(&Host::lockkeeper(bao)));
        let theirs = scope.spawn(|| story(&Host::open_bao(bao)));
        (ours.join().unwrap(), theirs.join().unwrap())
    })
}
