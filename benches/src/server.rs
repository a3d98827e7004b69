//! `creds` reads of our server in memory, beside KV v2 reads of OpenBao in
//! memory with the root token: the cheapest read that OpenBao has.
//!
//! The simulated Confluent Cloud runs in a process of its own, so its cost counts
//! for neither.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::{Bao, BaoServer, Http, Launch, Program, bin, free_port};

use crate::Plan;
use crate::load::{self, Target, Until, count};
use crate::process::{cpu_seconds, resident_mib};
use crate::statistics::Figures;

const TOKEN: &str = "root";
const CONNECTIONS: [usize; 3] = [1, 8, 32];
/// How many leases exist when memory is measured.
const LEASES: usize = 50_000;
/// How many secrets OpenBao holds, and the size of each.
const ENTRIES: usize = 1_000;
const ENTRY_BYTES: usize = 200;

/// One kind of read.
struct Read {
    name: &'static str,
    target: Target,
    pid: u32,
}

/// The results of one kind of read with one number of connections.
#[derive(Default)]
struct Row {
    rate: Figures,
    p50: Figures,
    p99: Figures,
    /// CPU seconds per thousand requests.
    cpu: Figures,
}

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let bao = Bao::find().context("no `bao`: start this with `cargo xtask bench`")?;
    let (_cloud, ours) = start_ours()?;
    let mut theirs = BaoServer::start(&bao);
    let theirs_authority = authority(theirs.address());
    fill(&theirs.http())?;
    let read = |name, authority: &str, path: &str, pid| Read {
        name,
        target: Target {
            authority: authority.to_owned(),
            token: TOKEN.to_owned(),
            path: path.to_owned(),
        },
        pid,
    };
    let own = authority(&ours.address);
    let reads = [
        read(
            "shared creds",
            &own,
            "bench/creds/shared",
            ours.program.pid(),
        ),
        read(
            "single-use creds",
            &own,
            "bench/creds/single",
            ours.program.pid(),
        ),
        read(
            "OpenBao KV v2",
            &theirs_authority,
            "secret/data/0",
            theirs.program().pid(),
        ),
    ];
    println!(
        "requests/s, latency in ms, processor seconds for 1 000 requests; medians of {} rounds of \
         {} s (least to most)\n",
        plan.rounds, plan.seconds
    );
    for connections in CONNECTIONS {
        let rows = measure(plan, &reads, connections)?;
        print_rows(connections, &reads, &rows);
    }
    // A fresh server: what load leaves in the allocator says nothing about
    // leases.
    drop(ours);
    memory()?;
    println!(
        "resident size of OpenBao without any lease: {:.0} MiB",
        resident_mib(theirs.program().pid())?
    );
    Ok(())
}

/// Memory of leases on a shared key, including their records in the in-memory
/// store.
fn memory() -> Result<()> {
    let (_cloud, ours) = start_ours()?;
    let target = Target {
        authority: authority(&ours.address),
        token: TOKEN.to_owned(),
        path: "bench/creds/shared".to_owned(),
    };
    let resident = || resident_mib(ours.program.pid());
    // Warm up: connections and code paths are not part of the result.
    load::run(&target, 32, Until::Count(1_000))?;
    let few = resident()?;
    load::run(&target, 32, Until::Count(LEASES))?;
    let many = resident()?;
    revoke_all(&Http::new(&ours.address).with_token(TOKEN))?;
    println!(
        "resident size of a fresh server: {few:.0} MiB at 1 000 leases, {many:.0} MiB at {LEASES} \
         more ({:.0} bytes a lease), {:.0} MiB when all are revoked",
        (many - few) * 1024.0 * 1024.0 / count(LEASES),
        resident()?
    );
    Ok(())
}

fn measure(plan: &Plan, reads: &[Read], connections: usize) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = reads.iter().map(|_| Row::default()).collect();
    let time = Until::Over(Duration::from_secs(plan.seconds));
    for _ in 0..plan.rounds {
        // Interleaved, so that other load on the machine affects all equally.
        for (read, row) in reads.iter().zip(&mut rows) {
            let before = cpu_seconds(read.pid)?;
            let done = load::run(&read.target, connections, time)?;
            let cpu = cpu_seconds(read.pid)? - before;
            row.rate.add(done.rate());
            row.p50.add(done.percentile(50));
            row.p99.add(done.percentile(99));
            row.cpu.add(cpu / count(done.requests) * 1000.0);
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
            "  {:18}{:>8.0} ({least:.0} to {most:.0})  p50 {:.2}  p99 {:.2}  cpu {:.3}",
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
        println!();
    }
    println!();
}

/// Our server and its address.
struct Ours {
    program: Program,
    address: String,
}

/// The simulator, and our server with an engine at `bench/` that uses it.
fn start_ours() -> Result<(Program, Ours)> {
    let cloud_port = free_port();
    let mut cloud = Launch::new(bin("lockkeeper"))
        .args([
            "simulator",
            "-admin-key=BENCHADMIN234567:a-secret-of-the-bench",
        ])
        .args([format!("-listen=127.0.0.1:{cloud_port}")])
        .start();
    cloud.wait_for_line("Ctrl-C");
    let (port, other) = (free_port(), free_port());
    let mut program = Launch::new(bin("lockkeeper"))
        .args(["dev".to_owned(), format!("-root-token={TOKEN}")])
        .args([format!("-listen=127.0.0.1:{port}")])
        .args([format!("-simulator-listen=127.0.0.1:{other}")])
        .start();
    program.wait_for_line("Ctrl-C");
    let address = format!("http://127.0.0.1:{port}");
    let http = Http::new(&address).with_token(TOKEN);
    let cloud_address = format!("http://127.0.0.1:{cloud_port}");
    let (_, state) = Http::new(&cloud_address).raw("GET", "/simulator/state", None);
    let state: Value = serde_json::from_str(&state)?;
    let write = |path: &str, body: Value| expect(&http, "POST", path, Some(&body));
    write(
        "sys/mounts/bench",
        json!({"type": "vault-plugin-secrets-confluent-cloud"}),
    )?;
    write(
        "bench/config",
        json!({
            "ccloud_api_key_id": "BENCHADMIN234567",
            "ccloud_api_key_secret": "a-secret-of-the-bench",
            "url": cloud_address,
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
    Ok((cloud, Ours { program, address }))
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

fn authority(address: &str) -> String {
    address.trim_start_matches("http://").to_owned()
}
