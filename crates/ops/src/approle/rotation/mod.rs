//! One rotation, stage by stage.

mod beginning;
mod canary;
mod consumers;
mod delivery;
mod destruction;
mod ending;
mod making;
mod proof;
mod tokens;

use super::clock::Clock;
use super::consumers::{Missing, Wait};
use super::error::{Error, Result};
use super::journal::Journal;
use super::record::Record;
use super::secret_id::SecretId;
use super::server::{Role, Server, Wrapped};
use super::shell::Shell;
use super::stage::Stage;
use super::target::Target;

/// What a rotation works with.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The server.
    pub server: &'a dyn Server,
    /// The targets, in the order of the options.
    pub targets: &'a [Box<dyn Target>],
    /// The journal.
    pub journal: &'a dyn Journal,
    /// Runs the operator's commands.
    pub shell: &'a dyn Shell,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Hands the new secret id, wrapped, to its user. Nothing is destroyed when that
    /// fails.
    pub hand_over: &'a (dyn Fn(&Wrapped) -> std::io::Result<()> + Send + Sync),
    /// Told of what happens.
    pub tell: &'a (dyn Fn(&Event) + Send + Sync),
}

/// What an operator is told while a rotation goes on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A stage begins.
    Stage(Stage),
    /// What is still missing, while users are waited for.
    Waiting(Missing),
    /// Something was done.
    Done(String),
    /// Something that an operator has to know.
    Warning(String),
}

/// What is left after a rotation was aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aborted {
    /// The accessors that this rotation had made and that were destroyed: no
    /// target holds them.
    pub destroyed: Vec<String>,
    /// The accessors that this rotation had made and that live on, since a target
    /// holds them, or may hold them.
    pub left: Vec<String>,
}

/// A rotation that has begun. Secret ids are in memory alone.
pub struct Rotation<'a> {
    parts: Parts<'a>,
    record: Record,
    role: Role,
    /// The new secret id, while it is known.
    new: Option<SecretId>,
    /// The wrapping token, until it is handed over.
    wrapped: Option<Wrapped>,
    /// What each target held that the server knew before it got the new one.
    before: Vec<Option<SecretId>>,
}

impl Rotation<'_> {
    /// What is on record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Changes what is waited for; the journal has it from the next stage on.
    pub fn wait_for(&mut self, wait: Wait) {
        self.record.options.wait = wait;
    }

    /// Goes on to the end.
    ///
    /// # Errors
    /// When a stage could not be completed. What is done is on record, and
    /// [`Rotation::resume`] goes on from there.
    pub async fn run(&mut self) -> Result<()> {
        while !self.record.stage.is_final() {
            (self.parts.tell)(&Event::Stage(self.record.stage));
            match self.record.stage {
                Stage::Make => self.make().await?,
                Stage::Deliver => self.deliver().await?,
                Stage::Canary => self.canary().await?,
                Stage::Consumers => self.wait_for_consumers().await?,
                Stage::Destroy => self.destroy_old().await?,
                Stage::Revoke => self.revoke_old_tokens().await?,
                Stage::Prove => self.prove().await?,
                Stage::Done | Stage::Aborted => break,
            }
            let next = self.record.options.order.after(self.record.stage);
            self.enter(next).await?;
        }
        (self.parts.tell)(&Event::Stage(self.record.stage));
        self.write_evidence()
    }

    /// Puts a stage on record before it begins.
    async fn enter(&mut self, stage: Stage) -> Result<()> {
        self.record.enter(stage, self.parts.clock.now());
        self.save().await
    }

    async fn save(&self) -> Result<()> {
        self.parts.journal.save(&self.record).await
    }

    fn done(&self, what: String) {
        (self.parts.tell)(&Event::Done(what));
    }

    fn warn(&mut self, warning: String) {
        (self.parts.tell)(&Event::Warning(warning.clone()));
        self.record.warn(warning);
    }

    fn prove_that(&mut self, tried: &str, found: String) {
        self.done(format!("{tried}: {found}"));
        let now = self.parts.clock.now();
        self.record.prove(tried, found, now);
    }

    /// The accessor of the new secret id.
    fn new_accessor(&self) -> Result<&str> {
        self.record.new.as_deref().ok_or_else(|| Error::Journal {
            journal: self.parts.journal.name().to_owned(),
            problem: "it has no accessor of a new secret id at a stage that needs one".to_owned(),
        })
    }
}
