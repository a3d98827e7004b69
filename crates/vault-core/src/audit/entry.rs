//! The members of a line, in the order of OpenBao's (`audit/format.go`).
//! Members without a value are left out.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use logical::{Connection, Object, Operation};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::mask::Mask;

/// What the policies said about a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PolicyResults {
    pub(crate) allowed: bool,
    /// The policies that allow it.
    pub(crate) granting: Vec<String>,
}

/// A token: the caller's, or the one of an answer.
#[derive(Default)]
pub(crate) struct AuthEntry<'a> {
    pub(crate) client_token: &'a str,
    pub(crate) accessor: &'a str,
    pub(crate) display_name: &'a str,
    pub(crate) policies: &'a [String],
    pub(crate) policy_results: Option<&'a PolicyResults>,
    pub(crate) metadata: Option<&'a BTreeMap<String, String>>,
    /// How often a token of an answer can be used; zero for unlimited.
    pub(crate) num_uses: u32,
    /// How often the caller's token could still be used; zero for unlimited.
    pub(crate) remaining_uses: i64,
    pub(crate) entity_id: &'a str,
    /// Empty without a token.
    pub(crate) token_type: &'a str,
    /// Zero if it never expires.
    pub(crate) ttl: Duration,
    pub(crate) issue_time: Option<Timestamp>,
}

/// A request.
pub(crate) struct RequestEntry<'a> {
    pub(crate) id: &'a str,
    pub(crate) operation: Operation,
    pub(crate) mount: Option<MountEntry<'a>>,
    pub(crate) client_token: &'a str,
    pub(crate) client_token_accessor: &'a str,
    /// With its mount.
    pub(crate) path: &'a str,
    pub(crate) data: &'a Object,
    /// The members of the data that are shown.
    pub(crate) shown: Vec<String>,
    pub(crate) connection: Option<&'a Connection>,
    pub(crate) wrap_ttl: Option<Duration>,
}

/// The mount of a request.
#[derive(Clone)]
pub(crate) struct MountEntry<'a> {
    pub(crate) path: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) accessor: &'a str,
    pub(crate) version: &'a str,
    pub(crate) is_auth: bool,
}

/// What a request is answered with.
#[derive(Default)]
pub(crate) struct ResponseEntry<'a> {
    pub(crate) mount: Option<MountEntry<'a>>,
    pub(crate) auth: Option<AuthEntry<'a>>,
    /// Empty if there is none.
    pub(crate) lease_id: &'a str,
    pub(crate) data: Option<&'a Object>,
    /// The members of the data that are shown.
    pub(crate) shown: Vec<String>,
    pub(crate) is_list: bool,
    pub(crate) warnings: &'a [String],
    pub(crate) wrap: Option<WrapEntry<'a>>,
}

/// The token that an answer was wrapped in.
pub(crate) struct WrapEntry<'a> {
    pub(crate) ttl: Duration,
    pub(crate) token: &'a str,
    pub(crate) accessor: &'a str,
    pub(crate) creation_time: Timestamp,
    pub(crate) creation_path: &'a str,
    /// Empty if there is none.
    pub(crate) wrapped_accessor: &'a str,
}

/// An entry as a device shows it.
pub(super) struct Shown<'a, T> {
    pub(super) mask: &'a Mask,
    pub(super) elides_lists: bool,
    pub(super) entry: &'a T,
}

impl<'a, T> Shown<'a, T> {
    fn inner<U>(&self, entry: &'a U) -> Shown<'a, U> {
        Shown {
            mask: self.mask,
            elides_lists: self.elides_lists,
            entry,
        }
    }
}

/// A map without its empty members.
struct Members<M>(M);

impl<M: SerializeMap> Members<M> {
    fn text(&mut self, name: &'static str, text: &str) -> Result<(), M::Error> {
        self.some(name, (!text.is_empty()).then_some(text))
    }

    fn some<V: Serialize>(&mut self, name: &'static str, value: Option<V>) -> Result<(), M::Error> {
        match value {
            None => Ok(()),
            Some(value) => self.0.serialize_entry(name, &value),
        }
    }

    fn number(&mut self, name: &'static str, number: u64) -> Result<(), M::Error> {
        self.some(name, (number != 0).then_some(number))
    }

    fn mount(&mut self, mount: &MountEntry<'_>, version: &'static str) -> Result<(), M::Error> {
        self.text("mount_point", mount.path)?;
        self.text("mount_type", mount.kind)?;
        self.text("mount_accessor", mount.accessor)?;
        self.text(version, mount.version)?;
        self.text("mount_class", if mount.is_auth { "auth" } else { "secret" })
    }
}

fn is_some(text: &str) -> bool {
    !text.is_empty()
}

impl Serialize for Shown<'_, AuthEntry<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { mask, entry, .. } = self;
        let mut members = Members(serializer.serialize_map(None)?);
        let token = is_some(entry.client_token).then(|| mask.secret(entry.client_token));
        members.some("client_token", token)?;
        let accessor = is_some(entry.accessor).then(|| mask.accessor(entry.accessor));
        members.some("accessor", accessor)?;
        members.text("display_name", entry.display_name)?;
        let policies = (!entry.policies.is_empty()).then_some(entry.policies);
        members.some("policies", policies)?;
        members.some("token_policies", policies)?;
        members.some("policy_results", entry.policy_results)?;
        let metadata = entry.metadata.filter(|metadata| !metadata.is_empty());
        members.some("metadata", metadata)?;
        members.number("num_uses", entry.num_uses.into())?;
        let uses = (entry.remaining_uses != 0).then_some(entry.remaining_uses);
        members.some("remaining_uses", uses)?;
        members.text("entity_id", entry.entity_id)?;
        let token_type = Some(entry.token_type).filter(|known| is_some(known));
        members.some("token_type", Some(token_type.unwrap_or("default")))?;
        members.number("token_ttl", entry.ttl.as_secs())?;
        members.some("token_issue_time", entry.issue_time.map(in_seconds))?;
        members.0.end()
    }
}

/// A time without fractions of a second.
fn in_seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

impl Serialize for PolicyResults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Granting<'a> {
            name: &'a str,
            namespace_id: &'static str,
            r#type: &'static str,
        }
        let granting = self.granting.iter().map(|name| Granting {
            name,
            namespace_id: "root",
            r#type: "acl",
        });
        let granting: Vec<_> = granting.collect();
        let mut members = Members(serializer.serialize_map(None)?);
        members.some("allowed", Some(self.allowed))?;
        let granting = (!granting.is_empty()).then_some(granting);
        members.some("granting_policies", granting)?;
        members.0.end()
    }
}

#[derive(serde::Serialize)]
struct Namespace {
    id: &'static str,
}

impl Serialize for Shown<'_, RequestEntry<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { mask, entry, .. } = self;
        let mut members = Members(serializer.serialize_map(None)?);
        members.text("id", entry.id)?;
        members.text("operation", entry.operation.as_str())?;
        if let Some(mount) = &entry.mount {
            members.mount(mount, "mount_running_version")?;
        }
        let token = is_some(entry.client_token).then(|| mask.secret(entry.client_token));
        members.some("client_token", token)?;
        let accessor = entry.client_token_accessor;
        let accessor = is_some(accessor).then(|| mask.accessor(accessor));
        members.some("client_token_accessor", accessor)?;
        members.some("namespace", Some(Namespace { id: "root" }))?;
        members.text("path", entry.path)?;
        let data = (!entry.data.is_empty()).then(|| mask.data(entry.data, &entry.shown));
        members.some("data", data)?;
        if let Some(connection) = entry.connection {
            members.some("remote_address", connection.remote_address)?;
            members.number("remote_port", connection.remote_port.into())?;
        }
        let wrap_ttl = entry.wrap_ttl.map_or(0, |ttl| ttl.as_secs());
        members.number("wrap_ttl", wrap_ttl)?;
        members.0.end()
    }
}

#[derive(serde::Serialize)]
struct Secret<'a> {
    lease_id: &'a str,
}

impl Serialize for Shown<'_, ResponseEntry<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { mask, entry, .. } = self;
        let mut members = Members(serializer.serialize_map(None)?);
        let auth = entry.auth.as_ref().map(|auth| self.inner(auth));
        members.some("auth", auth)?;
        if let Some(mount) = &entry.mount {
            members.mount(mount, "mount_running_plugin_version")?;
        }
        let lease_id = entry.lease_id;
        members.some("secret", is_some(lease_id).then_some(Secret { lease_id }))?;
        let data = entry.data.filter(|data| !data.is_empty()).map(|data| {
            let data = mask.data(data, &entry.shown);
            data.eliding_lists(self.elides_lists && entry.is_list)
        });
        members.some("data", data)?;
        let warnings = (!entry.warnings.is_empty()).then_some(entry.warnings);
        members.some("warnings", warnings)?;
        let wrap = entry.wrap.as_ref().map(|wrap| self.inner(wrap));
        members.some("wrap_info", wrap)?;
        members.0.end()
    }
}

impl Serialize for Shown<'_, WrapEntry<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { mask, entry, .. } = self;
        let mut members = Members(serializer.serialize_map(None)?);
        members.number("ttl", entry.ttl.as_secs())?;
        members.some("token", Some(mask.secret(entry.token)))?;
        members.some("accessor", Some(mask.accessor(entry.accessor)))?;
        members.some("creation_time", Some(entry.creation_time.to_string()))?;
        members.text("creation_path", entry.creation_path)?;
        let inner = entry.wrapped_accessor;
        members.some(
            "wrapped_accessor",
            is_some(inner).then(|| mask.accessor(inner)),
        )?;
        members.0.end()
    }
}
