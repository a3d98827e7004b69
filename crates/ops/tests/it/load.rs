//! Load tests over real connections.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use ops::load::headers::Headers;
use ops::load::plan::{Limits, Plan, Profile};
use ops::load::record::Class;
use ops::load::run::{Options, Protocol, Run};
use ops::load::summary::Summary;
use ops::load::targets::{Bodies, Turns, parse};

use crate::web::{Received, Web, response};

/// A test at 200 requests a second that ends after `requests`.
fn options(targets: &str, requests: u64) -> Options {
    let limits = Limits {
        duration: None,
        requests: Some(requests),
    };
    let targets = parse("targets.txt", targets, Bodies::Plain, &|_| None).unwrap();
    Options {
        turns: Turns::new(&[(
            targets.iter().map(|target| target.weight).collect(),
            NonZeroU32::MIN,
        )])
        .unwrap(),
        targets,
        warm_up: Duration::ZERO,
        headers: Headers::default(),
        plan: Plan::new(&Profile::constant(200.0), limits),
        workers: NonZeroU32::new(8).unwrap(),
        timeout: Duration::from_secs(5),
        tls: None,
        protocol: Protocol::Http1,
    }
}

async fn run(options: Options) -> (Run, Summary) {
    let mut run = Run::start(options).unwrap();
    run.finished().await;
    let progress = run.progress();
    let summary = run.with_record(|record| Summary::new(record, &progress));
    (run, summary)
}

async fn web(answer: impl Fn(&Received) -> String + Send + Sync + 'static) -> Web {
    Web::start(move |received| {
        let answer = answer(received);
        Box::pin(async move { answer })
    })
    .await
}

fn statuses(summary: &Summary) -> Vec<(u16, u64)> {
    let of = summary.statuses.iter();
    of.map(|found| (found.status, found.count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_sent_in_turn_from_the_first_with_the_headers_that_are_given() {
    let web = web(|_| response(200, "", "{}")).await;
    let host = web.address;
    let targets = format!("POST http://{host}/a?b=c\n$ {{\"d\": 1}}\nGET http://{host}/e\n");
    let mut options = options(&targets, 4);
    options.workers = NonZeroU32::MIN;
    for header in [
        "x-vault-token: t",
        "X-Twice: 1",
        "x-twice: 2",
        "Host: vault.example",
    ] {
        options.headers.add(header).unwrap();
    }
    let (_, summary) = run(options).await;
    assert_eq!(statuses(&summary), [(200, 4)]);
    let received = web.received();
    let lines: Vec<_> = received.iter().map(Received::line).collect();
    assert_eq!(lines, ["POST /a?b=c", "GET /e", "POST /a?b=c", "GET /e"]);
    assert_eq!(received[0].body, "{\"d\": 1}");
    let mut headers = received[0].headers();
    headers.sort_unstable();
    let agent = concat!("User-Agent: lockkeeper/", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        headers,
        [
            "Content-Length: 8",
            "Host: vault.example",
            agent,
            "X-Twice: 1",
            "X-Twice: 2",
            "X-Vault-Token: t",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_with_their_body_up_to_ten() {
    let web = web(|received| {
        let line = received.line().to_owned();
        let number: u32 = line.rsplit('/').next().unwrap().parse().unwrap();
        if number == 0 {
            return response(200, "", "");
        }
        let next = format!("Location: /{}\r\n", number - 1);
        response(if line.starts_with("PUT") { 307 } else { 302 }, &next, "")
    })
    .await;
    let host = web.address;
    let targets = format!("PUT http://{host}/10\n$ body\nPOST http://{host}/1\n$ body\n");
    let (_, summary) = run(options(&targets, 2)).await;
    assert_eq!(statuses(&summary), [(200, 2)]);
    let received = web.received();
    let of = |line: &str| {
        let found = received.iter().find(|received| received.line() == line);
        found
            .unwrap_or_else(|| panic!("no `{line}` in {received:?}"))
            .body
            .clone()
    };
    assert_eq!(of("PUT /0"), "body");
    assert_eq!(of("GET /0"), "");
    let (run, _) = run(options(&format!("PUT http://{host}/11"), 1)).await;
    run.with_record(|record| assert_eq!(record.total.classes[&Class::Redirected], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_by_its_class() {
    let web = Web::start(|received| {
        let line = received.line().to_owned();
        Box::pin(async move {
            match line.as_str() {
                "GET /sealed" => response(503, "", "{\"errors\":[\"Vault is sealed\"]}"),
                "GET /cut" => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".to_owned(),
                _ => std::future::pending().await,
            }
        })
    })
    .await;
    let host = web.address;
    let targets =
        format!("GET http://{host}/sealed\nGET http://{host}/late\nGET http://127.0.0.1:1/\n");
    let mut options = options(&targets, 3);
    options.timeout = Duration::from_millis(200);
    let (run, summary) = run(options).await;
    assert_eq!((summary.good, summary.bad), (0, 3));
    assert!(!summary.nothing_was_reached());
    run.with_record(|record| {
        for class in [Class::Sealed, Class::TimedOut, Class::Connect] {
            assert_eq!(record.total.classes.get(&class), Some(&1), "{class:?}");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_closed_while_idle_is_opened_again() {
    let web = web(|_| response(200, "Connection: close\r\n", "")).await;
    let (_, summary) = run(options(&format!("GET http://{}/", web.address), 20)).await;
    assert_eq!(statuses(&summary), [(200, 20)]);
}

/// A server that answers at once, but answers nothing for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_in_the_response_times_as_the_plan_tells_it() {
    const STALL: Duration = Duration::from_secs(1);
    let begin = Instant::now();
    let stall = begin + Duration::from_secs(1)..begin + Duration::from_secs(1) + STALL;
    let end = stall.end;
    let web = Web::start(move |_| {
        let stalled = stall.contains(&Instant::now());
        Box::pin(async move {
            if stalled {
                tokio::time::sleep_until(end.into()).await;
            }
            response(200, "", "")
        })
    })
    .await;
    let (_, summary) = run(options(&format!("GET http://{}/", web.address), 600)).await;
    assert_eq!(statuses(&summary), [(200, 600)]);
    // Of 600 planned requests, 200 fell into the stall and waited for the rest of
    // it; the six slowest of all waited for all of it but 25 ms.
    let expected = STALL.as_secs_f64() * 1e3 - 25.0;
    let found = summary.response.p99;
    assert!(
        (found / expected - 1.0).abs() < 0.05,
        "{found} and not {expected}"
    );
    assert!(summary.response.p90 > 600.0, "{summary:?}");
    // Eight of them were sent into the stall; a closed loop would show nothing else.
    assert!(summary.service.p90 < 100.0, "{summary:?}");
    assert!(summary.late_starts > 150, "{summary:?}");
    assert!(summary.longest_gap.seconds > 0.95, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_with_a_duration_ends_with_it() {
    let web = web(|_| response(200, "", "")).await;
    let mut options = options(&format!("GET http://{}/", web.address), 1);
    let limits = Limits {
        duration: Some(Duration::from_millis(300)),
        requests: None,
    };
    options.plan = Plan::new(&Profile::constant(200.0), limits);
    let (_, summary) = run(options).await;
    assert_eq!(summary.sent, 60);
    assert!((0.3..0.7).contains(&summary.seconds), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_holds_is_sent_in_later_requests() {
    let web = web(|received| match received.line() {
        "POST /login" => response(
            200,
            "",
            "{\"auth\": {\"client_token\": \"t-1\", \"ttl\": 5}}",
        ),
        _ => response(404, "", ""),
    })
    .await;
    let targets = format!(
        "@targets 2\n\
         @header X-Vault-Token: {{{{token}}}}\n@expect 404\nGET http://{0}/first\n\
         @name login\n@capture token=auth.client_token\n@capture ttl=auth.ttl\n\
         POST http://{0}/login\n\
         @header X-Vault-Token: {{{{token}}}}\n@expect 200,404\nPUT http://{0}/a/{{{{ttl}}}}/{{{{seq}}}}\n\
         $ {{\"number\": {{{{seq}}}}}}\n",
        web.address
    );
    let mut options = options(&targets, 3);
    options.workers = NonZeroU32::MIN;
    let (run, summary) = run(options).await;
    assert_eq!((summary.good, summary.bad), (2, 1));
    assert_eq!(summary.targets[1].name, "login");
    run.with_record(|record| assert_eq!(record.total.classes[&Class::NotCaptured], 1));
    let received = web.received();
    let [_, put] = &received[..] else {
        panic!("{received:?}")
    };
    assert_eq!(
        (put.line(), put.body.as_str()),
        ("PUT /a/5/2", "{\"number\": 2}")
    );
    assert!(put.headers().contains(&"X-Vault-Token: t-1"));
    assert!(!format!("{run:?}{summary:?}").contains("t-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_up_is_sent_and_not_counted() {
    let web = web(|_| response(200, "", "")).await;
    let mut options = options(&format!("GET http://{}/", web.address), 60);
    options.warm_up = Duration::from_millis(100);
    let (_, summary) = run(options).await;
    // The twentieth of 200 a second is due after 100 ms.
    assert_eq!((summary.sent, summary.good, summary.cut_off), (40, 40, 0));
    assert_eq!(web.received().len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_is_stopped_ends_although_nothing_answers() {
    let web = Web::start(|_| Box::pin(std::future::pending())).await;
    let mut run = Run::start(options(&format!("GET http://{}/", web.address), 10_000)).unwrap();
    while run.progress().due < 40 {
        tokio::task::yield_now().await;
    }
    run.stop().await;
    let progress = run.progress();
    let summary = run.with_record(|record| Summary::new(record, &progress));
    assert_eq!(
        (summary.sent, summary.cut_off, progress.in_flight),
        (8, 8, 0)
    );
    assert_eq!(summary.sent + summary.not_sent, summary.planned);
    assert!(summary.planned < 100, "{summary:?}");
}
