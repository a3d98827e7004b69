//! The command line and the real `bao`, pointed at the same server.

use testkit::{BaoServer, Cli, CliOutput, bin};

/// One server, and both command lines as root.
pub(crate) struct Both {
    server: BaoServer,
    pub(crate) ours: Cli,
    pub(crate) theirs: Cli,
}

impl Both {
    pub(crate) fn start(bao: &testkit::Bao) -> Self {
        let server = BaoServer::start(bao);
        let ours = Cli::new(bin("lockkeeper"), server.address(), server.root_token());
        Self {
            theirs: server.cli(),
            ours,
            server,
        }
    }

    pub(crate) fn address(&self) -> &str {
        self.server.address()
    }

    /// Runs a command with both; what they print and how they end must be
    /// equal.
    pub(crate) fn same(&self, arguments: &[&str]) -> CliOutput {
        let (ours, theirs) = self.run(arguments);
        assert_eq!(ours.stdout, theirs.stdout, "{arguments:?}: {ours:?}");
        assert_eq!(ours.status, theirs.status, "{arguments:?}: {ours:?}");
        ours
    }

    /// As [`Both::same`], and what they say beside must be equal too.
    pub(crate) fn same_words(&self, arguments: &[&str]) -> String {
        let (ours, theirs) = self.run(arguments);
        assert_eq!(ours.stderr.trim(), theirs.stderr.trim(), "{arguments:?}");
        self.same(arguments);
        ours.stderr
    }

    /// The lines that each prints, without those that are never the same.
    pub(crate) fn without_id(&self, arguments: &[&str]) -> [Vec<String>; 2] {
        let (ours, theirs) = self.run(arguments);
        [ours, theirs].map(|output| {
            let lines = output.stdout.lines();
            let lines = lines.filter(|line| !line.contains("\"request_id\""));
            lines.map(str::to_owned).collect()
        })
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (CliOutput, CliOutput) {
        (self.ours.run(arguments), self.theirs.run(arguments))
    }
}
