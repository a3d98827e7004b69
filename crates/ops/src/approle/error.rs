//! Why a rotation stopped.

/// The result of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a rotation stopped. No variant ever holds a secret id.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request to the server failed.
    #[error("{doing}: {source}")]
    Server {
        /// What was asked for.
        doing: String,
        /// The error of the request.
        source: Box<vault_client::Error>,
    },

    /// An answer lacks what every server of this kind answers.
    #[error("{doing}: the answer has no `{member}`; is this an AppRole mount of Vault or OpenBao?")]
    Answer {
        /// What was asked for.
        doing: String,
        /// The member.
        member: &'static str,
    },

    /// What was asked for cannot be done.
    #[error("{0}")]
    Input(String),

    /// The token may not do what the rotation needs.
    #[error("the token lacks {}: nothing was changed; extend its policy", .0.join(", "))]
    Rights(Vec<String>),

    /// A target cannot be read or written.
    #[error("target `{target}`: {problem}")]
    Target {
        /// The target, as it was given.
        target: String,
        /// What is wrong, and the remedy.
        problem: String,
    },

    /// The journal cannot be read or written, or belongs to another rotation.
    #[error("journal `{journal}`: {problem}")]
    Journal {
        /// The journal, as it was given.
        journal: String,
        /// What is wrong, and the remedy.
        problem: String,
    },

    /// The evidence cannot be written.
    #[error("evidence `{file}`: {problem}")]
    Evidence {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },

    /// The new secret id does not do what its users need.
    #[error("the new secret id failed its trial: {0}")]
    Canary(String),

    /// Users of the old secret id are left, and the time is over.
    #[error(
        "the time for waiting is over: {missing}; the old secret id is still valid, so go on \
         waiting with `lockkeeper approle resume`"
    )]
    OutOfTime {
        /// What is still missing.
        missing: String,
    },

    /// What was to be proven is not so.
    #[error("not proven: {0}")]
    Unproven(String),
}

impl Error {
    /// The error of a local thing that was asked for wrongly.
    pub(crate) fn input(problem: impl Into<String>) -> Self {
        Self::Input(problem.into())
    }

    /// The error of a target.
    pub(crate) fn target(target: &str, problem: impl Into<String>) -> Self {
        Self::Target {
            target: target.to_owned(),
            problem: problem.into(),
        }
    }
}
