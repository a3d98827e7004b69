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
use crate::{Plan, start};

const CONNECTIONS: usize = 32;
/// The number of reads after which memory is measured.
const READS: usize = 20_000;
/// The names under which the plugins are registered and mounted.
const ENGINE: &str = "engine";
const CONSTANT: &str = "constant";
/// Each read: its name, its path, and the goal for its ratio to the limit, in
/// memory and on Raft. The first is the limit itself. The second waits as often as
/// a single-use key must: for its intent, for Confluent and for its record.
const READ: [Read; 4] = [
    Read("constant", "constant/creds/a", None),
    Read("constant, 3 waits", "constant/after/3", None),
    Read("shared creds", SHARED, Some([80, 60])),
    Read("single-use creds", "engine/creds/single", Some([65, 45])),
];
const SHARED: &str = "engine/creds/shared";
const ADMIN: (&str, &str) = ("BENCHADMIN234567", "a-secret-of-the-bench");

/// One kind of read.
struct Read(&'static str, &'static str, Option<[u8; 2]>);

/// The results of one kind of read.
#[derive(Default)]
struct Row {
    rate: Figures,
    /// Its ratio to the limit in the same round, since the machine's speed may
    /// change within a minute.
    share: Figures,
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
    println!(
        "size: {} bytes (goal 12 MiB)",
        std::fs::metadata(&plugin)?.len()
    );
    let started = start::milliseconds(&plugin)?;
    println!("exec to handshake: {started:.1} ms (goal 6)");
    let (_cloud, cloud_address) = start_cloud();
    for storage in [Storage::Memory, Storage::Raft] {
        let host = Host::start(&bao, storage);
        host.mount(&plugin, ENGINE);
        let idle = resident_mib(host.process(ENGINE)?)?;
        host.mount(&constant, CONSTANT);
        host.configure(&cloud_address)?;
        if storage == Storage::Memory {
            println!("resident when idle: {idle:.1} MiB (goal 10)");
            load::run(&host.target(SHARED), CONNECTIONS, Until::Count(READS))?;
            let after = resident_mib(host.process(ENGINE)?)?;
            println!("resident after {READS} reads: {after:.1} MiB (goal 14)");
        }
        rates(plan, &host, storage)?;
    }
    Ok(())
}

/// Interleaves the reads, so that other load on the machine affects all equally.
/// Each round begins with another, since the host slows down with every lease.
fn rates(plan: &Plan, host: &Host, storage: Storage) -> Result<()> {
    let mut rows = READ.map(|_| Row::default());
    let time = Until::Over(Duration::from_secs(plan.seconds));
    for round in 0..plan.rounds {
        let mut rates = [0.0; READ.len()];
        for turn in 0..READ.len() {
            let what = (round + turn) % READ.len();
            let (Read(_, path, _), row) = (&READ[what], &mut rows[what]);
            let (name, _) = path.split_once('/').unwrap_or_default();
            let plugin = host.process(name)?;
            let server = parent(plugin)?;
            let before = (cpu_seconds(server)?, cpu_seconds(plugin)?);
            let done = load::run(&host.target(path), CONNECTIONS, time)?;
            let thousands = count(done.requests) / 1e3;
            rates[what] = done.rate();
            row.rate.add(done.rate());
            row.server
                .add((cpu_seconds(server)? - before.0) / thousands);
            row.plugin
                .add((cpu_seconds(plugin)? - before.1) / thousands);
        }
        for (row, rate) in rows.iter_mut().zip(rates) {
            row.share.add(rate / rates[0]);
        }
    }
    println!(
        "{storage:?}, {CONNECTIONS} connections, requests/s; processor seconds of server and \
         plugin for 1 000"
    );
    for (Read(name, _, goals), row) in READ.iter().zip(&rows) {
        let (least, most) = row.rate.range();
        let goal = goals.map_or_else(String::new, |[memory, raft]| match storage {
            Storage::Memory => format!(" (goal {memory})"),
            Storage::Raft => format!(" (goal {raft})"),
        });
        println!(
            "  {name:18}{:>8.0} ({least:.0} to {most:.0})  {:.0} % of the limit{goal}  \
             {:.2} + {:.2} s",
            row.rate.median(),
            row.share.median() * 100.0,
            row.server.median(),
            row.plugin.median(),
        );
    }
    Ok(())
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

    fn configure(&self, cloud: &str) -> Result<()> {
        let (_, state) = Http::new(cloud).raw("GET", "/simulator/state", None);
        let state: Value = serde_json::from_str(&state)?;
        let id = |list: &str| state[list][0]["id"].as_str().unwrap_or_default().to_owned();
        let cli = self.cli();
        cli.ok(&[
            "write",
            "engine/config",
            &format!("ccloud_api_key_id={}", ADMIN.0),
            &format!("ccloud_api_key_secret={}", ADMIN.1),
            &format!("url={cloud}"),
        ]);
        let owner = format!("owner={}", id("service_accounts"));
        let resource = format!("resource={}", id("kafka_clusters"));
        for (name, shared) in [("shared", "true"), ("single", "false")] {
            let path = format!("engine/role/{name}");
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
