//! What a simulator is started with.

use confluent_cloud::ids::{EnvironmentId, OrganizationId};

use crate::world::Beginning;
use crate::{
    AdminKey, Clock, Propagation, RateLimits, Switches, UnknownTarget, UsualLimits, WorldFile,
};

/// What a simulator is started with. The default is a world of its own making
/// under the real clock.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The Cloud API key of an administrator; generated when absent.
    pub admin_key: Option<AdminKey>,
    /// All ids and secrets derive from it. Two simulators with one seed make
    /// the same ids, in order.
    pub seed: u64,
    /// Id of the organization; generated when absent.
    pub organization: Option<OrganizationId>,
    /// Ids of the environments; two are generated when absent.
    pub environments: Option<Vec<EnvironmentId>>,
    /// What time it is.
    pub clock: Clock,
    /// How long new keys take until they work everywhere.
    pub propagation: Propagation,
    /// The initial state. `organization` and `environments` are not used beside
    /// it.
    pub world: Option<WorldFile>,
    /// The limits of everything that the world's file names none for.
    pub limits: UsualLimits,
    /// How many requests the control plane answers.
    pub rate_limits: RateLimits,
    /// How a key for an unknown owner or resource is refused.
    pub unknown_target: UnknownTarget,
    /// What else is not known of Confluent Cloud.
    pub switches: Switches,
}

impl Options {
    /// What a world begins with.
    pub(crate) fn beginning(&self) -> Beginning<'_> {
        Beginning {
            admin_key: self.admin_key.as_ref(),
            seed: self.seed,
            organization: self.organization.as_ref(),
            environments: self.environments.as_deref(),
            file: self.world.as_ref(),
            limits: self.limits,
            propagation: self.propagation,
            unknown_target: self.unknown_target,
            switches: &self.switches,
        }
    }
}
