//! The files of a result. They are created before the test, so that a wrong path
//! does not cost a result.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ops::load::record::Record;
use ops::load::report::{self, Report};

use crate::arguments::Load;
use crate::failure::Failure;

/// The files that were asked for.
pub(super) struct Files {
    json: Option<Output>,
    hdr: Option<Output>,
    html: Option<Output>,
}

struct Output {
    path: PathBuf,
    file: File,
}

impl Files {
    /// Creates them, empty.
    pub(super) fn create(load: &Load) -> Result<Self, Failure> {
        let create = |path: &Option<PathBuf>| path.as_deref().map(Output::create).transpose();
        Ok(Self {
            json: create(&load.out)?,
            hdr: create(&load.hdr)?,
            html: create(&load.report)?,
        })
    }

    /// Writes them; the test began at this time since 1970 and has lasted until
    /// `now`.
    pub(super) fn write(
        self,
        result: &Report,
        record: &Record,
        began: Duration,
        now: Duration,
    ) -> Result<(), Failure> {
        if let Some(output) = self.json {
            output.write(&json(result)?)?;
        }
        if let Some(output) = self.hdr {
            output.write(&report::log(&record.intervals(now), began))?;
        }
        if let Some(output) = self.html {
            output.write(&report::page(result, record.timeline()))?;
        }
        Ok(())
    }
}

impl Output {
    fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path);
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(|error| failed(path, &error))?,
        })
    }

    fn write(mut self, text: &str) -> Result<(), Failure> {
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| failed(&self.path, &error))
    }
}

/// The result as JSON.
pub(super) fn json(report: &Report) -> Result<String, Failure> {
    serde_json::to_string_pretty(report)
        .map(|text| text + "\n")
        .map_err(|error| Failure::local(format!("the result cannot be printed: {error}")))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format!("cannot write `{}`: {error}", path.display()))
}
