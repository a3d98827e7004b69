//! Roles whose keys need two minutes until they work, with spares: how long a read
//! takes that finds one, and whether the first login with each key succeeds.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use testkit::{Bao, Http, bin};

use crate::Plan;
use crate::cloud::{Cloud, write};
use crate::host::{Host, Storage};
use crate::ours::{ENGINE as OURS, Ours};

/// How many roles are read at once.
const ROLES: usize = 20;
/// How many spares each has, which are read in turn.
const SPARES: usize = 10;
/// How long a new key is not known.
const PROPAGATION: &str = "120s";
/// How long it takes at most until all spares are there again.
const REFILL: Duration = Duration::from_mins(10);
/// The name of the plugin in its host.
const THEIRS: &str = "engine";

/// What a round of reads came to.
#[derive(Default)]
struct Reads {
    latencies: Vec<Duration>,
    /// How many keys were refused at their first login.
    refused: usize,
}

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let bao = Bao::find().context("no `bao`: start this with `cargo xtask bench`")?;
    let plugin = std::env::var_os(crate::idle::PLUGIN).map(PathBuf::from);
    let plugin = plugin.context("no plugin: start this with `cargo xtask bench`")?;
    let ours = Ours::start(&bin("lockkeeper"))?;
    measure(
        plan,
        "our server, in memory",
        &ours.http(),
        OURS,
        ours.cloud(),
    )?;
    let cloud = Cloud::start()?;
    let host = Host::start(&bao, Storage::Memory);
    host.mount(&plugin, THEIRS);
    cloud.configure(&host.http(), THEIRS)?;
    measure(plan, "the plugin", &host.http(), THEIRS, &cloud)
}

/// Reads every spare in each round, once all are there again.
fn measure(plan: &Plan, name: &str, http: &Http, engine: &str, cloud: &Cloud) -> Result<()> {
    cloud.set_propagation(PROPAGATION)?;
    for role in 0..ROLES {
        cloud.write_role_with_spares(http, engine, &role_name(role), SPARES)?;
    }
    let mut all = Reads::default();
    for _ in 0..plan.rounds {
        wait_for_spares(http, engine)?;
        for role in read_all(http, engine, cloud)? {
            all.latencies.extend(role.latencies);
            all.refused += role.refused;
        }
        let path = format!("sys/leases/revoke-prefix/{engine}");
        write(http, &path, &json!({"sync": true}))?;
    }
    all.latencies.sort_unstable();
    let part = |per_cent: usize| {
        let rank = (all.latencies.len() * per_cent).div_ceil(100).max(1);
        all.latencies[rank - 1].as_secs_f64() * 1000.0
    };
    println!(
        "{name}: {} reads with a spare, {ROLES} at once: p50 {:.1} ms, p99 {:.1} ms (goal 50), \
         {} refused at the first login (goal 0)",
        all.latencies.len(),
        part(50),
        part(99),
        all.refused,
    );
    Ok(())
}

fn role_name(role: usize) -> String {
    format!("warm-{role}")
}

fn wait_for_spares(http: &Http, engine: &str) -> Result<()> {
    let (begun, wanted) = (Instant::now(), ROLES * SPARES);
    loop {
        let (status, answer) = http.request("GET", &format!("{engine}/status"), None);
        ensure!(status == 200, "GET {engine}/status: {status} {answer}");
        let ready = &answer["data"]["spares_ready"];
        if *ready == wanted {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < REFILL,
            "{ready} of {wanted} spares: {answer}"
        );
        thread::sleep(Duration::from_secs(1));
    }
}

/// A reader for each role reads its spares in turn, and logs in with each key.
fn read_all(http: &Http, engine: &str, cloud: &Cloud) -> Result<Vec<Reads>> {
    thread::scope(|scope| {
        let readers: Vec<_> = (0..ROLES)
            .map(|role| {
                let path = format!("{engine}/creds/{}", role_name(role));
                scope.spawn(move || read_role(http, &path, cloud))
            })
            .collect();
        let joined = readers.into_iter().map(|reader| {
            let read = reader.join();
            read.unwrap_or_else(|_| Err(anyhow::anyhow!("a reader panicked")))
        });
        joined.collect()
    })
}

fn read_role(http: &Http, path: &str, cloud: &Cloud) -> Result<Reads> {
    let mut reads = Reads::default();
    for _ in 0..SPARES {
        let begun = Instant::now();
        let (status, answer) = http.request("GET", path, None);
        reads.latencies.push(begun.elapsed());
        ensure!(status == 200, "GET {path}: {status} {answer}");
        let text = |name: &str| answer["data"][name].as_str().map(str::to_owned);
        let (key, secret) = (text("key_id"), text("secret"));
        let (Some(key), Some(secret)) = (key, secret) else {
            anyhow::bail!("GET {path} gave no key");
        };
        reads.refused += usize::from(!cloud.takes(&key, &secret));
    }
    Ok(reads)
}
