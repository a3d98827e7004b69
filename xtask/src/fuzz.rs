//! `cargo xtask fuzz`: lets libFuzzer search for inputs that break a promise of
//! a target in `fuzz/`.
//!
//! libFuzzer needs to see which branches an input takes. rustc can insert that
//! on stable: the passes of LLVM's sanitizer coverage are reached through `-C`
//! flags. They are given to our crates only, by this program, which cargo calls
//! in place of rustc for members of the workspace. So dependencies are those of
//! every other build, and the search is led by our code.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, cargo};

/// Set for cargo, and so for the rustc wrapper that it starts.
const AS_RUSTC: &str = "LOCKKEEPER_XTASK_AS_RUSTC";

/// Counters for each edge, and the operands of comparisons.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Limits of one input: more is a finding, too.
const LIMITS: [&str; 3] = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=4096"];

/// How long each target runs unless told otherwise.
const SECONDS: u32 = 60;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    /// All targets if there are none.
    targets: Vec<String>,
    seconds: u32,
    /// One input to run instead of searching.
    input: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            targets: Vec::new(),
            seconds: SECONDS,
            input: None,
        };
        for argument in arguments {
            if let Some(seconds) = argument.strip_prefix("--seconds=") {
                options.seconds = seconds
                    .parse()
                    .with_context(|| format!("`{seconds}` is no number of seconds"))?;
            } else if let Some(file) = argument.strip_prefix("--input=") {
                options.input = Some(file.into());
            } else if argument.starts_with('-') {
                bail!("unknown argument `{argument}`: use --seconds=N, --input=FILE and targets");
            } else {
                options.targets.push(argument.clone());
            }
        }
        if options.input.is_some() && options.targets.len() != 1 {
            bail!("`--input` needs the one target that it is for");
        }
        Ok(options)
    }
}

/// Stands in for rustc when cargo calls this program as a wrapper: the same
/// call with coverage. `None` when a person called it.
pub(crate) fn as_rustc() -> Option<Result<ExitCode>> {
    std::env::var_os(AS_RUSTC)?;
    let mut arguments = std::env::args_os().skip(1);
    let rustc = arguments.next()?;
    Some(compile(&rustc, arguments))
}

fn compile(rustc: &OsString, arguments: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    let status = Command::new(rustc)
        .args(arguments)
        .args(COVERAGE)
        .status()
        .context("cannot start rustc")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the targets, runs each for its time, and says what was found.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let workspace = Workspace::load()?;
    let known = targets(&workspace.root)?;
    if let Some(unknown) = options.targets.iter().find(|name| !known.contains(name)) {
        bail!(
            "there is no target `{unknown}`, but `{}`",
            known.join("`, `")
        );
    }
    if !build()? {
        return Ok(ExitCode::FAILURE);
    }
    let program = workspace.target.join("debug").join("fuzz");
    if let ([target], Some(input)) = (options.targets.as_slice(), &options.input) {
        let status = start(&program, target).arg(input).status();
        let holds = status.context("cannot start the targets")?.success();
        return Ok(ExitCode::from(u8::from(!holds)));
    }
    let chosen = if options.targets.is_empty() {
        known
    } else {
        options.targets
    };
    let mut broken = 0;
    for target in &chosen {
        let folder = workspace.target.join("fuzz").join(target);
        if !search(&program, target, &folder, options.seconds)? {
            broken += 1;
        }
    }
    println!("fuzz: {} targets, {broken} broken", chosen.len());
    Ok(ExitCode::from(u8::from(broken > 0)))
}

/// The names in the table of `fuzz/src/targets/mod.rs`.
fn targets(root: &Path) -> Result<Vec<String>> {
    let table = fs::read_to_string(root.join("fuzz/src/targets/mod.rs"))
        .context("cannot read the table of targets")?;
    let names = table
        .lines()
        .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","));
    Ok(names.map(str::to_owned).collect())
}

fn build() -> Result<bool> {
    let wrapper = std::env::current_exe().context("this program has no path")?;
    let status = cargo()
        // Of the whole workspace, so that features unify as in other builds and
        // dependencies are not compiled again.
        .args(["build", "--locked", "--workspace", "--bin", "fuzz"])
        .args(["--features", "fuzz/libfuzzer"])
        .env("RUSTC_WORKSPACE_WRAPPER", wrapper)
        .env(AS_RUSTC, "1")
        .status()
        .context("cannot start cargo")?;
    Ok(status.success())
}

fn start(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LOCKKEEPER_FUZZ_TARGET", target);
    command
}

/// Runs one target. Its corpus grows from run to run, below `target/`.
fn search(program: &Path, target: &str, folder: &Path, seconds: u32) -> Result<bool> {
    let [corpus, seeds, found] = ["corpus", "seeds", "found"].map(|name| folder.join(name));
    for folder in [&corpus, &seeds, &found] {
        fs::create_dir_all(folder)?;
    }
    let log = folder.join("log.txt");
    let status = start(program, target)
        .env("LOCKKEEPER_FUZZ_SEEDS", &seeds)
        .arg(&corpus)
        .arg(&seeds)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg("-print_final_stats=1")
        .args(LIMITS)
        .stdout(std::process::Stdio::null())
        .stderr(fs::File::create(&log)?)
        .status()
        .context("cannot start the targets")?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    println!("{target}: {}", summary(&text));
    if !status.success() {
        println!(
            "{}\n{target} is broken; the whole output is in {}, and the input runs again by `cargo \
             xtask fuzz {target} --input=FILE`",
            report(&text),
            log.display()
        );
    }
    Ok(status.success())
}

/// How many inputs ran and how many edges they took, from libFuzzer's output.
fn summary(log: &str) -> String {
    let after = |line: &str, name: &str| {
        let rest = line.split_once(name)?.1;
        rest.split_whitespace().next().map(str::to_owned)
    };
    let last = |name: &str| log.lines().rev().find_map(|line| after(line, name));
    let inputs = last("stat::number_of_executed_units:").unwrap_or_else(|| "?".into());
    let edges = last(" cov: ").unwrap_or_else(|| "?".into());
    format!("{inputs} inputs, {edges} edges")
}

/// The lines from the first panic or error of libFuzzer to the name of the file.
fn report(log: &str) -> String {
    let begins = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    let wanted = |line: &&str| {
        let trimmed = line.trim_start();
        let is_frame =
            trimmed.starts_with("at ") || trimmed.starts_with(|c: char| c.is_ascii_digit());
        !is_frame && !trimmed.is_empty()
    };
    let lines: Vec<&str> = log
        .lines()
        .skip_while(|line| !begins(line))
        .filter(wanted)
        .take(12)
        .chain(
            log.lines()
                .filter(|line| line.contains("Test unit written")),
        )
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options> {
        let owned: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Options::parse(&owned)
    }

    #[test]
    fn targets_and_their_time_are_read() {
        let options = parse(&["ids", "--seconds=5", "durations"]).unwrap();
        assert_eq!(options.targets, ["ids", "durations"]);
        assert_eq!(options.seconds, 5);
        assert_eq!(parse(&[]).unwrap().seconds, SECONDS);
    }

    #[test]
    fn an_argument_that_makes_no_sense_is_refused() {
        for arguments in [
            &["--seconds=long"][..],
            &["--fast"],
            &["--input=x"],
            &["--input=x", "a", "b"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn the_targets_are_read_from_their_table() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let targets = targets(root).unwrap();
        assert!(targets.contains(&"durations".to_owned()), "{targets:?}");
    }

    #[test]
    fn the_output_of_libfuzzer_is_summed_up() {
        let log = "#2\tINITED cov: 12 ft: 13\n#9\tNEW    cov: 34 ft: 5\nx\n\
                   stat::number_of_executed_units: 99\n";
        assert_eq!(summary(log), "99 inputs, 34 edges");
        assert_eq!(summary(""), "? inputs, ? edges");
        let log = "INFO: x\nthread 'a' panicked at b.rs:1:2:\nwhy\n  1: frame\n    at file\n\
                   artifact_prefix='f/'; Test unit written to f/crash-1\n";
        let report = report(log);
        assert!(report.starts_with("thread 'a' panicked at b.rs:1:2:\nwhy\n"));
        assert!(
            report.ends_with("Test unit written to f/crash-1"),
            "{report}"
        );
        assert!(!report.contains("frame"));
    }
}
