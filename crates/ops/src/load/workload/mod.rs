//! A mixed load on mounts of its own: logins, reads and writes of KV secrets, and
//! reads of credentials, in a proportion that is given.
//!
//! What a run makes on the server has the id of the run in its name. So the names
//! are the record of what is to be removed: a run that could not remove it leaves
//! nothing that cannot be told from other people's mounts.

mod names;
mod removal;
mod setup;

use std::num::NonZeroU32;

use bytes::Bytes;
use http::Method;

use self::names::Names;
pub use self::names::RunId;
pub use self::removal::{Leftover, leftovers, remove};
pub use self::setup::{Credentials, Login, Ready};
use super::targets::{self, Dynamic, Target, Template, Turns};

/// The name of logins in results.
pub const LOGIN: &str = "login";
/// Reads of KV secrets for each write of one.
const READS: u32 = 3;
/// Secrets in the KV engine. As a prime, it shares no factor with the length of
/// most rounds, so that each target gets to all secrets in turn.
const SECRETS: u64 = 101;
/// The largest share of a kind.
const MOST: u32 = 100;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Logins with `AppRole`.
    Login,
    /// Three reads of a KV secret for each write of one.
    Kv,
    /// Reads of credentials, each with a lease.
    Creds,
}

impl Kind {
    const ALL: [(&str, Self); 3] = [
        ("login", Self::Login),
        ("kv", Self::Kv),
        ("creds", Self::Creds),
    ];
}

/// Kinds of requests, each with its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    shares: Vec<(Kind, NonZeroU32)>,
}

impl Workload {
    /// Reads shares such as `login:1,kv:8,creds:1`.
    ///
    /// # Errors
    /// When a kind is unknown or named twice, or its share is no number from 1 to
    /// 100.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut shares: Vec<(Kind, NonZeroU32)> = Vec::new();
        for part in text.split(',') {
            let (name, share) = part.trim().split_once(':').unwrap_or((part.trim(), "1"));
            let known = Kind::ALL.iter().find(|(known, _)| *known == name);
            let (_, kind) = known.ok_or_else(|| {
                format!("`{name}` is none of `login`, `kv` and `creds`: write `login:1,kv:8`")
            })?;
            let share = share
                .parse()
                .ok()
                .filter(|share: &NonZeroU32| share.get() <= MOST);
            let share =
                share.ok_or_else(|| format!("`{part}`: a share is a number from 1 to {MOST}"))?;
            if shares.iter().any(|(other, _)| other == kind) {
                return Err(format!("`{name}` is named twice"));
            }
            shares.push((*kind, share));
        }
        Ok(Self { shares })
    }

    /// Whether credentials are read.
    pub fn has_creds(&self) -> bool {
        self.has(Kind::Creds)
    }

    fn has(&self, kind: Kind) -> bool {
        self.shares.iter().any(|(other, _)| *other == kind)
    }

    /// What its targets are called in results.
    pub fn target_names(&self) -> Vec<String> {
        let names = self.shares.iter().flat_map(|(kind, _)| match kind {
            Kind::Login => &[LOGIN][..],
            Kind::Kv => &["kv-read", "kv-write"],
            Kind::Creds => &["creds"],
        });
        names.map(|name| (*name).to_owned()).collect()
    }

    /// The targets at a server, whose `address` ends without a slash.
    fn targets(
        &self,
        address: &str,
        names: &Names<'_>,
        login: &Login,
    ) -> Result<(Vec<Target>, Turns), String> {
        let at = |path: &str| format!("{address}/v1/{path}");
        let mut found = Vec::new();
        for (kind, share) in &self.shares {
            match kind {
                Kind::Login => {
                    let url = at(&names.login_path());
                    found.push((
                        target(LOGIN, Method::POST, &url, login.body())?,
                        share.get() * (READS + 1),
                    ));
                }
                Kind::Kv => {
                    let url = at(&names.secret(""));
                    let each = Dynamic {
                        url: Some(Template::numbered(&url, SECRETS)),
                        headers: Vec::new(),
                        body: None,
                    };
                    let mut read = target("kv-read", Method::GET, &url, Bytes::new())?;
                    let mut write = target("kv-write", Method::POST, &url, setup::secret())?;
                    read.dynamic = Some(each.clone());
                    write.dynamic = Some(each);
                    found.push((read, share.get() * READS));
                    found.push((write, share.get()));
                }
                Kind::Creds => {
                    let url = at(&names.creds());
                    found.push((
                        target("creds", Method::GET, &url, Bytes::new())?,
                        share.get() * (READS + 1),
                    ));
                }
            }
        }
        let weights = found
            .iter()
            .filter_map(|(_, weight)| NonZeroU32::new(*weight));
        let turns = Turns::new(&[(weights.collect(), NonZeroU32::MIN)])?;
        let targets = found.into_iter().map(|(target, _)| target).collect();
        Ok((targets, turns))
    }
}

fn target(name: &str, method: Method, url: &str, body: Bytes) -> Result<Target, String> {
    let parts = targets::address::parse(url)?;
    Ok(Target {
        method,
        origin: parts.origin,
        path: parts.path,
        authorization: parts.authorization,
        body,
        name: Some(name.to_owned()),
        weight: NonZeroU32::MIN,
        expected: Vec::new(),
        headers: super::headers::Headers::default(),
        captures: Vec::new(),
        dynamic: None,
    })
}

/// Why mounts could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server does not have what is needed. Nothing was made.
    #[error("{0}")]
    Unavailable(String),
    /// A request failed.
    #[error("{doing}: {source}")]
    Request {
        /// What was being done.
        doing: String,
        /// The reason.
        source: Box<vault_client::Error>,
    },
    /// An answer lacks what it should have.
    #[error("the answer of `{path}` has no `{member}`")]
    Answer {
        /// The path of the request.
        path: String,
        /// What is missing.
        member: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_that_make_no_sense_are_refused() {
        for (text, told) in [
            ("", "`` is none of"),
            ("kv:8,logins:1", "`logins` is none of"),
            ("kv:0", "from 1 to 100"),
            ("kv:101", "from 1 to 100"),
            ("kv:many", "from 1 to 100"),
            ("kv:1,kv:2", "`kv` is named twice"),
        ] {
            let error = Workload::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        let one = Workload::parse("creds").unwrap();
        assert_eq!(one, Workload::parse(" creds:1").unwrap());
        assert!(one.has_creds());
    }

    #[test]
    fn requests_come_in_the_proportion_of_their_shares() {
        let workload = Workload::parse("login:1,kv:8,creds:1").unwrap();
        let run = RunId::new(7);
        let login = Login::new("role", "secret".to_owned().into());
        let (targets, turns) = workload
            .targets("http://vault:8200", &Names::of(&run), &login)
            .unwrap();
        let names: Vec<String> = targets.iter().map(Target::name).collect();
        assert_eq!(names, workload.target_names());
        let mut counts = [0; 4];
        for number in 0..400 {
            counts[turns.target(number)] += 1;
        }
        assert_eq!(counts, [40, 240, 80, 40]);
    }
}
