//! `cargo xtask test`: every test of the workspace, with what the tests need.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::workspace::{Workspace, cargo};
use crate::{go, jars, readers, rust_clients, tools};

/// Printed when the Kafka tests were not requested.
const WITHOUT_KAFKA: &str = "left out: the tests against a real Kafka broker, of the classes of \
                             Java clients and of Spring Vault, which need Java and Maven; \
                             `cargo xtask test --kafka` runs them";
/// Printed when the Go tests were not requested.
const WITHOUT_GO: &str = "left out: the tests of clients written in Go, which need Go; \
                          `cargo xtask test --go` runs them";

/// The tests that run a second time with the older OpenBao: those of how a
/// plugin is started, called, forwarded to and stopped.
const WITH_OLDER_BAO: [&str; 8] = [
    "openbao::",
    "service::",
    "mounts::",
    "takeover::",
    "cluster::a_read_at_a_standby_",
    "durable::leases_outlive_",
    "conformance::",
    "guides::",
];

/// The command line's options.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Download nothing: neither tools nor crates.
    offline: bool,
    /// Run the tests against a real Kafka broker too.
    kafka: bool,
    /// Run the tests of clients written in Go too.
    go: bool,
    /// Passed to `cargo test` as they are.
    cargo_test: Vec<String>,
}

impl Options {
    /// Reads the arguments that follow `test`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--offline" => options.offline = true,
                "--kafka" => options.kafka = true,
                "--go" => options.go = true,
                "--" => options.cargo_test = rest.by_ref().cloned().collect(),
                unknown => {
                    bail!("unknown argument `{unknown}`; what is for `cargo test` goes behind `--`")
                }
            }
        }
        Ok(options)
    }

    /// Whether the arguments for cargo select packages.
    fn names_packages(&self) -> bool {
        let for_cargo = self
            .cargo_test
            .iter()
            .take_while(|argument| *argument != "--");
        let mut flags = for_cargo.filter(|argument| argument.starts_with('-'));
        flags.any(|flag| flag.starts_with("-p") || flag.starts_with("--package"))
    }
}

/// Installs, builds, tests; the exit code is that of `cargo test`.
///
/// With `CI=true`, a test that had to be skipped is a failure. The tests against
/// a Kafka broker and of clients in Go run only on request, and then must not be
/// skipped.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");

    let bao = tools::find_bao(&workspace.target, options.offline);
    // A run with a filter, or with a `bao` of its own, needs no second version.
    let wants_older = options.cargo_test.is_empty() && tools::own_bao().is_none();
    let older_bao = wants_older.then(|| {
        let older = &tools::OLDER_BAO;
        older.find(&workspace.target, options.offline)
    });
    let readers = readers::ALL.map(|readers| {
        let found = readers.find(&workspace.target, options.offline);
        (readers.variable, found)
    });
    let rust_clients = rust_clients::find(&workspace.root, &workspace.target, options.offline);
    let missing: Vec<String> = [Some(&bao), older_bao.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|found| found.as_ref().err())
        .map(|reason| format!("tests against a real OpenBao, because {reason:#}"))
        .chain(
            readers
                .iter()
                .filter_map(|(_, found)| found.as_ref().err())
                .map(|reason| {
                    format!("tests with libraries of other languages, because {reason:#}")
                }),
        )
        .chain(
            rust_clients
                .as_ref()
                .err()
                .map(|reason| format!("tests of clients in Rust, because {reason:#}")),
        )
        .collect();
    if let (true, [reason, ..]) = (in_ci, missing.as_slice()) {
        bail!("in CI no test may be left out: {reason}");
    }
    let kafka = if options.kafka {
        Some(jars::find_kafka(&workspace.target, options.offline)?)
    } else {
        None
    };

    let go = if options.go {
        Some(go::find(
            &workspace.root,
            &workspace.target,
            options.offline,
        )?)
    } else {
        None
    };

    // Build programs and tests together: apart, cargo would unify features
    // differently and compile most dependencies twice.
    let mut build = cargo();
    build.args(["build", "--workspace", "--bins", "--tests", "--locked"]);
    build.args(options.offline.then_some("--offline"));
    if !build.status().context("cannot start cargo")?.success() {
        return Ok(ExitCode::FAILURE);
    }

    let left_out = workspace.target.join("test-tools").join("left-out.txt");
    fs::create_dir_all(workspace.target.join("test-tools"))?;
    fs::write(&left_out, "")?;

    let test = |bao: Option<&PathBuf>| {
        let mut test = cargo();
        test.args(["test", "--locked"]);
        test.args(options.offline.then_some("--offline"));
        test.env("LOCKKEEPER_BIN_DIR", workspace.target.join("debug"));
        test.env("LOCKKEEPER_LEFT_OUT", &left_out);
        test.envs(bao.map(|bao| ("LOCKKEEPER_BAO", bao)));
        for (variable, found) in &readers {
            test.envs(found.as_ref().ok().map(|folder| (variable, folder)));
        }
        let programs = rust_clients.as_ref().ok();
        test.envs(programs.map(|programs| (rust_clients::VARIABLE, programs)));
        match &kafka {
            Some(jars) => test.env("LOCKKEEPER_KAFKA", jars),
            None => test.env_remove("LOCKKEEPER_KAFKA"),
        };
        match &go {
            Some(programs) => test.env("LOCKKEEPER_GO", programs),
            None => test.env_remove("LOCKKEEPER_GO"),
        };
        test
    };
    let mut all = test(bao.as_ref().ok());
    all.args((!options.names_packages()).then_some("--workspace"));
    all.args(&options.cargo_test);
    let mut status = all.status().context("cannot start cargo")?;
    if let (true, Some(Ok(older))) = (status.success(), &older_bao) {
        println!("\nonce more with the older OpenBao, what may differ there:");
        let mut again = test(Some(older));
        // Build the whole workspace: with fewer packages, features would unify
        // differently and most dependencies would be compiled again.
        again.args(["--workspace", "--test", "it", "--"]);
        again.args(WITH_OLDER_BAO);
        status = again.status().context("cannot start cargo")?;
    }

    let notes = summary(&missing, &fs::read_to_string(&left_out)?);
    print!("{notes}");
    if kafka.is_none() {
        println!("\n{WITHOUT_KAFKA}");
    }
    if go.is_none() {
        println!("\n{WITHOUT_GO}");
    }
    if in_ci && !notes.is_empty() {
        bail!("in CI no test may be left out");
    }
    Ok(match status.code().map(u8::try_from) {
        Some(Ok(code)) => ExitCode::from(code),
        _ => ExitCode::FAILURE,
    })
}

/// The closing summary of tests that did not run; empty if all ran.
///
/// `recorded` has a line `test: reason` for each, as `testkit` writes it.
fn summary(missing: &[String], recorded: &str) -> String {
    let mut lines: Vec<String> = missing
        .iter()
        .map(|reason| format!("\nleft out: {reason}\n"))
        .collect();
    let mut tests: Vec<&str> = recorded.lines().collect();
    tests.sort_unstable();
    if !tests.is_empty() {
        lines.push(format!("\n{} tests were left out:\n", tests.len()));
    }
    lines.extend(tests.iter().map(|test| format!("  {test}\n")));
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options> {
        let owned: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Options::parse(&owned)
    }

    #[test]
    fn what_follows_two_dashes_is_for_cargo_test() {
        let options = parse(&["--offline", "--", "-p", "engine", "--", "--nocapture"]).unwrap();
        assert!(options.offline);
        assert_eq!(options.cargo_test, ["-p", "engine", "--", "--nocapture"]);
    }

    #[test]
    fn a_broker_and_clients_in_go_are_there_only_on_demand() {
        assert!(!parse(&["--", "--kafka"]).unwrap().kafka);
        assert!(parse(&["--kafka"]).unwrap().kafka);
        assert!(!parse(&["--kafka"]).unwrap().go);
        assert!(parse(&["--go"]).unwrap().go);
    }

    #[test]
    fn all_packages_are_tested_unless_some_are_named() {
        assert!(
            !parse(&["--", "a_filter", "--", "-p"])
                .unwrap()
                .names_packages()
        );
        assert!(parse(&["--", "-p", "engine"]).unwrap().names_packages());
        assert!(parse(&["--", "--package=engine"]).unwrap().names_packages());
    }

    #[test]
    fn an_unknown_argument_is_refused_with_the_remedy() {
        let error = parse(&["engine"]).unwrap_err().to_string();
        assert!(
            error.contains("`engine`") && error.contains("behind `--`"),
            "{error}"
        );
    }

    #[test]
    fn nothing_is_said_when_every_test_ran() {
        assert_eq!(summary(&[], ""), "");
    }

    #[test]
    fn a_missing_tool_and_each_test_are_named() {
        let text = summary(
            &["some tests, because pip failed".to_owned()],
            "b: no `bao`\na: no `bao`\n",
        );
        assert!(text.contains("left out: some tests, because pip failed\n"));
        assert!(text.contains("2 tests were left out:\n  a: no `bao`\n  b: no `bao`\n"));
    }
}
