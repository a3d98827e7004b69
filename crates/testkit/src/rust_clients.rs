//! Clients of Vault that others wrote in Rust.

use std::path::PathBuf;

use crate::left_out::leave_out;
use crate::process::Launch;

/// Programs around such clients, which `cargo xtask test` builds.
#[derive(Debug, Clone)]
pub struct RustClients {
    programs: PathBuf,
}

impl RustClients {
    /// The programs in the folder that `LOCKKEEPER_RUST_CLIENTS` names, as
    /// `cargo xtask test` sets it; without the variable, the running test is
    /// recorded as skipped.
    /// [`require_rust_clients!`](crate::require_rust_clients) calls it.
    ///
    /// # Panics
    ///
    /// When the variable names a folder that does not exist, or is not set and
    /// `CI=true`: in CI no test may be skipped.
    pub fn find_or_leave_out() -> Option<Self> {
        let Some(programs) = std::env::var_os("LOCKKEEPER_RUST_CLIENTS").map(PathBuf::from) else {
            leave_out(
                "the clients in Rust are not there: run `cargo xtask test`, which builds them",
            );
            return None;
        };
        assert!(
            programs.is_dir(),
            "LOCKKEEPER_RUST_CLIENTS names `{}`, which is no folder",
            programs.display()
        );
        Some(Self { programs })
    }

    /// Prepares one of the programs.
    pub fn program(&self, name: &str) -> Launch {
        Launch::new(self.programs.join(name))
    }
}
