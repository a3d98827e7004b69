//! The organization itself: its name and how its users come about.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::World;

/// What may be set of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationSettings {
    /// Its name.
    pub display_name: String,
    /// Whether users are created when they first sign in.
    pub jit_enabled: bool,
    /// Whether users are created over SCIM.
    pub scim_enabled: bool,
}

/// What is to be changed of it; absent members stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OrganizationChange {
    pub(crate) display_name: Option<String>,
    pub(crate) jit_enabled: Option<bool>,
    pub(crate) scim_enabled: Option<bool>,
}

impl Default for OrganizationSettings {
    fn default() -> Self {
        Self {
            display_name: "Simulated".into(),
            jit_enabled: false,
            scim_enabled: false,
        }
    }
}

impl World {
    /// The settings of the organization.
    pub fn organization_settings(&self) -> &OrganizationSettings {
        &self.organization_settings
    }

    /// When the organization was last changed.
    pub(crate) fn organization_updated_at(&self) -> Timestamp {
        self.organization_updated_at
    }

    /// Changes the organization.
    pub(crate) fn update_organization(&mut self, now: Timestamp, change: OrganizationChange) {
        let settings = &mut self.organization_settings;
        if let Some(name) = change.display_name {
            settings.display_name = name;
        }
        if let Some(enabled) = change.jit_enabled {
            settings.jit_enabled = enabled;
        }
        if let Some(enabled) = change.scim_enabled {
            settings.scim_enabled = enabled;
        }
        self.organization_updated_at = now;
    }
}
