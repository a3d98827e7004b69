//! A plan in a file, to be looked at and applied later.
//!
//! It says which files it was made from and what it found, as one digest, and holds
//! none of the values: those are read again, and must still be the same.

use serde::{Deserialize, Serialize};

use super::adoption::Adoption;
use super::place::Problem;
use super::plan::{Plan, PlanOptions};
use super::server::{Server, Whereabouts};
use super::state::State;

/// The form of the file. A later program may write another.
const FORMAT: u32 = 1;

/// What a file with a plan holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command"
)]
pub struct SavedPlan {
    format: u32,
    /// Whose plan.
    pub owner: String,
    /// Which server.
    #[serde(flatten)]
    whereabouts: Whereabouts,
    /// The name of the server in the files.
    pub server: Option<String>,
    /// Where the record is kept, as `-state` says it.
    pub state: Option<String>,
    /// The files that it was made from.
    pub files: Vec<String>,
    /// Which objects without an owner are taken over.
    pub adopt: Adoption,
    /// Whether what the files no longer have is deleted.
    pub prune: bool,
    /// Whether what nobody manages is deleted.
    #[serde(default)]
    pub purge_unmanaged: bool,
    /// Whether mounts with data may be deleted.
    pub allow_destroy: bool,
    /// Whether secrets may stand in the files.
    pub allow_literal_secrets: bool,
    /// The key of the record.
    key: String,
    digest: String,
}

impl SavedPlan {
    /// A plan to be kept.
    pub fn new(
        plan: &Plan,
        options: &PlanOptions,
        server: &dyn Server,
        files: Vec<String>,
    ) -> Self {
        Self {
            format: FORMAT,
            owner: plan.state.owner.clone(),
            whereabouts: server.whereabouts(),
            server: None,
            state: None,
            files,
            adopt: options.adopt.clone(),
            prune: options.prune,
            purge_unmanaged: options.purge_unmanaged,
            allow_destroy: options.allow_destroy,
            allow_literal_secrets: false,
            key: plan.state.key().to_owned(),
            digest: plan.digest.clone(),
        }
    }

    /// A plan from a file.
    ///
    /// # Errors
    /// When it is none, or one of a newer version.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let problem = |text: &str| Err(Problem::general(text));
        let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
            return problem("it is not a plan: write one with `lockkeeper plan -out=FILE`");
        };
        if value.get("format").and_then(serde_json::Value::as_u64) > Some(u64::from(FORMAT)) {
            return problem(
                "the plan was written by a newer version of this program: use that one",
            );
        }
        serde_json::from_value(value)
            .or_else(|_| problem("it is not a plan: write one with `lockkeeper plan -out=FILE`"))
    }

    /// An empty record for the owner, with the key of this plan.
    pub fn new_state(&self) -> State {
        State::with_key(&self.owner, &self.key)
    }

    /// Whether it is for this server.
    ///
    /// # Errors
    /// When it is for another, or for another namespace.
    pub fn check_server(&self, server: &dyn Server) -> Result<(), Problem> {
        let here = server.whereabouts();
        if here == self.whereabouts {
            return Ok(());
        }
        Err(Problem::general(format!(
            "the plan is for the server at {}, and this one is at {here}",
            self.whereabouts
        )))
    }

    /// Whether files, record and server are still what this plan was made from.
    ///
    /// # Errors
    /// When they are not.
    pub fn check(&self, plan: &Plan) -> Result<(), Problem> {
        if plan.digest == self.digest {
            return Ok(());
        }
        Err(Problem::general(
            "the files, the owner's record or the server have changed since this plan was made: \
             make a new one",
        ))
    }
}
