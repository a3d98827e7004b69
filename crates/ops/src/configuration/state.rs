//! What an owner manages on a server, and what it wrote there last.
//!
//! The record is kept on the server itself, in a KV engine of version 2, or in a
//! file. It holds no secret: of those it has an HMAC under a key of its own.

use std::collections::BTreeMap;

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::{Field, Kind, Object};

/// The form of the record. A later program may write another.
const FORMAT: u32 = 1;
/// From this length on, of its JSON, an HMAC stands for a value that is no secret
/// either, so that a record of many policies stays small.
const LONG: usize = 512;

/// The record of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub(crate) format: u32,
    pub(crate) owner: String,
    /// Of the HMACs. It is no secret in the strict sense: it keeps a value from
    /// being looked up in a table made for all records.
    key: String,
    /// By path.
    pub(crate) objects: BTreeMap<String, Managed>,
}

/// One object of an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Managed {
    pub(crate) kind: Kind,
    /// Set before the object is changed, and removed once it is as the file says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pending: bool,
    /// Written once: what became of it since is somebody else's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) once: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) fields: BTreeMap<String, Applied>,
}

/// A field as it was applied last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    /// What the file said.
    pub(crate) said: Kept,
    /// What the server answered afterwards, if it answers the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<Kept>,
}

/// A value, or the HMAC of a secret one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kept {
    Value(Value),
    Hmac(String),
}

impl State {
    /// The record of an owner that manages nothing yet.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(owner: &str) -> Result<Self, String> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| "the system has no random numbers".to_owned())?;
        Ok(Self {
            format: FORMAT,
            owner: owner.to_owned(),
            key: STANDARD.encode(key),
            objects: BTreeMap::new(),
        })
    }

    /// A record as it is kept.
    ///
    /// # Errors
    /// When it is of another owner, of a later form, or no record.
    pub fn from_json(owner: &str, value: &Value) -> Result<Self, String> {
        let state = Self::any_from_json(value)?;
        if state.owner != owner {
            return Err(format!("it is the record of the owner `{}`", state.owner));
        }
        Ok(state)
    }

    /// As [`State::from_json`], of any owner.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn any_from_json(value: &Value) -> Result<Self, String> {
        let format = value.get("format").and_then(Value::as_u64);
        if format.is_some_and(|format| format > u64::from(FORMAT)) {
            return Err(
                "it was written by a newer version of this program: use that one".to_owned(),
            );
        }
        serde_json::from_value(value.clone())
            .map_err(|_| "it is not a record of this program".to_owned())
    }

    /// The record as it is kept.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether the owner manages what is at a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.objects.contains_key(path)
    }

    /// How many objects the owner manages.
    pub fn count(&self) -> usize {
        self.objects.len()
    }

    /// The record of an owner that manages nothing yet, with the key of an earlier
    /// plan for it.
    pub(crate) fn with_key(owner: &str, key: &str) -> Self {
        Self {
            format: FORMAT,
            owner: owner.to_owned(),
            key: key.to_owned(),
            objects: BTreeMap::new(),
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// A value as it is kept.
    pub(crate) fn keep(&self, value: &Value, is_secret: bool) -> Kept {
        if is_secret || value.to_string().len() > LONG {
            Kept::Hmac(self.hmac(value))
        } else {
            Kept::Value(value.clone())
        }
    }

    pub(crate) fn hmac(&self, value: &Value) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_bytes());
        STANDARD.encode(hmac::sign(&key, value.to_string().as_bytes()).as_ref())
    }

    /// Whether a value is the one that was kept.
    pub(crate) fn is_kept(&self, kept: &Kept, value: &Value) -> bool {
        match kept {
            Kept::Value(kept) => kept == value,
            Kept::Hmac(kept) => *kept == self.hmac(value),
        }
    }

    /// Whether the file still says of a field what was applied.
    pub(crate) fn is_said(&self, applied: &Applied, field: &Field) -> bool {
        self.is_kept(&applied.said, &field.value)
    }

    /// Takes note that an object is about to be changed. One that is there and had
    /// no owner keeps its secrets, also if this run is cut off.
    pub(crate) fn claim(&mut self, object: &Object, is_there: bool) {
        if let Some(managed) = self.objects.get_mut(&object.path) {
            managed.pending = true;
            return;
        }
        self.settle(object, None);
        if let Some(managed) = self.objects.get_mut(&object.path) {
            managed.pending = true;
            if !is_there {
                managed.fields.clear();
            }
        }
    }

    /// Takes note that an object is as the file says.
    pub(crate) fn settle(
        &mut self,
        object: &Object,
        answer: Option<&serde_json::Map<String, Value>>,
    ) {
        let fields = object.fields.iter().map(|(name, field)| {
            let seen = answer.and_then(|answer| super::compare::find(answer, name));
            let seen = seen.map(|seen| super::compare::projected(&field.value, seen));
            let applied = Applied {
                said: self.keep(&field.value, field.is_secret),
                seen: seen.map(|seen| self.keep(&seen, field.is_secret)),
            };
            (name.clone(), applied)
        });
        let managed = Managed {
            kind: object.kind,
            pending: false,
            once: object.is_once,
            fields: if object.is_once {
                BTreeMap::new()
            } else {
                fields.collect()
            },
        };
        self.objects.insert(object.path.clone(), managed);
    }
}
