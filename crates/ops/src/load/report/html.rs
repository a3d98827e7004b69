//! The result as one page of HTML, which loads nothing.

use std::fmt::Write as _;

use super::Report;
use super::heat;
use crate::load::record::Timeline;
use crate::load::summary::Times;

const STYLE: &str = "\
body { font: 15px/1.5 sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #111; background: #fff }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ccc }
th:first-child, td:first-child { text-align: left }
svg { width: 100%; font-size: 12px } svg rect { fill: #123a6b } svg .bad { fill: #a00 }
.missed { font-weight: bold }
";

/// The page.
pub fn page(report: &Report, timeline: &Timeline) -> String {
    let summary = &report.summary;
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <title>Load test</title>\n<style>\n{STYLE}</style>\n<h1>Load test</h1>\n\
         <p>{} of {} planned requests sent in {:.1} s, {:.1} a second. {} good, {} bad. \
         {} started late. Longest time without a good answer: {:.2} s, from second {:.2} on.</p>\n",
        summary.sent,
        summary.planned,
        summary.seconds,
        summary.rate,
        summary.good,
        summary.bad,
        summary.late_starts,
        summary.longest_gap.seconds,
        summary.longest_gap.began_at_second,
    );
    expectations(&mut page, report);
    page.push_str(
        "<h2>Times in milliseconds</h2>\n<p>Response time counts from the planned instant, \
         service time from the sending.</p>\n",
    );
    heading(&mut page, "");
    row(&mut page, "response time", &summary.response);
    row(&mut page, "service time", &summary.service);
    page.push_str("</table>\n");
    if summary.targets.len() > 1 {
        page.push_str("<h2>Response times by target</h2>\n");
        heading(&mut page, "target");
        for target in &summary.targets {
            row(&mut page, &target.name, &target.response);
        }
        page.push_str("</table>\n");
    }
    answers(&mut page, report);
    page.push_str("<h2>Response times over time</h2>\n");
    page.push_str(&heat::svg(timeline));
    page.push_str("<p>The darker, the more answers; × marks errors.</p>\n");
    intervals(&mut page, report);
    page.push_str("</html>\n");
    page
}

fn expectations(page: &mut String, report: &Report) {
    if report.expectations.is_empty() {
        return;
    }
    page.push_str("<table><tr><th>expected</th><th>found</th><th></th></tr>\n");
    for verdict in &report.expectations {
        let (class, word) = if verdict.met {
            ("met", "met")
        } else {
            ("missed", "missed")
        };
        let _ = writeln!(
            page,
            "<tr class=\"{class}\"><td>{}</td><td>{}</td><td>{word}</td></tr>",
            escaped(&verdict.expectation),
            escaped(&verdict.found)
        );
    }
    page.push_str("</table>\n");
}

fn heading(page: &mut String, first: &str) {
    let _ = write!(page, "<table><tr><th>{first}</th>");
    for name in ["p50", "p90", "p99", "p99.9", "p99.99", "max", "mean"] {
        let _ = write!(page, "<th>{name}</th>");
    }
    page.push_str("</tr>\n");
}

fn row(page: &mut String, name: &str, times: &Times) {
    let _ = write!(page, "<tr><td>{}</td>", escaped(name));
    let Times {
        mean,
        p50,
        p90,
        p99,
        p99_9,
        p99_99,
        max,
    } = *times;
    for time in [p50, p90, p99, p99_9, p99_99, max, mean] {
        let _ = write!(page, "<td>{time:.2}</td>");
    }
    page.push_str("</tr>\n");
}

fn answers(page: &mut String, report: &Report) {
    page.push_str("<h2>Answers</h2>\n<table><tr><th>status or error</th><th>count</th></tr>\n");
    for found in &report.summary.statuses {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td></tr>",
            found.status, found.count
        );
    }
    for found in &report.summary.errors {
        let _ = writeln!(
            page,
            "<tr><td>error: {}</td><td>{}</td></tr>",
            found.class, found.count
        );
    }
    page.push_str("</table>\n");
}

fn intervals(page: &mut String, report: &Report) {
    page.push_str(
        "<table><tr><th>seconds</th><th>good</th><th>bad</th><th>p50</th><th>p99</th>\
         <th>max</th></tr>\n",
    );
    for interval in &report.intervals {
        let _ = writeln!(
            page,
            "<tr><td>{:.0} to {:.0}</td><td>{}</td><td>{}</td><td>{:.2}</td><td>{:.2}</td>\
             <td>{:.2}</td></tr>",
            interval.began_at_second,
            interval.ended_at_second,
            interval.good,
            interval.bad,
            interval.p50,
            interval.p99,
            interval.max
        );
    }
    page.push_str("</table>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::expect::Expectation;
    use crate::load::record::{Class, Record, Sample};
    use crate::load::run::Progress;

    #[test]
    fn the_page_is_whole_and_loads_nothing() {
        let mut record = Record::new(&["GET /<b>".to_owned(), "GET /c".to_owned()]);
        for number in 0..100_u64 {
            let at = Duration::from_millis(100 * number);
            record.add(&Sample {
                target: 0,
                planned: at,
                sent: at,
                done: at + Duration::from_millis(1 + number),
                status: Some(200),
                error: (number == 50).then_some(Class::Other),
            });
        }
        let progress = Progress {
            now: Duration::from_secs(10),
            due: 100,
            sent: 100,
            started: 100,
            in_flight: 0,
            rate: 10.0,
        };
        let expected = [Expectation::parse("p99<90ms").unwrap()];
        let report = Report::new(&record, &progress, &expected);
        let page = page(&report, record.timeline());
        for part in [
            "GET /&lt;b&gt;",
            "<rect ",
            "1 errors",
            "p99&lt;90ms",
            "missed",
            "10 s</text>",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        for loading in [
            "http:", "https:", "src=", "href=", "@import", "url(", "<script",
        ] {
            assert!(!page.contains(loading), "{loading}");
        }
        for tag in ["table", "svg", "rect", "text", "html"] {
            let (opened, closed) = (format!("<{tag}"), format!("</{tag}>"));
            assert_eq!(
                page.matches(&opened).count(),
                page.matches(&closed).count(),
                "{tag}"
            );
        }
    }
}
