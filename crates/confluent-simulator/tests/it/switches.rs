//! What is not known of the service, each in more than one position.

use std::time::Duration;

use confluent_cloud::ApiSecret;
use confluent_cloud::secret::SecretFormat;
use confluent_simulator::{Clock, KeyCreated, LastPage, Options, Switches};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::Wire;

const KEYS: &str = "/iam/v2/api-keys";

async fn with(switches: Switches) -> Wire {
    Wire::with(Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        switches,
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn a_created_key_has_the_status_that_is_chosen() {
    for (key_created, status) in [
        (KeyCreated::Accepted, 202),
        (KeyCreated::Created, 201),
        (KeyCreated::Ok, 200),
    ] {
        let wire = with(Switches {
            key_created,
            ..Switches::default()
        })
        .await;
        assert_eq!(wire.create("x").await.status, status);
    }
}

#[tokio::test]
async fn secrets_are_of_the_present_or_the_old_form() {
    for (old_secrets, form) in [(false, SecretFormat::Checked), (true, SecretFormat::Legacy)] {
        let wire = with(Switches {
            old_secrets,
            ..Switches::default()
        })
        .await;
        let created = wire.create("x").await;
        let secret = ApiSecret::new(created.text("/spec/secret"));
        assert_eq!(secret.verify(), Ok(form));
        assert_eq!(
            wire.ask_with(&created, &wire.topics()).await.status,
            200,
            "it works all the same"
        );
    }
}

#[tokio::test]
async fn the_last_page_says_nothing_an_empty_text_or_null() {
    for (last_page, next) in [
        (LastPage::Absent, None),
        (LastPage::Empty, Some(json!(""))),
        (LastPage::Null, Some(Value::Null)),
    ] {
        let wire = with(Switches {
            last_page,
            ..Switches::default()
        })
        .await;
        let list = wire.ask("GET", KEYS, Value::Null).await;
        assert_eq!(list.body["metadata"].get("next").cloned(), next);
        wire.create("x").await;
        let path = format!("{KEYS}?page_size=1");
        let first = wire.ask("GET", &path, Value::Null).await;
        assert!(first.text("/metadata/next").contains("page_token="));
    }
}

#[tokio::test]
async fn deleting_what_is_gone_is_forbidden_or_not_found() {
    for (gone_key_is_not_found, status) in [(false, 403), (true, 404)] {
        let wire = with(Switches {
            gone_key_is_not_found,
            ..Switches::default()
        })
        .await;
        let one = format!("{KEYS}/{}", wire.create("x").await.text("/id"));
        assert_eq!(wire.ask("DELETE", &one, Value::Null).await.status, 204);
        assert_eq!(wire.ask("DELETE", &one, Value::Null).await.status, status);
        let change = wire.ask("PATCH", &one, json!({})).await;
        assert_eq!(change.status, status);
        assert_eq!(wire.ask("GET", &one, Value::Null).await.status, 403);
    }
}

#[tokio::test]
async fn the_status_in_a_body_may_differ_from_that_around_it() {
    for (statuses_differ, status) in [(false, 404), (true, 403)] {
        let wire = with(Switches {
            statuses_differ,
            ..Switches::default()
        })
        .await;
        let mut body = wire.new_key("x");
        body["spec"]["resource"] = json!({"id": "global"});
        let created = wire.ask("POST", KEYS, body).await;
        let one = format!("{KEYS}/{}", created.text("/id"));
        wire.ask("DELETE", &one, Value::Null).await;
        let gone = wire.ask("GET", &one, Value::Null).await;
        assert_eq!(gone.status, status);
        assert_eq!(gone.text("/errors/0/status"), "404");
        assert_eq!(gone.code(), Some("api_key_not_found"));
    }
}

#[tokio::test]
async fn lists_may_lag_behind() {
    for (seconds, names) in [(0, ["admin", "new"].as_slice()), (5, &["admin", "old"])] {
        let wire = with(Switches {
            list_lag: Duration::from_secs(seconds),
            ..Switches::default()
        })
        .await;
        let old = wire.create("old").await;
        wire.simulator.advance(Duration::from_secs(10)).unwrap();
        wire.simulator.delete_key(old.text("/id")).unwrap();
        wire.create("new").await;
        let list = wire.ask("GET", KEYS, Value::Null).await;
        let data = list.body["data"].as_array().unwrap();
        let listed: Vec<&str> = data
            .iter()
            .map(|key| key["spec"]["display_name"].as_str().unwrap())
            .collect();
        assert_eq!(listed, names);
    }
}
