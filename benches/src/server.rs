//! Reads of `creds` and `static-creds` of our server in memory, beside KV v2 reads
//! of OpenBao in memory with the root token: the cheapest read that OpenBao has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use testkit::{Bao, BaoServer, Http, bin};

use crate::load::{self, Target, Until, count};
use crate::ours::Ours;
use crate::process::{cpu_seconds, resident_mib};
use crate::statistics::Figures;
use crate::{Plan, cloud, label, together};

/// Reads of our server: name, path, and the goals for the rate and for the
/// processor time, as multiples of those of OpenBao.
const READS: [(&str, &str, Option<[f64; 2]>); 3] = [
    ("shared creds", cloud::SHARED, Some([1.6, 0.25])),
    ("single-use creds", cloud::SINGLE, None),
    ("static creds", cloud::STATIC, Some([4.0, 0.2])),
];
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
    /// For the rate and the processor time, as multiples of those of OpenBao.
    goals: Option<[f64; 2]>,
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
    let mut reads = reads(&ours);
    reads.push(Read {
        name: "OpenBao KV v2".to_owned(),
        target: Target::of(theirs.address(), theirs.root_token(), "secret/data/0"),
        pid: theirs.program().pid(),
        goals: None,
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

/// The reads of our builds.
fn reads(builds: &[Ours]) -> Vec<Read> {
    let mut reads: Vec<Read> = Vec::new();
    for (build, ours) in builds.iter().enumerate() {
        for (number, (name, path, goals)) in READS.into_iter().enumerate() {
            if path == cloud::STATIC && !ours.knows_static_roles() {
                continue;
            }
            if build > 0 {
                let other = reads.len();
                reads[number].compared = Some(other);
            }
            reads.push(Read {
                name: format!("{name}{}", label(build)),
                target: ours.target(path),
                pid: ours.pid(),
                goals: goals.filter(|_| build == 0),
                compared: None,
            });
        }
    }
    reads
}

/// Leases that are extended or end at the same moment, on fresh servers.
fn at_once(plan: &Plan, builds: &[PathBuf]) -> Result<()> {
    let ours: Vec<_> = builds
        .iter()
        .map(|it| Ours::start(it))
        .collect::<Result<_>>()?;
    let shared: Vec<_> = ours.iter().map(|ours| ours.target(cloud::SHARED)).collect();
    together::run(plan.rounds, &shared);
    println!();
    Ok(())
}

/// Memory of leases on a shared key, including their records in the in-memory
/// store. On a fresh server: what load leaves in the allocator says nothing about
/// leases.
fn memory(program: &Path, label: &str) -> Result<()> {
    let ours = Ours::start(program)?;
    let target = ours.target(cloud::SHARED);
    let resident = || resident_mib(ours.pid());
    // Warm up: connections and code paths are not part of the result.
    load::run(&target, 32, Until::Count(1_000))?;
    let few = resident()?;
    load::run(&target, 32, Until::Count(LEASES))?;
    let many = resident()?;
    ours.revoke_all()?;
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
        if let Some([rate, processor]) = read.goals {
            print!(" (goals {rate} and {processor})");
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

/// The secrets that OpenBao reads.
fn fill(http: &Http) -> Result<()> {
    for entry in 0..ENTRIES {
        let body = json!({"data": {"value": "x".repeat(ENTRY_BYTES)}});
        let path = format!("secret/data/{entry}");
        let (status, answer) = http.request("POST", &path, Some(&body));
        ensure!(status < 300, "POST {path}: {status} {answer}");
    }
    Ok(())
}
