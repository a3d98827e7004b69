//! New keys, from their making until they are proven: the policy, the traits and
//! the client against a simulated Confluent Cloud whose keys take their time.

use std::collections::BTreeSet;
use std::time::Duration;

use confluent_simulator::{Clock, DataPlaneRights, KeySpread, Options, Propagation, Switches};
use engine::SecretText;
use engine::control_plane::{Access, CreatedKey, Keys, NewKey, Target};
use engine::ids::{self, OwnerId};
use jiff::Timestamp;
use readiness::{
    Basis, Candidate, Decision, Kind, LookUpError, Mode, Observation, Place, Places, Plan, Probe,
    Probed, Proof, Readiness, Resource, Settings,
};

use crate::World;

/// A world in which keys take as long as the vendor's.
async fn slow_world(switches: Switches) -> World {
    World::with(&Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        propagation: Propagation::Real,
        switches,
        ..Options::default()
    })
    .await
}

/// One of every kind, in its environment.
fn resources(world: &World) -> Vec<Resource> {
    let state = world.simulator.state();
    let environment = &state.environments[0].id;
    [
        (Kind::Kafka, &*state.kafka_clusters[0].id),
        (Kind::SchemaRegistry, &*state.schema_registries[0].id),
        (Kind::Flink, "aws.us-east-1"),
        (Kind::Ksqldb, &*state.ksqldb_clusters[0].id),
        (Kind::Tableflow, "tableflow"),
        (Kind::Cloud, "cloud"),
        (Kind::Global, "global"),
    ]
    .map(|(kind, id)| Resource {
        kind,
        id: id.to_owned(),
        environment: Some(environment.clone()),
    })
    .into()
}

async fn make(world: &World, resource: &Resource) -> CreatedKey {
    let owner = world.simulator.state().service_accounts[0].id.clone();
    let key = NewKey {
        target: Target {
            owner: OwnerId::new(owner),
            resource: ids::ResourceId::new(&*resource.id),
            environment: resource.environment.as_deref().map(ids::EnvironmentId::new),
        },
        ..world.new_key()
    };
    let created = world.cloud.create_key(&world.access(), &key).await;
    created.unwrap()
}

fn candidate(key: &CreatedKey) -> Candidate<'_> {
    Candidate {
        id: key.key.id.as_str(),
        secret: key.secret.expose(),
    }
}

/// Where a resource is, looked up now.
async fn find(world: &World, resource: &Resource) -> Place {
    let now = world.simulator.clock().now();
    let cloud: &dyn Places<Access> = &world.cloud;
    cloud.find(&world.access(), resource, now).await.unwrap()
}

async fn probe(world: &World, resource: &Resource, place: &Place, key: &CreatedKey) -> Observation {
    let (access, place) = (world.access(), Some(place));
    // As the engine has it.
    let cloud: &dyn Probe<Access> = &world.cloud;
    let probe = cloud.probe(&access, resource, place, candidate(key));
    let Probed::Observed { observation, .. } = probe.await else {
        unreachable!("nothing else is probed");
    };
    observation
}

/// Drives a new key to its end, and tells how old it was then, in seconds.
async fn prove(world: &World, resource: &Resource, plan: &Plan) -> (Decision, i64) {
    let place = find(world, resource).await;
    let key = make(world, resource).await;
    let made = world.simulator.clock().now();
    let mut readiness = Readiness::of_key_made(made);
    loop {
        let now = world.simulator.clock().now();
        match readiness.decide(plan, now) {
            Decision::Wait { until } => {
                let wait = Duration::try_from(until.duration_since(now)).unwrap();
                world.simulator.advance(wait).unwrap();
            }
            Decision::Probe => {
                let observation = probe(world, resource, &place, &key).await;
                readiness.observe(plan, now, observation);
            }
            end => return (end, now.duration_since(made).as_secs()),
        }
    }
}

fn plan(kind: Kind) -> Plan {
    Settings::of(Mode::Probe).plan(kind)
}

fn basis(end: &Decision) -> Option<Basis> {
    match end {
        Decision::Ready(Proof { basis, .. }) => Some(*basis),
        _ => None,
    }
}

#[tokio::test]
async fn every_kind_of_key_is_proven_soon_after_it_works() {
    for spread in [
        KeySpread::Gradual,
        KeySpread::Alternating,
        KeySpread::AtOnce,
    ] {
        let world = slow_world(Switches {
            key_spread: spread,
            ..Switches::default()
        })
        .await;
        for (resource, (age, wanted)) in resources(&world).into_iter().zip([
            (120, Basis::Probe),
            (60, Basis::Probe),
            (60, Basis::Probe),
            (300, Basis::Assumed),
            (10, Basis::Probe),
            (10, Basis::Probe),
            (10, Basis::Probe),
        ]) {
            let (end, seconds) = prove(&world, &resource, &plan(resource.kind)).await;
            assert_eq!(basis(&end), Some(wanted), "{resource:?} {spread:?}");
            assert!(
                (age..=age + 15).contains(&seconds),
                "{resource:?}: {seconds}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_without_rights_is_proven_and_said_to_have_none() {
    let world = slow_world(Switches {
        data_plane_rights: DataPlaneRights::Roles,
        ..Switches::default()
    })
    .await;
    for resource in resources(&world) {
        let (end, _) = prove(&world, &resource, &plan(resource.kind)).await;
        let wanted = match resource.kind {
            Kind::Ksqldb => Basis::Assumed,
            // The control plane lists environments for everybody.
            Kind::Cloud | Kind::Global => Basis::Probe,
            _ => Basis::ProbeWithoutRights,
        };
        assert_eq!(basis(&end), Some(wanted), "{resource:?}");
    }
}

#[tokio::test]
async fn a_key_for_a_private_cluster_is_assumed_to_work_after_the_wait() {
    let world = slow_world(Switches::default()).await;
    for (resource, age) in resources(&world).into_iter().zip([120, 60, 60]) {
        let gone = BTreeSet::from([resource.id.clone()]);
        world.simulator.world().set_unreachable(gone).unwrap();
        let (end, seconds) = prove(&world, &resource, &plan(resource.kind)).await;
        assert_eq!(basis(&end), Some(Basis::Assumed), "{resource:?}");
        assert_eq!(seconds, age, "{resource:?}");
    }
}

#[tokio::test]
async fn a_key_that_somebody_deletes_meanwhile_is_given_up() {
    let world = slow_world(Switches::default()).await;
    for resource in resources(&world) {
        if resource.kind == Kind::Ksqldb {
            continue;
        }
        let place = find(&world, &resource).await;
        let key = make(&world, &resource).await;
        let deleted = world.cloud.delete_key(&world.access(), &key.key.id).await;
        deleted.unwrap();
        world.simulator.advance(Duration::from_hours(1)).unwrap();
        let told = probe(&world, &resource, &place, &key).await;
        assert_eq!(told, Observation::NotYet, "{resource:?}");
    }
}

#[tokio::test]
async fn places_tell_environment_address_and_bootstrap_server() {
    let world = World::new().await;
    let url = world.running.url();
    let state = world.simulator.state();
    for resource in resources(&world) {
        let unnamed = Resource {
            environment: resource
                .environment
                .clone()
                .filter(|_| resource.kind == Kind::Flink),
            ..resource.clone()
        };
        let place = find(&world, &unnamed).await;
        let has_place = !matches!(resource.kind, Kind::Tableflow | Kind::Cloud | Kind::Global);
        let environment = resource.environment.filter(|_| has_place);
        assert_eq!(place.environment, environment, "{}", resource.kind);
        let address = has_place.then(|| url.clone());
        assert_eq!(place.http_endpoint, address, "{}", resource.kind);
        let organization = (resource.kind == Kind::Flink).then(|| state.organization.clone());
        assert_eq!(place.organization, organization, "{}", resource.kind);
        let server = place.bootstrap_server;
        assert_eq!(server.is_some(), resource.kind == Kind::Kafka);
        assert!(server.is_none_or(|server| !server.contains("//") && server.contains(':')));
    }
}

#[tokio::test]
async fn a_resource_that_is_nowhere_is_told_with_what_to_check() {
    let world = World::new().await;
    let nowhere = |environment: Option<&str>| Resource {
        kind: Kind::Kafka,
        id: "lkc-none".to_owned(),
        environment: environment.map(str::to_owned),
    };
    for (environment, words) in [
        (None, "`lkc-none` was not found in any environment"),
        (
            Some("env-x"),
            "`lkc-none` was not found in environment `env-x`",
        ),
    ] {
        let found = world
            .cloud
            .find(
                &world.access(),
                &nowhere(environment),
                Timestamp::UNIX_EPOCH,
            )
            .await;
        let Err(LookUpError::Absent { message }) = found else {
            panic!("{found:?}");
        };
        assert!(message.starts_with(words), "{message}");
        assert!(message.contains("`resource_env`"), "{message}");
    }
    let mut account = world.access();
    account.secret = SecretText::new("canary".repeat(11));
    let resource = nowhere(None);
    let found = world.cloud.find(&account, &resource, Timestamp::UNIX_EPOCH);
    let failed = found.await.unwrap_err();
    assert!(matches!(failed, LookUpError::Failed { .. }), "{failed:?}");
    assert!(!format!("{failed} {failed:?}").contains("canary"));
}

#[tokio::test]
async fn a_key_is_not_sent_to_an_address_that_somebody_stored() {
    let world = World::new().await;
    let resource = resources(&world).swap_remove(0);
    let key = make(&world, &resource).await;
    let mut place = find(&world, &resource).await;
    place.http_endpoint = Some("https://confluent.cloud.example.org".to_owned());
    let access = world.access();
    let told = world
        .cloud
        .probe(&access, &resource, Some(&place), candidate(&key));
    let Probed::Observed {
        observation: Observation::NoProbe,
        detail: Some(detail),
    } = told.await
    else {
        panic!("it is not tried");
    };
    assert!(detail.contains("no address of Confluent Cloud"), "{detail}");
    assert!(!detail.contains(key.secret.expose()), "{detail}");
}
