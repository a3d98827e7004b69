//! The client and a real OpenBao agree about the API.

use serde_json::json;
use testkit::{BaoServer, require_bao};
use vault_client::{Client, Error, Object, Settings, Token, Url};

fn client(server: &BaoServer, token: &str) -> Client {
    let mut settings = Settings::new(Url::parse(server.address()).unwrap());
    settings.token = Some(Token::new(token).unwrap());
    Client::new(settings).unwrap()
}

fn object(value: serde_json::Value) -> Object {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn a_secret_is_written_read_listed_and_deleted() {
    let bao = require_bao!();
    let server = BaoServer::start(&bao);
    let client = client(&server, server.root_token());

    let data = object(json!({"data": {"user": "app"}}));
    assert!(
        client
            .write("secret/data/a", &data)
            .await
            .unwrap()
            .is_some()
    );
    let read = client
        .read("secret/data/a", &[("version", "1")])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.data.unwrap()["data"], json!({"user": "app"}));
    let listed = client.list("secret/metadata").await.unwrap().unwrap();
    assert_eq!(listed.data.unwrap()["keys"], json!(["a"]));

    assert_eq!(client.delete("secret/data/a", &[]).await.unwrap(), None);
    let deleted = client.read("secret/data/a", &[]).await.unwrap().unwrap();
    assert_eq!(deleted.data.unwrap()["data"], json!(null));
    assert_eq!(client.read("secret/data/none", &[]).await.unwrap(), None);
}

#[tokio::test]
async fn states_and_refusals_are_told_apart() {
    let bao = require_bao!();
    let server = BaoServer::start(&bao);
    let root = client(&server, server.root_token());

    let health = root.health().await.unwrap();
    assert!(health.initialized && !health.sealed && !health.standby);
    assert_eq!(root.seal_status().await.unwrap().kind, "shamir");
    assert!(!root.leader().await.unwrap().ha_enabled);

    let error = root.lookup_lease("none").await.unwrap_err();
    assert!(matches!(error, Error::Api { status: 400, .. }), "{error:?}");
    let error = client(&server, "s.wrong")
        .read("secret/data/a", &[])
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Api { status: 403, .. }), "{error:?}");
    assert!(error.to_string().contains("* permission denied"), "{error}");
}

#[tokio::test]
async fn a_token_that_was_made_is_a_lease_of_its_own() {
    let bao = require_bao!();
    let server = BaoServer::start(&bao);
    let root = client(&server, server.root_token());
    let made = root
        .write("auth/token/create", &object(json!({"ttl": "1h"})))
        .await;
    let auth = made.unwrap().unwrap().auth.unwrap();
    assert_eq!((auth.lease_duration, auth.renewable), (3600, true));
    let token = auth.client_token.unwrap();
    let own = client(&server, token.expose())
        .read("auth/token/lookup-self", &[])
        .await;
    assert_eq!(
        own.unwrap().unwrap().data.unwrap()["accessor"],
        auth.accessor
    );
}
