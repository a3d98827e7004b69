//! The trait through which the engine tries new keys, over the client's prober.

use async_trait::async_trait;
use confluent_cloud::ids::{ApiKeyId, OrganizationId};
use confluent_cloud::{ApiSecret, Class, Endpoint, KeyResource, ProbeAt, Probed as ClientProbe};
use engine::control_plane::Access;
use readiness::{Candidate, Observation, Place, Probe, Probed, Resource};

use crate::{ConfluentCloud, places};

#[async_trait]
impl Probe<Access> for ConfluentCloud {
    async fn probe(
        &self,
        account: &Access,
        resource: &Resource,
        place: Option<&Place>,
        key: Candidate<'_>,
    ) -> Probed {
        let at = match probe_at(resource, place) {
            Ok(at) => at,
            Err(why) => return observed(Observation::NoProbe, why),
        };
        let client = match self.clients.of(account, Class::Proof) {
            Ok(client) => client,
            Err(error) => return observed(Observation::Unreachable, error.message),
        };
        let id = match ApiKeyId::new(key.id) {
            Ok(id) => id,
            Err(error) => return observed(Observation::NoProbe, error.to_string()),
        };
        let secret = ApiSecret::new(key.secret);
        match self.prober.probe(&client, &at, &id, &secret).await {
            ClientProbe::LoggedIn => Probed::Observed {
                observation: Observation::LoggedIn,
                detail: None,
            },
            ClientProbe::LoggedInWithoutRights(why) => {
                observed(Observation::LoggedInWithoutRights, why)
            }
            ClientProbe::NotYet(why) => observed(Observation::NotYet, why),
            ClientProbe::Unreachable(why) => observed(Observation::Unreachable, why),
            ClientProbe::ForeignAddress(why) => observed(Observation::NoProbe, why),
            ClientProbe::HeldBack(wait) => Probed::HeldBack { wait },
        }
    }
}

fn observed(observation: Observation, detail: String) -> Probed {
    let detail = Some(detail);
    Probed::Observed {
        observation,
        detail,
    }
}

/// Where a key is tried, or why it cannot be.
fn probe_at(resource: &Resource, place: Option<&Place>) -> Result<ProbeAt, String> {
    let id = &resource.id;
    match places::key_resource(resource, place)? {
        KeyResource::KafkaCluster(cluster) => Ok(ProbeAt::Kafka {
            address: address(id, place)?,
            cluster,
        }),
        KeyResource::SchemaRegistry(_) => Ok(ProbeAt::SchemaRegistry {
            address: address(id, place)?,
        }),
        KeyResource::FlinkRegion { environment, .. } => {
            let organization = place.and_then(|place| place.organization.as_deref());
            let organization = organization
                .ok_or_else(|| format!("the organization of `{id}` is not known yet"))?;
            Ok(ProbeAt::Flink {
                address: address(id, place)?,
                organization: OrganizationId::new(organization)
                    .map_err(|error| error.to_string())?,
                environment,
            })
        }
        KeyResource::Ksqldb(_) => Err(format!(
            "`{id}` is a ksqlDB cluster, which has no call that tells whether a key works"
        )),
        KeyResource::Tableflow => Ok(ProbeAt::Tableflow),
        KeyResource::Cloud | KeyResource::Global => Ok(ProbeAt::ControlPlane),
    }
}

fn address(id: &str, place: Option<&Place>) -> Result<Endpoint, String> {
    let known = place.and_then(|place| place.http_endpoint.as_deref());
    let known = known.ok_or_else(|| format!("the address of `{id}` is not known yet"))?;
    Endpoint::parse(known).map_err(|_| format!("`{id}` has an address that no key may be sent to"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use readiness::Kind;

    use super::*;

    fn resource(kind: Kind, id: &str) -> Resource {
        Resource {
            kind,
            id: id.to_owned(),
            environment: None,
        }
    }

    fn place(address: &str) -> Place {
        let mut place = Place::looked_up_at(Timestamp::UNIX_EPOCH);
        place.http_endpoint = Some(address.to_owned());
        place
    }

    #[test]
    fn without_an_address_there_is_no_probe() {
        for (kind, id) in [
            (Kind::Kafka, "lkc-1"),
            (Kind::SchemaRegistry, "lsrc-1"),
            (Kind::Flink, "env-1.aws.us-east-1"),
            (Kind::Ksqldb, "lksqlc-1"),
        ] {
            let why = probe_at(&resource(kind, id), None).unwrap_err();
            assert!(why.contains(id), "{why}");
        }
        for (kind, id) in [
            (Kind::Tableflow, "tableflow"),
            (Kind::Cloud, "cloud"),
            (Kind::Global, "global"),
        ] {
            assert!(probe_at(&resource(kind, id), None).is_ok(), "{id}");
        }
    }

    #[test]
    fn an_address_that_was_stored_is_checked_again() {
        let cluster = resource(Kind::Kafka, "lkc-1");
        for address in ["http://pkc-1.confluent.cloud", "file:///x", "canary@x", ""] {
            let why = probe_at(&cluster, Some(&place(address))).unwrap_err();
            assert!(why.contains("`lkc-1`") && !why.contains("canary"), "{why}");
        }
        let whole = place("https://pkc-1.confluent.cloud:443");
        assert!(probe_at(&cluster, Some(&whole)).is_ok());
    }

    #[test]
    fn a_region_of_flink_takes_environment_and_organization_from_its_place() {
        let region = resource(Kind::Flink, "aws.us-east-1");
        let mut place = place("https://flink.us-east-1.aws.confluent.cloud");
        place.organization = Some("0f0f".to_owned());
        assert!(probe_at(&region, Some(&place)).is_err());
        place.environment = Some("env-1".to_owned());
        let at = probe_at(&region, Some(&place)).unwrap();
        assert!(matches!(at, ProbeAt::Flink { .. }), "{at:?}");
    }
}
