//! Every kind of key, for a service account and for a user, from its making to
//! its end.

use serde_json::json;

use crate::mount::Mount;

const KINDS: [(&str, Option<&str>); 7] = [
    ("lkc-1", Some("env-1")),
    ("lsrc-1", Some("env-1")),
    ("lksqlc-1", Some("env-1")),
    ("aws.us-east-1", Some("env-1")),
    ("tableflow", None),
    ("cloud", None),
    ("global", None),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_every_kind_is_made_for_both_kinds_of_owner_and_ends() {
    let mount = Mount::new().await;
    for (resource, environment) in KINDS {
        for owner in ["sa-1", "u-1"] {
            for shared in [false, true] {
                let mut role = json!({
                    "owner": owner, "resource": resource, "multi_use_key": shared,
                });
                if let Some(environment) = environment {
                    role["resource_env"] = environment.into();
                }
                let lease = mount.creds(&role).await.unwrap();
                let key = lease.get("key_id").unwrap().as_str().unwrap();
                assert_eq!(mount.live(), [key], "{resource} of {owner}");
                let jaas = lease.get("sasl.jaas.config").is_some();
                assert_eq!(jaas, resource.starts_with("lkc-"), "{resource}");
                mount.revoke(&lease).await.unwrap();
                assert_eq!(mount.live(), Vec::<String>::new());
            }
        }
    }
    assert_eq!(mount.on_record().await, 0);
}
