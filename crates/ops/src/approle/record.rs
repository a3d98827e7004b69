//! What is on record of a rotation: its options, its stage, and what was done.
//! There is no place in it for a secret id.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::consumers::Wait;
use super::restrictions::{ATTEMPT, MARK, Restrictions};
use super::server::Place;
use super::stage::{Order, Stage};

/// The version of the record's form.
pub(crate) const VERSION: u32 = 1;

/// What an operator wants.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The order of the stages.
    pub order: Order,
    /// The targets, as they were given.
    pub deliver: Vec<String>,
    /// Whether a target may hold something at the beginning that the server does
    /// not know for a secret id of the role.
    pub overwrite: bool,
    /// How many old secret ids live on, the newest first.
    pub keep: usize,
    /// The restrictions of the new secret id. Those that are not given are the
    /// ones of the old secret id.
    pub restrictions: Restrictions,
    /// Paths that a token of the new secret id must be able to read.
    pub canary_read: Vec<String>,
    /// A command that tries the new secret id in place of a login from here.
    pub canary_command: Option<String>,
    /// What is waited for before the old secret ids are destroyed.
    pub wait: Wait,
    /// What happens to tokens of old secret ids; none for what suits the rest.
    pub revocation: Option<Revocation>,
    /// The file for the evidence.
    pub evidence: Option<String>,
}

/// What happens to the tokens that were got with old secret ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// They are revoked once the old secret ids are destroyed.
    Now,
    /// They are revoked so many seconds after that.
    AfterSeconds(u64),
    /// They live until they end by themselves.
    Never,
}

/// Something that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What was tried.
    pub tried: String,
    /// What came of it.
    pub found: String,
    /// When, in RFC 3339.
    pub at: String,
}

/// A rotation, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this form.
    pub version: u32,
    /// The rotation's id, which marks the secret ids that it makes.
    pub id: String,
    /// The address of the server.
    pub server: String,
    /// The role.
    pub place: Place,
    /// What the operator wants.
    pub options: Options,
    /// The stage that comes next, or has begun.
    pub stage: Stage,
    /// Which attempt at making a secret id this is.
    pub attempt: u32,
    /// The restrictions that new secret ids get.
    pub restrictions: Restrictions,
    /// The accessor of the new secret id, once it is made.
    pub new: Option<String>,
    /// The accessors that were alive when the rotation began, oldest first.
    pub old: Vec<String>,
    /// The accessors that were listed, but dead.
    pub dead: Vec<String>,
    /// The accessors that were, or are about to be, destroyed.
    pub destroyed: Vec<String>,
    /// The accessors that were kept on request.
    pub kept: Vec<String>,
    /// The accessors that somebody else made meanwhile: they are left alone.
    pub left: Vec<String>,
    /// The accessors of the tokens that were revoked.
    pub revoked: Vec<String>,
    /// From when on tokens are revoked, if that waits.
    pub revoke_from: Option<String>,
    /// When a pause began, if there is one.
    pub pause_from: Option<String>,
    /// How many logins were tried whose tokens may live on, since the program was
    /// cut off before it had revoked them.
    pub open_trials: usize,
    /// What was proven.
    pub proofs: Vec<Proof>,
    /// What the operator has to know.
    pub warnings: Vec<String>,
    /// When each stage began first, in RFC 3339.
    pub times: BTreeMap<String, String>,
}

impl Record {
    /// A rotation that has not begun.
    pub(crate) fn new(id: &str, server: String, place: Place, options: Options) -> Self {
        Self {
            version: VERSION,
            id: id.to_owned(),
            server,
            place,
            stage: options.order.first(),
            restrictions: options.restrictions.clone(),
            options,
            attempt: 1,
            new: None,
            old: Vec::new(),
            dead: Vec::new(),
            destroyed: Vec::new(),
            kept: Vec::new(),
            left: Vec::new(),
            revoked: Vec::new(),
            revoke_from: None,
            pause_from: None,
            open_trials: 0,
            proofs: Vec::new(),
            warnings: Vec::new(),
            times: BTreeMap::new(),
        }
    }

    /// The metadata of the secret id that this attempt makes.
    pub(crate) fn marked(&self, attempt: &str) -> BTreeMap<String, String> {
        let mut metadata = self.restrictions.metadata.clone();
        metadata.insert(MARK.to_owned(), self.id.clone());
        metadata.insert(ATTEMPT.to_owned(), attempt.to_owned());
        metadata
    }

    /// Whether this rotation made the secret id, or the token's.
    pub(crate) fn made(&self, metadata: &BTreeMap<String, String>) -> bool {
        metadata.get(MARK) == Some(&self.id)
    }

    /// Whether a token was got with the secret id of the present attempt.
    pub(crate) fn is_of_new_id(&self, metadata: &BTreeMap<String, String>) -> bool {
        self.new.is_some()
            && self.made(metadata)
            && metadata.get(ATTEMPT) == Some(&self.attempt.to_string())
    }

    /// Begins another attempt: its users are waited for as those of the first were.
    pub(crate) fn try_again(&mut self) {
        self.attempt += 1;
        self.forget_attempt();
    }

    /// Forgets the secret id of the present attempt, and what was waited for.
    pub(crate) fn forget_attempt(&mut self) {
        self.new = None;
        self.pause_from = None;
        self.revoke_from = None;
    }

    /// Notes something for the operator, once.
    pub(crate) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Notes what was tried. A later trial of the same thing takes its place.
    pub(crate) fn prove(&mut self, tried: &str, found: String, now: Timestamp) {
        self.proofs.retain(|proof| proof.tried != tried);
        self.proofs.push(Proof {
            tried: tried.to_owned(),
            found,
            at: now.to_string(),
        });
    }

    /// Enters a stage.
    pub(crate) fn enter(&mut self, stage: Stage, now: Timestamp) {
        self.stage = stage;
        let name = serde_json::to_value(stage).ok();
        let name = name.as_ref().and_then(serde_json::Value::as_str);
        self.times
            .entry(name.unwrap_or_default().to_owned())
            .or_insert_with(|| now.to_string());
    }

    /// What happens to tokens of old secret ids. Without a word of the operator
    /// they are revoked only where nobody can be working with them: an
    /// application whose token is revoked under it stands still until it logs in
    /// again.
    pub(crate) fn revocation(&self) -> Revocation {
        let nobody_uses_them =
            self.options.order == Order::Emergency || self.options.wait.tells_of_users();
        self.options.revocation.unwrap_or(if nobody_uses_them {
            Revocation::Now
        } else {
            Revocation::Never
        })
    }
}

/// Adds what is not there yet.
pub(crate) fn add(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|known| known == item) {
        list.push(item.to_owned());
    }
}
