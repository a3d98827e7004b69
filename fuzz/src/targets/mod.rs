//! The targets, each with what it promises and inputs to begin with.

mod answers;
mod backend_records;
mod coercion;
mod core_records;
mod durations;
mod engine_records;
mod engine_requests;
mod hcl1_texts;
mod http_requests;
mod ids;
mod keyring;
mod messages;
mod rotation_times;
mod shares;

/// One entry point.
pub struct Target {
    /// How `cargo xtask fuzz` calls it.
    pub name: &'static str,
    /// Panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Inputs that reach deep, and those that once broke a promise.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "durations",
        run: durations::run,
        seeds: durations::seeds,
    },
    Target {
        name: "rotation-times",
        run: rotation_times::run,
        seeds: rotation_times::seeds,
    },
    Target {
        name: "hcl1-texts",
        run: hcl1_texts::run,
        seeds: hcl1_texts::seeds,
    },
    Target {
        name: "shares",
        run: shares::run,
        seeds: shares::seeds,
    },
    Target {
        name: "ids",
        run: ids::run,
        seeds: ids::seeds,
    },
    Target {
        name: "coercion",
        run: coercion::run,
        seeds: coercion::seeds,
    },
    Target {
        name: "engine-requests",
        run: engine_requests::run,
        seeds: engine_requests::seeds,
    },
    Target {
        name: "engine-records",
        run: engine_records::run,
        seeds: engine_records::seeds,
    },
    Target {
        name: "core-records",
        run: core_records::run,
        seeds: core_records::seeds,
    },
    Target {
        name: "kv-records",
        run: backend_records::kv,
        seeds: backend_records::kv_seeds,
    },
    Target {
        name: "approle-records",
        run: backend_records::approle,
        seeds: backend_records::approle_seeds,
    },
    Target {
        name: "keyring",
        run: keyring::run,
        seeds: keyring::seeds,
    },
    Target {
        name: "http-requests",
        run: http_requests::run,
        seeds: http_requests::seeds,
    },
    Target {
        name: "plugin-messages",
        run: messages::run,
        seeds: messages::seeds,
    },
    Target {
        name: "handshake",
        run: messages::handshake,
        seeds: messages::handshake_seeds,
    },
    Target {
        name: "confluent-answers",
        run: answers::confluent,
        seeds: answers::confluent_seeds,
    },
    Target {
        name: "vault-answers",
        run: answers::vault,
        seeds: answers::vault_seeds,
    },
];

/// Seeds of texts.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
