//! One rotation: its server, targets and journal.

use std::sync::Arc;

use ops::approle::{
    Error, Event, Journal, Means, Options, Parts, Place, RealClock, RealShell, Record, Rotation,
    Target, VaultServer, Wait,
};
use vault_client::Client;

use super::{failure, hand_over, rotation_id};
use crate::failure::Failure;
use crate::output;

/// A role that is rotated, or whose rotation goes on.
pub(super) struct Job {
    client: Client,
    place: Place,
    server: VaultServer,
    journal: Box<dyn Journal>,
    targets: Vec<Box<dyn Target>>,
    record: Option<Record>,
}

/// Told of what happens.
pub(super) type Tell = dyn Fn(&Event) + Send + Sync;

impl Job {
    /// The role and its journal, which no other process has meanwhile.
    ///
    /// # Errors
    /// When the journal cannot be had, or is of another role.
    pub(super) async fn open(
        client: &Client,
        place: Place,
        journal: Box<dyn Journal>,
    ) -> Result<Self, Failure> {
        let record = journal.load().await.map_err(failure)?;
        if let Some(record) = record.as_ref().filter(|record| record.place != place) {
            return Err(Failure::local(format!(
                "the journal is of `{}`, and not of `{place}`",
                record.place
            )));
        }
        let mut job = Self {
            client: client.clone(),
            server: VaultServer::new(client, place.clone()),
            place,
            journal,
            targets: Vec::new(),
            record,
        };
        let deliver = job
            .record
            .as_ref()
            .map(|record| record.options.deliver.clone());
        job.targets = job.targets_of(&deliver.unwrap_or_default())?;
        Ok(job)
    }

    /// Whether a rotation is under way.
    pub(super) fn is_unfinished(&self) -> bool {
        let record = self.record.as_ref();
        record.is_some_and(|record| !record.stage.is_final())
    }

    /// Begins a rotation.
    ///
    /// # Errors
    /// When nothing was changed.
    pub(super) async fn begin<'a>(
        &'a mut self,
        options: Options,
        tell: &'a Tell,
    ) -> Result<Rotation<'a>, Failure> {
        self.targets = self.targets_of(&options.deliver)?;
        let names = self.targets.iter().map(|target| target.name().to_owned());
        let options = Options {
            deliver: names.collect(),
            ..options
        };
        let id = rotation_id();
        let begun = Rotation::begin(self.parts(tell), &id, self.place.clone(), options);
        let rotation = begun.await.map_err(|error| failure(error).with_code(1))?;
        output::tell(&format!("Journal: {}", self.journal.name()));
        Ok(rotation)
    }

    /// Goes on with the rotation that is under way.
    ///
    /// # Errors
    /// When there is none, or it cannot be seen how far it got.
    pub(super) async fn resume<'a>(
        &'a self,
        wait: impl FnOnce(Wait) -> Wait,
        tell: &'a Tell,
    ) -> Result<Rotation<'a>, Failure> {
        let mut rotation = Rotation::resume(self.parts(tell)).await.map_err(failure)?;
        let wait = wait(rotation.record().options.wait.clone());
        rotation.wait_for(wait);
        Ok(rotation)
    }

    /// Gives up the rotation that is under way.
    ///
    /// # Errors
    /// When there is none, or there is no way back.
    pub(super) async fn abort(&self, tell: &Tell) -> Result<ops::approle::Aborted, Error> {
        Rotation::abort(self.parts(tell)).await
    }

    fn parts<'a>(&'a self, tell: &'a Tell) -> Parts<'a> {
        Parts {
            server: &self.server,
            targets: &self.targets,
            journal: self.journal.as_ref(),
            shell: &RealShell,
            clock: &RealClock,
            hand_over: &hand_over,
            tell,
        }
    }

    fn targets_of(&self, deliver: &[String]) -> Result<Vec<Box<dyn Target>>, Failure> {
        let means = Means {
            shell: Arc::new(RealShell),
            client: self.client.clone(),
        };
        ops::approle::targets(deliver, &means).map_err(failure)
    }
}
