//! In process: the world without a network, and how it is put on one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use confluent_cloud::ids::{EnvironmentId, OrganizationId};
use confluent_simulator::{
    Arming, Clock, Fault, NewKey, Operation, Options, Simulator, bind, parse_admin_key,
};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

fn new_key(simulator: &Simulator) -> NewKey {
    let state = simulator.state();
    NewKey {
        display_name: "x".into(),
        owner: state.service_accounts[0].id.clone(),
        resource: Some(state.kafka_clusters[0].id.clone()),
        ..NewKey::default()
    }
}

#[test]
fn the_world_begins_with_what_a_small_organization_has() {
    let state = Simulator::new(&Options::default()).unwrap().state();
    assert_eq!(state.environments.len(), 2);
    for environment in &state.environments {
        let here = |other: &String| *other == environment.id;
        let clusters = state.kafka_clusters.iter();
        assert_eq!(
            clusters
                .filter(|cluster| here(&cluster.environment))
                .count(),
            2
        );
        let registries = state.schema_registries.iter();
        assert_eq!(
            registries
                .filter(|registry| here(&registry.environment))
                .count(),
            1
        );
        let ksqldb = state.ksqldb_clusters.iter();
        assert_eq!(
            ksqldb.filter(|cluster| here(&cluster.environment)).count(),
            1
        );
    }
    assert_eq!(state.service_accounts.len(), 4);
    assert_eq!(state.users.len(), 1);
    assert_eq!(state.api_keys.len(), 1);
    assert_eq!(state.api_keys[0].owner, state.service_accounts[3].id);
}

#[test]
fn one_seed_makes_one_world_and_another_seed_another() {
    let at = Timestamp::UNIX_EPOCH;
    let state = |seed| {
        let options = Options {
            seed,
            clock: Clock::new(move || at),
            ..Options::default()
        };
        let simulator = Simulator::new(&options).unwrap();
        simulator.create_key(&new_key(&simulator)).unwrap();
        simulator.state()
    };
    assert_eq!(state(1), state(1));
    assert_ne!(state(1).organization, state(2).organization);
    assert_ne!(state(1).api_keys[1].id, state(2).api_keys[1].id);
}

#[test]
fn what_is_given_is_taken_and_changes_nothing_else() {
    let made_up = Simulator::new(&Options::default()).unwrap().state();
    let environments = ["env-a", "env-b", "env-c"].map(|id| EnvironmentId::new(id).unwrap());
    let given = Simulator::new(&Options {
        admin_key: Some(parse_admin_key("ADMIN:secret").unwrap()),
        organization: Some(OrganizationId::new("org-1").unwrap()),
        environments: Some(environments.to_vec()),
        ..Options::default()
    })
    .unwrap();
    assert_eq!(given.admin_key().id.as_str(), "ADMIN");
    let state = given.state();
    assert_eq!(state.organization, "org-1");
    assert_eq!(state.environments[2].id, "env-c");
    assert_eq!(state.kafka_clusters.len(), 6);
    assert_eq!(state.service_accounts, made_up.service_accounts);
}

#[test]
fn the_clock_that_is_handed_in_tells_the_times() {
    let second = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&second);
    let simulator = Simulator::new(&Options {
        clock: Clock::new(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap()),
        ..Options::default()
    })
    .unwrap();
    second.store(100, Ordering::Relaxed);
    let id = simulator.create_key(&new_key(&simulator)).unwrap().key.id;
    second.store(200, Ordering::Relaxed);
    simulator.delete_key(id.as_str()).unwrap();
    let state = simulator.state();
    let key = &state.api_keys[1];
    assert_eq!(key.created_at.as_second(), 100);
    assert_eq!(key.deleted_at.unwrap().as_second(), 200);
}

#[test]
fn keys_are_made_read_listed_and_deleted_without_a_network() {
    let simulator = Simulator::new(&Options::default()).unwrap();
    let new = new_key(&simulator);
    let key = simulator.create_key(&new).unwrap().key;
    let id = key.id.as_str();
    assert_eq!(simulator.read_key(id), Ok(key.clone()));
    let listed = simulator.list_keys(Some(&new.owner), None);
    assert_eq!(listed, std::slice::from_ref(&key));
    simulator.delete_key(id).unwrap();
    assert_eq!(simulator.read_key(id).unwrap_err().status, 403);
    assert_eq!(simulator.delete_key(id).unwrap_err().status, 403);
    assert_eq!(simulator.list_keys(Some(&new.owner), None), []);
}

#[test]
fn no_secret_is_printed() {
    let simulator = Simulator::new(&Options::default()).unwrap();
    let created = simulator.create_key(&new_key(&simulator)).unwrap();
    let printed = format!("{simulator:?} {created:?}");
    assert!(!printed.contains(created.secret.expose()));
    assert!(!printed.contains(simulator.admin_key().secret.expose()));
}

#[tokio::test]
async fn an_address_for_other_machines_is_refused_unless_allowed() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let error = bind(everywhere, false).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("`0.0.0.0:0`"));
    assert!(bind(everywhere, true).await.is_ok());
    assert!(bind("127.0.0.1:0".parse().unwrap(), false).await.is_ok());
}

#[tokio::test]
async fn a_stopped_simulator_listens_no_more_and_can_be_served_again() {
    let simulator = Simulator::new(&Options::default()).unwrap();
    let running = simulator.spawn().await.unwrap();
    let address = running.address();
    running.stop().await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let again = simulator.spawn().await.unwrap();
    assert!(
        tokio::net::TcpStream::connect(again.address())
            .await
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_holds_up_no_shutdown() {
    let options = Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        ..Options::default()
    };
    let simulator = Simulator::new(&options).unwrap();
    // The clock stands still, so that this answer never comes.
    simulator.arm(&Arming::once(Operation::Any, Fault::Delay));
    let running = simulator.spawn().await.unwrap();
    let connect = || TcpStream::connect(running.address());
    let mut waiting = connect().await.unwrap();
    let request = b"GET /org/v2/environments HTTP/1.1\r\nHost: x\r\n\r\n";
    waiting.write_all(request).await.unwrap();
    while simulator.faults()[0].fired == 0 {
        tokio::task::yield_now().await;
    }
    let mut unfinished = connect().await.unwrap();
    unfinished
        .write_all(b"POST /iam/v2/api-keys HT")
        .await
        .unwrap();
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, running.stop())
        .await
        .unwrap()
        .unwrap();
}
