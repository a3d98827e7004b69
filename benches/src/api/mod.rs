//! What teams do with a Vault all day, at our server and at OpenBao: reads and
//! writes of KV v2, AppRole logins, tokens, listings. Both run by a configuration
//! of the same form, in memory, on disk (our SQLite beside their Raft, both of
//! which reach the disk before an answer), and on disk with a file audit device.
//!
//! Beside them stands a bare HTTP server that answers a constant: what is left
//! when a server does nothing.

mod bare;
mod durable;
mod rows;
pub(crate) mod scale;
mod subject;

use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::{Bao, bin};

use crate::Plan;
use crate::load::{self, Done, Target, Until, count};
use crate::process::{cpu_seconds, resident_mib};
use crate::statistics::Figures;

pub(crate) use bare::{ARGUMENT as BARE_SERVER, serve as serve_bare};

use bare::Bare;
use rows::{ROWS, Row};
use subject::{Program, Setting, Subject};

const CONNECTIONS: usize = 16;
/// How many tokens exist when memory is measured.
const TOKENS: usize = 50_000;
/// How often a sealed server is started.
const STARTS: usize = 21;

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let bao = Bao::find().context("no `bao`: start this with `cargo xtask bench`")?;
    let (ours, theirs) = (Program::Ours(bin("lockkeeper")), Program::Theirs(bao));
    println!(
        "{CONNECTIONS} connections, medians of {} rounds of {} s (least to most); processor time \
         is in ms for 1 000 requests, of the server's process alone\n",
        plan.rounds, plan.seconds
    );
    let bare = Bare::start()?;
    for setting in Setting::ALL {
        let ours = Subject::start(&ours, setting)?;
        let theirs = Subject::start(&theirs, setting)?;
        println!("{}", setting.title());
        for row in ROWS.iter().filter(|row| plan.includes(row.name)) {
            compare(plan, row, &ours, &theirs, &bare)?;
        }
        println!();
    }
    if plan.only_some() {
        return Ok(());
    }
    one_writer(plan, &ours, &theirs)?;
    starts(&ours)?;
    memory(&ours, &theirs)
}

/// The figures of one server for one kind of request.
#[derive(Default)]
struct Measured {
    rate: Figures,
    /// Milliseconds.
    p99: Figures,
    /// Milliseconds of processor time for a thousand requests.
    cpu: Figures,
}

impl Measured {
    fn add(&mut self, done: &Done, cpu: f64) {
        self.rate.add(done.rate());
        self.p99.add(done.percentile(99));
        self.cpu.add(cpu * 1e6 / count(done.requests));
    }

    fn print(&self, name: &str) {
        let (least, most) = self.rate.range();
        println!(
            "    {name:9}{:>8.0}/s ({least:.0} to {most:.0})  p99 {:.2} ms  processor {:.0} ms",
            self.rate.median(),
            self.p99.median(),
            self.cpu.median()
        );
    }
}

/// One kind of request at both servers and at the bare one, in turn, so that other
/// load on the machine affects all alike.
fn compare(plan: &Plan, row: &Row, ours: &Subject, theirs: &Subject, bare: &Bare) -> Result<()> {
    let subjects = [
        (row.target(ours), ours.pid()),
        (row.target(theirs), theirs.pid()),
        (bare.target(), bare.pid()),
    ];
    let mut figures = subjects.each_ref().map(|_| Measured::default());
    for round in 0..plan.rounds {
        for turn in 0..subjects.len() {
            let what = (round + turn) % subjects.len();
            let (target, pid) = &subjects[what];
            let (done, cpu) = loaded(target, *pid, CONNECTIONS, plan.seconds)?;
            figures[what].add(&done, cpu);
        }
    }
    let [ours, theirs, bare] = &figures;
    println!(
        "  {}: {:.1} times the rate, 1/{:.1} of the processor, {:.0} % of a bare server{}",
        row.name,
        ours.rate.median() / theirs.rate.median(),
        theirs.cpu.median() / ours.cpu.median(),
        100.0 * ours.rate.median() / bare.rate.median(),
        row.goal
    );
    ours.print("ours");
    theirs.print("OpenBao");
    Ok(())
}

/// A load, and the processor time that it took the server.
fn loaded(target: &Target, pid: u32, connections: usize, seconds: u64) -> Result<(Done, f64)> {
    let before = cpu_seconds(pid)?;
    let done = load::run(
        target,
        connections,
        Until::Over(Duration::from_secs(seconds)),
    )?;
    Ok((done, cpu_seconds(pid)? - before))
}

/// How long a write takes a single client on disk, beside an append that reaches
/// the disk and does nothing else.
fn one_writer(plan: &Plan, ours: &Program, theirs: &Program) -> Result<()> {
    let (ours, theirs) = (
        Subject::start(ours, Setting::OnDisk)?,
        Subject::start(theirs, Setting::OnDisk)?,
    );
    let mut figures = [Figures::default(), Figures::default(), Figures::default()];
    for _ in 0..plan.rounds {
        for (subject, into) in [&ours, &theirs].into_iter().zip(&mut figures) {
            let target = rows::WRITE.target(subject);
            let (done, _) = loaded(&target, subject.pid(), 1, plan.seconds)?;
            into.add(done.percentile(50));
        }
        figures[2].add(durable::append_p50(Duration::from_secs(plan.seconds))?);
    }
    let [ours, theirs, append] = figures.map(|it| it.median());
    println!(
        "a KV v2 write of a single client on disk, p50: ours {ours:.2} ms, OpenBao {theirs:.2} ms, \
         a bare append with `fdatasync` {append:.2} ms: {:.1} times the append (goal 2)\n",
        ours / append
    );
    Ok(())
}

/// From the start of a sealed server on disk to its first answer.
fn starts(program: &Program) -> Result<()> {
    let mut figures = Figures::default();
    for _ in 0..STARTS {
        figures.add(subject::start_sealed(program)?.as_secs_f64() * 1e3);
    }
    println!(
        "from the start to the first answer, sealed, on disk: {:.0} ms (goal 20)\n",
        figures.median()
    );
    Ok(())
}

/// Resident memory on disk, idle and with many tokens.
fn memory(ours: &Program, theirs: &Program) -> Result<()> {
    let (ours, theirs) = (
        Subject::start(ours, Setting::OnDisk)?,
        Subject::start(theirs, Setting::OnDisk)?,
    );
    let idle = resident_mib(ours.pid())?;
    let created = load::run(
        &rows::CREATE_TOKEN.target(&ours),
        CONNECTIONS,
        Until::Count(TOKENS),
    )?;
    println!(
        "resident on disk: ours {idle:.0} MiB when fresh (goal 20), {:.0} MiB with {} tokens \
         (goal 45); OpenBao {:.0} MiB when fresh",
        resident_mib(ours.pid())?,
        created.requests,
        resident_mib(theirs.pid())?
    );
    Ok(())
}
