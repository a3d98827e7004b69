//! One replacement of the root key and its shares, as far as it has come. It is in
//! memory only: until it is complete, nothing has changed.

use barrier::Key;
use logical::{Entropy, Error};

use super::{Share, Shares};
use crate::random;

/// A rotation under way.
pub(super) struct Rotation {
    nonce: String,
    shares: Shares,
    verifies: bool,
    given: Vec<Share>,
    new: Option<NewKeys>,
}

/// Keys that were handed out and take effect once their shares were given back.
struct NewKeys {
    nonce: String,
    keys: Keys,
    given: Vec<Share>,
}

/// A root key, and the key of the seal that protects it.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) root: Key,
    pub(super) seal: Key,
}

/// What clients see of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) nonce: String,
    pub(crate) shares: Shares,
    /// How many of the present shares were given.
    pub(crate) given: usize,
    pub(crate) verifies: bool,
    /// Empty before the new shares were handed out.
    pub(crate) verification_nonce: String,
}

/// What clients see of the verification of new shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verification {
    /// Empty before the new shares were handed out.
    pub(crate) nonce: String,
    pub(crate) shares: Shares,
    pub(crate) given: usize,
}

impl Rotation {
    pub(super) fn new(shares: Shares, verifies: bool, entropy: &dyn Entropy) -> Self {
        Self {
            nonce: random::uuid(entropy),
            shares,
            verifies,
            given: Vec::new(),
            new: None,
        }
    }

    pub(super) fn progress(&self) -> Progress {
        let new = self.new.as_ref();
        Progress {
            nonce: self.nonce.clone(),
            shares: self.shares,
            given: self.given.len(),
            verifies: self.verifies,
            verification_nonce: new.map(|new| new.nonce.clone()).unwrap_or_default(),
        }
    }

    pub(super) fn shares(&self) -> Shares {
        self.shares
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    pub(super) fn verifies(&self) -> bool {
        self.verifies
    }

    /// Takes one of the present shares.
    ///
    /// # Errors
    /// A bad request in the words of OpenBao.
    pub(super) fn give(&mut self, share: Share, nonce: &str) -> Result<(), Error> {
        if let Some(new) = &self.new {
            return Err(Error::bad_request(format!(
                "rotation already finished; verification must be performed; nonce for the \
                 verification operation is \"{}\"",
                new.nonce
            )));
        }
        if nonce != self.nonce {
            return Err(Error::bad_request(format!(
                "incorrect nonce supplied; nonce for rotation is \"{}\"",
                self.nonce
            )));
        }
        add(&mut self.given, share, "rotation")
    }

    /// The present shares that were given.
    pub(super) fn given(&self) -> &[Share] {
        &self.given
    }

    /// Forgets the present shares that were given: they were enough, or wrong.
    pub(super) fn forget_given(&mut self) {
        self.given.clear();
    }

    /// Keeps new keys until their shares were given back. Returns the name of
    /// their verification.
    pub(super) fn hand_out(&mut self, keys: Keys, entropy: &dyn Entropy) -> String {
        let nonce = random::uuid(entropy);
        self.new = Some(NewKeys {
            nonce: nonce.clone(),
            keys,
            given: Vec::new(),
        });
        nonce
    }

    pub(super) fn verification(&self) -> Verification {
        let new = self.new.as_ref();
        Verification {
            nonce: new.map(|new| new.nonce.clone()).unwrap_or_default(),
            shares: self.shares,
            given: new.map_or(0, |new| new.given.len()),
        }
    }

    /// Forgets the new shares that were given back.
    ///
    /// # Errors
    /// A bad request if none were handed out.
    pub(super) fn restart_verification(&mut self, entropy: &dyn Entropy) -> Result<(), Error> {
        let new = self.new.as_mut().ok_or_else(not_verifying)?;
        new.given.clear();
        new.nonce = random::uuid(entropy);
        Ok(())
    }

    /// Takes one of the new shares back. Returns all of them, and the keys that
    /// they must make, once there are enough.
    ///
    /// # Errors
    /// A bad request in the words of OpenBao.
    pub(super) fn verify(
        &mut self,
        share: Share,
        nonce: &str,
    ) -> Result<Option<(Vec<Share>, Keys)>, Error> {
        let threshold = self.shares.threshold();
        let new = self.new.as_mut().ok_or_else(not_verifying)?;
        if nonce != new.nonce {
            return Err(Error::bad_request(format!(
                "incorrect nonce supplied; nonce for this verify operation is \"{}\"",
                new.nonce
            )));
        }
        add(&mut new.given, share, "verification")?;
        let is_enough = new.given.len() >= usize::from(threshold);
        Ok(is_enough.then(|| (std::mem::take(&mut new.given), new.keys.clone())))
    }
}

/// Adds a share that was not given before.
pub(super) fn add(given: &mut Vec<Share>, share: Share, during: &str) -> Result<(), Error> {
    if given.contains(&share) {
        return Err(Error::bad_request(format!(
            "given key has already been provided during this {during}"
        )));
    }
    given.push(share);
    Ok(())
}

fn not_verifying() -> Error {
    Error::bad_request("no rotation verification in progress")
}
