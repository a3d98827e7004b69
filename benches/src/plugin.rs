//! The plugin in a real OpenBao, relative to the host's own limit: a plugin that
//! answers a constant, under a lease or without one. Also its memory, start-up time
//! and size.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::Bao;

use crate::cloud::{self, Cloud};
use crate::host::{Host, Storage};
use crate::load::{self, Until, count};
use crate::process::{cpu_seconds, parent, resident_mib};
use crate::statistics::Figures;
use crate::{Plan, label, start, together};

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
/// Reads of the plugin that answers a constant. [`LEASED`] and [`UNLEASED`] are
/// limits. The other waits as often as a single-use key must: for its intent, for
/// Confluent and for its record.
const CONSTANTS: [(&str, &str); 3] = [
    ("constant", "constant/creds/a"),
    ("constant, 3 waits", "constant/after/3"),
    ("constant without a lease", "constant/data/a"),
];
/// Which of them is the limit of reads with a lease, and of those without.
const LEASED: usize = 0;
const UNLEASED: usize = 2;
/// Reads of an engine: name, path, limit, and the goals for the share of it, in
/// memory and on Raft.
const READS_OF_ENGINE: [(&str, &str, usize, [u8; 2]); 3] = [
    ("shared creds", cloud::SHARED, LEASED, [80, 60]),
    ("single-use creds", cloud::SINGLE, LEASED, [65, 45]),
    ("static creds", cloud::STATIC, UNLEASED, [85, 85]),
];

/// One kind of read.
struct Read {
    name: String,
    path: String,
    /// Which read it is a share of.
    limit: usize,
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

/// The reads of a number of builds; for each, whether it knows static roles.
fn reads(builds: &[bool]) -> Vec<Read> {
    let mut reads: Vec<Read> = CONSTANTS
        .into_iter()
        .enumerate()
        .map(|(number, (name, path))| Read {
            name: name.to_owned(),
            path: path.to_owned(),
            limit: if number == UNLEASED { UNLEASED } else { LEASED },
            goals: None,
            compared: None,
        })
        .collect();
    for (build, (engine, knows_static_roles)) in ENGINES.iter().zip(builds).enumerate() {
        for (number, (name, path, limit, goals)) in READS_OF_ENGINE.into_iter().enumerate() {
            if path == cloud::STATIC && !knows_static_roles {
                continue;
            }
            if build > 0 {
                let other = reads.len();
                reads[CONSTANTS.len() + number].compared = Some(other);
            }
            reads.push(Read {
                name: format!("{name}{}", label(build)),
                path: format!("{engine}/{path}"),
                limit,
                goals: (build == 0).then_some(goals),
                compared: None,
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
    let cloud = Cloud::start()?;
    for storage in [Storage::Memory, Storage::Raft] {
        let host = Host::start(&bao, storage);
        host.mount(&constant, CONSTANT);
        let mut knows_static_roles = Vec::new();
        for (plugin, engine) in builds() {
            host.mount(plugin, engine);
            let idle = resident_mib(host.process(engine)?)?;
            knows_static_roles.push(cloud.configure(&host.http(), engine)?);
            if storage == Storage::Memory {
                println!("{engine}: resident when idle {idle:.1} MiB (goal 10)");
                let shared = host.target(&format!("{engine}/{}", cloud::SHARED));
                load::run(&shared, CONNECTIONS, Until::Count(READS))?;
                let after = resident_mib(host.process(engine)?)?;
                println!("{engine}: resident after {READS} reads {after:.1} MiB (goal 14)");
            }
        }
        let reads = reads(&knows_static_roles);
        let rows = measure(plan, &host, &reads)?;
        print_rows(storage, &reads, &rows);
        let shared =
            builds().map(|(_, engine)| host.target(&format!("{engine}/{}", cloud::SHARED)));
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
            row.share.add(rate / rates[read.limit]);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(reads: &[Read]) -> Vec<(&str, &str)> {
        let pairs = reads.iter().filter_map(|read| {
            let other = &reads[read.compared?];
            Some((read.path.as_str(), other.path.as_str()))
        });
        pairs.collect()
    }

    #[test]
    fn a_read_is_a_share_of_the_constant_with_or_without_a_lease() {
        let reads = reads(&[true]);
        let limit = |path: &str| {
            let found = reads.iter().find(|read| read.path == path);
            reads[found.unwrap().limit].path.as_str()
        };
        assert_eq!(limit("engine/creds/single"), "constant/creds/a");
        assert_eq!(limit("constant/after/3"), "constant/creds/a");
        assert_eq!(limit("engine/static-creds/static"), "constant/data/a");
        assert_eq!(limit("constant/data/a"), "constant/data/a");
        assert!(compared(&reads).is_empty());
    }

    #[test]
    fn a_read_is_compared_with_the_same_of_another_build_that_has_it() {
        let leased = [
            ("engine/creds/shared", "other/creds/shared"),
            ("engine/creds/single", "other/creds/single"),
        ];
        assert_eq!(compared(&reads(&[true, false])), leased);
        let all = reads(&[true, true]);
        let with_static = [
            leased[0],
            leased[1],
            ("engine/static-creds/static", "other/static-creds/static"),
        ];
        assert_eq!(compared(&all), with_static);
    }
}
