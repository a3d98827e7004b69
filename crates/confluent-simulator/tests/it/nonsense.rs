//! Nonsense is refused; it is never a failure of the simulator's own.

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::wire::Wire;

const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "DELETE", "PUT"];
const PATHS: [&str; 24] = [
    "/iam/v2/api-keys",
    "/iam/v2/service-accounts",
    "/iam/v2/users",
    "/iam/v2/role-bindings",
    "/org/v2/organizations",
    "/org/v2/environments",
    "/cmk/v2/clusters",
    "/srcm/v3/clusters",
    "/service-quota/v1/applied-quotas",
    "/service-quota/v1/scopes",
    "/login/realm",
    "/sessions",
    "/me",
    "/service_accounts",
    "/users",
    "/metadata/security/v2alpha1/roles",
    "/kafka/v3/clusters",
    "/subjects",
    "/tableflow/v1/regions",
    "/simulator/clock",
    "/simulator/faults",
    "/simulator/state",
    "/simulator/audit-events",
    "/nowhere",
];
const MEMBERS: [&str; 14] = [
    "spec",
    "owner",
    "resource",
    "id",
    "environment",
    "display_name",
    "description",
    "principal",
    "role_name",
    "crn_pattern",
    "advance",
    "email",
    "operation",
    "times",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("cloud")),
        Just(json!("99999999999999999h")),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(&MEMBERS[..]), inner, 0..6)
                .prop_map(|members| json!(members)),
        ]
    })
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => value().prop_map(|value| value.to_string()),
        1 => ".{0,40}",
    ]
}

/// What follows a path: nothing, a segment, or a query.
fn tail() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "/[!-~&&[^?#]]{0,12}",
        "/[a-z]{1,4}/topics",
        "\\?(page_size|page_token|scope|crn_pattern|environment|spec.owner)=[!-~&&[^#]]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_requests_are_never_answered_with_5xx(
        requests in prop::collection::vec(
            (
                prop::sample::select(&METHODS[..]),
                any::<bool>(),
                prop::sample::select(&PATHS[..]),
                tail(),
                body(),
            ),
            1..12,
        ),
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let wire = Wire::start().await;
            for (method, below_api, path, tail, body) in requests {
                let prefix = if below_api { "/api" } else { "" };
                let path = format!("{prefix}{path}{tail}");
                let key = wire.simulator.admin_key();
                let header = crate::wire::basic(key.id.as_str(), key.secret.expose());
                let answer = wire.send(method, &path, &header, &body).await;
                prop_assert!(answer.status < 500, "{method} {path} {body}: {answer:?}");
                // A fault that was armed by chance would be one of its own.
                wire.simulator.disarm();
            }
            Ok(())
        })?;
    }

    #[test]
    fn random_credentials_are_refused(header in "[ -~]{0,40}") {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let wire = Wire::start().await;
            let header = format!("Authorization: {header}\r\n");
            let answer = wire.send("GET", "/iam/v2/api-keys", &header, "").await;
            prop_assert_eq!(answer.status, 401);
            Ok(())
        })?;
    }
}
