//! Many callers at once, some of which go away, on a paused clock.

use std::sync::Mutex;
use std::task::{Context, Waker};

use tokio::task::{JoinHandle, JoinSet};

use super::*;
use crate::Sleep;
use crate::pace::{Class, Flow, QueueEnd, RemovalBy};

/// Tokio's clock, which a test can pause.
#[derive(Debug)]
struct Paused {
    began: Instant,
    start: tokio::time::Instant,
}

impl Effects for Paused {
    fn now(&self) -> Instant {
        self.began + self.start.elapsed()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self) -> u64 {
        0
    }
}

/// A budget that is asked by many at once.
struct Crowd {
    budget: Arc<Budget>,
    effects: Arc<dyn Effects>,
    served: Arc<Mutex<Vec<String>>>,
}

impl Crowd {
    fn new(start: Option<Rate>) -> Self {
        let effects: Arc<dyn Effects> = Arc::new(Paused {
            began: Instant::now(),
            start: tokio::time::Instant::now(),
        });
        Self {
            budget: Arc::new(Budget::new(start, effects.now())),
            effects,
            served: Arc::default(),
        }
    }

    /// Sends a request that is answered after a while.
    fn ask(
        &self,
        name: &str,
        class: Class,
        patience: Duration,
    ) -> impl Future<Output = Result<(), Duration>> + Send + use<> {
        self.ask_path(KEYS, name, class, patience)
    }

    fn ask_path(
        &self,
        path: &'static str,
        name: &str,
        class: Class,
        patience: Duration,
    ) -> impl Future<Output = Result<(), Duration>> + Send + use<> {
        let (budget, effects) = (Arc::clone(&self.budget), Arc::clone(&self.effects));
        let (served, name) = (Arc::clone(&self.served), name.to_owned());
        async move {
            let flow = Flow::new(&name, "");
            let wanted = TurnRequest {
                class,
                flow: &flow,
                path,
                until: effects.now() + patience,
                end: QueueEnd::Back,
            };
            let turn = budget.turn(&effects, &wanted).await?;
            served.lock().unwrap().push(name);
            effects.sleep(Duration::from_millis(50)).await;
            turn.finish(Outcome::Answered, None);
            Ok(())
        }
    }

    /// Takes a turn that is there at once.
    async fn turn(&self) -> Turn {
        let flow = Flow::default();
        let wanted = TurnRequest {
            class: Class::Reader,
            flow: &flow,
            path: KEYS,
            until: self.effects.now() + LONG,
            end: QueueEnd::Back,
        };
        let budget = Arc::clone(&self.budget);
        budget.turn(&self.effects, &wanted).await.unwrap()
    }

    fn is_idle(&self) -> bool {
        let state = self.budget.lock();
        state.waiters.is_empty() && state.leader.is_none()
    }
}

const LONG: Duration = Duration::from_mins(10);
const KEYS: &str = "/iam/v2/api-keys";

/// Fails when a task waits for a wake-up that never comes.
async fn in_time(test: impl Future<Output = ()>) {
    tokio::time::timeout(LONG * 2, test).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_served_at_the_pace_and_in_turn() {
    in_time(serve_a_crowd()).await;
}

async fn serve_a_crowd() {
    let crowd = Crowd::new(Some(Rate::new(10, 10)));
    let began = tokio::time::Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..107 {
        asking.spawn(crowd.ask("busy", Class::Reader, LONG));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    asking.spawn(crowd.ask("quiet", Class::Reader, LONG));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        crowd
            .served
            .lock()
            .unwrap()
            .iter()
            .any(|name| name == "quiet")
    );
    while let Some(asked) = asking.join_next().await {
        asked.unwrap().unwrap();
    }
    // Seven at once; the rate has grown by half after ten seconds.
    let passed = began.elapsed();
    assert!((9..=11).contains(&passed.as_secs()), "{passed:?}");
    assert!(crowd.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_task_leaves_the_others_their_turn() {
    in_time(cancel_some()).await;
}

async fn cancel_some() {
    let crowd = Crowd::new(Some(Rate::new(10, 10)));
    let mut asking: Vec<JoinHandle<_>> = Vec::new();
    for number in 0..60 {
        let name = number.to_string();
        asking.push(tokio::spawn(crowd.ask(&name, Class::Reader, LONG)));
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    // The leader among them, and some that were granted their turn.
    for (index, asking) in asking.iter().enumerate() {
        if index % 3 != 1 {
            asking.abort();
        }
    }
    let mut served = 0;
    for asking in asking {
        served += usize::from(asking.await.is_ok_and(|asked| asked.is_ok()));
    }
    assert!(served >= 20, "{served}");
    assert!(crowd.is_idle());
    let status = crowd.budget.status(crowd.effects.now());
    assert_eq!(status.oldest, None);
    assert_eq!(crowd.budget.lock().pace.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_another_part_does_not_wait_for_the_leader_to_wake_up() {
    let crowd = Crowd::new(Some(Rate::new(1, 10)));
    let mut asking = JoinSet::new();
    for _ in 0..30 {
        asking.spawn(crowd.ask("busy", Class::Reader, LONG));
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = tokio::time::Instant::now();
    for _ in 0..3 {
        let class = Class::Removal(RemovalBy::Host);
        asking.spawn(crowd.ask("sa-1", class, LONG));
    }
    // Two tokens were kept for them; the third comes after five seconds.
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let served = crowd.served.lock().unwrap();
        if served.iter().filter(|name| *name == "sa-1").count() == 3 {
            break;
        }
    }
    assert!(began.elapsed() <= Duration::from_millis(5100));
    asking.shutdown().await;
    assert!(crowd.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_full_window_lets_the_next_one_through_at_the_first_answer() {
    let crowd = Crowd::new(None);
    let began = tokio::time::Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..32 {
        asking.spawn(crowd.ask("a", Class::Reader, LONG));
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap().unwrap();
    }
    assert!(began.elapsed() <= Duration::from_millis(110));
}

#[tokio::test(start_paused = true)]
async fn a_429_wakes_the_tasks_that_run_out_of_time() {
    let crowd = Crowd::new(Some(Rate::new(10, 10)));
    let turn = crowd.turn().await;
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        asking.spawn(crowd.ask("a", Class::Reader, Duration::from_secs(9)));
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    turn.finish(Outcome::Limited(Some(Duration::from_mins(1))), None);
    let began = tokio::time::Instant::now();
    let mut held_back = 0;
    while let Some(asked) = asking.join_next().await {
        if let Err(wait) = asked.unwrap() {
            assert!(wait >= Duration::from_mins(1), "{wait:?}");
            held_back += 1;
        }
    }
    assert_eq!(held_back, 14);
    assert!(began.elapsed() <= Duration::from_millis(100));
    assert!(crowd.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_sleeps_for_long_wakes_up_for_a_request_that_can_be_sent_sooner() {
    let crowd = Crowd::new(Some(Rate::new(1, 10)));
    let used_up = LimitHeaders {
        limit: 10,
        remaining: 0,
        reset: Duration::from_mins(1),
    };
    crowd.turn().await.finish(Outcome::Answered, Some(used_up));
    let began = tokio::time::Instant::now();
    let mut asking = JoinSet::new();
    asking.spawn(crowd.ask("a", Class::Reader, LONG));
    tokio::time::sleep(Duration::from_millis(10)).await;
    for _ in 0..8 {
        let path = "/org/v2/environments";
        asking.spawn(crowd.ask_path(path, "b", Class::Reader, LONG));
    }
    for _ in 0..8 {
        asking.join_next().await.unwrap().unwrap().unwrap();
    }
    assert!(began.elapsed() <= Duration::from_secs(3));
    asking.join_next().await.unwrap().unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_granted_to_a_cancelled_task_goes_to_the_next() {
    let crowd = Crowd::new(None);
    let mut turns = Vec::new();
    for _ in 0..16 {
        turns.push(crowd.turn().await);
    }
    let cancelled = tokio::spawn(crowd.ask("a", Class::Reader, LONG));
    let next = tokio::spawn(crowd.ask("b", Class::Reader, LONG));
    tokio::task::yield_now().await;
    drop(turns.pop());
    // It was granted the turn and has not run since.
    cancelled.abort();
    assert!(cancelled.await.is_err());
    next.await.unwrap().unwrap();
    assert_eq!(crowd.budget.lock().pace.in_flight(), 15);
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_woken_in_time_when_the_leader_is_held_back_with_its_successor() {
    let crowd = Crowd::new(None);
    let mut turns = Vec::new();
    for _ in 0..16 {
        turns.push(crowd.turn().await);
    }
    let began = tokio::time::Instant::now();
    let mut asking = JoinSet::new();
    // The leader and those behind it run out of time first.
    for patience in [5, 5, 5, 9, 9] {
        asking.spawn(crowd.ask("a", Class::Reader, Duration::from_secs(patience)));
    }
    // No answer comes that would wake anybody.
    let all = tokio::time::timeout(LONG, asking.join_all()).await;
    assert!(
        all.expect("somebody waits for ever")
            .iter()
            .all(Result::is_err)
    );
    assert_eq!(began.elapsed().as_secs(), 9);
    assert!(crowd.is_idle());
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_woken_in_time_when_a_successor_is_granted_its_turn_before_it_leads() {
    let crowd = Crowd::new(None);
    let mut turns = Vec::new();
    for _ in 0..16 {
        turns.push(crowd.turn().await);
    }
    let ask = || Box::pin(crowd.ask("a", Class::Reader, Duration::from_secs(9)));
    let (mut leader, mut successor, mut rest) = (ask(), ask(), ask());
    let mut idle = Context::from_waker(Waker::noop());
    for task in [&mut leader, &mut successor, &mut rest] {
        assert!(task.as_mut().poll(&mut idle).is_pending());
    }
    drop(leader);
    drop(turns.pop());
    // It takes its turn, and its request is never answered.
    assert!(successor.as_mut().poll(&mut idle).is_pending());
    let rest = tokio::time::timeout(LONG, rest).await;
    assert!(rest.expect("the rest waits for ever").is_err());
}
