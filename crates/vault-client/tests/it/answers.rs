//! The request of each operation, and the result of each response.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vault_client::{Client, Error, Method, Object, Settings};

use crate::server::{Server, json as answer, text};

fn object(value: &serde_json::Value) -> Object {
    value.as_object().unwrap().clone()
}

#[tokio::test]
async fn a_read_sends_token_and_query_and_gives_the_envelope() {
    let body = json!({"request_id": "r", "lease_id": "l", "lease_duration": 60, "renewable": true,
        "data": {"key_id": "ABC"}, "warnings": null, "auth": null, "wrap_info": null});
    let server = Server::start([answer(200, &body)]).await;

    let read = server
        .client()
        .read("/confluent/creds/app", &[("ttl", "1 h")])
        .await;

    let secret = read.unwrap().unwrap();
    assert_eq!(secret.lease_id, "l");
    assert_eq!(secret.data.unwrap()["key_id"], "ABC");
    let asked = &server.asked()[0];
    assert_eq!(asked.line(), "GET /v1/confluent/creds/app?ttl=1+h");
    assert_eq!(asked.header("x-vault-token"), Some("hvs.test"));
    assert_eq!(asked.header("x-vault-request"), Some("true"));
}

#[tokio::test]
async fn a_write_puts_json_and_may_be_answered_with_nothing() {
    let server = Server::start([text(204, "")]).await;
    let written = server
        .client()
        .write("confluent/role/app", &object(&json!({"ttl": "1h"})))
        .await;
    assert_eq!(written.unwrap(), None);
    let asked = &server.asked()[0];
    assert_eq!(asked.line(), "PUT /v1/confluent/role/app");
    assert_eq!(asked.body, r#"{"ttl":"1h"}"#);
    assert_eq!(asked.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_list_is_a_read_that_says_so() {
    let server = Server::start([answer(200, &json!({"data": {"keys": ["a"]}}))]).await;
    let listed = server
        .client()
        .list("confluent/role/")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(listed.data.unwrap()["keys"], json!(["a"]));
    assert_eq!(server.lines(), ["GET /v1/confluent/role/?list=true"]);
}

#[tokio::test]
async fn special_characters_of_a_path_arrive_as_themselves() {
    let server = Server::start([text(204, "")]).await;
    server.client().delete("kv/a b?c#d%e", &[]).await.unwrap();
    assert_eq!(server.lines(), ["DELETE /v1/kv/a%20b%3Fc%23d%25e"]);
}

#[tokio::test]
async fn a_path_that_climbs_is_refused_before_it_is_sent() {
    let server = Server::start([]).await;
    let error = server
        .client()
        .read("secret/../sys", &[])
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Path { .. }), "{error:?}");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn a_path_with_a_line_break_is_not_sent_as_another_path() {
    let server = Server::start([]).await;
    for path in ["kv/a\nb", "kv/\t", "kv/a\r/b"] {
        let error = server.client().read(path, &[]).await.unwrap_err();
        assert!(matches!(error, Error::Path { .. }), "{error:?}");
    }
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_vaults_is_not_quoted() {
    for body in [
        r#"{"data": "canary"}"#,
        r#"{"lease_id": {"canary": 1}, "#,
        "canary",
    ] {
        let server = Server::start([text(200, body)]).await;
        let error = server.client().read("cc/creds/app", &[]).await.unwrap_err();
        assert!(matches!(error, Error::NotVault { .. }), "{error:?}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn debug_of_an_answer_does_not_show_its_body() {
    let server = Server::start([text(200, "canary")]).await;
    let answer = server.client().request(Method::GET, "a", &[], None).await;
    let debug = format!("{:?}", answer.unwrap());
    let bytes = format!("{:?}", "canary".as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    assert!(
        !debug.contains("canary") && !debug.contains(bytes),
        "{debug}"
    );
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b' '; 1 << 14]).await.is_ok() {}
    });
    let client = Client::new(Settings::new(address.parse().unwrap())).unwrap();
    let error = client.read("a", &[]).await.unwrap_err();
    assert!(error.to_string().contains("larger than 32 MiB"), "{error}");
}

#[tokio::test]
async fn an_increment_of_less_than_a_second_is_not_left_to_the_server() {
    let server = Server::start([text(204, "")]).await;
    let half = Some(std::time::Duration::from_millis(500));
    server.client().renew_lease("l", half).await.unwrap();
    assert_eq!(server.asked()[0].body, r#"{"increment":1,"lease_id":"l"}"#);
}

#[tokio::test]
async fn a_namespace_that_no_header_may_carry_is_refused() {
    let mut settings = Settings::new("http://vault".parse().unwrap());
    settings.namespace = Some("a\nb".to_owned());
    let error = Client::new(settings).unwrap_err().to_string();
    assert!(error.starts_with("`namespace`: "), "{error}");
}

#[tokio::test]
async fn a_path_in_the_address_comes_first() {
    let server = Server::start([text(204, "")]).await;
    let settings = Settings::new(server.address.join("proxy/vault/").unwrap());
    Client::new(settings)
        .unwrap()
        .delete("a", &[])
        .await
        .unwrap();
    assert_eq!(server.lines(), ["DELETE /proxy/vault/v1/a"]);
}

#[tokio::test]
async fn the_namespace_is_sent() {
    let server = Server::start([text(204, "")]).await;
    let mut settings = Settings::new(server.address.clone());
    settings.namespace = Some("team".to_owned());
    Client::new(settings)
        .unwrap()
        .delete("a", &[])
        .await
        .unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.header("x-vault-namespace"), Some("team"));
    assert_eq!(asked.header("x-vault-token"), None);
}

#[tokio::test]
async fn nothing_is_none_but_a_404_with_content_is_an_answer() {
    let deleted = json!({"data": {"metadata": {"version": 2}}, "request_id": "r"});
    let server = Server::start([answer(404, &json!({"errors": []})), answer(404, &deleted)]).await;
    let client = server.client();
    assert_eq!(client.read("kv/none", &[]).await.unwrap(), None);
    assert!(client.read("kv/deleted", &[]).await.unwrap().is_some());
}

#[tokio::test]
async fn a_404_of_a_proxy_is_an_error() {
    let server = Server::start([text(404, "<html>not here</html>")]).await;
    let error = server.client().read("kv/none", &[]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("Raw Message:\n\n<html>not here</html>"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refusal_carries_status_and_texts() {
    let server = Server::start([answer(400, &json!({"errors": ["unknown role `x`"]}))]).await;
    let error = server
        .client()
        .read("confluent/creds/x", &[])
        .await
        .unwrap_err();
    let url = server.address.join("v1/confluent/creds/x").unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "Error making API request.\n\nURL: GET {url}\nCode: 400. Errors:\n\n* unknown role `x`"
        )
    );
    assert!(matches!(error, Error::Api { status: 400, .. }));
}

#[tokio::test]
async fn an_answer_that_is_not_vaults_asks_whether_the_address_is_right() {
    let server = Server::start([text(200, "hello")]).await;
    let error = server.client().read("a", &[]).await.unwrap_err();
    assert!(
        error.to_string().ends_with("is VAULT_ADDR right?"),
        "{error}"
    );
}

#[tokio::test]
async fn leases_are_looked_up_renewed_and_revoked_as_vault_wants_it() {
    let envelope = json!({"lease_id": "l", "lease_duration": 60, "renewable": true, "data": null});
    let nothing = || text(204, "");
    let server = Server::start([
        answer(200, &json!({"data": {"id": "l", "ttl": 5}})),
        answer(200, &envelope),
        answer(200, &envelope),
        nothing(),
        text(202, ""),
        nothing(),
    ])
    .await;
    let client = server.client();
    client.lookup_lease("l").await.unwrap();
    let minute = std::time::Duration::from_mins(1);
    assert_eq!(
        client
            .renew_lease("l", Some(minute))
            .await
            .unwrap()
            .unwrap()
            .lease_duration,
        60
    );
    client.renew_lease("l", None).await.unwrap();
    client.revoke_lease("l", true).await.unwrap();
    client
        .revoke_prefix("/confluent/creds/", false)
        .await
        .unwrap();
    client.revoke_force("confluent").await.unwrap();

    let asked: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| format!("{} {}", asked.line(), asked.body))
        .collect();
    assert_eq!(
        asked,
        [
            r#"PUT /v1/sys/leases/lookup {"lease_id":"l"}"#,
            r#"PUT /v1/sys/leases/renew {"increment":60,"lease_id":"l"}"#,
            r#"PUT /v1/sys/leases/renew {"increment":0,"lease_id":"l"}"#,
            r#"PUT /v1/sys/leases/revoke {"lease_id":"l","sync":true}"#,
            r#"PUT /v1/sys/leases/revoke-prefix/confluent/creds/ {"sync":false}"#,
            "PUT /v1/sys/leases/revoke-force/confluent {}",
        ]
    );
}

#[tokio::test]
async fn health_seal_status_and_leader_are_read_without_an_envelope() {
    let server = Server::start([
        answer(
            299,
            &json!({"initialized": true, "sealed": true, "standby": true, "version": "1.18.3"}),
        ),
        answer(
            200,
            &json!({"type": "shamir", "sealed": false, "t": 1, "n": 1, "storage_type": "inmem"}),
        ),
        answer(
            200,
            &json!({"ha_enabled": false, "is_self": false, "leader_address": ""}),
        ),
    ])
    .await;
    let client = server.client();
    assert!(client.health().await.unwrap().sealed);
    let seal = client.seal_status().await.unwrap();
    assert_eq!(
        (seal.kind.as_str(), seal.storage_type.as_deref()),
        ("shamir", Some("inmem"))
    );
    assert!(!client.leader().await.unwrap().ha_enabled);
    assert_eq!(
        server.lines()[1..],
        ["GET /v1/sys/seal-status", "GET /v1/sys/leader"]
    );
    assert!(server.lines()[0].contains("sealedcode=299"));
}
