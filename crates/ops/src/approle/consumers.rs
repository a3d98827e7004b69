//! When the users of an old secret id have moved to the new one, judged by their
//! tokens, which carry the metadata of the secret id that they were got with.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::server::TokenEntry;

/// What a rotation waits for before it destroys the old secret ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wait {
    /// This many tokens of the new secret id live, and no old one is renewed.
    pub consumers: Option<usize>,
    /// For how many seconds no old token may be renewed.
    pub quiet: u64,
    /// So many seconds, whatever happens.
    pub pause: Option<u64>,
    /// A command that succeeds.
    pub command: Option<String>,
    /// After how many seconds it is given up.
    pub limit: u64,
}

impl Default for Wait {
    fn default() -> Self {
        Self {
            consumers: None,
            quiet: 600,
            pause: None,
            command: None,
            limit: 3600,
        }
    }
}

/// What is still missing before the old secret ids can be destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// In words.
    pub text: String,
    /// How many tokens of the new secret id live, and how many are waited for,
    /// where they are counted.
    pub moved: Option<(usize, usize)>,
}

impl Wait {
    /// Whether anything is waited for.
    pub(crate) fn is_any(&self) -> bool {
        self.pause.is_some() || self.tells_of_users()
    }

    /// Whether the end of the wait means that all users have moved.
    pub(crate) fn tells_of_users(&self) -> bool {
        self.consumers.is_some() || self.command.is_some()
    }
}

/// The tokens of a role, observed again and again. Only changes count, not the
/// times that the server tells: its clock may differ from ours.
#[derive(Debug)]
pub(crate) struct Watch {
    wanted: usize,
    quiet: Duration,
    /// When each old token was made or renewed last, by the server's clock.
    old: BTreeMap<String, i64>,
    quiet_since: Timestamp,
}

/// How far the users are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    new: usize,
    wanted: usize,
    old: usize,
    quiet_for: Duration,
    quiet: Duration,
}

impl Watch {
    pub(crate) fn new(wanted: usize, quiet: Duration, now: Timestamp) -> Self {
        Self {
            wanted,
            quiet,
            old: BTreeMap::new(),
            quiet_since: now,
        }
    }

    /// Takes the role's living tokens: how many are of the new secret id, and the
    /// others.
    pub(crate) fn observe(&mut self, now: Timestamp, new: usize, old: &[TokenEntry]) -> Progress {
        let seen: BTreeMap<String, i64> = old
            .iter()
            .map(|token| (token.accessor.clone(), token.renewed))
            .collect();
        let was_used = seen
            .iter()
            .any(|(accessor, renewed)| self.old.get(accessor) != Some(renewed));
        if was_used {
            self.quiet_since = now;
        }
        self.old = seen;
        let quiet_for = now.duration_since(self.quiet_since);
        Progress {
            new,
            wanted: self.wanted,
            old: old.len(),
            quiet_for: quiet_for.max(SignedDuration::ZERO).unsigned_abs(),
            quiet: self.quiet,
        }
    }
}

impl Progress {
    /// Whether all users have moved.
    pub(crate) fn is_complete(self) -> bool {
        self.new >= self.wanted && (self.old == 0 || self.quiet_for >= self.quiet)
    }
}

impl Progress {
    /// What is still missing.
    pub(crate) fn missing(self) -> Missing {
        Missing {
            text: self.to_string(),
            moved: Some((self.new.min(self.wanted), self.wanted)),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} tokens of the new secret id",
            self.new, self.wanted
        )?;
        if self.old == 0 {
            return f.write_str(", none of an old one");
        }
        write!(
            f,
            ", {} of old ones, none renewed for {} s of {} s",
            self.old,
            self.quiet_for.as_secs(),
            self.quiet.as_secs()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_mins(10);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn token(accessor: &str, renewed: i64) -> TokenEntry {
        TokenEntry {
            accessor: accessor.to_owned(),
            path: "auth/approle/login".to_owned(),
            metadata: BTreeMap::new(),
            renewed,
            ttl: 60,
        }
    }

    #[test]
    fn users_have_moved_when_enough_are_new_and_no_old_token_is_left() {
        let mut watch = Watch::new(2, QUIET, at(0));
        assert!(!watch.observe(at(0), 1, &[]).is_complete());
        assert!(watch.observe(at(0), 2, &[]).is_complete());
        assert!(!watch.observe(at(0), 2, &[token("a", 1)]).is_complete());
    }

    #[test]
    fn old_tokens_that_nobody_renews_are_waited_out() {
        let mut watch = Watch::new(1, QUIET, at(0));
        let old = [token("a", 1), token("b", 1)];
        assert!(!watch.observe(at(0), 1, &old).is_complete());
        assert!(!watch.observe(at(9), 1, &old).is_complete());
        assert!(watch.observe(at(10), 1, &old).is_complete());
        // One of them ends by itself.
        assert!(watch.observe(at(11), 1, &old[..1]).is_complete());
    }

    #[test]
    fn a_renewal_or_a_login_with_an_old_id_begins_the_quiet_time_anew() {
        for changed in [token("a", 2), token("another", 1)] {
            let mut watch = Watch::new(1, QUIET, at(0));
            watch.observe(at(0), 1, &[token("a", 1)]);
            let progress = watch.observe(at(9), 1, std::slice::from_ref(&changed));
            assert!(!progress.is_complete());
            let progress = watch.observe(at(18), 1, std::slice::from_ref(&changed));
            assert!(!progress.is_complete(), "{progress}");
            assert!(watch.observe(at(19), 1, &[changed]).is_complete());
        }
    }
}
