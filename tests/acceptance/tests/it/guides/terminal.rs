//! A shell in which a page is typed line by line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use testkit::{Bao, Launch, Program, bin, eventually};

use super::page::{Page, Step};
use super::sample::Meanings;

/// How long a command may take.
const COMMAND: Duration = Duration::from_mins(1);

/// Stands for building, which takes minutes: puts in place what the test run
/// has built, at the path where cargo would leave it.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
"run --release -- "*)
    shift 3; exec "$PROGRAMS/lockkeeper" "$@" ;;
"xtask dist")
    mkdir -p target/packages && cp "$PROGRAMS/vault-plugin-secrets-confluent-cloud" target/packages/ ;;
"build --release")
    mkdir -p target/release
    for name in lockkeeper vault-plugin-secrets-confluent-cloud; do
        cp "$PROGRAMS/$name" target/release/
    done ;;
*)
    echo "the test does not know \`cargo $*\`" >&2; exit 1 ;;
esac
"#;

/// A shell, with a folder of its own in the place of a checkout, and what runs
/// beside it. Dropping it ends all of that.
pub(super) struct Terminal {
    shell: Program,
    beside: Vec<Program>,
    folder: TempDir,
    path: String,
    ports: Vec<(String, String)>,
    steps: usize,
    pub(super) meanings: Meanings,
}

impl Terminal {
    /// A shell that finds `bao` and `lockkeeper`.
    pub(super) fn open(bao: &Bao) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join("tools");
        fs::create_dir(&tools).unwrap();
        std::os::unix::fs::symlink(bao.path(), tools.join("bao")).unwrap();
        std::os::unix::fs::symlink(bin("lockkeeper"), tools.join("lockkeeper")).unwrap();
        // By another process, see `testkit::install`.
        let written = format!("cat > cargo <<'END'\n{CARGO}\nEND\nchmod +x cargo");
        let status = std::process::Command::new("sh")
            .args(["-c", &written])
            .current_dir(&tools)
            .status();
        assert!(status.unwrap().success());
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let checkout = folder.path().join("checkout");
        fs::create_dir(&checkout).unwrap();
        let mut shell = Self::bash(&path).with_input().start();
        shell.write_line(&format!("cd {}", checkout.display()));
        Self {
            shell,
            beside: Vec::new(),
            folder,
            path,
            ports: Vec::new(),
            steps: 0,
            meanings: Meanings::default(),
        }
    }

    /// Replaces a port of the page by one that is free, since a test cannot
    /// count on any.
    pub(super) fn port(&mut self, of_page: u16) -> u16 {
        let port = testkit::free_port();
        self.ports.push((format!(":{of_page}"), format!(":{port}")));
        port
    }

    /// Replaces a text of the page wherever it stands.
    pub(super) fn replace(&mut self, of_page: &str, real: &str) {
        self.ports.push((of_page.to_owned(), real.to_owned()));
    }

    /// The folder that stands for a checkout, where the commands run.
    pub(super) fn checkout(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }

    /// Types every command of the page, and compares what it prints with what
    /// the page shows.
    pub(super) fn follow(&mut self, page: &Page) {
        let steps = page.steps();
        assert!(!steps.is_empty(), "a page without commands");
        for step in &steps {
            if step.background {
                self.start(step);
            } else {
                self.run(step);
            }
        }
    }

    /// Types a command of the test's own, which must succeed; returns what it
    /// prints.
    pub(super) fn type_in(&mut self, command: &str) -> String {
        let command = self.meanings.real(&self.here(command));
        let (code, printed) = self.execute(&command);
        assert_eq!(code, "0", "`{command}` printed\n{printed}");
        printed
    }

    fn run(&mut self, step: &Step) {
        let command = self.meanings.real(&self.here(&step.command));
        let (code, printed) = self.execute(&command);
        let shown = step.prints.as_ref().and_then(|shown| shown.first());
        let fails = ["No value found at ", "Error "];
        let fails = fails
            .iter()
            .any(|word| shown.is_some_and(|shown| shown.starts_with(word)));
        let expected = if fails { "2" } else { "0" };
        assert_eq!(
            code, expected,
            "{}: `{command}` printed\n{printed}",
            step.place
        );
        if let Some(shown) = &step.prints {
            let shown: Vec<String> = shown.iter().map(|line| self.here(line)).collect();
            assert!(
                self.meanings.accept(&shown, &printed),
                "{}: `{command}` is shown to print\n{}\nand printed\n{printed}",
                step.place,
                shown.join("\n")
            );
        }
    }

    /// Runs a command beside the shell, until the page's end; waits until it
    /// has printed what the page shows.
    fn start(&mut self, step: &Step) {
        let command = self.meanings.real(&self.here(&step.command));
        let lines = format!("cd {}\nexec {command}", self.checkout().display());
        let mut program = Self::bash(&self.path).args(["-c", &lines]).start();
        let shown = step.prints.iter().flatten();
        let shown: Vec<String> = shown.map(|line| self.here(line)).collect();
        let meanings = &mut self.meanings;
        eventually(
            &format!("{}: `{command}` prints what is shown", step.place),
            COMMAND,
            || {
                let printed = program.stdout() + &program.stderr();
                assert_eq!(program.ended(), None, "`{command}` ended: {printed}");
                meanings.accept(&shown, &printed).then_some(())
            },
        );
        self.beside.push(program);
    }

    fn execute(&mut self, command: &str) -> (String, String) {
        self.steps += 1;
        let file = |kind: &str| self.folder.path().join(format!("{}.{kind}", self.steps));
        let (printed, code) = (file("printed"), file("code"));
        let done = format!("{}.part", code.display());
        self.shell.write_line(&format!(
            "{{ {command}\n}} > {printed} 2>&1 < /dev/null\necho $? > {done}; mv {done} {code}",
            printed = printed.display(),
            code = code.display(),
        ));
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        eventually(&format!("`{command}` ends"), COMMAND, || {
            code.exists().then_some(())
        });
        (read(&code).trim().to_owned(), read(&printed))
    }

    fn here(&self, text: &str) -> String {
        let ports = self.ports.iter();
        ports.fold(text.to_owned(), |text, (of_page, real)| {
            text.replace(of_page, real)
        })
    }

    fn bash(path: &str) -> Launch {
        Launch::new("bash")
            .args(["--noprofile", "--norc"])
            .env("PATH", path)
            .env("PROGRAMS", bin("lockkeeper").parent().unwrap())
    }
}
