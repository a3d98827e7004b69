//! Settings that protect: each is applied, or the response is withheld.

use std::time::Duration;

use serde_json::{Value, json};
use vault_client::{Client, Error, Method, Object, Settings};

use crate::server::{Server, json as answer, text, with_header};

/// A client that asks for answers to be wrapped for a minute.
fn wrapping(server: &Server) -> Client {
    let mut settings = Settings::new(server.address.clone());
    settings.wrap_ttl = Some(Duration::from_millis(59_500));
    Client::new(settings).unwrap()
}

fn leased() -> Value {
    json!({"request_id": "r", "lease_id": "cc/creds/app/x", "lease_duration": 60,
           "data": {"secret": "canary"}, "wrap_info": null, "auth": null})
}

#[tokio::test]
async fn an_answer_that_was_not_wrapped_is_not_given_out_and_its_lease_is_named() {
    let server = Server::start([answer(200, &leased()), answer(200, &leased())]).await;
    let client = wrapping(&server);
    let read = client.read("cc/creds/app", &[]).await.unwrap_err();
    let written = client.write("cc/creds/app", &Object::new()).await;
    assert!(matches!(written, Err(Error::NotWrapped { .. })));
    let header = |index: usize| {
        server.asked()[index]
            .header("x-vault-wrap-ttl")
            .map(str::to_owned)
    };
    assert_eq!(header(0).as_deref(), Some("60s"));
    let text = format!("{read} {read:?}");
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("lease is `cc/creds/app/x`"), "{text}");
}

#[tokio::test]
async fn a_404_with_data_must_be_wrapped_too() {
    let body = json!({"data": {"metadata": {"a": "canary"}}});
    let server = Server::start([answer(404, &body)]).await;
    let error = wrapping(&server).read("kv/x", &[]).await.unwrap_err();
    assert!(matches!(error, Error::NotWrapped { .. }), "{error}");
}

#[tokio::test]
async fn a_wrapped_answer_and_one_without_content_are_good() {
    let wrapped = json!({"wrap_info": {"token": "hvs.wrap", "ttl": 60}, "data": null});
    let server = Server::start([answer(200, &wrapped), text(204, "")]).await;
    let client = wrapping(&server);
    let secret = client.read("cc/creds/app", &[]).await.unwrap().unwrap();
    assert_eq!(secret.wrap_info.unwrap().ttl, 60);
    assert_eq!(client.delete("kv/x", &[]).await.unwrap(), None);
}

#[tokio::test]
async fn what_has_no_secret_in_its_answer_is_not_wrapped() {
    let state = || answer(200, &json!({"sealed": false}));
    let server = Server::start([state(), state(), text(204, ""), text(204, "")]).await;
    let client = wrapping(&server);
    client.seal_status().await.unwrap();
    client.leader().await.unwrap();
    client.revoke_lease("l", true).await.unwrap();
    client.revoke_prefix("l", true).await.unwrap();
    for asked in server.asked() {
        assert_eq!(asked.header("x-vault-wrap-ttl"), None, "{}", asked.line());
    }
}

#[tokio::test]
async fn a_reason_for_a_404_is_not_thrown_away() {
    let body = json!({"errors": ["no handler for route \"nowhere/x\". route entry not found."]});
    let server = Server::start([answer(404, &body), answer(404, &body)]).await;
    let client = server.client();
    let error = client.read("nowhere/x", &[]).await.unwrap_err();
    let reason = error.reason_of_absence().unwrap();
    assert!(reason.starts_with("no handler for route"), "{reason}");
    assert!(client.list("nowhere").await.is_err());
}

#[tokio::test]
async fn a_multi_factor_credential_is_sent() {
    let server = Server::start([text(204, "")]).await;
    let mut settings = Settings::new(server.address.clone());
    settings.mfa = Some(vault_client::Token::new("totp:123456").unwrap());
    let client = Client::new(settings).unwrap();
    client.delete("a", &[]).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.header("x-vault-mfa"), Some("totp:123456"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_where_that_is_switched_off() {
    let server = Server::start([
        with_header(307, "location", "/v1/b"),
        answer(200, &json!({"data": {}})),
    ])
    .await;
    let mut settings = Settings::new(server.address.clone());
    settings.follow_redirects = false;
    let client = Client::new(settings).unwrap();
    let answer = client.request(Method::GET, "a", &[], None).await.unwrap();
    assert_eq!(answer.status, 307);
    assert_eq!(server.lines(), ["GET /v1/a"]);
}

#[tokio::test]
async fn a_request_goes_through_the_proxy_that_was_given() {
    let proxy = Server::start([text(204, "")]).await;
    let mut settings = Settings::new("http://127.0.0.1:1".parse().unwrap());
    settings.proxy = vault_client::Proxy::parse(proxy.address.as_str()).ok();
    let client = Client::new(settings).unwrap();
    client.delete("a", &[]).await.unwrap();
    assert_eq!(proxy.lines(), ["DELETE http://127.0.0.1:1/v1/a"]);
}

#[tokio::test]
async fn a_curl_command_is_given_in_place_of_sending() {
    let server = Server::start([]).await;
    let mut settings = Settings::new(server.address.clone());
    settings.output_curl = Some("lockkeeper print token".to_owned());
    let error = Client::new(settings).unwrap().list("a").await.unwrap_err();
    assert!(matches!(error, Error::NotSent { .. }), "{error:?}");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn requests_beyond_the_burst_wait_for_the_rate() {
    let server = Server::start([text(204, ""), text(204, ""), text(204, "")]).await;
    let pause = Duration::from_millis(100);
    let mut settings = Settings::new(server.address.clone());
    settings.rate_limit = Some(vault_client::RateLimit { pause, burst: 1 });
    let pauses = std::sync::Arc::new(crate::server::Pauses::default());
    let client = Client::new(settings).unwrap().with_pause(pauses.clone());
    for _ in 0..3 {
        client.delete("a", &[]).await.unwrap();
    }
    assert_eq!(*pauses.0.lock().unwrap(), [(pause, pause), (pause, pause)]);
}
