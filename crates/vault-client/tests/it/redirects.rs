//! A standby may send the client to the active node, once, and not off TLS.

use serde_json::json;
use vault_client::{Client, Error, Object, Settings};

use crate::server::{Server, json as answer, text, with_header};

#[tokio::test]
async fn one_redirect_is_followed_with_method_body_and_token() {
    for status in [301, 302, 307] {
        let active = Server::start([text(204, "")]).await;
        let target = active.address.join("v1/kv/x").unwrap();
        let standby = Server::start([with_header(status, "location", target.as_str())]).await;
        let mut data = Object::new();
        data.insert("a".to_owned(), json!("b"));

        standby.client().write("kv/x", &data).await.unwrap();

        let asked = &active.asked()[0];
        assert_eq!(asked.line(), "PUT /v1/kv/x");
        assert_eq!(asked.body, r#"{"a":"b"}"#);
        assert_eq!(asked.header("x-vault-token"), Some("hvs.test"));
    }
}

#[tokio::test]
async fn a_second_redirect_is_not_followed() {
    let server = Server::start([
        with_header(307, "location", "/v1/b"),
        with_header(307, "location", "/v1/c"),
        answer(200, &json!({"data": {}})),
    ])
    .await;
    let answer = server
        .client()
        .request(vault_client::Method::GET, "a", &[], None)
        .await;
    assert_eq!(answer.unwrap().status, 307);
    assert_eq!(server.lines(), ["GET /v1/a", "GET /v1/b"]);
}

#[tokio::test]
async fn a_request_that_was_only_redirected_is_no_success() {
    let target = "http://active:8200/v1/kv/x";
    let server = Server::start([
        with_header(307, "location", target),
        with_header(307, "location", "/v1/b"),
        with_header(307, "location", "/v1/c"),
        text(303, ""),
        with_header(307, "location", target),
    ])
    .await;
    let mut settings = Settings::new(server.address.clone());
    settings.follow_redirects = false;
    let staying = Client::new(settings).unwrap();
    let error = staying.write("kv/x", &Object::new()).await.unwrap_err();
    assert!(matches!(error, Error::Redirected { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("/v1/kv/x` was not executed"), "{text}");
    assert!(
        text.contains(target) && text.contains("VAULT_ADDR"),
        "{text}"
    );

    let following = server.client();
    for _ in 0..2 {
        let error = following.read("a", &[]).await.unwrap_err();
        assert!(matches!(error, Error::Redirected { .. }), "{error:?}");
    }
    let error = staying.seal_status().await.unwrap_err();
    assert!(matches!(error, Error::Redirected { .. }), "{error:?}");
}

#[tokio::test]
async fn a_redirect_from_tls_to_plain_http_is_refused() {
    let server = crate::tls::TlsServer::start("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/v1/a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let error = server.client().read("a", &[]).await.unwrap_err();
    assert!(matches!(error, Error::InsecureRedirect { .. }), "{error:?}");
    assert!(error.to_string().contains("not encrypted"), "{error}");
}
