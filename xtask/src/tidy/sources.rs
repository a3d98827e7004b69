//! Every Rust file opens with a module comment, is not too long, and contains no
//! unfinished work and no ignored test.

use super::{File, Finding};
use crate::source;

/// A file longer than this has more than one reason to change.
const MOST_LINES: usize = 700;

/// Macros that mark unfinished work.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!"];

/// Every violation in a Rust file that is not generated.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.is_rust() && !file.is_generated())
    {
        findings.extend(says_what_it_is(file));
        findings.extend(is_short(file));
        findings.extend(is_finished(file));
        findings.extend(runs_its_tests(file));
    }
    findings
}

fn says_what_it_is(file: &File) -> Option<Finding> {
    let first = file.text.lines().find(|line| !line.trim().is_empty());
    let opens_well = first.is_some_and(|line| line.starts_with("//!"));
    (!opens_well).then(|| {
        Finding::new(
            file.path.display(),
            "it does not open with `//!`",
            "say in a paragraph what the module is and what it is not",
        )
    })
}

fn is_short(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    (lines > MOST_LINES).then(|| {
        Finding::new(
            file.path.display(),
            format!("it has {lines} lines, more than {MOST_LINES}"),
            "split it by what changes for different reasons",
        )
    })
}

fn is_finished(file: &File) -> Vec<Finding> {
    let mentions = source::mentions(&file.text).unwrap_or_default();
    let unfinished = mentions
        .iter()
        .filter(|mention| UNFINISHED.iter().any(|name| mention.names(&[name])));
    unfinished
        .map(|mention| {
            Finding::new(
                file.at(mention.line),
                "this is not finished",
                "write it, or leave out what would call it",
            )
        })
        .collect()
}

fn runs_its_tests(file: &File) -> Vec<Finding> {
    let ignored = file.text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start();
        line.starts_with("#[ignore]") || line.starts_with("#[ignore =")
    });
    ignored
        .map(|(index, _)| {
            Finding::new(
                file.at(index + 1),
                "this test never runs",
                "make it run, or take it out",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let findings = check(&[File::new(path, text)]);
        findings
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        assert_eq!(
            problems("crates/a/src/b.rs", "use x::y;\n//! late\n"),
            ["it does not open with `//!`"]
        );
        assert!(problems("crates/a/src/b.rs", "\n//! A thing.\n").is_empty());
    }

    #[test]
    fn a_long_file_is_found_unless_it_is_generated() {
        let long = format!("//! x\n{}", "// y\n".repeat(MOST_LINES));
        assert_eq!(
            problems("crates/a/src/b.rs", &long),
            ["it has 701 lines, more than 700"]
        );
        assert!(problems("crates/a/src/pb/b.rs", &long).is_empty());
    }

    #[test]
    fn work_that_was_not_done_is_found() {
        let source = "//! x\nfn f() {\n    todo!()\n}";
        assert_eq!(
            problems("crates/a/src/b.rs", source),
            ["this is not finished"]
        );
    }

    #[test]
    fn a_test_that_never_runs_is_found() {
        let source = format!("//! x\n#[{}]\nfn f() {{}}", "ignore = \"slow\"");
        assert_eq!(
            problems("crates/a/tests/it/b.rs", &source),
            ["this test never runs"]
        );
    }
}
