//! Why a command did not succeed, and the exit code that scripts see. The
//! codes are Vault's: 1 for a mistake in the command or on this machine, 2 for
//! what a server said or did not have.

use std::fmt;
use std::process::ExitCode;

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// Something in the command or on this machine is wrong.
    pub(crate) fn local(text: impl Into<String>) -> Self {
        Self {
            code: 1,
            text: text.into(),
        }
    }

    /// A server refused, failed, or had nothing.
    pub(crate) fn server(text: impl Into<String>) -> Self {
        Self {
            code: 2,
            text: text.into(),
        }
    }

    /// What a client said while something was done.
    pub(crate) fn asking(doing: impl fmt::Display, error: &vault_client::Error) -> Self {
        Self::server(format!("Error {doing}: {error}"))
    }

    /// For the shell.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::local(format!("{error:#}"))
    }
}
