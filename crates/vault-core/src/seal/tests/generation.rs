//! Root tokens from shares. Members and texts were seen at OpenBao 2.7.2.

use super::rotation::{get, post, rotate, rotated, unsealed};
use super::*;
use crate::audit::tests::{Pages, device};
use crate::{AuditConfig, WithoutToken};

const TOKEN: &str = "sys/generate-root-token";
const OTP: &str = "0123456789012345678901234567";

/// The text that an answer hides.
fn decoded(encoded: &str, otp: &str) -> String {
    use base64::Engine as _;
    let hidden = base64::prelude::BASE64_STANDARD_NO_PAD.decode(encoded);
    let bytes = hidden.unwrap().into_iter().zip(otp.bytes());
    String::from_utf8(bytes.map(|(one, other)| one ^ other).collect()).unwrap()
}

/// Gives the shares with these numbers, and returns the answer to the last one.
async fn give(
    vault: &Arc<Vault>,
    keys: &Keys,
    nonce: &Value,
    which: impl IntoIterator<Item = usize>,
) -> Seen {
    let mut seen = None;
    for number in which {
        let body = json!({"key": keys.keys[number], "nonce": nonce});
        seen = Some(post(vault, keys, &format!("{TOKEN}/update"), body).await);
    }
    seen.unwrap()
}

#[tokio::test(start_paused = true)]
async fn enough_shares_make_a_root_token_that_only_its_password_shows() {
    let (vault, keys) = unsealed(&World::new()).await;
    let attempt = format!("{TOKEN}/attempt");
    let idle = json!({
        "complete": false, "otp": "", "otp_length": 28, "progress": 0, "required": 2,
        "started": false,
    });
    assert_eq!(get(&vault, &keys, &attempt).await.body["data"], idle);
    let begun = post(&vault, &keys, &attempt, json!({})).await.body;
    let (nonce, otp) = (
        &begun["data"]["nonce"],
        begun["data"]["otp"].as_str().unwrap(),
    );
    assert_eq!(otp.len(), 28);
    let status = get(&vault, &keys, &attempt).await.body;
    assert_eq!(
        (&status["data"]["nonce"], &status["data"]["otp"]),
        (nonce, &json!(""))
    );
    let first = give(&vault, &keys, nonce, [2]).await;
    assert_eq!(
        first.body["data"],
        json!({
            "complete": false, "encoded_token": "", "nonce": nonce, "pgp_fingerprint": "",
            "progress": 1, "required": 2, "started": true,
        })
    );
    let done = give(&vault, &keys, nonce, [0]).await.body;
    let encoded = done["data"]["encoded_token"].as_str().unwrap();
    assert_eq!(
        (&done["data"]["complete"], &done["data"]["progress"]),
        (&json!(true), &json!(2))
    );
    let token = decoded(encoded, otp);
    let lookup = "auth/token/lookup-self";
    let looked = ask(&vault, Some(&token), Operation::Read, lookup, Value::Null).await;
    assert_eq!(looked.body["data"]["policies"], json!(["root"]));
    assert_eq!(looked.body["data"]["ttl"], 0);
    let body = json!({"encoded_token": encoded, "otp": otp});
    let shown = ask(&vault, None, Operation::Update, "sys/decode-token", body).await;
    assert_eq!(shown.body["data"]["token"], token.as_str());
    assert_eq!(get(&vault, &keys, &attempt).await.body["data"], idle);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_to_a_generation_is_refused_in_the_words_of_openbao() {
    let (vault, keys) = unsealed(&World::new()).await;
    let attempt = format!("{TOKEN}/attempt");
    let none = give(&vault, &keys, &json!("x"), [0]).await;
    assert_eq!(
        (none.status, none.error()),
        (400, "no root generation in progress")
    );
    for (body, text) in [
        (json!({"otp": "short"}), "OTP string has incorrect length"),
        (
            json!({"otp": OTP, "pgp_key": "k"}),
            "`pgp_key` is not supported",
        ),
    ] {
        let seen = post(&vault, &keys, &attempt, body).await;
        assert_eq!(seen.status, 400);
        assert!(seen.error().starts_with(text), "{seen:?}");
    }
    let begun = post(&vault, &keys, &attempt, json!({"otp": OTP}))
        .await
        .body;
    let nonce = &begun["data"]["nonce"];
    assert_eq!(begun["data"]["otp"], "", "its client knows it");
    let again = post(&vault, &keys, &attempt, json!({})).await;
    assert!(
        again
            .error()
            .starts_with("root generation already in progress"),
        "{again:?}"
    );
    let wrong = give(&vault, &keys, &json!("x"), [0]).await;
    assert!(
        wrong
            .error()
            .starts_with("incorrect nonce supplied; nonce for this root")
    );
    let twice = give(&vault, &keys, nonce, [0, 0]).await;
    let text = "given key has already been provided during this generation operation";
    assert_eq!((twice.status, twice.error()), (400, text));
    // Shares that do not open the store end the attempt, and the next ones count anew.
    let mut forged = keys.keys[1].clone();
    let first = if forged.starts_with('0') { "1" } else { "0" };
    forged.replace_range(0..1, first);
    let body = json!({"key": forged, "nonce": nonce});
    let aborted = post(&vault, &keys, &format!("{TOKEN}/update"), body).await;
    assert!(
        aborted.error().starts_with("root generation aborted: "),
        "{aborted:?}"
    );
    let status = get(&vault, &keys, &attempt).await.body;
    assert_eq!(
        (&status["data"]["progress"], &status["data"]["started"]),
        (&json!(0), &json!(true))
    );
    let cancelled = keys
        .ask(&vault, Operation::Delete, &attempt, Value::Null)
        .await;
    assert_eq!(cancelled.status, 204);
    let status = get(&vault, &keys, &attempt).await.body;
    assert_eq!(status["data"]["started"], false);
}

/// They were replaced because somebody else may have them, and open a sealed store
/// only until the new ones were used.
#[tokio::test(start_paused = true)]
async fn shares_that_were_replaced_make_no_root_token() {
    let (vault, keys) = unsealed(&World::new()).await;
    let wish = json!({"secret_shares": 3, "secret_threshold": 2});
    let new = rotated(&keys, &rotate(&vault, &keys, wish, [0, 1]).await);
    let attempt = format!("{TOKEN}/attempt");
    let begun = post(&vault, &keys, &attempt, json!({})).await.body;
    let refused = give(&vault, &keys, &begun["data"]["nonce"], [0, 1]).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(
        refused.body["errors"][0]
            .as_str()
            .unwrap()
            .contains("replaced"),
        "{refused:?}"
    );
    let done = give(&vault, &new, &begun["data"]["nonce"], [0, 1]).await;
    assert_eq!(done.body["data"]["complete"], true, "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn sealing_ends_a_generation() {
    let (vault, keys) = unsealed(&World::new()).await;
    let attempt = format!("{TOKEN}/attempt");
    let begun = post(&vault, &keys, &attempt, json!({})).await.body;
    give(&vault, &keys, &begun["data"]["nonce"], [0]).await;
    vault.seal().await;
    keys.give(&vault, [0, 1]).await;
    let status = get(&vault, &keys, &attempt).await.body;
    assert_eq!(status["data"]["started"], false);
}

#[tokio::test(start_paused = true)]
async fn a_root_token_that_nobody_received_is_revoked() {
    let world = World::new();
    let (vault, keys) = unsealed(&world).await;
    let attempt = format!("{TOKEN}/attempt");
    let begun = post(&vault, &keys, &attempt, json!({})).await.body;
    let nonce = &begun["data"]["nonce"];
    give(&vault, &keys, nonce, [0]).await;
    let before = world.storage.keys();
    *world.slow.writes_take.lock().unwrap() = std::time::Duration::from_secs(1);
    let moment = std::time::Duration::from_millis(500);
    let hung_up = tokio::time::timeout(moment, give(&vault, &keys, nonce, [1])).await;
    assert!(hung_up.is_err());
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!(world.storage.keys(), before);
}

#[tokio::test(start_paused = true)]
async fn a_root_token_whose_answer_cannot_be_logged_is_revoked() {
    let (world, pages) = (World::new(), Arc::new(Pages::default()));
    let audit = AuditConfig::new(Arc::clone(&pages) as _, false);
    let mut config = world.config();
    config.audit = audit.with_declared(vec![device("one", &[])]);
    let vault = Vault::load(config, world.effects()).await.unwrap();
    let keys = Keys::make(&vault, 3, 2).await;
    keys.give(&vault, [0, 1]).await;
    for path in [TOKEN, "sys/generate-root"] {
        let body = json!({"otp": OTP});
        let begun = post(&vault, &keys, &format!("{path}/attempt"), body)
            .await
            .body;
        let nonce = begun["data"].get("nonce").unwrap_or(&begun["nonce"]);
        let share = |number: usize| json!({"key": keys.keys[number], "nonce": nonce});
        let update = format!("{path}/update");
        post(&vault, &keys, &update, share(0)).await;
        let before = world.storage.keys();
        pages.page("one").ends_after(1);
        let last = post(&vault, &keys, &update, share(1)).await;
        assert_eq!(last.status, 500, "{last:?}");
        pages.page("one").heal();
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        assert_eq!(world.storage.keys(), before, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_paths_of_vault_need_a_token_unless_it_is_configured_otherwise() {
    let rekey = json!({"secret_shares": 1, "secret_threshold": 1});
    let asked = [
        ("sys/generate-root/attempt", json!({"otp": OTP})),
        ("sys/rekey/init", rekey),
    ];
    let world = World::new();
    let (vault, _) = unsealed(&world).await;
    for (path, body) in &asked {
        assert_eq!(read(&vault, path).await.status, 403);
        assert_eq!(put(&vault, path, body.clone()).await.status, 403);
    }
    for (generate_root, rekey) in [(true, false), (false, true)] {
        let mut config = World::new().config();
        config.without_token = WithoutToken {
            rekey,
            generate_root,
        };
        let vault = Vault::load(config, World::new().effects()).await.unwrap();
        let keys = Keys::make(&vault, 3, 2).await;
        keys.give(&vault, [0, 1]).await;
        for ((path, body), is_open) in asked.iter().zip([generate_root, rekey]) {
            let begun = put(&vault, path, body.clone()).await;
            assert_eq!(begun.status, if is_open { 200 } else { 403 }, "{path}");
            if is_open {
                assert_eq!(begun.body["started"], true, "without the envelope");
            }
        }
        if generate_root {
            let begun = read(&vault, "sys/generate-root/attempt").await.body;
            assert_eq!(begun["otp_length"], 28);
            let mut done = None;
            for key in &keys.keys[1..] {
                let body = json!({"key": key, "nonce": begun["nonce"]});
                done = Some(put(&vault, "sys/generate-root/update", body).await);
            }
            let done = done.unwrap().body;
            assert_eq!(done["encoded_token"], done["encoded_root_token"]);
            let token = decoded(done["encoded_token"].as_str().unwrap(), OTP);
            let lookup = "auth/token/lookup-self";
            let looked = ask(&vault, Some(&token), Operation::Read, lookup, Value::Null).await;
            assert_eq!(looked.status, 200);
        }
        // Nothing else is open, such as what would tell of a backup.
        assert_eq!(read(&vault, "sys/rekey/backup").await.status, 403);
        assert_eq!(
            read(&vault, "sys/generate-root-token/attempt").await.status,
            403
        );
    }
}
