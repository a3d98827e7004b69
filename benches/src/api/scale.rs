//! What many tokens, leases and secrets cost our server on disk: a list beside
//! them, a start with them, and memory.

use std::time::Duration;

use anyhow::Result;
use http::Method;
use testkit::bin;

use super::rows::{self, CREATE_TOKEN};
use super::subject::{Program, Setting, Subject};
use super::{CONNECTIONS, loaded};
use crate::Plan;
use crate::cloud::{Cloud, SHARED};
use crate::load::{self, Target, Until};
use crate::process::resident_mib;
use crate::statistics::Figures;

/// Tokens, each of which has a lease.
const TOKENS: usize = 100_000;
/// Secrets beside the folder that is listed. Each takes two rows.
const OTHERS: usize = 300_000;
/// Leases of credentials.
const LEASES: usize = 50_000;
const ENGINE: &str = "confluent";

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let ours = Program::Ours(bin("lockkeeper"));
    let subject = lists(plan, &ours)?;
    start(&ours, subject)?;
    leases(&ours)
}

/// The list of a folder of 1 000 secrets, alone and beside many others.
fn lists(plan: &Plan, ours: &Program) -> Result<Subject> {
    let subject = Subject::start(ours, Setting::OnDisk)?;
    let median = || -> Result<f64> {
        let mut figures = Figures::default();
        for _ in 0..plan.rounds {
            let (done, _) = loaded(&rows::LIST.target(&subject), subject.pid(), 1, plan.seconds)?;
            figures.add(done.percentile(50));
        }
        Ok(figures.median())
    };
    let alone = median()?;
    let other = Target {
        method: Method::POST,
        body: r#"{"data": {"value": "x"}}"#.into(),
        ..Target::of(
            subject.address(),
            subject.root(),
            "secret/data/others/{connection}/{request}",
        )
    };
    load::run(&other, CONNECTIONS, Until::Count(OTHERS))?;
    let beside = median()?;
    println!(
        "LIST of 1 000 names: {alone:.2} ms alone, {beside:.2} ms beside {OTHERS} other secrets: \
         {:.2} times (goal 1.5)",
        beside / alone
    );
    Ok(subject)
}

/// A start with many leases.
fn start(ours: &Program, subject: Subject) -> Result<()> {
    let tokens = CREATE_TOKEN.target(&subject);
    load::run(&tokens, CONNECTIONS, Until::Count(TOKENS))?;
    let subject = subject.restart(ours)?;
    let opened = subject.open_and_read()?;
    println!(
        "from unsealing to the first read, with {TOKENS} leases and {OTHERS} secrets: {:.0} ms \
         (goal 100)",
        opened.as_secs_f64() * 1e3
    );
    Ok(())
}

/// Memory with many leases of credentials.
fn leases(ours: &Program) -> Result<()> {
    let (subject, cloud) = (Subject::start(ours, Setting::OnDisk)?, Cloud::start()?);
    let engine = serde_json::json!({"type": "confluent-cloud"});
    crate::cloud::write(&subject.http(), &format!("sys/mounts/{ENGINE}"), &engine)?;
    cloud.configure(&subject.http(), ENGINE)?;
    let before = resident_mib(subject.pid())?;
    let read = Target::of(
        subject.address(),
        subject.root(),
        &format!("{ENGINE}/{SHARED}"),
    );
    load::run(&read, CONNECTIONS, Until::Count(LEASES))?;
    let at_once = resident_mib(subject.pid())?;
    // What the load left in buffers and caches is given back meanwhile.
    std::thread::sleep(Duration::from_secs(10));
    println!(
        "resident on disk: {before:.0} MiB with an engine, {at_once:.0} MiB when it had given \
         {LEASES} leases, {:.0} MiB ten seconds later (goal 45)",
        resident_mib(subject.pid())?
    );
    Ok(())
}
