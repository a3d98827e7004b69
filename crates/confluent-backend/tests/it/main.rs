//! The engine's view of the cloud against a simulated Confluent Cloud.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod error_messages;
mod kinds;
mod measurements;
mod mount;
mod pace;
mod proof;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use confluent_backend::ConfluentCloud;
use confluent_cloud::{Budgets, Effects, Rate, RetryPolicy, Sleep};
use confluent_simulator::{Options, Running, Simulator};
use engine::SecretText;
use engine::control_plane::{Access, Caller, Failure, Keys, NewKey, Target};
use engine::ids::{KeyId, OwnerId, ResourceId};

struct World {
    simulator: Simulator,
    running: Running,
    cloud: ConfluentCloud,
}

impl World {
    async fn new() -> Self {
        Self::with(&Options::default()).await
    }

    async fn with(options: &Options) -> Self {
        let simulator = Simulator::new(options).unwrap();
        let running = simulator.spawn().await.unwrap();
        Self {
            simulator,
            running,
            cloud: ConfluentCloud::default().with_retries(RetryPolicy::never()),
        }
    }

    fn access(&self) -> Access {
        let admin = self.simulator.admin_key();
        Access {
            url: self.running.url(),
            key_id: KeyId::new(admin.id.as_str()),
            secret: SecretText::new(admin.secret.expose()),
            ca_cert: String::new(),
            caller: Caller::default(),
        }
    }

    fn target(&self) -> Target {
        let state = self.simulator.state();
        Target {
            owner: OwnerId::new(state.service_accounts[0].id.clone()),
            resource: ResourceId::new(state.kafka_clusters[0].id.clone()),
            environment: None,
        }
    }

    fn new_key(&self) -> NewKey {
        NewKey {
            display_name: "MARKER app".into(),
            description: "for a test".into(),
            target: self.target(),
        }
    }
}

#[tokio::test]
async fn a_key_is_made_read_listed_and_deleted() {
    let world = World::new().await;
    let (access, cloud) = (world.access(), &world.cloud);
    let created = cloud.create_key(&access, &world.new_key()).await.unwrap();
    assert_eq!(created.key.display_name, "MARKER app");
    assert!(!created.secret.expose().is_empty());
    let id = created.key.id.clone();
    assert_eq!(cloud.read_key(&access, &id).await.unwrap(), created.key);
    assert!(created.key.organization.is_some() && created.key.created_at.is_some());
    let list = cloud.list_keys(&access, &world.target()).await.unwrap();
    assert!(list.complete);
    assert_eq!(list.keys, [created.key]);
    cloud.delete_key(&access, &id).await.unwrap();
    let gone = cloud.delete_key(&access, &id).await.unwrap_err();
    assert_eq!(gone.failure, Failure::Forbidden);
    let list = cloud.list_keys(&access, &world.target()).await.unwrap();
    assert!(list.keys.is_empty());
}

#[tokio::test]
async fn a_wrong_secret_is_told_with_what_to_do_and_without_the_secret() {
    let world = World::new().await;
    let mut access = world.access();
    access.secret = SecretText::new("canary".repeat(11));
    let id = access.key_id.clone();
    let error = world.cloud.read_key(&access, &id).await.unwrap_err();
    assert_eq!(error.failure, Failure::Unauthorized);
    assert!(!error.outcome_unknown);
    assert!(error.message.contains("Cloud API key"), "{}", error.message);
    assert!(!error.message.contains("canary"), "{}", error.message);
}

#[tokio::test]
async fn a_cloud_that_is_not_there_made_nothing() {
    let world = World::new().await;
    let access = world.access();
    let key = world.new_key();
    let World { running, cloud, .. } = world;
    running.stop().await.unwrap();
    let error = cloud.create_key(&access, &key).await.unwrap_err();
    assert_eq!(error.failure, Failure::Unavailable);
    assert!(!error.outcome_unknown, "{}", error.message);
}

#[tokio::test]
async fn keys_are_deleted_and_looked_for_when_creations_have_used_up_their_part() {
    let time = Arc::new(Time::default());
    let mut world = World::new().await;
    world.cloud = world
        .cloud
        .with_budgets(Budgets::starting_at(Rate::new(1, 10)))
        .with_effects(Arc::clone(&time) as Arc<dyn Effects>);
    let (access, cloud) = (world.access(), &world.cloud);
    let mut made = Vec::new();
    while time.waits() == 0 {
        let created = cloud.create_key(&access, &world.new_key()).await.unwrap();
        made.push(created.key.id);
    }
    // Seven of ten, and one that waited.
    assert_eq!(made.len(), 8);
    cloud.delete_key(&access, &made[0]).await.unwrap();
    let list = cloud.list_keys(&access, &world.target()).await.unwrap();
    assert_eq!(list.keys.len(), 7);
    assert_eq!(time.waits(), 1);
}

/// A time that passes only in waits, which take none.
#[derive(Debug)]
struct Time {
    began: Instant,
    waits: Mutex<Vec<Duration>>,
}

impl Default for Time {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            waits: Mutex::default(),
        }
    }
}

impl Time {
    fn waits(&self) -> usize {
        self.waits.lock().unwrap().len()
    }
}

impl Effects for Time {
    fn now(&self) -> Instant {
        self.began + self.waits.lock().unwrap().iter().sum::<Duration>()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        self.waits.lock().unwrap().push(time);
        Box::pin(std::future::ready(()))
    }

    fn random(&self) -> u64 {
        0
    }
}
