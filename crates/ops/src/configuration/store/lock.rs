//! One program at a time changes what an owner manages.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Document, Saved, Store, Version};
use crate::configuration::place::Problem;

/// How long a lock holds unless it is renewed.
const TTL: i64 = 15 * 60;
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_mins(5);
/// The pause between two looks at a lock that somebody holds.
const PAUSE: Duration = Duration::from_secs(1);

/// The wall clock, in seconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Who holds a lock, as the others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user.
    pub who: String,
    /// The machine and the process.
    pub at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// None once it was given back.
    holder: Option<Holder>,
    since: i64,
    until: i64,
}

/// A lock that nobody else has.
pub struct Held {
    task: tokio::task::JoinHandle<()>,
    current: Arc<tokio::sync::Mutex<(Version, Entry)>>,
    lost: tokio::sync::watch::Receiver<bool>,
}

/// Takes, renews and gives back.
pub struct Lock {
    /// The place of the record.
    pub store: Arc<Store>,
    /// The time.
    pub clock: Clock,
}

impl Lock {
    /// Takes the lock, and renews it until it is given back.
    ///
    /// # Errors
    /// When somebody holds it for longer than `patience`.
    pub async fn take(&self, holder: &Holder, patience: Duration) -> Result<Held, Problem> {
        let give_up = tokio::time::Instant::now() + patience;
        loop {
            let (entry, version) = self.entry().await?;
            let now = (self.clock)();
            let other = entry.filter(|entry| entry.holder.is_some() && entry.until > now);
            if other.is_none() {
                let entry = Entry {
                    holder: Some(holder.clone()),
                    since: now,
                    until: now + TTL,
                };
                if let Saved::Now(version) = self.write(&entry, &version).await? {
                    return Ok(self.keep(version, entry));
                }
            }
            if tokio::time::Instant::now() >= give_up {
                return Err(held_by(other.as_ref(), now));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Frees a lock that somebody left behind; tells whose it was.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn free(&self) -> Result<Option<Holder>, Problem> {
        let (entry, version) = self.entry().await?;
        let Some(mut entry) = entry.filter(|entry| entry.holder.is_some()) else {
            return Ok(None);
        };
        let holder = entry.holder.take();
        match self.write(&entry, &version).await? {
            Saved::Now(_) => Ok(holder),
            Saved::Changed => Err(Problem::general(
                "the lock was changed meanwhile: somebody is at work",
            )),
        }
    }

    async fn entry(&self) -> Result<(Option<Entry>, Version), Problem> {
        let (value, version) = self.store.documents.load(Document::Lock).await?;
        let entry = value.map(serde_json::from_value).transpose();
        let entry = entry.map_err(|_| {
            Problem::general(
                "the lock is not one of this program: `lockkeeper unlock` cannot free it",
            )
        })?;
        Ok((entry, version))
    }

    async fn write(&self, entry: &Entry, from: &Version) -> Result<Saved, Problem> {
        let value = serde_json::to_value(entry).unwrap_or(Value::Null);
        self.store
            .documents
            .save(Document::Lock, &value, from)
            .await
    }

    fn keep(&self, version: Version, entry: Entry) -> Held {
        let current = Arc::new(tokio::sync::Mutex::new((version, entry)));
        let (tell, lost) = tokio::sync::watch::channel(false);
        let renewal = Self {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
        };
        let shared = Arc::clone(&current);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL).await;
                let mut current = shared.lock().await;
                let mut entry = current.1.clone();
                entry.until = (renewal.clock)() + TTL;
                match renewal.write(&entry, &current.0).await {
                    Ok(Saved::Now(version)) => *current = (version, entry),
                    // The next renewal may succeed, as long as the lock holds.
                    Err(_) if (renewal.clock)() < current.1.until => {}
                    Ok(Saved::Changed) | Err(_) => break,
                }
            }
            let _ = tell.send(true);
        });
        Held {
            task,
            current,
            lost,
        }
    }

    /// Gives a lock back.
    ///
    /// # Errors
    /// When it could not be written: it ends by itself.
    pub async fn give_back(&self, held: Held) -> Result<(), Problem> {
        held.task.abort();
        let current = held.current.lock().await;
        let entry = Entry {
            holder: None,
            ..current.1.clone()
        };
        self.write(&entry, &current.0).await.map(drop)
    }
}

impl Held {
    /// Whether somebody else may hold it by now.
    pub(crate) fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }
}

fn held_by(other: Option<&Entry>, now: i64) -> Problem {
    let text = match other {
        Some(Entry {
            holder: Some(holder),
            since,
            until,
        }) => format!(
            "somebody is at work: the lock is held by `{}` at `{}` for {} s, and ends in {} s unless it \
             is renewed; wait with -lock-timeout, or free one that was left behind with `lockkeeper \
             unlock -force`",
            holder.who,
            holder.at,
            now - since,
            until - now
        ),
        _ => "somebody else took the lock at the same time: try again".to_owned(),
    };
    Problem::general(text)
}
