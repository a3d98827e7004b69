//! A mount `team/` whose answers are written down, for the stories that both hosts
//! are told.

use serde_json::{Value, json};

use crate::hosts::Host;
use crate::mounted::mounted;
use crate::transcript::Transcript;

/// A mount, and what it answered so far.
pub(super) struct Story<'a> {
    pub(super) host: &'a Host,
    pub(super) told: Transcript,
    /// How many keys there were before: `dev` shows one.
    earlier: usize,
}

impl<'a> Story<'a> {
    /// A mount that nobody asked anything yet.
    pub(super) fn of(host: &'a Host) -> Self {
        mounted(host);
        Self {
            host,
            told: Transcript::of(&host.cloud),
            earlier: host.cloud.live().len(),
        }
    }

    /// Sends a request, and expects a status.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let host = &self.host.http;
        self.told.ask_team(host, (method, path), body, status)
    }

    /// Reads a path that is there.
    pub(super) fn get(&mut self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null, 200)
    }

    /// How many keys of the mount live.
    pub(super) fn made(&self) -> usize {
        self.host.cloud.live().len() - self.earlier
    }

    /// The fields of a role for the first owner and cluster: the usual ones, and more
    /// in their place. One that is null is left out.
    pub(super) fn of_first(&self, usual: &Value, more: &Value) -> Value {
        let mut role = json!({
            "owner": self.host.cloud.owner(), "resource": self.host.cloud.cluster().0,
        });
        if let Some(members) = role.as_object_mut() {
            for fields in [usual, more] {
                members.extend(fields.as_object().cloned().unwrap_or_default());
            }
            members.retain(|_, value| !value.is_null());
        }
        role
    }

    /// Writes a role for the first owner and cluster with short leases.
    pub(super) fn write_role(&mut self, name: &str, more: &Value) {
        let role = self.of_first(&json!({ "ttl": "10m", "max_ttl": "1h" }), more);
        self.ask("POST", &format!("role/{name}"), &role, 204);
    }
}
