//! The rules of a credential's life, as one function without effects.
//!
//! [`step`] takes an event and returns effects, in order. The driver performs them
//! and reports the outcomes as further events. Nothing here waits, reads a clock or
//! makes a call.

mod event;

use jiff::{SignedDuration, Timestamp};
use readiness::Proof;

use crate::SecretText;
use crate::credential::{
    AdoptedFrom, Credential, Holder, INTENT_AGE, IssuedKey, Proving, Purpose, RequestedBy, Sharing,
    State, later,
};
use crate::ids::{HolderId, KeyId, OrganizationId, RoleName};

pub use self::event::{Effect, Event, Refusal};

/// Margin of a deadline beyond the longest life of a lease.
const AWAY_MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// Changes a credential by an event that happens now. The change is made in place,
/// because a shared key can have tens of thousands of holders.
///
/// # Errors
/// A [`Refusal`]; the credential is then as it was.
pub fn step(
    credential: &mut Credential,
    event: Event,
    now: Timestamp,
) -> Result<Vec<Effect>, Refusal> {
    match event {
        Event::Made {
            key,
            holder,
            organization,
        } => made(credential, key, holder, organization),
        Event::Refused => Ok(match credential.state {
            State::Intended => forget(credential),
            _ => Vec::new(),
        }),
        // A storage that was restored may hold an intent whose key is in use
        // elsewhere by now: one that old is reported and not acted on.
        Event::Found { key } => Ok(match credential.state {
            State::Intended if now.duration_since(credential.intended_at) < INTENT_AGE => {
                let cause = Some("the answer to its creation was lost".to_owned());
                credential.state = State::Retiring {
                    key: key.clone(),
                    since: now,
                    cause,
                };
                vec![Effect::Save, Effect::Delete(key)]
            }
            _ => Vec::new(),
        }),
        Event::NotFound => Ok(match credential.state {
            State::Intended if now.duration_since(credential.intended_at) >= INTENT_AGE => {
                forget(credential)
            }
            _ => Vec::new(),
        }),
        Event::Attach { holder } => attach(credential, holder),
        Event::Proven { proof } => proven(credential, proof),
        Event::Take { holder, requester } => take(credential, holder, requester),
        Event::Pin => pin(credential),
        Event::TakeOver { by, proving } => take_over(credential, by, proving),
        Event::Import { secret, proving } => import(credential, secret, proving),
        Event::Unpin { grace } => Ok(unpin(credential, grace, now)),
        Event::Leave => match credential.state {
            // The end of a lease on a key without a record deletes the key.
            State::Live { .. } if !credential.holders.is_empty() => Ok(Vec::new()),
            State::Live { .. } => Ok(forget(credential)),
            _ => Err(Refusal::NotLive),
        },
        Event::Withdraw => withdraw(credential),
        Event::Renew { holder } => renew(credential, holder),
        Event::Release { holder } => Ok(release(credential, &holder, now)),
        Event::Lapse => Ok(lapse(credential, now)),
        Event::Away {
            since,
            until,
            longest,
        } => Ok(away(credential, since, until, longest)),
        Event::Kill => Ok(kill(credential, now)),
        Event::Rechecked { holders, pinned } => Ok(rechecked(credential, holders, pinned)),
        Event::Deleted { doubtful } => Ok(deleted(credential, now, doubtful)),
        Event::LookedAgain { exists } => Ok(looked_again(credential, exists, now)),
        Event::DeleteFailed { cause } => Ok(delete_failed(credential, cause)),
        Event::DeleteLate { cause } => Ok(delete_late(credential, cause)),
    }
}

fn made(
    credential: &mut Credential,
    key: IssuedKey,
    holder: Option<(HolderId, Holder)>,
    organization: Option<OrganizationId>,
) -> Result<Vec<Effect>, Refusal> {
    if credential.state != State::Intended {
        return Err(Refusal::NotLive);
    }
    if holder.is_none() && !credential.pinned {
        return Err(Refusal::NotJustified);
    }
    // The intent of an account that was not proven does not know it.
    credential.account.learn(organization);
    credential.state = State::Live { key };
    let mut effects = Vec::new();
    if let Some((id, holder)) = holder {
        credential.holders.insert(id.clone(), holder);
        if credential.sharing == Sharing::Shared {
            effects.push(Effect::SaveHolder(id));
        }
    }
    effects.push(Effect::Save);
    Ok(effects)
}

fn proven(credential: &mut Credential, proof: Proof) -> Result<Vec<Effect>, Refusal> {
    let State::Live { key } = &mut credential.state else {
        return Err(Refusal::NotLive);
    };
    // What was handed out to one lease is not proven any more: whoever took it reads
    // the entry again, and nobody writes it meanwhile (`lifecycle.md`, 51).
    if key.proving != Proving::UnderWay || key.secret.is_none() {
        return Ok(Vec::new());
    }
    key.proving = Proving::Done(proof);
    Ok(vec![Effect::Save])
}

/// Pin and secret go and the holder comes in one write, so that a cut leaves the key
/// either to the next reader or to this one, never to both (`lifecycle.md`, 51).
/// A shared key keeps its secret for the readers that follow.
fn take(
    credential: &mut Credential,
    (id, holder): (HolderId, Holder),
    requester: Option<Box<RequestedBy>>,
) -> Result<Vec<Effect>, Refusal> {
    let is_spare = credential.is_spare();
    let State::Live { key } = &mut credential.state else {
        return Err(Refusal::NotLive);
    };
    if !is_spare || key.secret.is_none() {
        return Err(Refusal::NotSpare);
    }
    let mut effects = Vec::new();
    match credential.sharing {
        Sharing::SingleUse => key.secret = None,
        Sharing::Shared => effects.push(Effect::SaveHolder(id.clone())),
    }
    credential.pinned = false;
    credential.requester = requester;
    credential.holders.insert(id, holder);
    effects.push(Effect::Save);
    Ok(effects)
}

fn withdraw(credential: &mut Credential) -> Result<Vec<Effect>, Refusal> {
    let State::Live { key } = &mut credential.state else {
        return Err(Refusal::NotLive);
    };
    let had_secret = key.secret.take().is_some();
    Ok(had_secret.then_some(Effect::Save).into_iter().collect())
}

/// The secret that an import gives counts, also where an earlier one was cut off or
/// gave another.
fn import(
    credential: &mut Credential,
    secret: SecretText,
    proving: Proving,
) -> Result<Vec<Effect>, Refusal> {
    let State::Live { key } = &mut credential.state else {
        return Err(Refusal::NotLive);
    };
    let secret = Some(secret);
    if credential.pinned && key.secret == secret && key.proving == proving {
        return Ok(Vec::new());
    }
    key.secret = secret;
    key.proving = proving;
    credential.pinned = true;
    Ok(vec![Effect::Save])
}

/// Only a key in use is pinned: one that retires may be gone already.
fn pin(credential: &mut Credential) -> Result<Vec<Effect>, Refusal> {
    if !matches!(credential.state, State::Live { .. }) {
        return Err(Refusal::NotLive);
    }
    if std::mem::replace(&mut credential.pinned, true) {
        return Ok(Vec::new());
    }
    Ok(vec![Effect::Save])
}

/// The leases go on, and new readers of the role get another key. Doing it twice is
/// as doing it once.
fn take_over(
    credential: &mut Credential,
    by: RoleName,
    proving: Proving,
) -> Result<Vec<Effect>, Refusal> {
    if credential.sharing != Sharing::Shared {
        return Err(Refusal::NotShared);
    }
    let State::Live { key } = &mut credential.state else {
        return Err(Refusal::NotLive);
    };
    if key.secret.is_none() {
        return Err(Refusal::NotLive);
    }
    credential.purpose = match &credential.purpose {
        Purpose::Role {
            role, generation, ..
        } => Purpose::Static {
            static_role: by,
            adopted: Some(Box::new(AdoptedFrom {
                role: role.clone(),
                generation: generation.clone(),
            })),
        },
        Purpose::Static { static_role, .. } if *static_role == by => credential.purpose.clone(),
        Purpose::Static { .. } => return Err(Refusal::TakenOver),
    };
    key.proving = proving;
    credential.pinned = true;
    Ok(vec![Effect::Save])
}

/// The grace is stored before the pin goes, so that a cut in between leaves the
/// key to one of them (`lifecycle.md`, 34).
fn unpin(
    credential: &mut Credential,
    grace: Option<(HolderId, Holder)>,
    now: Timestamp,
) -> Vec<Effect> {
    if !std::mem::take(&mut credential.pinned) {
        return Vec::new();
    }
    if !matches!(credential.state, State::Live { .. }) {
        return vec![Effect::Save];
    }
    let mut effects = Vec::new();
    if let Some((id, mut holder)) = grace {
        if let Some(known) = credential.holders.get(&id) {
            holder.extend_to(known.deadline());
        }
        credential.holders.insert(id.clone(), holder);
        if credential.sharing == Sharing::Shared {
            effects.push(Effect::SaveHolder(id));
        }
    }
    if credential.is_justified() {
        if let (State::Live { key }, Sharing::SingleUse) =
            (&mut credential.state, credential.sharing)
        {
            // Nobody gets it from here any more.
            key.secret = None;
        }
        effects.push(Effect::Save);
        return effects;
    }
    let mut effects = retire_unjustified(credential, Vec::new(), now);
    if credential.sharing == Sharing::SingleUse {
        // It was kept ready: a process that starts must not find it so when it is
        // gone.
        effects.insert(0, Effect::Save);
    }
    effects
}

fn attach(
    credential: &mut Credential,
    (id, holder): (HolderId, Holder),
) -> Result<Vec<Effect>, Refusal> {
    match (&credential.state, credential.sharing) {
        (State::Live { .. }, Sharing::SingleUse) => Err(Refusal::NotShared),
        // Without its secret the key cannot be handed out any more.
        (State::Live { key }, Sharing::Shared) if key.secret.is_some() => {
            credential.holders.insert(id.clone(), holder);
            Ok(vec![Effect::SaveHolder(id)])
        }
        _ => Err(Refusal::NotLive),
    }
}

/// The key of one lease is nobody else's any more.
fn hand_out(credential: &mut Credential) {
    credential.pinned = false;
    if let State::Live { key } = &mut credential.state {
        key.secret = None;
    }
}

/// A deadline never moves back: the host may not have received the shorter
/// lease. An unknown holder is created again, also on a spare: a process that was
/// paused may have written over the entry of a key that was handed out.
fn renew(
    credential: &mut Credential,
    (id, mut holder): (HolderId, Holder),
) -> Result<Vec<Effect>, Refusal> {
    if !matches!(credential.state, State::Live { .. }) {
        return Err(Refusal::NotLive);
    }
    if let Some(known) = credential.holders.get(&id) {
        holder.extend_to(known.deadline());
        holder.keep_requester(known);
    }
    credential.holders.insert(id.clone(), holder);
    if credential.sharing == Sharing::SingleUse && credential.is_spare() {
        hand_out(credential);
    }
    Ok(match credential.sharing {
        Sharing::SingleUse => vec![Effect::Save],
        Sharing::Shared => vec![Effect::SaveHolder(id)],
    })
}

fn release(credential: &mut Credential, holder: &HolderId, now: Timestamp) -> Vec<Effect> {
    match &credential.state {
        State::Live { .. } => {
            match credential.sharing {
                // It has one lease: any other holder stands in for it, where another
                // process wrote over the entry (`lifecycle.md`, 33).
                Sharing::SingleUse => credential.holders.clear(),
                Sharing::Shared => {
                    credential.holders.remove(holder);
                }
            }
            let dropped = vec![holder.clone()];
            retire_unjustified(credential, dropped, now)
        }
        State::Retiring { key, cause, .. } => {
            let mut effects = end_retiring(credential.sharing, key, cause.is_some());
            if effects.contains(&Effect::Recheck) {
                // Its entry may be there still, and must not justify the key.
                effects.insert(0, Effect::DropHolder(holder.clone()));
            }
            effects
        }
        State::Intended => vec![Effect::Search],
        State::Gone { .. } => Vec::new(),
    }
}

/// Goes on with the end of a key. A shared one without a cause may have been
/// marked by another caller whose write is still under way, or by a process that
/// stopped before it listed the holders again (`lifecycle.md`, 4 and 24).
fn end_retiring(sharing: Sharing, key: &KeyId, has_cause: bool) -> Vec<Effect> {
    if sharing == Sharing::Shared && !has_cause {
        vec![Effect::Save, Effect::Recheck]
    } else {
        vec![Effect::Delete(key.clone())]
    }
}

fn lapse(credential: &mut Credential, now: Timestamp) -> Vec<Effect> {
    match &credential.state {
        State::Live { .. } => {
            let past: Vec<HolderId> = credential
                .holders
                .iter()
                .filter(|(_, holder)| holder.deadline() <= now)
                .map(|(id, _)| id.clone())
                .collect();
            for id in &past {
                credential.holders.remove(id);
            }
            retire_unjustified(credential, past, now)
        }
        State::Retiring { key, cause, .. } => {
            end_retiring(credential.sharing, key, cause.is_some())
        }
        State::Intended => vec![Effect::Search],
        State::Gone {
            key,
            doubtful: true,
            ..
        } => vec![Effect::LookAgain(key.clone())],
        // Only one that an earlier version left among those to be looked at
        // comes here: saving moves it to the others.
        State::Gone { .. } => vec![Effect::Save],
    }
}

/// Retires a key after holders or a pin were removed: it stays while anything
/// justifies it.
///
/// A single-use key is deleted at once and marked only when that fails. One
/// that another could hold is marked first, and storage is asked again, since
/// another process may have added a holder.
fn retire_unjustified(
    credential: &mut Credential,
    dropped: Vec<HolderId>,
    now: Timestamp,
) -> Vec<Effect> {
    let shared = credential.sharing == Sharing::Shared;
    let went = !dropped.is_empty();
    let mut effects: Vec<Effect> = Vec::new();
    if shared {
        effects.extend(dropped.into_iter().map(Effect::DropHolder));
    }
    let State::Live { key } = &credential.state else {
        return effects;
    };
    if credential.is_justified() {
        // Those of a single-use key are part of its entry.
        if !shared && went {
            effects.push(Effect::Save);
        }
        return effects;
    }
    let key = key.id.clone();
    if shared {
        effects.extend([Effect::Save, Effect::Recheck]);
    } else {
        effects.push(Effect::Delete(key.clone()));
    }
    credential.state = State::Retiring {
        key,
        since: now,
        cause: None,
    };
    effects
}

/// A deadline that passed meanwhile becomes the latest that the lease can have
/// been extended to.
fn away(
    credential: &mut Credential,
    since: Timestamp,
    until: Timestamp,
    longest: SignedDuration,
) -> Vec<Effect> {
    // The grace of a static role's key is never extended.
    let leased = credential.purpose.generation().is_some();
    if !leased || !matches!(credential.state, State::Live { .. }) {
        return Vec::new();
    }
    let mut extended = Vec::new();
    for (id, holder) in &mut credential.holders {
        if holder.deadline() <= since || holder.deadline() > until {
            continue;
        }
        let latest = later(later(holder.issued_at(), longest), AWAY_MARGIN);
        if latest > holder.deadline() {
            holder.extend_to(latest);
            extended.push(id.clone());
        }
    }
    match (credential.sharing, extended.is_empty()) {
        (_, true) => Vec::new(),
        (Sharing::SingleUse, false) => vec![Effect::Save],
        (Sharing::Shared, false) => extended.into_iter().map(Effect::SaveHolder).collect(),
    }
}

/// Holders stay on record until the key is gone, so that a cut in between
/// leaves none behind.
fn kill(credential: &mut Credential, now: Timestamp) -> Vec<Effect> {
    match &credential.state {
        State::Live { key } => {
            let key = key.id.clone();
            let cause = Some("an operator ended it".to_owned());
            credential.state = State::Retiring {
                key: key.clone(),
                since: now,
                cause,
            };
            vec![Effect::Save, Effect::Delete(key)]
        }
        State::Retiring { key, .. } => vec![Effect::Delete(key.clone())],
        State::Intended => vec![Effect::Search],
        // An operator who deletes a key that is gone has seen it come back.
        State::Gone { key, .. } => vec![Effect::LookAgain(key.clone())],
    }
}

/// A key that turned out to be held stays until its holders lapse, but no new
/// reader gets it: its secret was dropped when it was marked.
fn rechecked(
    credential: &mut Credential,
    holders: Vec<(HolderId, Holder)>,
    pinned: bool,
) -> Vec<Effect> {
    let State::Retiring { key, .. } = &credential.state else {
        return Vec::new();
    };
    let key = key.clone();
    credential.pinned = pinned;
    credential.holders = holders.into_iter().collect();
    if !credential.is_justified() {
        return vec![Effect::Delete(key)];
    }
    credential.state = State::Live {
        key: IssuedKey::without_secret(key),
    };
    vec![Effect::Save]
}

fn deleted(credential: &mut Credential, now: Timestamp, doubtful: bool) -> Vec<Effect> {
    let key = match &credential.state {
        State::Live { key } => key.id.clone(),
        State::Retiring { key, .. } => key.clone(),
        State::Intended | State::Gone { .. } => return Vec::new(),
    };
    let holders = std::mem::take(&mut credential.holders);
    credential.state = State::Gone {
        key,
        since: now,
        doubtful,
    };
    let mut effects = vec![Effect::Save];
    if credential.sharing == Sharing::Shared {
        effects.extend(holders.into_keys().map(Effect::DropHolder));
    }
    effects
}

/// A cut between two writes may have left holders of a key that never was.
fn forget(credential: &mut Credential) -> Vec<Effect> {
    let holders = std::mem::take(&mut credential.holders);
    let mut effects = Vec::new();
    if credential.sharing == Sharing::Shared {
        effects.extend(holders.into_keys().map(Effect::DropHolder));
    }
    effects.push(Effect::Forget);
    effects
}

/// A key that comes back is deleted again.
fn looked_again(credential: &mut Credential, exists: bool, now: Timestamp) -> Vec<Effect> {
    let State::Gone { key, doubtful, .. } = &mut credential.state else {
        return Vec::new();
    };
    if !exists {
        return if std::mem::take(doubtful) {
            vec![Effect::Save]
        } else {
            Vec::new()
        };
    }
    let key = key.clone();
    let cause = Some("it was listed again after it seemed to be gone".to_owned());
    credential.state = State::Retiring {
        key: key.clone(),
        since: now,
        cause,
    };
    vec![Effect::Save, Effect::Delete(key)]
}

/// Only the first cause is stored: a key that cannot be deleted for days costs
/// one write.
fn delete_failed(credential: &mut Credential, failure: String) -> Vec<Effect> {
    match &mut credential.state {
        State::Retiring { cause, .. } if cause.is_none() => {
            *cause = Some(failure);
            vec![Effect::Save]
        }
        _ => Vec::new(),
    }
}

/// Marks a single-use key whose deletion is still under way. A shared one was
/// marked before, and must not get a cause before its holders were read again (see
/// [`end_retiring`]).
fn delete_late(credential: &mut Credential, late: String) -> Vec<Effect> {
    match credential.sharing {
        Sharing::SingleUse => delete_failed(credential, late),
        Sharing::Shared => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
