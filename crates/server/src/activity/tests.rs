//! Deadlines under a paused clock.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::sleep;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A connection with Vault's deadlines, and the client's end of it.
fn connection() -> (Arc<Activity>, Watched<DuplexStream>, DuplexStream) {
    connection_with(Timeouts::default())
}

fn connection_with(timeouts: Timeouts) -> (Arc<Activity>, Watched<DuplexStream>, DuplexStream) {
    let activity = Activity::new(timeouts);
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

#[tokio::test(start_paused = true)]
async fn a_client_of_http2_that_only_pings_is_idle() {
    let (activity, mut ours, mut theirs) = connection();
    drop(activity.work(true));
    let pings = async {
        loop {
            theirs.write_all(b"ping").await.unwrap();
            ours.read_exact(&mut [0; 4]).await.unwrap();
            ours.write_all(b"pong").await.unwrap();
            theirs.read_exact(&mut [0; 4]).await.unwrap();
            sleep(SECOND).await;
        }
    };
    let late = tokio::select! {
        late = late(&activity) => late,
        () = pings => unreachable!(),
    };
    assert_eq!(late, (Overdue::Idle, 300));
}

#[tokio::test(start_paused = true)]
async fn an_answer_over_http2_is_taken_piece_by_piece() {
    let (activity, ..) = connection();
    let mut body = activity.work(true).answer(Bytes::from(vec![7; 40_000]));
    let takes = async {
        let mut sizes = Vec::new();
        for _ in 0..3 {
            sleep(Duration::from_mins(4)).await;
            let frame = body.frame().await.unwrap().unwrap();
            sizes.push(frame.into_data().unwrap().len());
        }
        sizes
    };
    let (late, sizes) = tokio::join!(late(&activity), takes);
    assert_eq!(sizes, [16_384, 16_384, 40_000 - 2 * 16_384]);
    assert_eq!(late, (Overdue::Idle, 12 * 60 + 300));
}

/// A limit of a minute for answers.
fn with_limit_for_answers() -> Timeouts {
    Timeouts {
        answer: Some(Duration::from_mins(1)),
        ..Timeouts::default()
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_due_with_its_limit_whatever_the_server_does() {
    let (activity, ..) = connection_with(with_limit_for_answers());
    let first = activity.work(true);
    sleep(Duration::from_secs(20)).await;
    let second = activity.work(true);
    assert_eq!(late(&activity).await, (Overdue::Answer, 40));
    drop(first.answer(Bytes::new()));
    activity.flushed();
    assert_eq!(late(&activity).await, (Overdue::Answer, 20));
    drop(second);
    activity.flushed();
    assert_eq!(late(&activity).await, (Overdue::Idle, 300));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_waits_for_its_client_is_due_until_it_has_left() {
    let (activity, mut ours, _theirs) = connection_with(with_limit_for_answers());
    drop(activity.work(false).answer(Bytes::from_static(b"x")));
    assert_eq!(late(&activity).await, (Overdue::Answer, 60));
    ours.flush().await.unwrap();
    assert_eq!(late(&activity).await, (Overdue::Idle, 240));
}
