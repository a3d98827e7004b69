//! Programs that read configuration as users' programs do.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::left_out::leave_out;
use crate::process::Launch;

/// What reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Python with python-dotenv and `PyYAML`, which `cargo xtask test` installs.
    Python,
    /// Python with hvac, which `cargo xtask test` installs.
    Hvac,
    /// Python with hvac and its own tests, which `cargo xtask test` installs.
    HvacTests,
    /// Node.js with dotenv and yaml, which `cargo xtask test` installs.
    Node,
    /// Node.js with node-vault, which `cargo xtask test` installs.
    NodeVault,
    /// kcat of the system.
    Kcat,
    /// bash of the system.
    Bash,
    /// The system's POSIX shell.
    Sh,
}

impl Reader {
    /// The program, prepared to be started; if it or what it reads with is not
    /// there, the running test is recorded as skipped.
    /// [`require_reader!`](crate::require_reader) calls it.
    ///
    /// # Panics
    ///
    /// When it is not there and `CI=true`: in CI no test may be skipped.
    pub fn find_or_leave_out(self) -> Option<Launch> {
        let found = self.find();
        if let Err(reason) = &found {
            leave_out(reason);
        }
        found.ok()
    }

    fn find(self) -> Result<Launch, String> {
        let (program, libraries) = match self {
            Self::Python => ("python3", Some(("LOCKKEEPER_PYTHON_READERS", "PYTHONPATH"))),
            Self::Hvac => ("python3", Some(("LOCKKEEPER_HVAC", "PYTHONPATH"))),
            Self::HvacTests => ("python3", Some(("LOCKKEEPER_HVAC_TESTS", "PYTHONPATH"))),
            Self::Node => ("node", Some(("LOCKKEEPER_NODE_READERS", "NODE_PATH"))),
            Self::NodeVault => ("node", Some(("LOCKKEEPER_NODE_VAULT", "NODE_PATH"))),
            Self::Kcat => ("kcat", None),
            Self::Bash => ("bash", None),
            Self::Sh => ("sh", None),
        };
        let started = Command::new(program)
            .arg(if self == Self::Kcat { "-V" } else { "-c" })
            .args((self != Self::Kcat).then_some(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .status();
        if let Err(error) = started {
            return Err(format!("no `{program}`: {error}"));
        }
        let launch = Launch::new(program);
        let Some((variable, path)) = libraries else {
            return Ok(launch);
        };
        let folder = std::env::var_os(variable).map(PathBuf::from);
        let folder = folder.ok_or_else(|| {
            format!("the libraries are not there: run `cargo xtask test`, which sets {variable}")
        })?;
        assert!(
            folder.is_dir(),
            "{variable} names `{}`, which is no folder",
            folder.display()
        );
        Ok(launch.env(path, folder))
    }
}
