//! The record of what a run could not check, so that it is not taken for checked:
//! `.ci/run` prints the record at its end.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// The variable with the file of the record.
const RECORD: &str = "LOCKKEEPER_NOT_CHECKED";

/// Prints what is not checked, and adds it to the record.
pub(crate) fn note(what: &str) -> Result<()> {
    println!("not checked: {what}");
    match std::env::var_os(RECORD).filter(|file| !file.is_empty()) {
        Some(record) => add(Path::new(&record), what),
        None => Ok(()),
    }
}

fn add(record: &Path, what: &str) -> Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(record);
    let written = file.and_then(|mut file| writeln!(file, "not checked: {what}"));
    written.with_context(|| format!("cannot write to `{}`, of {RECORD}", record.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_not_checked_is_in_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record");
        add(&record, "one").unwrap();
        add(&record, "two").unwrap();
        let text = std::fs::read_to_string(&record).unwrap();
        assert_eq!(text, "not checked: one\nnot checked: two\n");
        add(&folder.path().join("missing/record"), "three").unwrap_err();
    }
}
