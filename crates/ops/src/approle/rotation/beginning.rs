//! Before the first stage, and after a rotation was cut off.

use jiff::Timestamp;

use super::delivery::Held;
use super::{Event, Parts, Rotation};
use crate::approle::error::{Error, Result};
use crate::approle::record::{Options, Record, Revocation};
use crate::approle::restrictions::{ATTEMPT, Restrictions};
use crate::approle::server::{IdEntry, Place, Role};
use crate::approle::stage::{Order, Stage};

impl<'a> Rotation<'a> {
    /// Begins a rotation. When this returns an error, nothing was made and
    /// nothing changed.
    ///
    /// `id` must be of this rotation alone.
    ///
    /// # Errors
    /// When the role, the targets, the token's rights or the journal do not allow
    /// it.
    pub async fn begin(
        parts: Parts<'a>,
        id: &str,
        place: Place,
        options: Options,
    ) -> Result<Rotation<'a>> {
        if parts.targets.is_empty() {
            return Err(Error::input(
                "nothing says where the new secret id goes: give `-deliver`, such as \
                 `-deliver=file:/etc/app/secret-id`",
            ));
        }
        let wraps = parts.targets.iter().any(|target| target.wraps().is_some());
        if wraps && parts.targets.len() > 1 {
            return Err(Error::input(
                "a wrapped secret id is seen by nobody but the holder of its token, so it cannot \
                 be delivered to another target as well",
            ));
        }
        if wraps && options.order == Order::Overlap && !options.wait.is_any() {
            return Err(Error::input(
                "nothing tells when the wrapped secret id was unwrapped, and the old ones would \
                 be destroyed at once: give `-wait`, `-consumers` or `-wait-command`",
            ));
        }
        if let Some(unfinished) = parts.journal.load().await?.filter(is_unfinished) {
            return Err(Error::Journal {
                journal: parts.journal.name().to_owned(),
                problem: format!(
                    "a rotation of `{}` is under way since {}: go on with `lockkeeper approle \
                     resume`, or end it with `lockkeeper approle abort`",
                    unfinished.place.role,
                    began(&unfinished),
                ),
            });
        }
        let revokes = matches!(
            options.revocation,
            Some(Revocation::Now | Revocation::AfterSeconds(_))
        );
        let lists_tokens = revokes || options.wait.consumers.is_some();
        let lacking = parts.server.lacking(lists_tokens).await?;
        if !lacking.is_empty() {
            return Err(Error::Rights(lacking));
        }
        let role = role(parts, &place).await?;
        for target in parts.targets {
            target.check().await?;
        }
        let record = Record::new(id, parts.server.address(), place, options);
        let mut rotation = Rotation::with(parts, record, role);
        rotation.take_stock().await?;
        let first = rotation.record.options.order.first();
        rotation.enter(first).await?;
        Ok(rotation)
    }

    /// Goes on with the rotation in the journal.
    ///
    /// # Errors
    /// When there is none, or it cannot be seen how far it got.
    pub async fn resume(parts: Parts<'a>) -> Result<Rotation<'a>> {
        let record = unfinished(parts).await?;
        let role = role(parts, &record.place).await?;
        let mut rotation = Rotation::with(parts, record, role);
        rotation.find_new_id().await?;
        Ok(rotation)
    }

    pub(super) fn with(parts: Parts<'a>, record: Record, role: Role) -> Self {
        Self {
            before: vec![None; parts.targets.len()],
            parts,
            record,
            role,
            new: None,
            wrapped: None,
        }
    }

    /// Notes what there is: the secret ids that live, the dead accessors, and
    /// what the targets hold.
    async fn take_stock(&mut self) -> Result<()> {
        let mut alive: Vec<IdEntry> = Vec::new();
        for accessor in self.parts.server.accessors().await? {
            match self.parts.server.look_up(&accessor).await? {
                Some(entry) => alive.push(entry),
                None => self.record.dead.push(accessor),
            }
        }
        alive.sort_by_key(|entry| entry.created.unwrap_or(Timestamp::UNIX_EPOCH));
        self.record.old = alive.iter().map(|entry| entry.accessor.clone()).collect();
        let mut held = None;
        for (index, target) in self.parts.targets.iter().enumerate() {
            match self.held(target.as_ref()).await? {
                Held::Old(id, entry) => {
                    self.before[index] = Some(id);
                    held = held.or(Some(entry));
                }
                Held::Unknown if !self.record.options.overwrite => {
                    return Err(Error::target(
                        target.name(),
                        "the server does not know what it holds for a secret id of this role, \
                         and it would be lost: name another target, or give `-overwrite` if it \
                         is a secret id that has ended",
                    ));
                }
                Held::Ours(..) | Held::Unknown | Held::Nothing | Held::Unreadable => {}
            }
        }
        let mut given = self.record.options.restrictions.clone();
        let like = match held {
            Some(entry) => entry.restrictions,
            None => common(&alive, &given)?,
        };
        let role_ttl = self.role.ttl;
        given = given.or_those_of(&Restrictions {
            // The role's own limit needs no repetition, and may have become
            // shorter.
            ttl: like.ttl.filter(|ttl| role_ttl == 0 || *ttl < role_ttl),
            ..like
        });
        self.record.restrictions = given;
        Ok(())
    }

    /// Finds the secret id of this rotation in the targets. Where none holds it
    /// and nobody can have it, another is made.
    async fn find_new_id(&mut self) -> Result<()> {
        let mut found = None;
        let mut others = false;
        for (index, target) in self.parts.targets.iter().enumerate() {
            match self.held(target.as_ref()).await? {
                Held::Ours(id, entry) => found = found.or(Some((id, entry))),
                Held::Old(id, _) => {
                    self.before[index] = Some(id);
                    others = true;
                }
                Held::Unknown => others = true,
                Held::Nothing | Held::Unreadable => {}
            }
        }
        let emergency = self.record.options.order == Order::Emergency;
        match self.record.stage {
            Stage::Destroy | Stage::Revoke if emergency => {}
            Stage::Make | Stage::Deliver => match found {
                Some((id, entry)) => self.adopt(id, &entry).await?,
                None => self.try_again().await?,
            },
            // Somebody put another one there, or it was put back.
            _ if others => self.try_again().await?,
            _ => match found {
                Some((_, entry)) if Some(&entry.accessor) != self.record.new.as_ref() => {
                    self.try_again().await?;
                }
                Some((id, _)) => self.new = Some(id),
                None => {}
            },
        }
        Ok(())
    }

    /// Takes over a secret id whose delivery was not on record yet.
    async fn adopt(&mut self, id: crate::approle::SecretId, entry: &IdEntry) -> Result<()> {
        let attempt = entry.restrictions.metadata.get(ATTEMPT);
        if let Some(attempt) = attempt.and_then(|attempt| attempt.parse().ok()) {
            self.record.attempt = attempt;
        }
        self.record.new = Some(entry.accessor.clone());
        self.new = Some(id);
        self.done(format!(
            "a target holds the new secret id {}",
            entry.accessor
        ));
        self.enter(Stage::Deliver).await
    }

    async fn try_again(&mut self) -> Result<()> {
        self.record.try_again();
        self.new = None;
        self.enter(Stage::Make).await
    }
}

/// The rotation in the journal.
pub(super) async fn unfinished(parts: Parts<'_>) -> Result<Record> {
    let failed = |problem: String| Error::Journal {
        journal: parts.journal.name().to_owned(),
        problem,
    };
    let record = parts.journal.load().await?;
    let record =
        record.ok_or_else(|| failed("there is none, so no rotation is under way".to_owned()))?;
    if !is_unfinished(&record) {
        return Err(failed(format!(
            "the rotation that began {} has ended: nothing is left to do",
            began(&record)
        )));
    }
    let address = parts.server.address();
    if record.server != address {
        return Err(failed(format!(
            "it is of the server `{}`, and VAULT_ADDR is `{address}`",
            record.server
        )));
    }
    for warning in &record.warnings {
        (parts.tell)(&Event::Warning(warning.clone()));
    }
    Ok(record)
}

async fn role(parts: Parts<'_>, place: &Place) -> Result<Role> {
    let role = parts.server.role().await?.ok_or_else(|| {
        Error::input(format!(
            "there is no role `{}` at `auth/{}`: `lockkeeper list auth/{}/role` shows them",
            place.role, place.mount, place.mount
        ))
    })?;
    if !role.binds_secret_id {
        return Err(Error::input(format!(
            "role `{}` has `bind_secret_id=false`: its users log in without a secret id",
            place.role
        )));
    }
    Ok(role)
}

/// The restrictions that all living secret ids share, for where no target says
/// which one is replaced.
fn common(alive: &[IdEntry], given: &Restrictions) -> Result<Restrictions> {
    let mut all = alive.iter().map(|entry| entry.restrictions.without_marks());
    let Some(first) = all.next() else {
        return Ok(Restrictions::default());
    };
    let same = |other: &Restrictions| {
        (given.cidr_list.len() + given.token_bound_cidrs.len() > 0)
            || (other.cidr_list == first.cidr_list
                && other.token_bound_cidrs == first.token_bound_cidrs)
    };
    if !all.all(|other| same(&other)) {
        return Err(Error::input(
            "no target holds a secret id of the role, and those of the role are bound to \
             different networks: give `-cidr-list` or `-token-bound-cidrs` for the new one",
        ));
    }
    Ok(first)
}

fn is_unfinished(record: &Record) -> bool {
    !record.stage.is_final()
}

fn began(record: &Record) -> &str {
    record.times.values().min().map_or("", String::as_str)
}
