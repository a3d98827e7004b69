//! How raw requests are read.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use logical::Operation;
use serde_json::{Value, json};
use vault_core::ClientRequest;

use super::read;
use crate::listener::Limits;

const LIMIT: usize = 1 << 20;

struct Asked(http::request::Builder);

fn ask(method: &str, uri: &str) -> Asked {
    Asked(Request::builder().method(method).uri(uri))
}

impl Asked {
    fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    async fn with(self, body: impl Into<Body>) -> Result<ClientRequest, (u16, String)> {
        let request = self.0.body(body.into()).unwrap();
        let limits = Limits {
            max_request_size: LIMIT,
            ..Limits::default()
        };
        read(request, None, &limits).await.map_err(|answer| {
            let body = answer.body().unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let text = body["errors"][0].as_str().unwrap_or_default();
            (answer.status(), text.to_owned())
        })
    }

    async fn empty(self) -> Result<ClientRequest, (u16, String)> {
        self.with(Body::empty()).await
    }
}

async fn operation_of(method: &str, uri: &str) -> Operation {
    ask(method, uri).empty().await.unwrap().operation
}

#[tokio::test]
async fn methods_and_queries_choose_the_operation() {
    for (method, uri, expected) in [
        ("GET", "/v1/a", Operation::Read),
        ("GET", "/v1/a?list=true", Operation::List),
        ("GET", "/v1/a?list=1", Operation::List),
        ("GET", "/v1/a?list=false", Operation::Read),
        ("LIST", "/v1/a", Operation::List),
        ("GET", "/v1/a?scan=true", Operation::Scan),
        ("GET", "/v1/a?help=1", Operation::Help),
        ("HELP", "/v1/a", Operation::Help),
        ("HEAD", "/v1/a", Operation::Header),
        ("POST", "/v1/a", Operation::Update),
        ("PUT", "/v1/a", Operation::Update),
        ("DELETE", "/v1/a", Operation::Delete),
    ] {
        assert_eq!(operation_of(method, uri).await, expected, "{method} {uri}");
    }
    assert_eq!(ask("TRACE", "/v1/a").empty().await.unwrap_err().0, 405);
    assert_eq!(ask("GET", "/v1/a?list=x").empty().await.unwrap_err().0, 400);
    assert_eq!(ask("GET", "/ui/").empty().await.unwrap_err().0, 404);
}

#[tokio::test]
async fn a_query_is_data_and_repeated_names_make_a_list() {
    let uri = "/v1/a/b%20c?x=1&y=2&y=3&list=true&help=";
    let asked = ask("GET", uri).empty().await.unwrap();
    assert_eq!(asked.path, "a/b c");
    assert_eq!(Value::from(asked.data), json!({"x": "1", "y": ["2", "3"]}));
}

#[tokio::test]
async fn a_body_is_json_whatever_its_type_says() {
    let form = "application/x-www-form-urlencoded";
    for (kind, body, expected) in [
        ("", "{\"a\": 1}", json!({"a": 1})),
        (form, " {\"a\": 1}", json!({"a": 1})),
        (form, "a=1&b=x+y", json!({"a": "1", "b": "x y"})),
        ("", "null", json!({})),
        ("", "", json!({})),
    ] {
        let asked = ask("POST", "/v1/a").header("content-type", kind);
        let asked = asked.with(body).await.unwrap();
        assert_eq!(Value::from(asked.data), expected, "{body}");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_without_quoting_it() {
    for body in [
        "{\"secret\": canary",
        "[\"canary\"]",
        "\"canary\"",
        "canary=1",
    ] {
        let (status, text) = ask("POST", "/v1/a").with(body).await.unwrap_err();
        assert_eq!(status, 400, "{body}");
        assert!(!text.contains("canary"), "{text}");
    }
    let huge = vec![b' '; LIMIT + 1];
    assert_eq!(ask("POST", "/v1/a").with(huge).await.unwrap_err().0, 413);
}

#[tokio::test]
async fn a_token_comes_in_its_own_header_or_as_a_bearer() {
    let own = ask("GET", "/v1/a").header("X-Vault-Token", "t1");
    let own = own.header("Authorization", "Bearer t2").empty().await;
    assert_eq!(own.unwrap().token.unwrap().expose(), "t1");
    let bearer = ask("GET", "/v1/a").header("Authorization", "Bearer t2");
    assert_eq!(bearer.empty().await.unwrap().token.unwrap().expose(), "t2");
    assert!(ask("GET", "/v1/a").empty().await.unwrap().token.is_none());
}

#[tokio::test]
async fn what_this_server_does_not_do_is_refused_and_not_ignored() {
    let wrapped = ask("GET", "/v1/a").header("X-Vault-Wrap-TTL", "60");
    let token = wrapped.header("X-Vault-Wrap-Format", "jwt");
    let (status, text) = token.empty().await.unwrap_err();
    assert_eq!(status, 400);
    assert!(text.contains("X-Vault-Wrap-Format"), "{text}");
    let elsewhere = ask("GET", "/v1/a").header("X-Vault-Namespace", "team");
    assert_eq!(elsewhere.empty().await.unwrap_err().0, 404);
    let here = ask("GET", "/v1/a").header("X-Vault-Namespace", "root/");
    assert!(here.empty().await.is_ok());
    let patch = ask("PATCH", "/v1/a").header("content-type", "application/json");
    assert_eq!(patch.with("{}").await.unwrap_err().0, 415);
    assert_eq!(ask("PATCH", "/v1/a").with("{}").await.unwrap_err().0, 400);
}

#[tokio::test]
async fn an_answer_is_wrapped_for_the_time_that_a_header_says() {
    for (text, milliseconds) in [
        ("60", Some(60_000)),
        ("1m0s", Some(60_000)),
        (" 250ms ", Some(250)),
        ("0", None),
        ("0s", None),
        ("", None),
    ] {
        let asked = ask("GET", "/v1/a").header("X-Vault-Wrap-TTL", text);
        let ttl = asked.empty().await.unwrap().wrap_ttl;
        assert_eq!(ttl, milliseconds.map(Duration::from_millis), "{text}");
    }
    for (text, problem) in [
        ("-1", "requested wrap ttl cannot be negative"),
        ("soon", "invalid duration \"soon\""),
    ] {
        let asked = ask("GET", "/v1/a").header("X-Vault-Wrap-TTL", text);
        let (status, said) = asked.empty().await.unwrap_err();
        assert_eq!(status, 400);
        let begins = format!("error parsing X-Vault-Wrap-TTL header: {problem}");
        assert!(said.starts_with(&begins), "{said}");
    }
}

#[tokio::test]
async fn no_second_value_and_no_odd_byte_hides_what_is_asked_for() {
    for (name, first, status) in [
        ("X-Vault-Wrap-TTL", "0", 400),
        ("X-Vault-Namespace", "root", 404),
    ] {
        let twice = ask("GET", "/v1/a").header(name, first).header(name, "60");
        assert_eq!(twice.empty().await.unwrap_err().0, status, "{name}");
        let odd = Asked(ask("GET", "/v1/a").0.header(name, &b"60\xff"[..]));
        assert_eq!(odd.empty().await.unwrap_err().0, status, "{name}");
    }
}

#[tokio::test]
async fn a_patch_comes_with_its_own_type_and_its_body() {
    let kind = "application/merge-patch+json; charset=utf-8";
    let patch = ask("PATCH", "/v1/a?ignored=1").header("content-type", kind);
    let patch = patch.with(r#"{"note":null}"#).await.unwrap();
    assert_eq!(patch.operation, Operation::Patch);
    assert_eq!(Value::Object(patch.data), json!({"note": null}));
}

#[tokio::test]
async fn a_body_of_too_many_texts_is_refused_unless_it_is_a_form() {
    let many = json!({"a": vec!["x"; 1000]}).to_string();
    let (status, text) = ask("PUT", "/v1/a").with(many).await.unwrap_err();
    assert_eq!(status, 400);
    assert_eq!(
        text,
        "refused JSON input due to high complexity: exceeded maximum number of strings"
    );
    let form = vec!["\"a\"=1"; 1001].join("&");
    let form = ask("PUT", "/v1/a")
        .header("content-type", "application/x-www-form-urlencoded")
        .with(form);
    assert!(form.await.is_ok());
    let form = ask("PUT", "/v1/a")
        .header("content-type", "application/x-www-form-urlencoded")
        .with(vec!["a"; 10_001].join("&"));
    let refused = (400, "the form has too many fields".to_owned());
    assert_eq!(form.await.unwrap_err(), refused);
}

#[tokio::test]
async fn every_header_is_passed_on_but_for_the_one_with_the_token() {
    let passed_on = async |headers: &[(&str, &str)]| {
        let asked = headers
            .iter()
            .fold(ask("GET", "/v1/a"), |asked, (name, value)| {
                asked.header(name, value)
            });
        asked.empty().await.unwrap().headers
    };
    let headers = passed_on(&[
        ("X-Vault-Token", "canary"),
        ("Authorization", "Basic abc"),
        ("X-Asked", "one"),
        ("x-asked", "two"),
    ]);
    let headers = headers.await;
    assert_eq!(headers.len(), 2, "{headers:?}");
    assert_eq!(headers["authorization"], ["Basic abc"]);
    assert_eq!(headers["x-asked"], ["one", "two"]);
    let bearer = passed_on(&[("Authorization", "Bearer canary")]).await;
    assert!(bearer.is_empty(), "{bearer:?}");
    let beside_a_token = [("X-Vault-Token", "t"), ("Authorization", "Bearer jwt")];
    let beside_a_token = passed_on(&beside_a_token).await;
    assert_eq!(beside_a_token["authorization"], ["Bearer jwt"]);
}
