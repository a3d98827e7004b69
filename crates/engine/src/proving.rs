//! Whether a new key works: it is tried until it is proven, counts as working, or
//! is given up (`lifecycle.md`, 48 and 49). What the key is for, and what becomes
//! of one that does not work, is the caller's part.

use std::time::Duration;

use jiff::Timestamp;
use logical::Error;
use readiness::{Candidate, Decision, Kind, LookUpError, Observation, Probed, Settings};

use crate::control_plane::{Caller, Class, Target};
use crate::credential::Credential;
use crate::ids::CredentialId;
use crate::ledger::{Event, Failure, IssuedKey, Proving, State};
use crate::places::resource_of;
use crate::state::Engine;

/// What came of trying a key.
pub(crate) enum Tried {
    /// It is known to work.
    Works,
    /// There is nothing to try: it ended, was proven before, or its secret was
    /// handed out.
    Over,
    /// It is tried again at a time.
    Later(Timestamp),
    /// It did not work in time.
    NotReady(Error),
}

impl Engine {
    /// Tries a key whose turn it is, and says what is next.
    pub(crate) async fn try_key(
        &self,
        id: &CredentialId,
        (target, readiness): (&Target, &Settings),
    ) -> Result<Tried, Error> {
        let entry = self.ledger.entry(id);
        let under_way = |credential: &Credential| match &credential.state {
            State::Live { key } if key.proving == Proving::UnderWay && key.secret.is_some() => {
                Some((credential.intended_at, key.clone()))
            }
            _ => None,
        };
        let known = match self.ledger.look(&entry, under_way).await {
            Ok(known) => known,
            Err(Failure::Unknown | Failure::Refused(_)) => None,
            Err(Failure::Failed(error)) => return Err(error),
        };
        let Some((made, key)) = known else {
            return Ok(Tried::Over);
        };
        let kind = kind_of(target);
        let plan = readiness.plan(kind);
        loop {
            let now = self.timekeeper.intents_from();
            let decided = self
                .rotations
                .proving(id, made, |known| known.decide(&plan, now));
            match decided {
                Decision::Wait { until } => {
                    return Ok(Tried::Later(self.timekeeper.on_wall_clock(until)));
                }
                Decision::Ready(proof) => {
                    // Another process may have handed the key out meanwhile, and what
                    // it wrote must not be lost.
                    self.ledger.refresh(&entry).await.map_err(Error::from)?;
                    let proven = Event::Proven { proof };
                    self.ledger.apply(&entry, proven).await?;
                    let took = proof.basis.is_proven().then(|| until(made, proof.at));
                    self.rotations.proven(id, kind, took);
                    self.measurements.proof(proof.basis.word());
                    return Ok(Tried::Works);
                }
                Decision::NotReady => {
                    self.rotations.proven(id, kind, None);
                    self.measurements.proof("not_ready");
                    return Ok(Tried::NotReady(Error::upstream(format!(
                        "key `{}` did not log in within {} seconds: look whether its owner `{}` may \
                         use `{}`",
                        key.id,
                        plan.timeout().as_secs(),
                        target.owner,
                        target.resource
                    ))));
                }
                Decision::Probe => {
                    let probed = self.probe(target, &key).await?;
                    let now = self.timekeeper.intents_from();
                    self.rotations.proving(id, made, |known| match probed {
                        Probed::Observed { observation, .. } => {
                            known.observe(&plan, now, observation);
                        }
                        Probed::HeldBack { wait } => known.postpone(&plan, now, wait),
                    });
                }
            }
        }
    }

    /// About when a key works that is tried, or would be, by the wall clock. `made` is
    /// the time of its intent.
    pub(crate) fn expected_at(
        &self,
        id: &CredentialId,
        made: Timestamp,
        (target, readiness): (&Target, &Settings),
    ) -> Timestamp {
        let plan = readiness.plan(kind_of(target));
        let expected = self
            .rotations
            .proving(id, made, |known| known.expected(&plan));
        self.timekeeper.on_wall_clock(expected)
    }

    /// Tries a key once, at the place of its resource.
    pub(crate) async fn probe(&self, target: &Target, key: &IssuedKey) -> Result<Probed, Error> {
        let observed = |observation| Probed::Observed {
            observation,
            detail: None,
        };
        let (Some(prober), Some(secret)) = (self.control.prober(), &key.secret) else {
            return Ok(observed(Observation::NoProbe));
        };
        let account = self.accounts.required().await?;
        let caller = Caller::of(Class::Proof, target.owner.as_str());
        let access = account.access().on_behalf_of(caller);
        if let Err(LookUpError::Failed { .. }) = self.look_up(&access, target).await {
            return Ok(observed(Observation::Unreachable));
        }
        let place = self.places.get(&target.resource).await?;
        let resource = resource_of(target);
        let candidate = Candidate {
            id: key.id.as_str(),
            secret: secret.expose(),
        };
        let probed = prober
            .probe(&access, &resource, place.as_ref(), candidate)
            .await;
        if let (Some(mut place), Probed::Observed { observation, .. }) = (place, &probed) {
            place.observe(*observation);
            self.places.note(&target.resource, place);
        }
        Ok(probed)
    }
}

/// What keys of a kind are called: it stands before "key" in a sentence.
pub(crate) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Kafka => "Kafka",
        Kind::SchemaRegistry => "Schema Registry",
        Kind::Flink => "Flink",
        Kind::Ksqldb => "ksqlDB",
        Kind::Tableflow => "Tableflow",
        Kind::Cloud => "Cloud API",
        Kind::Global => "global API",
    }
}

/// The kind of what keys of a target are for. Targets are parsed when they are
/// written, so that each has one.
pub(crate) fn kind_of(target: &Target) -> Kind {
    target.resource.kind().map_or(Kind::Cloud, Kind::from)
}

/// How long it is until a time.
pub(crate) fn until(now: Timestamp, time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(now)).unwrap_or_default()
}
