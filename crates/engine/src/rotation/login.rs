//! Whether a key that exists logs in, before a static role serves it.

use std::time::Duration;

use logical::Error;
use logical::effects::within;
use readiness::{Basis, Mode, Observation, Probed, Proof};

use crate::credential::Proving;
use crate::ledger::IssuedKey;
use crate::proving::kind_of;
use crate::state::Engine;
use crate::static_role::StaticRole;

/// How long it may take to see whether a key logs in.
const TRY_LIMIT: Duration = Duration::from_secs(40);

/// Between two tries.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Where a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// An operator gave its id and secret.
    Imported,
    /// It is the shared key of a role.
    Adopted,
}

impl Given {
    /// The field that asks for the key.
    fn of_key(self) -> &'static str {
        match self {
            Self::Imported => "import_key_id",
            Self::Adopted => "adopt_role",
        }
    }

    /// The field to blame for a secret that is refused.
    fn of_secret(self) -> &'static str {
        match self {
            Self::Imported => "import_key_secret",
            Self::Adopted => "adopt_role",
        }
    }
}

impl Engine {
    /// Whether a key logs in with its secret. An imported one was made long ago; an
    /// adopted one perhaps a moment ago, so that some servers may not know it yet,
    /// and it logs in twice, as every new key does.
    pub(super) async fn must_log_in(
        &self,
        role: &StaticRole,
        key: &IssuedKey,
        given: Given,
    ) -> Result<Proving, Error> {
        if role.readiness.readiness() == Mode::None {
            return Ok(Proving::NotAsked);
        }
        let mut confirmation = match given {
            Given::Imported => None,
            Given::Adopted => kind_of(&role.target).confirmation(),
        };
        let trying = async {
            loop {
                match self.probe(&role.target, key).await? {
                    Probed::Observed { observation, .. } => match observation {
                        Observation::LoggedIn | Observation::LoggedInWithoutRights => {
                            let Some(apart) = confirmation.take() else {
                                return Ok(basis_of(observation));
                            };
                            self.tasks.sleep(apart).await;
                        }
                        Observation::NotYet => {
                            return Err(Error::bad_request(format!(
                                "`{}`: key `{}` does not log in at `{}` with this secret",
                                given.of_secret(),
                                key.id,
                                role.target.resource
                            )));
                        }
                        Observation::Unreachable | Observation::NoProbe => {
                            return Err(Error::bad_request(format!(
                                "`{}`: it cannot be seen whether key `{}` logs in, since `{}` cannot \
                                 be reached or asked from here: give `readiness=none` to take it on \
                                 trust",
                                given.of_key(),
                                key.id,
                                role.target.resource
                            )));
                        }
                    },
                    Probed::HeldBack { wait } => self.tasks.sleep(wait.max(TRY_AGAIN)).await,
                }
            }
        };
        let basis = within(&*self.tasks, TRY_LIMIT, trying)
            .await
            .unwrap_or_else(|| {
                Err(Error::upstream(format!(
                    "it took too long to see whether key `{}` logs in: try again",
                    key.id
                )))
            })?;
        let at = self.clock.now();
        Ok(Proving::Done(Proof { basis, at }))
    }
}

/// On what a key that logged in counts as working.
fn basis_of(login: Observation) -> Basis {
    if login == Observation::LoggedInWithoutRights {
        Basis::ProbeWithoutRights
    } else {
        Basis::Probe
    }
}
