//! Child processes of a test, in a clean environment, stopped by their own id.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Http;
use crate::wait::eventually;

/// Time limit until a program is ready.
const READY: Duration = Duration::from_secs(30);
/// Time limit for a program to exit after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);
/// How much of a log is shown when a test fails.
const LAST_LINES: usize = 60;

/// A program to be started.
///
/// Its environment contains only `PATH`, `HOME` and `TMPDIR`. An empty folder of
/// its own is its home and working directory.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    input: bool,
    folder: TempDir,
}

impl Launch {
    /// Prepares `program`.
    ///
    /// # Panics
    ///
    /// When no temporary folder can be made.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            input: false,
            folder: tempfile::tempdir().expect("no temporary folder"),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Keeps its standard input open for [`Program::write_line`]; otherwise
    /// standard input is empty.
    #[must_use]
    pub fn with_input(mut self) -> Self {
        self.input = true;
        self
    }

    /// The program's own folder; it is removed with the [`Program`].
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program; it runs until it exits, is stopped, or is dropped.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(self) -> Program {
        let log = |name: &str| {
            let path = self.folder.path().join(name);
            File::create(path).expect("cannot create a log in a temporary folder")
        };
        let input = if self.input {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        let child = clean_command(&self.program, self.folder.path())
            .args(&self.arguments)
            .envs(self.environment)
            .current_dir(self.folder.path())
            .stdin(input)
            .stdout(log(STDOUT))
            .stderr(log(STDERR))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", self.program.display()));
        Program {
            name: self.program.display().to_string(),
            child,
            folder: self.folder,
        }
    }
}

const STDOUT: &str = "stdout.log";
const STDERR: &str = "stderr.log";

/// A running program. Dropping it stops it and waits until it has exited.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its own folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has written to its standard output so far.
    pub fn stdout(&self) -> String {
        self.log(STDOUT)
    }

    /// What it has written to its standard error so far.
    pub fn stderr(&self) -> String {
        self.log(STDERR)
    }

    /// Writes a line to its standard input.
    ///
    /// # Panics
    ///
    /// When it was started without standard input, or has closed it.
    pub fn write_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut();
        let input = input.expect("a program that was launched with an input");
        let written = writeln!(input, "{line}").and_then(|()| input.flush());
        written.unwrap_or_else(|error| panic!("`{}` does not read: {error}", self.name));
    }

    /// Its exit status, if it has exited.
    ///
    /// # Panics
    ///
    /// When the system no longer knows the process.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for a whole line of either output that contains `part`; returns
    /// that line.
    ///
    /// # Panics
    ///
    /// When the program exits first, or the line does not come within 30 seconds.
    pub fn wait_for_line(&mut self, part: &str) -> String {
        let what = format!("`{}` printed a line with `{part}`", self.name);
        eventually(&what, READY, || {
            let ended = self.ended();
            let line = find_line(&self.stdout(), part).or_else(|| find_line(&self.stderr(), part));
            self.must_run(ended, line.is_some());
            line
        })
    }

    /// Waits until `sys/health` at `address` answers 200.
    ///
    /// # Panics
    ///
    /// When the program exits first, or it is not healthy within 30 seconds.
    pub fn wait_until_healthy(&mut self, address: &str) {
        let http = Http::new(address);
        let what = format!("`{}` is healthy at {address}", self.name);
        eventually(&what, READY, || {
            let ended = self.ended();
            self.must_run(ended, false);
            (http.health() == Some(200)).then_some(())
        });
    }

    /// Stops it (SIGTERM) and waits until it has exited.
    ///
    /// # Panics
    ///
    /// When it has not exited after 10 seconds.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_at_most(GRACE)
            .unwrap_or_else(|| panic!("`{}` did not end on SIGTERM within {GRACE:?}", self.name))
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Panics
    ///
    /// When the system no longer knows the process.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    fn log(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn must_run(&self, ended: Option<ExitStatus>, done: bool) {
        if let (Some(status), false) = (ended, done) {
            panic!("`{}` ended too early with {status}", self.name);
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have exited; until it is reaped, the id cannot be reused.
            kill_process(pid, signal).ok();
        }
    }

    fn wait_at_most(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            let late = start.elapsed() >= limit;
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                _ if late => return None,
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // SIGTERM first, so that it can stop children of its own.
            self.signal(Signal::TERM);
            if self.wait_at_most(GRACE).is_none() {
                self.child.kill().ok();
                self.child.wait().ok();
            }
        }
        if std::thread::panicking() {
            for (title, text) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
                eprintln!(
                    "--- last of {title} of `{}`\n{}",
                    self.name,
                    last_lines(&text)
                );
            }
        }
    }
}

/// All running processes of the program at `path`; a plugin, for example, is a
/// child of its server, not of the test.
///
/// # Panics
///
/// On a system without `/proc`.
pub fn processes_of(path: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("a system with /proc");
    let pids = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let runs = std::fs::read_link(entry.path().join("exe")).ok()?;
        (runs == path).then(|| entry.file_name().to_str()?.parse().ok())?
    });
    pids.collect()
}

/// Kills a process (SIGKILL) that a program of the test started, as a crash
/// would.
///
/// # Panics
///
/// When there is no such process.
pub fn crash(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Asks a process that a program of the test started to end (SIGTERM).
///
/// # Panics
///
/// When there is no such process.
pub fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let sent = pid.map(|pid| kill_process(pid, signal));
    assert_eq!(sent, Some(Ok(())), "there was a process to end");
}

/// A command with an environment of only what programs need to run.
pub(crate) fn clean_command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home);
    for name in ["PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The first complete line of `text` that contains `part`.
fn find_line(text: &str, part: &str) -> Option<String> {
    let (whole, _) = text.rsplit_once('\n')?;
    let mut lines = whole.lines();
    lines.find(|line| line.contains(part)).map(str::to_owned)
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_to_a_program_that_goes_on() {
        let mut echo = Launch::new("cat").with_input().start();
        for line in ["one", "two"] {
            echo.write_line(line);
            assert_eq!(echo.wait_for_line(line), line);
        }
        assert_eq!(echo.ended(), None);
    }

    #[test]
    fn only_a_whole_line_is_found() {
        assert_eq!(find_line("a\naddress: 1", "address"), None);
        assert_eq!(
            find_line("a\naddress: 127\nb", "address").as_deref(),
            Some("address: 127")
        );
    }
}
