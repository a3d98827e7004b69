//! `status` and `info`: the state of the mount, and its version.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use logical::framework::{Path, answer};
use logical::{Error, Object, Operation, Response};

use super::spares;
use crate::account::no_account;
use crate::control_plane::Pace;
use crate::ids::{OrganizationId, StorageId};
use crate::ledger::{Stage, WaitingDeletions};
use crate::state::Engine;
use crate::{SECRET_TYPE, VERSION};

/// The age from which a waiting deletion is reported as a warning
/// (`lifecycle.md`, 58).
const LATE: Duration = Duration::from_mins(15);

/// The row of `status`.
pub(crate) fn status() -> Path<Engine> {
    Path::new("status")
        .on(
            Operation::Read,
            answer(|engine: Arc<Engine>, _| async move { read_status(&engine).await }),
        )
        .help(
            "The state of the mount: its account, the numbers of its keys, and the last sweep.",
            "Confluent Cloud is not asked. What needs a person is a warning. Until the first sweep of a \
             process, within a minute of its start, there are no numbers.",
        )
}

/// The row of `info`.
pub(crate) fn info() -> Path<Engine> {
    Path::new("info")
        .on(
            Operation::Read,
            answer(|engine: Arc<Engine>, _| async move { read_info(&engine).await }),
        )
        .help(
            "The version of the engine, and the marker of the keys that it makes.",
            "The display name of every key of this mount begins with `storage_id`.",
        )
}

async fn read_status(engine: &Engine) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let account = engine.accounts.current().await?;
    let (last, licensed) = engine.swept();
    let mut warnings = Vec::new();
    if account.is_none() {
        warnings.push(no_account().message().to_owned());
    }
    let counted = engine.looked_at_all();
    let unseen = engine.ledger.count(None);
    if !counted {
        warnings.push(
            "the keys were not counted since this process started: look again in a minute"
                .to_owned(),
        );
    } else if unseen > 0 {
        warnings.push(format!(
            "{unseen} records were not looked at since this process started, and are not in the \
             numbers"
        ));
    }
    if !licensed {
        warnings.push(
            "the host does not call for periodic work, so nothing is swept: look at its log"
                .to_owned(),
        );
    }
    if !engine.timekeeper.lets_lapse() {
        warnings.push(
            "the clock of this machine jumped, so no lease lapses for ten minutes".to_owned(),
        );
    }
    warnings.extend(engine.waiting_problems().await?);
    let mut data = Object::new();
    let organization = account
        .as_ref()
        .and_then(|account| account.organization.as_ref());
    data.insert("configured".into(), account.is_some().into());
    data.insert(
        "organization".into(),
        organization.map_or("", OrganizationId::as_str).into(),
    );
    let stages = [
        ("keys_being_made", Stage::Intended),
        ("keys_live", Stage::Live),
        ("keys_retiring", Stage::Retiring),
        ("keys_doubtful", Stage::Doubtful),
    ];
    for (name, stage) in stages.into_iter().filter(|_| counted) {
        data.insert(name.into(), engine.ledger.count(Some(stage)).into());
    }
    let (at, error) = last.map_or_else(Default::default, |last| (last.at.to_string(), last.error));
    if let Some(error) = &error {
        warnings.push(format!("the last sweep stopped early: {error}"));
    }
    data.insert("last_sweep".into(), at.into());
    data.insert("static_roles".into(), engine.rotations.count().into());
    data.insert("limited_roles".into(), limited(engine).into());
    spares::show_counts(engine.pools.counts(), &mut data);
    warnings.extend(engine.pools.failures().into_iter().map(|(role, failed)| {
        format!(
            "no spare of role `{role}` could be made or proven, and the next is made at {}: {}",
            failed.retry_at, failed.error
        )
    }));
    let access = account.as_ref().map(|account| account.access());
    let paced = engine.control.paced();
    let pace = access.and_then(|access| paced?.pace(&access));
    let deletions = Deletions {
        waiting: engine.ledger.waiting_deletions(),
        now: engine.clock.now(),
        per_second: pace.and_then(|pace| pace.requests_per_second),
    };
    warnings.extend(deletions.late());
    data.insert("deletions".into(), deletions.shown().into());
    if let Some(pace) = &pace {
        data.insert("pace".into(), shown(pace).into());
    }
    Ok(Some(Response::with_data(data).with_warnings(warnings)))
}

/// Deletions that did not come to pass yet.
struct Deletions {
    waiting: WaitingDeletions,
    now: Timestamp,
    /// The pace, where one is known.
    per_second: Option<f64>,
}

impl Deletions {
    fn shown(&self) -> Object {
        let mut data = Object::new();
        let waiting = self.waiting.for_room + self.waiting.for_confluent;
        data.insert("waiting".into(), waiting.into());
        data.insert("oldest_seconds".into(), self.oldest().as_secs().into());
        data.insert("done_in_seconds".into(), self.done_in().as_secs().into());
        data
    }

    /// How long the oldest has waited.
    fn oldest(&self) -> Duration {
        let oldest = self.waiting.oldest;
        let age = oldest.map(|oldest| self.now.duration_since(oldest));
        age.and_then(|age| Duration::try_from(age).ok())
            .unwrap_or_default()
    }

    /// How long those that wait for room take at this pace.
    fn done_in(&self) -> Duration {
        served_in(self.waiting.for_room, self.per_second)
    }

    /// What a deletion that has waited for long means, and what to do.
    fn late(&self) -> Option<String> {
        let minutes = Some(self.oldest())
            .filter(|oldest| *oldest >= LATE)?
            .as_secs()
            / 60;
        let WaitingDeletions {
            for_room,
            for_confluent,
            ..
        } = self.waiting;
        if for_confluent >= for_room {
            return Some(format!(
                "{for_confluent} keys could not be deleted at Confluent Cloud, the oldest since \
                 {minutes} minutes: `reconcile` tells why, `config/check` whether the account is right"
            ));
        }
        Some(format!(
            "{for_room} deletions wait for their turn, the oldest since {minutes} minutes, and take \
             {} minutes more at this pace: look whether something else uses up the rate limit of the \
             organization",
            self.done_in().as_secs().div_ceil(60)
        ))
    }
}

/// The roles with limits, and how many leases each has. One that was not read
/// since this process started is not among them.
fn limited(engine: &Engine) -> Object {
    let limited = engine.ledger.occupancy.limited().into_iter();
    let shown = limited.map(|(role, active, limit)| {
        let mut about = Object::new();
        about.insert("active".into(), active.into());
        about.insert("max_active".into(), limit.of_role.into());
        let of_requester = limit.of_requester;
        about.insert("max_active_per_requester".into(), of_requester.into());
        (role.as_str().to_owned(), about.into())
    });
    shown.collect()
}

/// The request rate to the organization, and the expected wait in the queue.
fn shown(pace: &Pace) -> Object {
    let waiting = pace.waiting.total();
    let mut data = Object::new();
    let rate = pace.requests_per_second;
    data.insert("requests_per_second".into(), rate.unwrap_or(0.0).into());
    data.insert("waiting".into(), waiting.into());
    data.insert("waiting_removals".into(), pace.waiting.removals.into());
    let oldest = pace.oldest.unwrap_or_default().as_secs();
    data.insert("oldest_seconds".into(), oldest.into());
    let served_in = served_in(waiting, rate).as_secs_f64();
    data.insert("served_in_seconds".into(), served_in.into());
    data
}

/// How long so many requests take at a pace; nothing where there is no limit.
fn served_in(requests: usize, per_second: Option<f64>) -> Duration {
    #[allow(
        clippy::cast_precision_loss,
        reason = "some thousands at most, and only an estimate"
    )]
    let seconds = per_second.map_or(0.0, |rate| (requests as f64 / rate).ceil());
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

async fn read_info(engine: &Engine) -> Result<Option<Response>, Error> {
    let storage = engine.ledger.store.known_storage_id().await?;
    let mut data = Object::new();
    data.insert("name".into(), "lockkeeper".into());
    data.insert("version".into(), VERSION.into());
    data.insert("secret_type".into(), SECRET_TYPE.into());
    data.insert(
        "storage_id".into(),
        storage
            .as_ref()
            .map_or_else(String::new, StorageId::to_string)
            .into(),
    );
    Ok(Some(Response::with_data(data)))
}
