//! Static roles with nothing due: what they cost while nobody asks for them, in
//! our server in memory, and in a plugin whose host keeps their records.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testkit::{Bao, bin};

use crate::Plan;
use crate::cloud::Cloud;
use crate::host::{Host, Storage};
use crate::load::count;
use crate::ours::Ours;
use crate::process::{cpu_seconds, resident_mib};
use crate::statistics::Figures;

/// How many static roles.
const ROLES: usize = 1_000;
/// Roles that exist when the first size is taken, so that code and connections do
/// not count.
const FIRST: usize = 200;
/// What `cargo xtask bench` calls the plugin.
pub(crate) const PLUGIN: &str = "BENCH_PLUGIN";
const ENGINE: &str = "engine";

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let bao = Bao::find().context("no `bao`: start this with `cargo xtask bench`")?;
    let plugin = std::env::var_os(PLUGIN).map(PathBuf::from);
    let plugin = plugin
        .with_context(|| format!("{PLUGIN} is not set: start this with `cargo xtask bench`"))?;
    let ours = Ours::start(&bin("lockkeeper"))?;
    let write = |name: &str| ours.write_static_role(name);
    measure(plan, "our server, in memory", ours.pid(), write)?;
    let cloud = Cloud::start()?;
    let host = Host::start(&bao, Storage::Memory);
    host.mount(&plugin, ENGINE);
    cloud.configure(&host.http(), ENGINE)?;
    let write = |name: &str| cloud.write_static_role(&host.http(), ENGINE, name);
    measure(plan, "the plugin", host.process(ENGINE)?, write)
}

/// Measures a process before and after it got its static roles.
fn measure(plan: &Plan, name: &str, pid: u32, write: impl Fn(&str) -> Result<bool>) -> Result<()> {
    let without = processor(plan, pid)?;
    let write = |roles: std::ops::Range<usize>| -> Result<f64> {
        for role in roles {
            let known = write(&format!("idle-{role}"))?;
            ensure!(known, "this build has no static roles");
        }
        resident_mib(pid)
    };
    let first = write(0..FIRST)?;
    let all = write(FIRST..FIRST + ROLES)?;
    let with = processor(plan, pid)?;
    let (least, most) = with.range();
    println!(
        "{name}: {ROLES} static roles with nothing due take {:.2} KiB each (goal 3) and {:.2} % of \
         a core ({least:.2} to {most:.2}; goal 0.5; {:.2} without any)",
        (all - first) * 1024.0 / count(ROLES),
        with.median(),
        without.median(),
    );
    Ok(())
}

/// Per cent of a core that a process takes while nobody asks it anything.
fn processor(plan: &Plan, pid: u32) -> Result<Figures> {
    let time = Duration::from_secs(plan.seconds);
    let mut figures = Figures::default();
    for _ in 0..plan.rounds {
        let before = cpu_seconds(pid)?;
        thread::sleep(time);
        let used = cpu_seconds(pid)? - before;
        figures.add(used / time.as_secs_f64() * 100.0);
    }
    Ok(figures)
}
