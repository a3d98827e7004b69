//! The pace of an organization, from the engine's calls to a simulator that
//! limits.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use confluent_backend::ConfluentCloud;
use confluent_cloud::{Budgets, Effects, Rate, Sleep};
use confluent_simulator::{Clock, NewKey, Options, RateLimits};
use engine::control_plane::{Caller, CloudError, Failure, Keys, Paced, RemovalBy};
use engine::ids::KeyId;
use jiff::Timestamp;

use crate::World;

const OWNERS: usize = 3;

/// The time of a simulator, which passes where somebody waits.
#[derive(Debug)]
struct SimulatedTime {
    clock: Clock,
    began: Instant,
    waits: Mutex<Vec<Duration>>,
}

impl SimulatedTime {
    fn of(world: &World) -> Arc<Self> {
        Arc::new(Self {
            clock: world.simulator.clock().clone(),
            began: Instant::now(),
            waits: Mutex::default(),
        })
    }

    fn passed(&self) -> Duration {
        let passed = self.clock.now().duration_since(Timestamp::UNIX_EPOCH);
        passed.unsigned_abs()
    }

    /// How often somebody had to wait for a second or longer, as one does after
    /// a 429.
    fn long_waits(&self) -> usize {
        let waits = self.waits.lock().unwrap();
        let long = waits.iter().filter(|wait| wait.as_secs() >= 1);
        long.count()
    }
}

impl Effects for SimulatedTime {
    fn now(&self) -> Instant {
        self.began + self.passed()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        self.waits.lock().unwrap().push(time);
        self.clock.advance(time).unwrap();
        Box::pin(tokio::task::yield_now())
    }

    fn random(&self) -> u64 {
        u64::MAX / 2
    }
}

async fn world(requests_per_second: Option<u32>) -> World {
    let rate = requests_per_second.map(|limit| format!("{limit}/1s").parse().unwrap());
    let rate_limits = RateLimits {
        per_principal: rate,
        per_organization: rate,
        ..RateLimits::default()
    };
    World::with(&Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        rate_limits,
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn a_thousand_deletions_use_most_of_what_confluent_allows() {
    for limit in [5, 20] {
        let world = world(Some(limit)).await;
        let time = SimulatedTime::of(&world);
        let cloud = ConfluentCloud::default().with_effects(Arc::clone(&time) as Arc<dyn Effects>);
        let owner = world.simulator.state().service_accounts[0].id.clone();
        let mut keys = Vec::new();
        for number in 0..1000 {
            let made = world.simulator.create_key(&NewKey {
                display_name: number.to_string(),
                description: String::new(),
                owner: owner.clone(),
                resource: None,
                environment: None,
            });
            keys.push(KeyId::new(made.unwrap().key.id.as_str()));
        }
        for (number, key) in keys.iter().enumerate() {
            let owner = format!("sa-{}", number % OWNERS);
            let caller = Caller::removal(RemovalBy::Sweep, &owner);
            let access = world.access().on_behalf_of(caller);
            cloud.delete_key(&access, key).await.unwrap();
        }
        let left = world.simulator.state().api_keys.into_iter();
        assert_eq!(left.filter(|key| key.deleted_at.is_none()).count(), 1);
        let passed = time.passed();
        let longest = Duration::from_secs(1000 * 10 / 6) / limit;
        assert!(passed <= longest, "{limit}: {passed:?}");
        assert!(time.long_waits() <= 300, "{limit}: {}", time.long_waits());
        let pace = cloud.pace(&world.access()).unwrap();
        assert_eq!((pace.waiting.total(), pace.oldest), (0, None));
    }
}

#[tokio::test]
async fn a_role_that_is_hammered_holds_back_its_own_readers_only() {
    let world = world(None).await;
    let time = SimulatedTime::of(&world);
    let cloud = ConfluentCloud::default()
        .with_budgets(Budgets::starting_at(Rate::new(1, 10)))
        .with_effects(Arc::clone(&time) as Arc<dyn Effects>);
    let key = world.new_key();
    let read = |role: &str, requester: &str, patience: u64| {
        let caller = Caller::reader("confluent/", role, requester);
        let patience = Duration::from_secs(patience);
        let access = world.access().on_behalf_of(caller.within(patience));
        let (cloud, key) = (&cloud, &key);
        async move { cloud.create_key(&access, key).await.map(|_| ()) }
    };
    let busy = || read("busy", "app", 60);
    // All that may be sent at once.
    for _ in 0..7 {
        busy().await.unwrap();
    }
    assert_eq!(time.waits.lock().unwrap().len(), 0);
    let (_, _, _, _, _, _, late, quiet, other) = tokio::join!(
        busy(),
        busy(),
        busy(),
        busy(),
        busy(),
        busy(),
        read("busy", "app", 3),
        read("quiet", "app", 3),
        read("busy", "another app", 3),
    );
    let late: CloudError = late.unwrap_err();
    assert!(matches!(late.failure, Failure::HeldBack { wait } if wait.as_secs() >= 3));
    assert!(!late.outcome_unknown);
    let words = &late.message;
    assert!(words.starts_with("Lockkeeper keeps the pace of"), "{words}");
    assert!(words.ends_with("s more; try again then"), "{words}");
    assert_eq!((quiet, other), (Ok(()), Ok(())));
}

#[tokio::test]
async fn the_pace_counts_waiting_requests() {
    let world = world(None).await;
    let time = SimulatedTime::of(&world);
    let cloud = ConfluentCloud::default()
        .with_budgets(Budgets::starting_at(Rate::new(1, 10)))
        .with_effects(Arc::clone(&time) as Arc<dyn Effects>);
    let id = world.access().key_id;
    for _ in 0..7 {
        cloud.read_key(&world.access(), &id).await.unwrap();
    }
    let access = world.access();
    let mut waiting = Box::pin(cloud.read_key(&access, &id));
    let polled = futures_util::poll!(&mut waiting);
    assert!(polled.is_pending());
    let pace = cloud.pace(&world.access()).unwrap();
    assert_eq!(pace.requests_per_second, Some(1.0));
    assert_eq!((pace.waiting.readers, pace.waiting.total()), (1, 1));
    assert_eq!(pace.oldest, Some(time.passed()));
    drop(waiting);
    assert_eq!(cloud.pace(&world.access()).unwrap().waiting.total(), 0);
}

#[tokio::test]
async fn a_person_does_not_wait_for_a_crowd_of_readers() {
    let world = world(None).await;
    let time = SimulatedTime::of(&world);
    let cloud = ConfluentCloud::default()
        .with_budgets(Budgets::starting_at(Rate::new(1, 10)))
        .with_effects(Arc::clone(&time) as Arc<dyn Effects>);
    let id = world.access().key_id;
    for _ in 0..7 {
        cloud.read_key(&world.access(), &id).await.unwrap();
    }
    let access = world.access().on_behalf_of(Caller::operator());
    cloud.read_key(&access, &id).await.unwrap();
    assert!(time.waits.lock().unwrap().is_empty());
    cloud.read_key(&world.access(), &id).await.unwrap();
    assert!(!time.waits.lock().unwrap().is_empty());
}
