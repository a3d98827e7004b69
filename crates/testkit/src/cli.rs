//! A Vault-compatible command line, run as a process for each command.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::clean_command;

/// How long a command may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(5);

/// `bao`, `vault` or `lockkeeper`, pointed at one server.
///
/// It has a home folder of its own, so it neither finds nor leaves a token
/// helper.
#[derive(Debug)]
pub struct Cli {
    program: PathBuf,
    environment: Vec<(String, String)>,
    home: TempDir,
}

/// The result of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliOutput {
    /// The exit code; -1 if a signal ended it.
    pub status: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Cli {
    /// A command line for the server at `address`, with `token` if it is not
    /// empty, set as Vault's and as OpenBao's variables.
    ///
    /// # Panics
    ///
    /// When no temporary folder can be made.
    pub fn new(program: impl Into<PathBuf>, address: &str, token: &str) -> Self {
        let cli = Self {
            program: program.into(),
            environment: Vec::new(),
            home: tempfile::tempdir().expect("no temporary folder"),
        };
        let cli = cli.env("VAULT_ADDR", address).env("BAO_ADDR", address);
        if token.is_empty() {
            return cli;
        }
        cli.env("VAULT_TOKEN", token).env("BAO_TOKEN", token)
    }

    /// Sets another environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder that its commands run in, which is its home, too.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Runs it with `arguments` and without input.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or does not end within minutes.
    pub fn run(&self, arguments: &[&str]) -> CliOutput {
        self.run_with(arguments, &[])
    }

    /// Runs it, expects success, and returns its standard output.
    ///
    /// # Panics
    ///
    /// When it exits with another code than 0.
    pub fn ok(&self, arguments: &[&str]) -> String {
        self.must_succeed(arguments, self.run(arguments))
    }

    /// Runs it with `VAULT_FORMAT=json` (and `BAO_FORMAT`), expects success, and
    /// returns the parsed output.
    ///
    /// # Panics
    ///
    /// When it exits with another code than 0, or prints something that is not
    /// JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let json = [("VAULT_FORMAT", "json"), ("BAO_FORMAT", "json")];
        let stdout = self.must_succeed(arguments, self.run_with(arguments, &json));
        serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{arguments:?} did not print JSON ({error}): {stdout}"))
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> CliOutput {
        self.run_within(LIMIT, arguments, variables)
    }

    fn run_within(
        &self,
        limit: Duration,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> CliOutput {
        let began = Instant::now();
        let mut child = clean_command(&self.program, self.home.path())
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(variables.iter().copied())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", self.program.display()));
        let outputs = [
            child.stdout.take().map(read_to_end),
            child.stderr.take().map(read_to_end),
        ];
        let [stdout, stderr] = outputs.map(|output| {
            let left = limit.saturating_sub(began.elapsed());
            output.and_then(|output| output.recv_timeout(left).ok())
        });
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "`{} {}` still runs after {limit:?}",
                self.program.display(),
                arguments.join(" ")
            );
        };
        let status = child.wait().expect("a child can be waited for");
        CliOutput {
            status: status.code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }

    fn must_succeed(&self, arguments: &[&str], output: CliOutput) -> String {
        assert_eq!(
            output.status,
            0,
            "`{} {}` failed\n{}{}",
            self.program.display(),
            arguments.join(" "),
            output.stdout,
            output.stderr
        );
        output.stdout
    }
}

/// All that a command prints to one of its outputs, once that is closed.
fn read_to_end(mut output: impl Read + Send + 'static) -> Receiver<String> {
    let (whole, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = output.read_to_end(&mut bytes);
        let _ = whole.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> CliOutput {
        let cli = Cli::new("/bin/sh", "", "");
        cli.run_within(Duration::from_secs(2), &["-c", script], &[])
    }

    #[test]
    fn a_command_is_told_by_its_code_and_its_outputs() {
        let seen = run("echo out; echo err >&2; exit 3");
        assert_eq!(
            (seen.status, &*seen.stdout, &*seen.stderr),
            (3, "out\n", "err\n")
        );
    }

    #[test]
    #[should_panic(expected = "still runs after")]
    fn a_command_that_does_not_end_fails_its_test() {
        run("exec sleep 60");
    }
}
