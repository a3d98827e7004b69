//! JSON that all objects of the control plane have in common.
//!
//! An absent member means the same as null, and unknown members are ignored, as
//! the API's compatibility policy demands.

use jiff::Timestamp;
use serde::Deserialize;

use crate::Endpoint;
use crate::ids::{EnvironmentId, OrganizationId};

/// `metadata` of an object.
#[derive(Deserialize, Default)]
pub(crate) struct Metadata {
    pub(crate) resource_name: Option<String>,
    created_at: Option<String>,
}

impl Metadata {
    /// When the object was created, if the answer has a valid time.
    pub(crate) fn created_at(&self) -> Option<Timestamp> {
        self.created_at.as_deref()?.parse().ok()
    }

    /// The organization in a resource name such as
    /// `crn://api.confluent.cloud/organization=<uuid>/service-account=sa-1`.
    /// Not every answer contains it.
    pub(crate) fn organization(&self) -> Option<OrganizationId> {
        let (_, rest) = self.resource_name.as_deref()?.split_once("organization=")?;
        OrganizationId::new(rest.split('/').next()?).ok()
    }
}

/// A member that is another object.
#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) id: Option<String>,
}

/// The environment that a member refers to.
pub(crate) fn environment(reference: Option<Reference>) -> Option<EnvironmentId> {
    EnvironmentId::new(reference?.id?).ok()
}

/// The address in a member, if credentials may be sent there.
pub(crate) fn address(text: Option<&str>) -> Option<Endpoint> {
    Endpoint::parse(text?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(resource_name: &str) -> Metadata {
        Metadata {
            resource_name: Some(resource_name.into()),
            created_at: Some("yesterday".into()),
        }
    }

    #[test]
    fn the_organization_is_read_from_a_resource_name() {
        for (name, organization) in [
            (
                "crn://api.confluent.cloud/organization=0f0f/service-account=sa-1",
                Some("0f0f"),
            ),
            ("crn://confluent.cloud/organization=0f0f", Some("0f0f")),
            ("crn://confluent.cloud/service-account=sa-1", None),
            ("crn://confluent.cloud/organization=/x", None),
            ("", None),
        ] {
            let read = named(name).organization();
            assert_eq!(
                read,
                organization.map(|id| OrganizationId::new(id).unwrap())
            );
        }
    }

    #[test]
    fn a_time_that_is_none_is_left_out() {
        assert_eq!(named("").created_at(), None);
    }
}
