//! Patches, wrapping tokens, and the requests of operators.

use serde_json::json;
use vault_client::{InitRequest, Token};

use crate::server::{Server, json as answer, text};

#[tokio::test]
async fn a_patch_is_a_json_merge_patch() {
    let server = Server::start([text(204, "")]).await;
    let body = json!({"a": null});
    let patched = server
        .client()
        .patch("secret/data/app", body.as_object().unwrap())
        .await;
    assert_eq!(patched.unwrap(), None);
    let asked = &server.asked()[0];
    assert_eq!(asked.line(), "PATCH /v1/secret/data/app");
    assert_eq!(
        asked.header("content-type"),
        Some("application/merge-patch+json")
    );
    assert_eq!(asked.body, r#"{"a":null}"#);
}

#[tokio::test]
async fn a_wrapping_token_is_in_the_body_unless_it_is_the_only_one() {
    let wrapped = json!({"data": {"a": "1"}});
    let server = Server::start([(); 3].map(|()| answer(200, &wrapped))).await;
    let (own, other) = (server.client(), Token::new("hvs.wrapping").unwrap());
    own.unwrap(Some(other.clone())).await.unwrap();
    own.without_token().unwrap(Some(other)).await.unwrap();
    own.unwrap(None).await.unwrap();
    let shown: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| {
            let token = asked.header("x-vault-token").unwrap().to_owned();
            (token, asked.body.clone())
        })
        .collect();
    let pair = |token: &str, body: &str| (token.to_owned(), body.to_owned());
    assert_eq!(
        shown,
        [
            pair("hvs.test", r#"{"token":"hvs.wrapping"}"#),
            pair("hvs.wrapping", "{}"),
            pair("hvs.test", "{}"),
        ]
    );
}

#[tokio::test]
async fn a_server_is_initialized_unsealed_and_sealed_as_vault_wants_it() {
    let sealed = json!({"sealed": true, "t": 2, "n": 3, "progress": 1});
    let made = json!({"keys": ["aa", "bb"], "keys_base64": ["qg==", "uw=="],
        "root_token": "hvs.root", "recovery_keys": null});
    let server = Server::start([
        answer(200, &json!({"initialized": false})),
        answer(200, &made),
        answer(200, &sealed),
        answer(200, &sealed),
        text(204, ""),
    ])
    .await;
    let client = server.client();
    assert!(!client.is_initialized().await.unwrap());
    let wanted = InitRequest {
        shares: 3,
        threshold: 2,
    };
    let made = client.initialize(wanted).await.unwrap();
    assert_eq!(made.keys[1].as_str(), "bb");
    assert_eq!(made.root_token.as_str(), "hvs.root");
    assert!(made.recovery_keys.is_empty());
    assert_eq!(client.unseal("aa").await.unwrap().progress, 1);
    client.reset_unseal().await.unwrap();
    client.seal().await.unwrap();
    let asked = server.asked();
    let asked = asked.iter().map(|asked| (asked.line(), &*asked.body));
    let asked: Vec<(String, &str)> = asked.collect();
    let expected = [
        ("GET /v1/sys/init", ""),
        (
            "PUT /v1/sys/init",
            r#"{"secret_shares":3,"secret_threshold":2}"#,
        ),
        ("PUT /v1/sys/unseal", r#"{"key":"aa"}"#),
        ("PUT /v1/sys/unseal", r#"{"reset":true}"#),
        ("PUT /v1/sys/seal", "{}"),
    ];
    assert_eq!(asked, expected.map(|(line, body)| (line.to_owned(), body)));
}
