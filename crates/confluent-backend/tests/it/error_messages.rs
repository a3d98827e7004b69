//! What goes wrong at Confluent, and what the user is told: the object, what is
//! wrong, what to do. The records stay right.

use std::sync::atomic::Ordering;
use std::time::Duration;

use confluent_simulator::{Arming, Fault, Operation};
use logical::{Error, ErrorClass};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::mount::Mount;

fn cluster_role() -> Value {
    json!({"owner": "sa-1", "resource": "lkc-1", "ttl": "10m"})
}

fn check(error: &Error, class: ErrorClass, words: &[&str]) {
    assert_eq!(error.class(), class, "{error}");
    for word in words {
        assert!(error.message().contains(word), "{word:?} in: {error}");
    }
}

async fn refused(mount: &Mount, role: &Value) -> Error {
    mount.creds(role).await.map(|_| ()).unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_names_limit_and_owner() {
    let mount = Mount::new().await;
    let first = mount.creds(&cluster_role()).await.unwrap();
    mount.creds(&cluster_role()).await.unwrap();
    let error = refused(&mount, &cluster_role()).await;
    check(
        &error,
        ErrorClass::BadRequest,
        &["role `app`", "limited to 2"],
    );
    assert_eq!((mount.live().len(), mount.on_record().await), (2, 2));
    mount.revoke(&first).await.unwrap();
    mount.creds(&cluster_role()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_says_when_to_come_back() {
    let mount = Mount::new().await;
    mount.simulator.arm(&Arming {
        delay: Some(Duration::from_secs(40)),
        ..Arming::once(Operation::CreateApiKey, Fault::RateLimit)
    });
    let error = refused(&mount, &cluster_role()).await;
    check(&error, ErrorClass::UpstreamRateLimited, &["40 s"]);
    assert_eq!(mount.on_record().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_account_says_what_kind_of_key_it_takes() {
    let mount = Mount::new().await;
    let wrong = "x".repeat(64);
    let error = mount.configure(&wrong).await.unwrap_err();
    check(&error, ErrorClass::BadRequest, &["Cloud API key"]);
    assert!(!error.message().contains(&wrong));
    // The account that was there still works.
    mount.creds(&cluster_role()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_cluster_and_an_unknown_owner_are_named() {
    let mount = Mount::new().await;
    for (role, name) in [
        (json!({"owner": "sa-1", "resource": "lkc-none"}), "lkc-none"),
        (json!({"owner": "sa-none", "resource": "lkc-1"}), "sa-none"),
    ] {
        let error = refused(&mount, &role).await;
        check(&error, ErrorClass::BadRequest, &[name]);
        assert_eq!((mount.live().len(), mount.on_record().await), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_cannot_be_reached_is_named_by_its_address() {
    let mount = Mount::new().await;
    let secret = mount.simulator.admin_key().secret.expose().to_owned();
    let body = json!({
        "url": "http://127.0.0.1:1", "ccloud_api_key_secret": secret, "verify": false,
    });
    mount.write("config", &body).await.unwrap();
    let error = refused(&mount, &cluster_role()).await;
    check(&error, ErrorClass::UpstreamFailed, &["127.0.0.1:1"]);
    assert_eq!(mount.on_record().await, 0, "surely nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_person_deleted_ends_its_leases_in_words() {
    let mount = Mount::new().await;
    let lease = mount.creds(&cluster_role()).await.unwrap();
    let key = lease.get("key_id").unwrap().as_str().unwrap();
    mount.simulator.delete_key(key).unwrap();
    mount.revoke(&lease).await.unwrap();
    let error = mount.renew(&lease).await.unwrap_err();
    check(&error, ErrorClass::BadRequest, &[key, "creds/app"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_makes_no_key_and_loses_none() {
    let mount = Mount::new().await;
    let lease = mount.creds(&cluster_role()).await.unwrap();
    mount.disk.full.store(true, Ordering::SeqCst);
    let error = mount.read("creds/app").await.unwrap_err();
    check(&error, ErrorClass::Internal, &["no space left"]);
    assert_eq!(mount.live().len(), 1);
    mount.disk.full.store(false, Ordering::SeqCst);
    mount.revoke(&lease).await.unwrap();
    assert_eq!((mount.live().len(), mount.on_record().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_of_the_account_reads_its_roles() {
    let mount = Mount::new().await;
    let check = mount.read("config/check").await.unwrap().unwrap();
    assert_eq!(check.get("ready"), Some(&json!(true)), "{check:?}");
    assert_eq!(
        check.get("owner_roles"),
        Some(&json!(["OrganizationAdmin"]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_with_a_refused_account_says_what_to_do_before_the_mount_is_disabled() {
    let mount = Mount::new().await;
    let lease = mount.creds(&cluster_role()).await.unwrap();
    let admin = mount.simulator.admin_key().id.clone();
    mount.simulator.delete_key(admin.as_str()).unwrap();
    let error = mount.revoke(&lease).await.unwrap_err();
    let key = lease.get("key_id").unwrap().as_str().unwrap();
    check(
        &error,
        ErrorClass::BadRequest,
        &[
            key,
            "does not accept the account's key",
            "write an account that Confluent Cloud accepts to `config` before the mount is disabled",
        ],
    );
}

/// Answers every request with 403 and this body. Gives its address.
async fn refuses_everything(kind: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 8192];
                let _ = stream.read(&mut request).await;
                let answer = format!(
                    "HTTP/1.1 403 Forbidden\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_confluents_and_refuses_all_does_not_become_the_account() {
    let mount = Mount::new().await;
    let before = mount.read("config").await.unwrap().unwrap();
    for (kind, body) in [
        (
            "text/html",
            "<html><body>blocked by the proxy</body></html>",
        ),
        ("application/json", "{}"),
    ] {
        let url = refuses_everything(kind, body).await;
        let secret = mount.simulator.admin_key().secret.expose().to_owned();
        let account = json!({"url": url, "ccloud_api_key_secret": secret});
        let error = mount.write("config", &account).await.unwrap_err();
        assert!(
            error
                .message()
                .contains("does not answer as Confluent Cloud does"),
            "{error}"
        );
        assert!(!error.message().contains(&secret));
        let after = mount.read("config").await.unwrap().unwrap();
        assert_eq!(after.get("url"), before.get("url"), "{body}");
    }
    mount.creds(&cluster_role()).await.unwrap();
}
