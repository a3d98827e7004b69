//! Clients of Vault that are written in Go.

use std::path::PathBuf;

use crate::process::Launch;

/// Programs in Go; `cargo xtask test --go` builds them.
#[derive(Debug, Clone)]
pub struct Go {
    programs: PathBuf,
}

impl Go {
    /// The programs in the folder that `LOCKKEEPER_GO` names, as
    /// `cargo xtask test --go` sets it. Without the variable, the tests that need
    /// them are skipped, in CI too. [`require_go!`](crate::require_go) calls it.
    ///
    /// # Panics
    ///
    /// When the variable names a folder that does not exist.
    pub fn find_if_asked() -> Option<Self> {
        let Some(programs) = std::env::var_os("LOCKKEEPER_GO").map(PathBuf::from) else {
            eprintln!("left out: only `cargo xtask test --go` runs this test");
            return None;
        };
        assert!(
            programs.is_dir(),
            "LOCKKEEPER_GO names `{}`, which is no folder",
            programs.display()
        );
        Some(Self { programs })
    }

    /// Prepares one of the programs.
    pub fn program(&self, name: &str) -> Launch {
        Launch::new(self.programs.join(name))
    }
}
