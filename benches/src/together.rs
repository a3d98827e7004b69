//! What many leases of one key cost that are extended, or end, at the same
//! moment.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::json;
use testkit::Http;

use crate::load::{self, Target};
use crate::statistics::Figures;

/// How many leases.
const LEASES: usize = 1_000;

/// Measures this build and the other, if there is one, by a path of each whose
/// readers share a key, and prints the results. A build that refuses some of the
/// requests has none.
pub(crate) fn run(rounds: usize, shared: &[Target]) {
    let names = ["this build", "other build"];
    let mut results: Vec<_> = shared.iter().map(|_| Some(Together::default())).collect();
    // What is done for the first time takes longer, and is not counted.
    for round in 0..=rounds {
        // Each round begins with another.
        for turn in 0..shared.len() {
            let build = (round + turn) % shared.len();
            let Some(of_build) = &mut results[build] else {
                continue;
            };
            if let Err(error) = of_build.measure(&shared[build]) {
                println!("  {}: {error:#}", names[build.min(1)]);
                results[build] = None;
            } else if round == 0 {
                *of_build = Together::default();
            }
        }
    }
    for (build, of_build) in results.iter().enumerate() {
        let other = results.get(1).filter(|_| build == 0);
        if let Some(of_build) = of_build {
            of_build.print(names[build.min(1)], other.and_then(Option::as_ref));
        }
    }
}

/// The results of one build, in milliseconds.
#[derive(Default)]
struct Together {
    renewals: Figures,
    revocations: Figures,
}

impl Together {
    /// Reads `shared`, a path whose readers share a key, then extends all leases at
    /// once, then revokes them at once.
    fn measure(&mut self, shared: &Target) -> Result<()> {
        let http = Http::new(&format!("http://{}", shared.authority)).with_token(&shared.token);
        let mut leases = Vec::with_capacity(LEASES);
        for _ in 0..LEASES {
            let (status, answer) = http.request("GET", &shared.path, None);
            let lease = answer["lease_id"].as_str();
            let lease = lease.with_context(|| format!("no lease: {status} {answer}"))?;
            leases.push(lease.to_owned());
        }
        let at_once = |path: &str, more: (&str, serde_json::Value)| {
            let target = Target {
                path: path.to_owned(),
                ..shared.clone()
            };
            let bodies = leases
                .iter()
                .map(|lease| Bytes::from(json!({"lease_id": lease, more.0: &more.1}).to_string()));
            load::post_at_once(&target, bodies.collect())
        };
        let renewed = at_once("sys/leases/renew", ("increment", "30m".into()))?;
        self.renewals.add(renewed.as_secs_f64() * 1e3);
        let revoked = at_once("sys/leases/revoke", ("sync", true.into()))?;
        self.revocations.add(revoked.as_secs_f64() * 1e3);
        Ok(())
    }

    /// Prints the medians, and how many times faster than `other` they are.
    fn print(&self, name: &str, other: Option<&Self>) {
        let rows = [
            (
                "renewals",
                &self.renewals,
                other.map(|other| &other.renewals),
            ),
            (
                "revocations",
                &self.revocations,
                other.map(|other| &other.revocations),
            ),
        ];
        for (what, figures, other) in rows {
            let (least, most) = figures.range();
            let faster = other.map_or_else(String::new, |other| {
                format!(
                    "  = {:.1} times as fast as the other build",
                    other.median() / figures.median()
                )
            });
            println!(
                "  {LEASES} {what} of a shared key at once, {name}: {:.0} ms ({least:.0} to \
                 {most:.0}){faster}",
                figures.median()
            );
        }
    }
}
