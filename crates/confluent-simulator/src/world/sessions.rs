//! Sessions of users at the vendor's command line, which sends a bearer token
//! where other clients send a key.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use confluent_cloud::ids::OwnerId;
use jiff::Timestamp;

use super::access::Caller;
use super::{User, World};
use crate::Refusal;
use crate::clock::later;

/// How long a session lasts.
const LENGTH: Duration = Duration::from_hours(24);

/// Sessions by their names, which are as good as passwords and never shown.
#[derive(Clone, Default)]
pub(super) struct Sessions(HashMap<String, Session>);

#[derive(Clone)]
struct Session {
    user: OwnerId,
    ends_at: Timestamp,
}

impl Sessions {
    /// Ends the sessions of a user who is gone.
    pub(super) fn end_of(&mut self, user: &str) {
        self.0.retain(|_, session| session.user.as_str() != user);
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.0.len())
    }
}

impl World {
    /// Begins a session of the user with an address. No user has a password,
    /// so that any that is not empty will do.
    ///
    /// # Errors
    /// 401 for an unknown address or an empty password.
    pub(crate) fn begin_session(
        &mut self,
        now: Timestamp,
        email: &str,
        password: &str,
    ) -> Result<(String, User, Timestamp), Refusal> {
        let user = self
            .users
            .iter()
            .find(|user| user.email == email && !password.is_empty())
            .cloned()
            .ok_or_else(Refusal::unauthorized)?;
        let name = self.random.sessions.trace_id();
        let ends_at = later(now, LENGTH).unwrap_or(Timestamp::MAX);
        self.sessions.0.retain(|_, session| session.ends_at > now);
        self.sessions.0.insert(
            name.clone(),
            Session {
                user: user.id.clone(),
                ends_at,
            },
        );
        Ok((name, user, ends_at))
    }

    /// Accepts the name of a session.
    ///
    /// # Errors
    /// 401 when there is no such session or it ended.
    pub(crate) fn resume_session(&self, now: Timestamp, name: &str) -> Result<Caller, Refusal> {
        let session = self
            .sessions
            .0
            .get(name)
            .filter(|session| now < session.ends_at)
            .ok_or_else(Refusal::unauthorized)?;
        Ok(self.caller(now, session.user.clone(), None))
    }
}
