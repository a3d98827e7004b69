//! The plugin in a real OpenBao, relative to the host's own limit: a plugin that
//! answers a constant under a lease. Also its memory, start-up time and size.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Bao, BaoNode, BaoServer, Cli, Http, Launch, Program, bin, free_port, processes_of};

use crate::load::{self, Target, Until, count};
use crate::process::{cpu_seconds, parent, resident_mib};
use crate::statistics::Figures;
use crate::{Plan, start, together};

const CONNECTIONS: usize = 32;
/// The number of reads after which memory is measured.
const READS: usize = 20_000;
/// A thousand leases that end at once take the host a second.
const ROUNDS_AT_ONCE: usize = 5;
/// The file name of the plugin.
const PROGRAM: &str = "vault-plugin-secrets-confluent-cloud";
/// The names under which the plugins are registered and mounted.
const CONSTANT: &str = "constant";
/// This build's, and that of the build that it is compared with.
const ENGINES: [&str; 2] = ["engine", "other"];
/// Reads of the plugin that answers a constant. The first is the limit. The second
/// waits as often as a single-use key must: for its intent, for Confluent and for
/// its record.
const LIMITS: [(&str, &str); 2] = [
    ("constant", "constant/creds/a"),
    ("constant, 3 waits", "constant/after/3"),
];
/// Reads of an engine: name, role, and the goals for the ratio to the limit, in
/// memory and on Raft.
const READS_OF_ENGINE: [(&str, &str, [u8; 2]); 2] = [
    ("shared creds", "shared", [80, 60]),
    ("single-use creds", "single", [65, 45]),
];
const ADMIN: (&str, &str) = ("BENCHADMIN234567", "a-secret-of-the-bench");

/// One kind of read.
struct Read {
    name: String,
    path: String,
    goals: Option<[u8; 2]>,
    /// Which read is the same of the other build, if there is one.
    compared: Option<usize>,
}

impl Read {
    /// The name of the plugin that answers.
    fn plugin(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }
}

/// The reads for a number of builds. The first is the limit itself.
fn reads(builds: usize) -> Vec<Read> {
    let mut reads: Vec<Read> = LIMITS
        .map(|(name, path)| Read {
            name: name.to_owned(),
            path: path.to_owned(),
            goals: None,
            compared: None,
        })
        .into();
    for (build, engine) in ENGINES[..builds].iter().enumerate() {
        for (name, role, goals) in READS_OF_ENGINE {
            let own = build == 0;
            reads.push(Read {
                name: format!("{name}{}", if own { "" } else { ", other build" }),
                path: format!("{engine}/creds/{role}"),
                goals: own.then_some(goals),
                compared: (own && builds > 1).then_some(reads.len() + READS_OF_ENGINE.len()),
            });
        }
    }
    reads
}

/// The results of one kind of read.
#[derive(Default)]
struct Row {
    rate: Figures,
    /// Its ratio to the limit in the same round, since the machine's speed may
    /// change within a minute.
    share: Figures,
    /// The rate, as a multiple of the other build's in the same round.
    to_other: Figures,
    /// CPU seconds of the host per thousand requests.
    server: Figures,
    /// CPU seconds of the plugin per thousand requests.
    plugin: Figures,
}

/// The storage of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storage {
    Memory,
    Raft,
}

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let bao = Bao::find().context("no `bao`: start this with `cargo xtask bench`")?;
    let program = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.with_context(|| format!("{name} is not set: start this with `cargo xtask bench`"))
    };
    let (plugin, constant) = (program("BENCH_PLUGIN")?, program("BENCH_CONSTANT")?);
    let plugins = plan.builds(&plugin, PROGRAM)?;
    let builds = || plugins.iter().zip(ENGINES);
    for (plugin, engine) in builds() {
        let size = std::fs::metadata(plugin)?.len();
        println!("{engine}: size {size} bytes (goal 12 MiB)");
        let started = start::milliseconds(plugin)?;
        println!("{engine}: exec to handshake {started:.1} ms (goal 6)");
    }
    let (_cloud, cloud_address) = start_cloud();
    for storage in [Storage::Memory, Storage::Raft] {
        let host = Host::start(&bao, storage);
        host.mount(&constant, CONSTANT);
        for (plugin, engine) in builds() {
            host.mount(plugin, engine);
            let idle = resident_mib(host.process(engine)?)?;
            host.configure(engine, &cloud_address)?;
            if storage == Storage::Memory {
                println!("{engine}: resident when idle {idle:.1} MiB (goal 10)");
                let shared = host.target(&format!("{engine}/creds/shared"));
                load::run(&shared, CONNECTIONS, Until::Count(READS))?;
                let after = resident_mib(host.process(engine)?)?;
                println!("{engine}: resident after {READS} reads {after:.1} MiB (goal 14)");
            }
        }
        let reads = reads(plugins.len());
        let rows = measure(plan, &host, &reads)?;
        print_rows(storage, &reads, &rows);
        let shared = builds().map(|(_, engine)| host.target(&format!("{engine}/creds/shared")));
        together::run(plan.rounds.min(ROUNDS_AT_ONCE), &shared.collect::<Vec<_>>());
    }
    Ok(())
}

/// Interleaves the reads, so that other load on the machine affects all equally.
/// Each round begins with another, since the host slows down with every lease.
fn measure(plan: &Plan, host: &Host, reads: &[Read]) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = reads.iter().map(|_| Row::default()).collect();
    let time = Until::Over(Duration::from_secs(plan.seconds));
    for round in 0..plan.rounds {
        let mut rates = vec![0.0; reads.len()];
        for turn in 0..reads.len() {
            let what = (round + turn) % reads.len();
            let (read, row) = (&reads[what], &mut rows[what]);
            let plugin = host.process(read.plugin())?;
            let server = parent(plugin)?;
            let before = (cpu_seconds(server)?, cpu_seconds(plugin)?);
            let done = load::run(&host.target(&read.path), CONNECTIONS, time)?;
            let thousands = count(done.requests) / 1e3;
            rates[what] = done.rate();
            row.rate.add(done.rate());
            row.server
                .add((cpu_seconds(server)? - before.0) / thousands);
            row.plugin
                .add((cpu_seconds(plugin)? - before.1) / thousands);
        }
        for ((read, row), rate) in reads.iter().zip(&mut rows).zip(&rates) {
            row.share.add(rate / rates[0]);
            if let Some(other) = read.compared {
                row.to_other.add(rate / rates[other]);
            }
        }
    }
    Ok(rows)
}

fn print_rows(storage: Storage, reads: &[Read], rows: &[Row]) {
    println!(
        "{storage:?}, {CONNECTIONS} connections, requests/s; processor seconds of server and \
         plugin for 1 000"
    );
    for (read, row) in reads.iter().zip(rows) {
        let (least, most) = row.rate.range();
        let goal = read
            .goals
            .map_or_else(String::new, |[memory, raft]| match storage {
                Storage::Memory => format!(" (goal {memory})"),
                Storage::Raft => format!(" (goal {raft})"),
            });
        let compared = read.compared.map_or_else(String::new, |_| {
            let (least, most) = row.to_other.range();
            let median = row.to_other.median();
            format!("  {median:.2} times the other build ({least:.2} to {most:.2})")
        });
        println!(
            "  {:30}{:>8.0} ({least:.0} to {most:.0})  {:.0} % of the limit{goal}  {:.2} + {:.2} \
             s{compared}",
            read.name,
            row.rate.median(),
            row.share.median() * 100.0,
            row.server.median(),
            row.plugin.median(),
        );
    }
}

/// The simulator and its address.
fn start_cloud() -> (Program, String) {
    let port = free_port();
    let mut cloud = Launch::new(bin("lockkeeper"))
        .args(["simulator".to_owned()])
        .args([format!("-admin-key={}:{}", ADMIN.0, ADMIN.1)])
        .args([format!("-listen=127.0.0.1:{port}")])
        .start();
    cloud.wait_for_line("Ctrl-C");
    (cloud, format!("http://127.0.0.1:{port}"))
}

enum Host {
    Memory(BaoServer),
    Raft(BaoNode),
}

impl Host {
    fn start(bao: &Bao, storage: Storage) -> Self {
        match storage {
            Storage::Memory => Self::Memory(BaoServer::start(bao)),
            Storage::Raft => Self::Raft(BaoNode::start(bao)),
        }
    }

    fn mount(&self, program: &Path, name: &str) {
        match self {
            Self::Memory(server) => server.register_plugin(program, name),
            Self::Raft(node) => node.register_plugin(program, name),
        };
        self.cli().ok(&["secrets", "enable", name]);
    }

    fn configure(&self, engine: &str, cloud: &str) -> Result<()> {
        let (_, state) = Http::new(cloud).raw("GET", "/simulator/state", None);
        let state: Value = serde_json::from_str(&state)?;
        let id = |list: &str| state[list][0]["id"].as_str().unwrap_or_default().to_owned();
        let cli = self.cli();
        cli.ok(&[
            "write",
            &format!("{engine}/config"),
            &format!("ccloud_api_key_id={}", ADMIN.0),
            &format!("ccloud_api_key_secret={}", ADMIN.1),
            &format!("url={cloud}"),
        ]);
        let owner = format!("owner={}", id("service_accounts"));
        let resource = format!("resource={}", id("kafka_clusters"));
        for (name, shared) in [("shared", "true"), ("single", "false")] {
            let path = format!("{engine}/role/{name}");
            let shared = format!("multi_use_key={shared}");
            cli.ok(&["write", &path, &owner, &resource, "ttl=1h", &shared]);
        }
        Ok(())
    }

    fn cli(&self) -> Cli {
        match self {
            Self::Memory(server) => server.cli(),
            Self::Raft(node) => node.cli(),
        }
    }

    fn target(&self, path: &str) -> Target {
        let (address, token) = match self {
            Self::Memory(server) => (server.address(), server.root_token()),
            Self::Raft(node) => (node.address(), node.root_token()),
        };
        Target {
            authority: address.trim_start_matches("http://").to_owned(),
            token: token.to_owned(),
            path: path.to_owned(),
        }
    }

    /// The one process of a plugin.
    fn process(&self, name: &str) -> Result<u32> {
        let program = match self {
            Self::Memory(server) => server.plugin(name),
            Self::Raft(node) => node.plugin(name),
        };
        let found = processes_of(&program);
        ensure!(found.len() == 1, "not one process of `{name}`: {found:?}");
        Ok(found[0])
    }
}
