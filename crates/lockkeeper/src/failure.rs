//! Why a command did not succeed, and the exit code that scripts see. The codes
//! are Vault's: 1 for a mistake in the command or on this machine, 2 for what a
//! server said or did not have.

use std::fmt;
use std::process::ExitCode;

use vault_client::Error;

/// A command that did not succeed, or that was only to print what it would
/// send.
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

    /// A request failed: `Error {doing}: …`.
    pub(crate) fn asking(doing: impl fmt::Display, error: &Error) -> Self {
        Self::of_request(2, format_args!("Error {doing}"), error)
    }

    /// A request failed, with an exit code and a beginning of the command's own.
    pub(crate) fn of_request(code: u8, beginning: impl fmt::Display, error: &Error) -> Self {
        if let Error::NotSent { curl } = error {
            return Self {
                code: 0,
                text: curl.clone(),
            };
        }
        Self {
            code,
            text: format!("{beginning}: {error}"),
        }
    }

    /// A request failed, and its error says all.
    pub(crate) fn of_server(error: &Error) -> Self {
        if let Error::NotSent { .. } = error {
            return Self::of_request(0, "", error);
        }
        Self::server(error.to_string())
    }

    /// The same, when the data of a lease was not printed: the credential lives
    /// on, although nobody has seen it.
    pub(crate) fn leaving(self, lease_id: &str) -> Self {
        if lease_id.is_empty() {
            return self;
        }
        let text = self.text.trim_end();
        Self {
            text: format!("{text}; its lease is `{lease_id}`: revoke it"),
            ..self
        }
    }

    /// The same with what it is about before it, and what comes of it behind.
    pub(crate) fn with_context(self, about: &str, outcome: &str) -> Self {
        let text = self.text.trim_end();
        Self {
            text: format!("{about}: {text}{outcome}"),
            ..self
        }
    }

    /// The same with another exit code.
    pub(crate) fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// What to print in place of an answer, when no request was to be sent.
    pub(crate) fn instead_of_answer(&self) -> Option<&str> {
        (self.code == 0).then_some(self.text.as_str())
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
