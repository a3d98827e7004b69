//! `operator backup` and `operator restore`.

use std::path::PathBuf;

use clap::Args;

/// `lockkeeper operator backup`.
#[derive(Args)]
pub(crate) struct OperatorBackup {
    /// The configuration of the server
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The new file
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: PathBuf,
}

/// `lockkeeper operator restore`.
#[derive(Args)]
pub(crate) struct OperatorRestore {
    /// The configuration of the server
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Overwrite the store that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// The file that `operator backup` wrote
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: PathBuf,
}
