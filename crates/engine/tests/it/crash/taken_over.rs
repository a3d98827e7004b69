//! Keys that the static role of a world takes over, and what the audit log tells of
//! all of them.

use std::collections::BTreeMap;

use engine::ids::{CredentialId, KeyId};
use engine::ledger::{Credential, Purpose, State};
use logical::Clock as _;
use serde_json::{Value, json};

use super::static_role::{STATIC, settings};
use super::world::{ROLES, World};

/// Whose a key is that a person made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// No static role has served it: it must live.
    Others,
    /// A person wanted it to end, here: it may have been too late or too early for
    /// that.
    Nobodys,
    /// A static role has served it: it must go in the end.
    Ours,
}

/// Keys that a person made for others, who may use them.
#[derive(Default)]
pub(crate) struct Given(BTreeMap<String, Whose>);

impl Given {
    /// A person wanted a key to end.
    pub(crate) fn ended(&mut self, key: &str) {
        if let Some(whose) = self.0.get_mut(key)
            && *whose == Whose::Others
        {
            *whose = Whose::Nobodys;
        }
    }
}

impl World {
    /// Writes the static role with a key that a person made.
    pub(crate) async fn import_static(&mut self, kind: u64) {
        let key = format!("GIVEN{:05}", self.given.0.len());
        self.cloud.give(&key, &format!("lkc-{}", kind % 2));
        self.given.0.insert(key.clone(), Whose::Others);
        let mut body = settings(kind);
        body["import_key_secret"] = format!("secret-canary-of-{key}").into();
        body["import_key_id"] = key.into();
        self.always_probed &= body["readiness"] == "probe";
        self.write(&format!("static-role/{STATIC}"), &body).await;
        self.note_named().await;
    }

    /// Writes the static role with the shared key of a role.
    pub(crate) async fn adopt_static(&mut self, kind: u64, role: usize) {
        let mut body = settings(kind);
        body["adopt_role"] = ROLES[role].0.into();
        self.always_probed &= body["readiness"] == "probe";
        self.write(&format!("static-role/{STATIC}"), &body).await;
    }

    /// The old keys of the static role must be quiet before they go.
    pub(crate) async fn quiet_static(&mut self) {
        let body = json!({ "retire_when": "quiet", "quiet": 600, "max_overlap": 900 });
        self.write(&format!("static-role/{STATIC}"), &body).await;
    }

    /// The audit log was read until now. It shows logins with all keys, or only with
    /// the one that is served.
    pub(crate) async fn post_usage(&mut self, of_all: bool) {
        let now = self.time.now().to_string();
        let place = "/record/served/credential";
        let role = self.stored(&format!("lockkeeper/static/{STATIC}")).await;
        let served = role.pointer(place).and_then(Value::as_str);
        let mut keys = json!({});
        for known in self.ledger_records().await {
            if let Some(key) = known.key_id()
                && (of_all || served == Some(&known.id.to_string()))
            {
                keys[key.as_str()] = now.clone().into();
            }
        }
        let body = json!({ "watermark": now, "keys": keys });
        self.write("usage", &body).await;
    }

    /// Notes which of the keys that a person made the record names.
    pub(crate) async fn note_named(&mut self) {
        let role = self.stored(&format!("lockkeeper/static/{STATIC}")).await;
        let imported = role.pointer("/record/imported").and_then(Value::as_str);
        for (key, whose) in &mut self.given.0 {
            let id = CredentialId::of_key(&KeyId::new(key)).to_string();
            if imported == Some(&id) {
                *whose = Whose::Ours;
            }
        }
    }

    /// Leaves out the keys that nobody here has to do with.
    pub(super) fn without_foreign(&self, keys: Vec<String>) -> Vec<String> {
        let mut keys = keys;
        let is_ours = |key: &String| {
            let whose = self.given.0.get(key);
            whose.is_none_or(|whose| *whose == Whose::Ours)
        };
        keys.retain(is_ours);
        keys
    }

    /// The keys of static roles on record that live.
    pub(super) async fn static_keys(&self) -> Vec<String> {
        let is_static = |known: &Credential| {
            matches!(known.purpose, Purpose::Static { .. })
                && matches!(known.state, State::Live { .. })
        };
        let records = self.ledger_records().await;
        let keys = records.iter().filter(|known| is_static(known));
        let ids = keys.filter_map(Credential::key_id);
        ids.map(ToString::to_string).collect()
    }

    /// A key that a person made lives unless a static role has served it. Then the
    /// person takes them all away.
    pub(super) fn settle_given(&mut self) {
        for (key, whose) in std::mem::take(&mut self.given.0) {
            if whose == Whose::Ours {
                continue;
            }
            if whose == Whose::Others
                && !self.cloud.is_alive(&key)
                && !self.cloud.was_deleted_by_hand(&key)
            {
                self.broken.push(format!(
                    "key {key} of somebody else went, and no static role served it"
                ));
            }
            self.cloud.delete_by_hand(&key);
        }
    }
}
