//! Deadlines under a paused clock.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::sleep;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A connection with Vault's deadlines, and the client's end of it.
fn connection() -> (Arc<Activity>, Watched<DuplexStream>, DuplexStream) {
    let activity = Activity::new(Timeouts::default());
    let (ours, theirs) = duplex(64);
    let watched = Watched::new(ours, Arc::clone(&activity));
    (activity, watched, theirs)
}

/// What the client is late with, and after how many seconds.
async fn late(activity: &Activity) -> (Overdue, u64) {
    let begun = Instant::now();
    let overdue = activity.overdue().await;
    (overdue, begun.elapsed().as_secs())
}

/// The server reads what the client sends, a byte each second.
async fn trickle(ours: &mut Watched<DuplexStream>, theirs: &mut DuplexStream) {
    loop {
        theirs.write_all(b"x").await.unwrap();
        ours.read_u8().await.unwrap();
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_header_is_due_ten_seconds_after_the_connection_whatever_comes_in() {
    let (activity, mut ours, mut theirs) = connection();
    let late = tokio::select! {
        late = late(&activity) => late,
        () = trickle(&mut ours, &mut theirs) => unreachable!(),
    };
    assert_eq!(late, (Overdue::Header, 10));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_server_works_on_is_never_late() {
    let (activity, _ours, _theirs) = connection();
    let (first, second) = (activity.work(true), activity.work(true));
    let works = async {
        sleep(Duration::from_hours(1)).await;
        drop(first);
        sleep(Duration::from_hours(1)).await;
        drop(second);
    };
    let (late, ()) = tokio::join!(late(&activity), works);
    assert_eq!(late, (Overdue::Idle, 2 * 3600 + 300));
}

#[tokio::test(start_paused = true)]
async fn the_next_header_is_due_ten_seconds_after_its_first_byte() {
    let (activity, mut ours, mut theirs) = connection();
    drop(activity.work(false));
    let late = tokio::select! {
        late = late(&activity) => late,
        () = async {
            sleep(Duration::from_mins(4)).await;
            trickle(&mut ours, &mut theirs).await;
        } => unreachable!(),
    };
    assert_eq!(late, (Overdue::Header, 250));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_slowly_is_not_idle_and_one_that_is_not_taken_is() {
    let (activity, mut ours, mut theirs) = connection();
    drop(activity.work(false));
    let answers = async {
        ours.write_all(&[0; 80]).await.unwrap();
    };
    let takes = async {
        for _ in 0..4 {
            sleep(Duration::from_mins(4)).await;
            theirs.read_u8().await.unwrap();
        }
        // The client stops taking.
        std::future::pending::<()>().await;
    };
    let late = tokio::select! {
        late = late(&activity) => late,
        ((), ()) = async { tokio::join!(answers, takes) } => unreachable!(),
    };
    assert_eq!(late, (Overdue::Idle, 16 * 60 + 300));
}

#[tokio::test(start_paused = true)]
async fn frames_between_the_requests_of_http2_begin_no_header() {
    let (activity, mut ours, mut theirs) = connection();
    drop(activity.work(true));
    let late = tokio::select! {
        late = late(&activity) => late,
        () = trickle(&mut ours, &mut theirs) => unreachable!(),
    };
    assert_eq!(late, (Overdue::Idle, 300));
}
