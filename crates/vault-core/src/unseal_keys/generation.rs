//! A new root token from shares: how many were given, and the password that hides the
//! token on its way. It is in memory only; sealing ends it.

use std::sync::Arc;

use logical::{Entropy, Error, Storage};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::rotation::add;
use super::{Share, StoredKeys, Which};
use crate::random;

/// The generation of a root token, of which there is one at a time.
pub(crate) struct RootGeneration {
    /// Below the barrier.
    storage: Arc<dyn Storage>,
    entropy: Arc<dyn Entropy>,
    /// Held while shares are tried and the token is made.
    under_way: Mutex<Option<UnderWay>>,
}

struct UnderWay {
    nonce: String,
    otp: Zeroizing<String>,
    given: Vec<Share>,
}

/// What clients see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GenerationProgress {
    pub(crate) nonce: String,
    /// How many of the shares were given.
    pub(crate) given: usize,
}

/// What became of a share that was given.
pub(crate) enum Generated<T> {
    /// More are needed.
    More(GenerationProgress),
    /// The token was made.
    Done {
        token: T,
        otp: Zeroizing<String>,
        nonce: String,
        /// How many shares it took.
        given: usize,
    },
}

impl RootGeneration {
    pub(super) fn new(storage: Arc<dyn Storage>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            storage,
            entropy,
            under_way: Mutex::new(None),
        }
    }

    /// The generation under way, if there is one.
    pub(crate) async fn progress(&self) -> Option<GenerationProgress> {
        self.under_way.lock().await.as_ref().map(UnderWay::progress)
    }

    /// Begins one, whose token will be hidden by this password.
    ///
    /// # Errors
    /// A bad request while there is one.
    pub(crate) async fn begin(&self, otp: Zeroizing<String>) -> Result<GenerationProgress, Error> {
        let mut under_way = self.under_way.lock().await;
        if under_way.is_some() {
            return Err(Error::bad_request(
                "root generation already in progress: cancel it, or give its shares",
            ));
        }
        let begun = UnderWay {
            nonce: random::uuid(self.entropy.as_ref()),
            otp,
            given: Vec::new(),
        };
        Ok(under_way.insert(begun).progress())
    }

    /// Forgets the shares and the password.
    pub(crate) async fn cancel(&self) {
        *self.under_way.lock().await = None;
    }

    /// Takes a share; the last one has the token made by `make`.
    ///
    /// # Errors
    /// A bad request in the words of OpenBao for a share that is not taken, or shares
    /// that do not open the store; an error of storage or of `make`. The shares are
    /// forgotten once there were enough.
    pub(crate) async fn give<T>(
        &self,
        share: Share,
        nonce: &str,
        make: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<Generated<T>, Error> {
        let mut state = self.under_way.lock().await;
        let none = || Error::bad_request("no root generation in progress");
        let under_way = state.as_mut().ok_or_else(none)?;
        if nonce != under_way.nonce {
            return Err(Error::bad_request(format!(
                "incorrect nonce supplied; nonce for this root generation operation is \"{}\"",
                under_way.nonce
            )));
        }
        let stored = StoredKeys::read(self.storage.as_ref()).await?;
        // Another number of shares may be needed than before a rotation whose new ones
        // were not used yet.
        let (least, most) = stored.thresholds();
        add(&mut under_way.given, share, "generation operation")?;
        let given = under_way.given.len();
        if given < least {
            return Ok(Generated::More(under_way.progress()));
        }
        // Those before it still open a sealed store, but make no root token: they were
        // replaced because somebody else may have them.
        let opened = stored.open(&under_way.given).and_then(|opened| {
            let is_current = opened.which == Which::Current;
            is_current.then_some(()).ok_or_else(replaced)
        });
        if let Err(reason) = opened {
            if given < most {
                return Ok(Generated::More(under_way.progress()));
            }
            under_way.given.clear();
            return Err(Error::bad_request(format!(
                "root generation aborted: {reason}"
            )));
        }
        under_way.given.clear();
        let token = make.await?;
        let otp = std::mem::take(&mut under_way.otp);
        let nonce = std::mem::take(&mut under_way.nonce);
        *state = None;
        Ok(Generated::Done {
            token,
            otp,
            nonce,
            given,
        })
    }
}

fn replaced() -> String {
    "these shares were replaced by a rotation: give the new ones, or, where nobody got those, seal \
     the server and unseal it with these"
        .to_owned()
}

impl UnderWay {
    fn progress(&self) -> GenerationProgress {
        GenerationProgress {
            nonce: self.nonce.clone(),
            given: self.given.len(),
        }
    }
}
