//! `creds` reads of our server in memory, beside KV v2 reads of OpenBao in
//! memory with the root token: the cheapest read that OpenBao has.
//!
//! The simulated Confluent Cloud runs in a process of its own, so its cost counts
//! for neither.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::{Bao, BaoServer, Http, Launch, Program, bin, free_port};

use crate::load::{self, Target, Until, count};
use crate::process::{cpu_seconds, resident_mib};
use crate::statistics::Figures;
use crate::{Plan, together};

const TOKEN: &str = "root";
const ADMIN: (&str, &str) = ("BENCHADMIN234567", "a-secret-of-the-bench");
const SHARED: &str = "bench/creds/shared";
const SINGLE: &str = "bench/creds/single";
const CONNECTIONS: [usize; 3] = [1, 8, 32];
/// How many leases exist when memory is measured.
const LEASES: usize = 50_000;
/// How many secrets OpenBao holds, and the size of each.
const ENTRIES: usize = 1_000;
const ENTRY_BYTES: usize = 200;

/// One kind of read.
struct Read {
    name: String,
    target: Target,
    pid: u32,
    /// Which read is the same of the other build, if there is one.
    compared: Option<usize>,
}

/// The results of one kind of read with one number of connections.
#[derive(Default)]
struct Row {
    rate: Figures,
    p50: Figures,
    p99: Figures,
    /// CPU seconds per thousand requests.
    cpu: Figures,
    /// The rate, as a multiple of the other build's in the same round, since the
    /// machine's speed may change within a minute.
    to_other: Figures,
}

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let bao = Bao::find().context("no `bao`: start this with `cargo xtask bench`")?;
    let builds = plan.builds(&bin("lockkeeper"), "lockkeeper")?;
    let ours: Vec<_> = builds
        .iter()
        .map(|it| Ours::start(it))
        .collect::<Result<_>>()?;
    let mut theirs = BaoServer::start(&bao);
    fill(&theirs.http())?;
    let mut reads = Vec::new();
    for (build, ours) in ours.iter().enumerate() {
        for (kind, path) in [("shared", SHARED), ("single-use", SINGLE)] {
            // The two kinds of the other build follow those of this one.
            let compared = (build == 0 && builds.len() > 1).then_some(reads.len() + 2);
            reads.push(Read {
                name: format!("{kind} creds{}", label(build)),
                target: ours.target(path),
                pid: ours.program.pid(),
                compared,
            });
        }
    }
    reads.push(Read {
        name: "OpenBao KV v2".to_owned(),
        target: target(theirs.address(), "secret/data/0"),
        pid: theirs.program().pid(),
        compared: None,
    });
    println!(
        "requests/s, latency in ms, processor seconds for 1 000 requests; medians of {} rounds of \
         {} s (least to most)\n",
        plan.rounds, plan.seconds
    );
    for connections in CONNECTIONS {
        let rows = measure(plan, &reads, connections)?;
        print_rows(connections, &reads, &rows);
    }
    drop(ours);
    at_once(plan, &builds)?;
    for (build, program) in builds.iter().enumerate() {
        memory(program, label(build))?;
    }
    println!(
        "resident size of OpenBao without any lease: {:.0} MiB",
        resident_mib(theirs.program().pid())?
    );
    Ok(())
}

/// What is printed behind the name of a read: nothing for this build.
fn label(build: usize) -> &'static str {
    ["", ", other build"][build.min(1)]
}

/// Leases that are extended or end at the same moment, on fresh servers.
fn at_once(plan: &Plan, builds: &[PathBuf]) -> Result<()> {
    let ours: Vec<_> = builds
        .iter()
        .map(|it| Ours::start(it))
        .collect::<Result<_>>()?;
    let shared: Vec<_> = ours.iter().map(|ours| ours.target(SHARED)).collect();
    together::run(plan.rounds, &shared);
    println!();
    Ok(())
}

/// Memory of leases on a shared key, including their records in the in-memory
/// store. On a fresh server: what load leaves in the allocator says nothing about
/// leases.
fn memory(program: &Path, label: &str) -> Result<()> {
    let ours = Ours::start(program)?;
    let target = ours.target(SHARED);
    let resident = || resident_mib(ours.program.pid());
    // Warm up: connections and code paths are not part of the result.
    load::run(&target, 32, Until::Count(1_000))?;
    let few = resident()?;
    load::run(&target, 32, Until::Count(LEASES))?;
    let many = resident()?;
    revoke_all(&ours.http())?;
    println!(
        "resident size of a fresh server{label}: {few:.0} MiB at 1 000 leases, {many:.0} MiB at \
         {LEASES} more ({:.0} bytes a lease), {:.0} MiB when all are revoked",
        (many - few) * 1024.0 * 1024.0 / count(LEASES),
        resident()?
    );
    Ok(())
}

fn measure(plan: &Plan, reads: &[Read], connections: usize) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = reads.iter().map(|_| Row::default()).collect();
    let time = Until::Over(Duration::from_secs(plan.seconds));
    for round in 0..plan.rounds {
        let mut rates = vec![0.0; reads.len()];
        // Interleaved, so that other load on the machine affects all equally, and
        // each round begins with another.
        for turn in 0..reads.len() {
            let what = (round + turn) % reads.len();
            let (read, row) = (&reads[what], &mut rows[what]);
            let before = cpu_seconds(read.pid)?;
            let done = load::run(&read.target, connections, time)?;
            let cpu = cpu_seconds(read.pid)? - before;
            rates[what] = done.rate();
            row.rate.add(done.rate());
            row.p50.add(done.percentile(50));
            row.p99.add(done.percentile(99));
            row.cpu.add(cpu / count(done.requests) * 1000.0);
        }
        for (what, read) in reads.iter().enumerate() {
            if let Some(other) = read.compared {
                rows[what].to_other.add(rates[what] / rates[other]);
            }
        }
    }
    Ok(rows)
}

fn print_rows(connections: usize, reads: &[Read], rows: &[Row]) {
    let peer = rows.last();
    println!("{connections} connections");
    for (read, row) in reads.iter().zip(rows) {
        let (least, most) = row.rate.range();
        print!(
            "  {:30}{:>8.0} ({least:.0} to {most:.0})  p50 {:.2}  p99 {:.2}  cpu {:.3}",
            read.name,
            row.rate.median(),
            row.p50.median(),
            row.p99.median(),
            row.cpu.median()
        );
        if let Some(peer) = peer {
            print!(
                "  = {:.2} times the rate, {:.2} times the processor",
                row.rate.median() / peer.rate.median(),
                row.cpu.median() / peer.cpu.median()
            );
        }
        if let Some(other) = read.compared {
            let (least, most) = row.to_other.range();
            print!(
                "; {:.2} times the rate of the other build ({least:.2} to {most:.2}), {:.2} times \
                 its processor",
                row.to_other.median(),
                row.cpu.median() / rows[other].cpu.median()
            );
        }
        println!();
    }
    println!();
}

/// A server of ours with an engine at `bench/`, and the simulator that it uses.
struct Ours {
    program: Program,
    address: String,
    _cloud: Program,
}

impl Ours {
    /// The server is started from `program`; the simulator is always this build's.
    fn start(program: &Path) -> Result<Self> {
        let cloud_port = free_port();
        let mut cloud = Launch::new(bin("lockkeeper"))
            .args(["simulator".to_owned()])
            .args([format!("-admin-key={}:{}", ADMIN.0, ADMIN.1)])
            .args([format!("-listen=127.0.0.1:{cloud_port}")])
            .start();
        cloud.wait_for_line("Ctrl-C");
        let (port, other) = (free_port(), free_port());
        let mut program = Launch::new(program)
            .args(["dev".to_owned(), format!("-root-token={TOKEN}")])
            .args([format!("-listen=127.0.0.1:{port}")])
            .args([format!("-simulator-listen=127.0.0.1:{other}")])
            .start();
        program.wait_for_line("Ctrl-C");
        let ours = Self {
            program,
            address: format!("http://127.0.0.1:{port}"),
            _cloud: cloud,
        };
        ours.set_up(&format!("http://127.0.0.1:{cloud_port}"))?;
        Ok(ours)
    }

    /// Mounts the engine, with the account and two roles.
    fn set_up(&self, cloud: &str) -> Result<()> {
        let (_, state) = Http::new(cloud).raw("GET", "/simulator/state", None);
        let state: Value = serde_json::from_str(&state)?;
        let write = |path: &str, body: Value| expect(&self.http(), "POST", path, Some(&body));
        write(
            "sys/mounts/bench",
            json!({"type": "vault-plugin-secrets-confluent-cloud"}),
        )?;
        write(
            "bench/config",
            json!({
                "ccloud_api_key_id": ADMIN.0,
                "ccloud_api_key_secret": ADMIN.1,
                "url": cloud,
            }),
        )?;
        for (name, shared) in [("shared", true), ("single", false)] {
            let role = json!({
                "owner": state["service_accounts"][0]["id"],
                "resource": state["kafka_clusters"][0]["id"],
                "ttl": "1h",
                "multi_use_key": shared,
            });
            write(&format!("bench/role/{name}"), role)?;
        }
        Ok(())
    }

    fn http(&self) -> Http {
        Http::new(&self.address).with_token(TOKEN)
    }

    fn target(&self, path: &str) -> Target {
        target(&self.address, path)
    }
}

/// The secrets that OpenBao reads.
fn fill(http: &Http) -> Result<()> {
    for entry in 0..ENTRIES {
        let body = json!({"data": {"value": "x".repeat(ENTRY_BYTES)}});
        expect(http, "POST", &format!("secret/data/{entry}"), Some(&body))?;
    }
    Ok(())
}

fn revoke_all(http: &Http) -> Result<()> {
    let body = json!({"sync": true});
    expect(http, "POST", "sys/leases/revoke-prefix/bench", Some(&body))
}

fn expect(http: &Http, method: &str, path: &str, body: Option<&Value>) -> Result<()> {
    let (status, answer) = http.request(method, path, body);
    anyhow::ensure!(status < 300, "{method} {path}: {status} {answer}");
    Ok(())
}

fn target(address: &str, path: &str) -> Target {
    Target {
        authority: address.trim_start_matches("http://").to_owned(),
        token: TOKEN.to_owned(),
        path: path.to_owned(),
    }
}
