//! The root key and its shares while the server is unsealed, and their
//! replacement.
//!
//! New shares reach the operators in an answer, and an answer can be lost: by a
//! client that hung up, a proxy, an audit device that failed. So the old shares open
//! the store beside the new ones until either were used, however long that takes.
//! With verification the new shares are seen first, and from then on they alone open
//! it.

use std::sync::{Arc, PoisonError, RwLock};

use barrier::{Barrier, Key};
use logical::{Entropy, Error, Storage};
use tokio::sync::Mutex;

use super::protected::{Protected, StoredKeys, Which, split};
use super::rotation::{Keys, Progress, Rotation, Verification};
use super::{KeepsShares, RootGeneration, Share, Shares};
use crate::errors;

/// What a rotation is told by whose new shares nobody received.
const UNDONE: &str =
    "the rotation is undone, and the shares before it stay in force: begin it again";
/// The same where somebody completed another rotation meanwhile.
const SUPERSEDED: &str = "the new shares are lost, and those of a later rotation are in force";
/// The same where the store could not be written. What was stored with the new keys
/// lets both open it, and the first to do so ends the other.
const NOT_UNDONE: &str = "the new shares are lost, and the rotation could not be undone: the shares \
                          before it open the server, which ends the new ones";

/// The keys of an unsealed store.
pub(crate) struct RootKeys {
    /// Below the barrier.
    storage: Arc<dyn Storage>,
    barrier: Arc<Barrier>,
    entropy: Arc<dyn Entropy>,
    keeper: Option<Arc<dyn KeepsShares>>,
    shares: RwLock<Shares>,
    /// Held while the keys change.
    state: Mutex<State>,
    generation: RootGeneration,
}

enum State {
    Open(Option<Rotation>),
    /// The server is being sealed: nothing changes any more.
    Closed,
}

/// What became of a share that was given.
pub(crate) enum Given {
    /// More are needed.
    More(Progress),
    /// The keys are replaced, or their shares are handed out for verification.
    Done(Rotated),
}

/// New shares.
pub(crate) struct Rotated {
    pub(crate) nonce: String,
    pub(crate) shares: Vec<Share>,
    /// What to verify them with; the keys are not replaced before that.
    pub(crate) verification_nonce: Option<String>,
    /// For when nobody receives them.
    pub(crate) undo: UndoRotation,
}

/// How to undo a rotation.
pub(crate) enum UndoRotation {
    /// The keys were replaced: this opens the store beside the new shares.
    Replaced(Protected),
    /// The rotation with this nonce waits for its new shares to be given back.
    HandedOut { nonce: String },
}

/// What became of a new share that was given back.
pub(crate) enum Verified {
    /// More are needed.
    More(Verification),
    /// The keys are replaced.
    Done {
        /// Of the verification.
        nonce: String,
    },
}

impl RootKeys {
    /// The keys of a store that was opened by `barrier` on `storage`.
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        barrier: Arc<Barrier>,
        entropy: Arc<dyn Entropy>,
        keeper: Option<Arc<dyn KeepsShares>>,
        shares: Shares,
    ) -> Self {
        Self {
            generation: RootGeneration::new(Arc::clone(&storage), Arc::clone(&entropy)),
            storage,
            barrier,
            entropy,
            keeper,
            shares: RwLock::new(shares),
            state: Mutex::new(State::Open(None)),
        }
    }

    /// The keys that encrypt what is stored.
    pub(crate) fn barrier(&self) -> &Barrier {
        &self.barrier
    }

    /// The generation of a root token.
    pub(crate) fn generation(&self) -> &RootGeneration {
        &self.generation
    }

    /// How the key of the seal is split.
    pub(crate) fn shares(&self) -> Shares {
        *self.shares.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change under way, and lets none begin.
    pub(crate) async fn close(&self) {
        *self.state.lock().await = State::Closed;
    }

    /// Decides between the shares of two stored keys: those that opened the store
    /// stay, the others do not open it any more.
    pub(crate) async fn settle(&self, stored: &StoredKeys, opened: Which) -> Result<(), Error> {
        let Some(previous) = &stored.previous else {
            return Ok(());
        };
        match opened {
            Which::Current => self.end_previous(previous).await,
            Which::Previous => self.roll_back(previous).await.map(drop),
        }
    }

    /// The rotation under way, if there is one.
    pub(crate) async fn progress(&self) -> Option<Progress> {
        match &*self.state.lock().await {
            State::Open(Some(rotation)) => Some(rotation.progress()),
            _ => None,
        }
    }

    /// Begins a rotation.
    ///
    /// # Errors
    /// A bad request while there is one.
    pub(crate) async fn begin(&self, shares: Shares, verifies: bool) -> Result<Progress, Error> {
        let mut state = self.state.lock().await;
        let State::Open(rotation) = &mut *state else {
            return Err(errors::sealed());
        };
        if rotation.is_some() {
            return Err(Error::bad_request("rotation already in progress"));
        }
        let begun = Rotation::new(shares, verifies, self.entropy.as_ref());
        Ok(rotation.insert(begun).progress())
    }

    /// Ends a rotation that is not complete.
    pub(crate) async fn cancel(&self) {
        if let State::Open(rotation) = &mut *self.state.lock().await {
            *rotation = None;
        }
    }

    /// Takes one of the present shares; the last one completes the rotation.
    ///
    /// # Errors
    /// A bad request for a share that is not taken, or shares that do not open the
    /// store; an error of storage.
    pub(crate) async fn give(&self, share: Share, nonce: &str) -> Result<Given, Error> {
        let mut state = self.state.lock().await;
        let present = state.rotation()?;
        let rotation = present.as_mut().ok_or_else(none_in_progress)?;
        let stored = StoredKeys::read(self.storage.as_ref()).await?;
        // After a rotation whose answer was lost the old shares are given, of which
        // another number may be needed.
        let (least, most) = stored.thresholds();
        rotation.give(share, nonce)?;
        let given = rotation.given();
        if given.len() < least {
            return Ok(Given::More(rotation.progress()));
        }
        let opened = match stored.open(given) {
            Ok(opened) => opened,
            Err(_) if given.len() < most => return Ok(Given::More(rotation.progress())),
            Err(reason) => {
                rotation.forget_given();
                return Err(Error::bad_request(format!(
                    "failed to read root key: {reason}"
                )));
            }
        };
        rotation.forget_given();
        let entropy = self.entropy.as_ref();
        let keys = Keys {
            root: Key::generate(entropy),
            seal: Key::generate(entropy),
        };
        let nonce = rotation.nonce().to_owned();
        let made = split(&keys.seal, rotation.shares(), entropy)?;
        if let Some(keeper) = &self.keeper {
            keeper.keep(&made)?;
        }
        if rotation.verifies() {
            return Ok(Given::Done(Rotated {
                nonce: nonce.clone(),
                shares: made,
                verification_nonce: Some(rotation.hand_out(keys, entropy)),
                undo: UndoRotation::HandedOut { nonce },
            }));
        }
        let old = shares_of(&stored, opened.which);
        let previous = Protected::new(&keys.root, &opened.seal, old, entropy)?;
        let shares = rotation.shares();
        *present = None;
        self.replace(keys, shares, Some(&previous)).await?;
        Ok(Given::Done(Rotated {
            nonce,
            shares: made,
            verification_nonce: None,
            undo: UndoRotation::Replaced(previous),
        }))
    }

    /// Undoes a rotation whose shares nobody received. Returns what is so from then on.
    pub(crate) async fn abandon(&self, undo: &UndoRotation) -> &'static str {
        let mut state = self.state.lock().await;
        match undo {
            UndoRotation::Replaced(previous) => match self.roll_back(previous).await {
                Ok(true) => UNDONE,
                Ok(false) => SUPERSEDED,
                Err(error) => {
                    tracing::warn!(%error, "a rotation whose shares nobody received is not undone; the shares before it open the store at the next unsealing");
                    NOT_UNDONE
                }
            },
            UndoRotation::HandedOut { nonce } => {
                if let State::Open(rotation) = &mut *state
                    && rotation.as_ref().is_some_and(|one| one.nonce() == nonce)
                {
                    *rotation = None;
                }
                UNDONE
            }
        }
    }

    /// The verification of new shares.
    ///
    /// # Errors
    /// A bad request without a rotation.
    pub(crate) async fn verification(&self) -> Result<Verification, Error> {
        let mut state = self.state.lock().await;
        let rotation = state.rotation()?.as_ref().ok_or_else(none_found)?;
        Ok(rotation.verification())
    }

    /// Forgets the new shares that were given back.
    ///
    /// # Errors
    /// A bad request without a verification.
    pub(crate) async fn restart_verification(&self) -> Result<Verification, Error> {
        let mut state = self.state.lock().await;
        let rotation = state.rotation()?.as_mut().ok_or_else(none_found)?;
        rotation.restart_verification(self.entropy.as_ref())?;
        Ok(rotation.verification())
    }

    /// Takes one of the new shares back; the last one replaces the keys.
    ///
    /// # Errors
    /// A bad request for a share that is not taken, or shares that do not make the
    /// new key; an error of storage.
    pub(crate) async fn verify(&self, share: Share, nonce: &str) -> Result<Verified, Error> {
        let mut state = self.state.lock().await;
        let present = state.rotation()?;
        let rotation = present.as_mut().ok_or_else(none_in_progress)?;
        let Some((given, keys)) = rotation.verify(share, nonce)? else {
            return Ok(Verified::More(rotation.verification()));
        };
        let shares = rotation.shares();
        let entropy = self.entropy.as_ref();
        let made = StoredKeys {
            current: Protected::new(&keys.root, &keys.seal, shares, entropy)?,
            previous: None,
        };
        if made.open(&given).is_err() {
            rotation.restart_verification(entropy)?;
            return Err(Error::bad_request(
                "rotation verification failed; incorrect key shares supplied",
            ));
        }
        self.replace(keys, shares, None).await?;
        *present = None;
        Ok(Verified::Done {
            nonce: nonce.to_owned(),
        })
    }

    /// Stores new keys in one batch, and what opens the store beside them.
    async fn replace(
        &self,
        keys: Keys,
        shares: Shares,
        previous: Option<&Protected>,
    ) -> Result<(), Error> {
        let current = Protected::new(&keys.root, &keys.seal, shares, self.entropy.as_ref())?;
        let mut batch = current.writes()?;
        batch.push(match previous {
            Some(previous) => previous.write_as_previous()?,
            None => Protected::delete_previous(),
        });
        self.barrier.rekey(keys.root, batch).await?;
        self.set_shares(shares);
        Ok(())
    }

    async fn end_previous(&self, previous: &Protected) -> Result<(), Error> {
        let is_there = vec![previous.is_previous()?];
        let batch = vec![Protected::delete_previous()];
        self.storage.apply_if(is_there, batch).await.map(|_| ())
    }

    /// Makes what opens the store beside the current keys the only one again.
    /// Returns false if they are not stored any more.
    async fn roll_back(&self, previous: &Protected) -> Result<bool, Error> {
        let is_there = vec![previous.is_previous()?];
        let mut batch = previous.writes()?;
        batch.push(Protected::delete_previous());
        let is_done = self.storage.apply_if(is_there, batch).await?;
        if is_done {
            self.set_shares(previous.shares);
        }
        Ok(is_done)
    }

    fn set_shares(&self, shares: Shares) {
        *self.shares.write().unwrap_or_else(PoisonError::into_inner) = shares;
    }
}

impl State {
    fn rotation(&mut self) -> Result<&mut Option<Rotation>, Error> {
        match self {
            Self::Open(rotation) => Ok(rotation),
            Self::Closed => Err(errors::sealed()),
        }
    }
}

/// How the shares that opened a store are split.
fn shares_of(stored: &StoredKeys, opened: Which) -> Shares {
    match (&stored.previous, opened) {
        (Some(previous), Which::Previous) => previous.shares,
        _ => stored.current.shares,
    }
}

fn none_in_progress() -> Error {
    Error::bad_request("no rotation in progress")
}

fn none_found() -> Error {
    Error::bad_request("no rotation configuration found")
}
