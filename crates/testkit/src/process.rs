//! Processes that a test starts, reads and ends, by their own id and in a
//! clean environment.

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

/// How long a program may take to be ready.
const READY: Duration = Duration::from_secs(30);
/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(10);
/// How much of a log is shown when a test fails.
const LAST_LINES: usize = 60;

/// A program that is about to be started.
///
/// It gets an empty environment but for `PATH`, `HOME` and `TMPDIR`, and an
/// empty folder of its own, which is its home and its working directory.
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

    /// Sets a variable of the program's environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Keeps its standard input open for [`Program::write_line`]; unless this
    /// is called, there is nothing to read.
    #[must_use]
    pub fn with_input(mut self) -> Self {
        self.input = true;
        self
    }

    /// The program's own folder; it vanishes with the [`Program`].
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program; it runs until it ends, is stopped, or is dropped.
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

/// A running program. Dropping it ends it and waits until it is gone.
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
    /// When it was started without an input, or does not read any more.
    pub fn write_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut();
        let input = input.expect("a program that was launched with an input");
        let written = writeln!(input, "{line}").and_then(|()| input.flush());
        written.unwrap_or_else(|error| panic!("`{}` does not read: {error}", self.name));
    }

    /// Its exit status, if it has ended.
    ///
    /// # Panics
    ///
    /// When the system does not know the process any more.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for a whole line of either output that contains `part`; returns
    /// that line.
    ///
    /// # Panics
    ///
    /// When the program ends first, or the line does not come within 30 seconds.
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
    /// When the program ends first, or it is not healthy within 30 seconds.
    pub fn wait_until_healthy(&mut self, address: &str) {
        let http = Http::new(address);
        let what = format!("`{}` is healthy at {address}", self.name);
        eventually(&what, READY, || {
            let ended = self.ended();
            self.must_run(ended, false);
            (http.health() == Some(200)).then_some(())
        });
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    ///
    /// When it has not ended after 10 seconds.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_at_most(GRACE)
            .unwrap_or_else(|| panic!("`{}` did not end on SIGTERM within {GRACE:?}", self.name))
    }

    /// Ends it at once (SIGKILL), as a crash would.
    ///
    /// # Panics
    ///
    /// When the system does not know the process any more.
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
            // It may have ended by itself; it is not reaped yet, so the id is its own.
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
            // Asked first, so that it can end children of its own.
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

/// The running processes of the program at `path`, whoever started them; a
/// plugin is the child of its server, not of the test.
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

/// Ends a process at once (SIGKILL) that a program of the test started, as a
/// crash would.
///
/// # Panics
///
/// When there is no such process.
pub fn crash(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let killed = pid.map(|pid| kill_process(pid, Signal::KILL));
    assert_eq!(killed, Some(Ok(())), "there was a process to end");
}

/// A command with nothing of this process's environment but what programs
/// need to run at all.
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

/// The first whole line of `text` with `part` in it.
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
