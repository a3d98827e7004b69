//! Instructions and allocations of a read of our server, counted by valgrind.
//!
//! Unlike a time, a count is the same on a busy machine: it shows a change of
//! a few per cent that clocks cannot. It shows no waits and no system calls, and
//! valgrind runs one thread at a time.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use testkit::{Launch, bin};

use crate::load::{self, Until, count};
use crate::ours::Ours;
use crate::{Plan, cloud, label};

/// Reads before counting begins.
const WARM_UP: usize = 300;
/// Reads that are counted.
const READS: usize = 1_000;
const KINDS: [(&str, &str); 3] = [
    ("shared creds", cloud::SHARED),
    ("single-use creds", cloud::SINGLE),
    ("static creds", cloud::STATIC),
];
/// Functions that allocate or enlarge memory.
const ALLOCATORS: [&str; 6] = [
    "malloc",
    "calloc",
    "realloc",
    "aligned_alloc",
    "memalign",
    "posix_memalign",
];

/// What a read costs.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    instructions: f64,
    allocations: f64,
}

/// Counts and prints.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    println!("one connection, means of {READS} reads\n");
    let mut first: HashMap<&str, Cost> = HashMap::new();
    let builds = plan.builds(&bin("lockkeeper"), "lockkeeper")?;
    for (build, program) in builds.iter().enumerate() {
        let ours = start(program)?;
        for (name, path) in KINDS {
            if path == cloud::STATIC && !ours.knows_static_roles() {
                continue;
            }
            let cost = measure(&ours, path)?;
            print!(
                "  {:30}{:>10.0} instructions, {:.0} allocations",
                format!("{name}{}", label(build)),
                cost.instructions,
                cost.allocations
            );
            match first.get(name) {
                Some(this) => println!(
                    "  this build has {:.2} times the instructions, {:.2} times the allocations",
                    this.instructions / cost.instructions,
                    this.allocations / cost.allocations
                ),
                None => println!(),
            }
            first.entry(name).or_insert(cost);
        }
    }
    Ok(())
}

/// A server under valgrind.
fn start(program: &Path) -> Result<Ours> {
    let found = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    ensure!(
        found.is_ok_and(|status| status.success()),
        "there is no `valgrind`: install it with the system's package manager"
    );
    let launch = Launch::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=calls"])
        .args([program]);
    Ours::launch(launch)
}

fn measure(ours: &Ours, path: &str) -> Result<Cost> {
    let target = ours.target(path);
    load::run(&target, 1, Until::Count(WARM_UP))?;
    control(ours, "--zero")?;
    load::run(&target, 1, Until::Count(READS))?;
    control(ours, "--dump")?;
    let dump = newest_dump(ours.folder())?;
    read(&dump).with_context(|| format!("what callgrind counted of `{path}`"))
}

/// Tells callgrind to begin anew, or to write what it has counted.
fn control(ours: &Ours, what: &str) -> Result<()> {
    let status = Command::new("callgrind_control")
        .args([what, &ours.pid().to_string()])
        .stdout(Stdio::null())
        .status()
        .context("cannot start `callgrind_control`, which comes with valgrind")?;
    ensure!(status.success(), "`callgrind_control {what}` failed");
    Ok(())
}

/// The text of the newest dump: they are numbered.
fn newest_dump(folder: &Path) -> Result<String> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_prefix("calls.")?.parse::<u32>().ok());
        newest = newest.max(number.map(|number| (number, path)));
    }
    let (_, path) = newest.context("callgrind wrote nothing")?;
    Ok(fs::read_to_string(path)?)
}

/// Reads a file in callgrind's format: `totals:`, and calls that lead to a
/// function that allocates. A name is written once, and a number stands for it
/// afterwards: `cfn=(12) malloc`, `cfn=(12)`.
fn read(dump: &str) -> Result<Cost> {
    let mut names: HashMap<&str, bool> = HashMap::new();
    let (mut instructions, mut allocations) = (None, 0);
    let mut called_allocates = false;
    for line in dump.lines() {
        if let Some(total) = line.strip_prefix("totals: ") {
            instructions = Some(total.trim().parse::<usize>()?);
        } else if let Some((field, name)) = line.split_once("fn=(") {
            let (id, name) = name
                .split_once(')')
                .context("a function without a number")?;
            if let Some(name) = name.strip_prefix(' ') {
                // Valgrind numbers the functions that recurse.
                let plain = name.split('\'').next().unwrap_or(name);
                names.insert(id, ALLOCATORS.contains(&plain));
            }
            if field == "c" {
                called_allocates = names.get(id).copied().unwrap_or(false);
            }
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let number = calls.split(' ').next().unwrap_or_default();
            if called_allocates {
                allocations += number.parse::<usize>()?;
            }
        }
    }
    let instructions = instructions.context("there is no total")?;
    Ok(Cost {
        instructions: count(instructions / READS),
        allocations: count(allocations) / count(READS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_functions_that_allocate_are_added_up() {
        let dump = "\
            fn=(1) main\n0 5\ncfn=(2) malloc\ncalls=1500 0 \n0 100\ncfn=(3) free\ncalls=7000 0\n\
            fn=(4) serve\ncfn=(2)\ncalls=500 0\n0 1\ncfn=(5) realloc'2\ncalls=1000 0\n\
            totals: 2500000\n";
        let cost = read(dump).unwrap();
        let expected = Cost {
            instructions: 2_500.0,
            allocations: 3.0,
        };
        assert_eq!(cost, expected);
        assert!(read("fn=(1) main\n").is_err());
    }
}
