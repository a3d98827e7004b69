//! What lines say, and what they do not show.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_has_a_line_and_its_response_another_one() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    write(&core, "kv/a", json!({"pin": "0000", "n": 3})).await;
    read(&core, "kv/a").await;
    let lines = audited.page().take();
    let [write, written, read, answered] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    let kinds = lines.iter().map(|line| text(line, "/type"));
    assert!(kinds.eq(["request", "response", "request", "response"]));
    let hash = |input: &str| core.active().unwrap().audit.hash("one", input).unwrap();
    assert_eq!(
        write["request"]["data"],
        json!({"n": 3, "pin": hash("0000")})
    );
    assert_eq!(write["request"]["operation"], "create");
    assert_eq!(write["request"]["client_token"], hash("root").as_str());
    assert_eq!(write["request"], written["request"]);
    assert_eq!(write["auth"]["policies"], json!(["root"]));
    assert_eq!(
        write["auth"]["policy_results"],
        json!({"allowed": true, "granting_policies": [
            {"name": "root", "namespace_id": "root", "type": "acl"}
        ]})
    );
    assert_eq!(text(read, "/request/path"), "kv/a");
    assert_eq!(text(read, "/request/mount_class"), "secret");
    assert_eq!(answered["response"]["data"]["pin"], hash("0000").as_str());
    assert_eq!(text(answered, "/response/mount_point"), "kv/");
    for line in &lines {
        let members: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert!(!members.contains(&&"error".to_owned()), "{line}");
        assert!(text(line, "/time").ends_with('Z'));
    }
}

/// Everything secret that a day's work shows to clients.
async fn work(core: &Core) -> Vec<String> {
    let mut secrets = vec!["root".to_owned()];
    let mut keep = |seen: &Seen, pointers: &[&str]| {
        for pointer in pointers {
            secrets.push(text(&seen.body, pointer).to_owned());
        }
    };
    let token = ["/auth/client_token", "/auth/accessor"];
    let created = write(core, "auth/token/create", json!({"ttl": "1h"})).await;
    keep(&created, &token);
    let child = text(&created.body, token[0]).to_owned();
    let renewed = write(core, "auth/token/renew", json!({"token": child})).await;
    keep(&renewed, &token[1..]);
    let body = json!({"secret": "canary-kv", "deep": [{"er": "canary-deep"}]});
    write(core, "kv/a", body).await;
    read(core, "kv/a").await;
    write(core, "auth/approle/role/app", json!({})).await;
    let role_id = read(core, "auth/approle/role/app/role-id").await;
    let secret_id = write(core, "auth/approle/role/app/secret-id", json!({})).await;
    keep(&role_id, &["/data/role_id"]);
    keep(&secret_id, &["/data/secret_id"]);
    let ids = json!({
        "role_id": role_id.body["data"]["role_id"],
        "secret_id": secret_id.body["data"]["secret_id"],
    });
    let path = "auth/approle/login";
    let login = ask_as(core, None, Operation::Update, path, ids.clone()).await;
    keep(&login, &token);
    let wrapped = ask_wrapped(core, "root", Operation::Update, path, ids, 60 * SECOND).await;
    keep(&wrapped, &["/wrap_info/token", "/wrap_info/accessor"]);
    let inside = json!({"token": text(&wrapped.body, "/wrap_info/token")});
    let unwrapped = write(core, "sys/wrapping/unwrap", inside).await;
    keep(&unwrapped, &token);
    let wrong = json!({"role_id": "canary-role", "secret_id": "canary-wrong"});
    ask_as(core, None, Operation::Update, path, wrong).await;
    ask_as(
        core,
        Some("canary-token"),
        Operation::Read,
        "kv/a",
        Value::Null,
    )
    .await;
    let refused = json!({"type": "canary-type", "config": {"max_lease_ttl": "canary-ttl"}});
    write(core, "sys/mounts/other", refused).await;
    let canaries = ["kv", "deep", "role", "wrong", "token", "type", "ttl"];
    secrets.extend(canaries.map(|canary| format!("canary-{canary}")));
    secrets
}

/// Promise P6.
#[tokio::test(start_paused = true)]
async fn the_log_has_no_secret_in_clear() {
    let audited = Audited::new(vec![
        device("one", &[]),
        device("raw", &[("log_raw", "true")]),
    ]);
    let core = audited.mounted().await;
    let secrets = work(&core).await;
    let (hashed, raw) = (audited.page().text(), audited.pages.page("raw").text());
    for secret in secrets {
        let quoted = format!("\"{secret}\"");
        let is_root = secret == "root";
        assert!(raw.contains(&secret), "{secret} is not in what was done");
        // The name of the policy is the same word.
        let is_shown = if is_root {
            hashed.contains(&format!("\"client_token\":{quoted}"))
        } else {
            hashed.contains(&secret)
        };
        assert!(!is_shown, "{secret} is in the log");
        let hash = core.active().unwrap().audit.hash("one", &secret).unwrap();
        let is_whole = raw.contains(&quoted);
        assert!(
            !is_whole || hashed.contains(&hash),
            "{secret} cannot be found"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refused_requests_and_logins_are_logged_with_their_error() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    let tokens = &core.active().unwrap().tokens;
    let powerless = tokens.create(None, &["default"]).await.unwrap();
    let login = json!({"role_id": "x", "secret_id": "y"});
    let denied = "1 error occurred:\n\t* permission denied\n\n";
    let invalid = "1 error occurred:\n\t* invalid request\n\n";
    let unsupported = "1 error occurred:\n\t* unsupported path\n\n";
    let none = Value::Null;
    let (read, update) = (Operation::Read, Operation::Update);
    for (token, operation, path, body, before, after) in [
        (Some("stranger"), read, "kv/a", &none, denied, denied),
        (None, read, "kv/a", &none, denied, denied),
        (
            Some(powerless.expose()),
            read,
            "kv/a",
            &none,
            denied,
            denied,
        ),
        (Some("root"), read, "nowhere", &none, "", unsupported),
        (None, update, "auth/approle/login", &login, "", invalid),
        (Some("root"), update, "sys/mounts/x", &none, "", invalid),
        (
            Some("root"),
            update,
            "sys/wrapping/unwrap",
            &none,
            invalid,
            invalid,
        ),
    ] {
        let seen = ask_as(&core, token, operation, path, body.clone()).await;
        assert!(seen.status >= 400, "{path}: {seen:?}");
        let lines = audited.page().take();
        let [request, response] = lines.as_slice() else {
            panic!("{path}: {lines:?}");
        };
        let error = |line: &Value| line["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (error(request), error(response)),
            (before.into(), after.into())
        );
        let hash = core.active().unwrap().audit.hash("one", seen.error());
        assert_eq!(
            response["response"]["data"]["error"],
            hash.unwrap().as_str()
        );
    }
    read_denied(&core, &audited, powerless.expose()).await;
}

async fn read_denied(core: &Core, audited: &Audited, token: &str) {
    ask_as(core, Some(token), Operation::Read, "kv/a", Value::Null).await;
    let lines = audited.page().take();
    assert_eq!(
        lines[0]["auth"]["policy_results"],
        json!({"allowed": false})
    );
    assert_eq!(lines[0]["auth"]["policies"], json!(["default"]));
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_mount_that_are_not_secret_are_shown() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    let tuned = json!({
        "audit_non_hmac_request_keys": ["user"],
        "audit_non_hmac_response_keys": ["host"],
    });
    let seen = write(&core, "sys/mounts/kv/tune", tuned).await;
    assert_eq!(seen.status, 204);
    audited.page().take();
    write(
        &core,
        "kv/a",
        json!({"user": "bob", "host": "h", "pin": "1"}),
    )
    .await;
    read(&core, "kv/a").await;
    let lines = audited.page().take();
    let hash = |input: &str| core.active().unwrap().audit.hash("one", input).unwrap();
    let asked = json!({"user": "bob", "host": hash("h"), "pin": hash("1")});
    let answered = json!({"user": hash("bob"), "host": "h", "pin": hash("1")});
    assert_eq!(lines[0]["request"]["data"], asked);
    assert_eq!(lines[3]["response"]["data"], answered);
}

#[tokio::test(start_paused = true)]
async fn options_show_more_and_elide_lists() {
    let options = [("hmac_accessor", "false"), ("elide_list_responses", "true")];
    let audited = Audited::new(vec![device("one", &options)]);
    let core = audited.mounted().await;
    write(&core, "kv/a", json!({"a": "b"})).await;
    audited.page().take();
    ask(&core, Operation::List, "kv/", Value::Null).await;
    let created = write(&core, "auth/token/create", json!({"num_uses": 2})).await;
    let lines = audited.page().take();
    assert_eq!(lines[1]["response"]["data"], json!({"keys": 1}));
    let auth = &lines[3]["response"]["auth"];
    assert_eq!(auth["accessor"], created.body["auth"]["accessor"]);
    assert_eq!(auth["num_uses"], 2);
    let limited = text(&created.body, "/auth/client_token");
    let path = "auth/token/lookup-self";
    ask_as(&core, Some(limited), Operation::Read, path, Value::Null).await;
    let lines = audited.page().take();
    assert_eq!(lines[0]["auth"]["remaining_uses"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_prefix_begins_every_line() {
    let audited = Audited::new(vec![device("one", &[("prefix", "@cee: ")])]);
    let core = audited.start().await;
    read(&core, "sys/mounts").await;
    let text = audited.page().text();
    assert_eq!(text.lines().count(), 3);
    assert!(
        text.lines()
            .all(|line| line.starts_with("@cee: {\"time\":"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_logged_with_its_id_and_a_wrapping_with_its_token() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    let leased = read(&core, "puppet/lease").await;
    let ttl = 60 * SECOND;
    let wrapped = ask_wrapped(
        &core,
        "root",
        Operation::Read,
        "puppet/asker",
        Value::Null,
        ttl,
    )
    .await;
    let lines = audited.page().take();
    let lease_id = text(&leased.body, "/lease_id");
    assert_eq!(lines[1]["response"]["secret"]["lease_id"], lease_id);
    assert_eq!(lines[2]["request"]["wrap_ttl"], 60);
    let info = &lines[3]["response"]["wrap_info"];
    let token = text(&wrapped.body, "/wrap_info/token");
    let hash = core.active().unwrap().audit.hash("one", token).unwrap();
    assert_eq!(info["token"], hash.as_str());
    assert_eq!(
        (&info["ttl"], &info["creation_path"]),
        (&json!(60), &json!("puppet/asker"))
    );
    assert_eq!(lines[3]["response"].get("data"), None);
}

/// Promise P12, as the log tells it.
#[tokio::test(start_paused = true)]
async fn of_a_hundred_unwraps_one_is_logged_with_the_secret() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    let body = json!({"a": "canary"});
    let path = "sys/wrapping/wrap";
    let wrapped = ask_wrapped(&core, "root", Operation::Update, path, body, 60 * SECOND).await;
    let inside = json!({"token": text(&wrapped.body, "/wrap_info/token")});
    audited.page().takes(SECOND / 100);
    audited.page().take();
    let unwraps = (0..100).map(|_| write(&core, "sys/wrapping/unwrap", inside.clone()));
    let seen = futures_util::future::join_all(unwraps).await;
    assert_eq!(seen.iter().filter(|seen| seen.status == 200).count(), 1);
    let hash = core.active().unwrap().audit.hash("one", "canary").unwrap();
    let lines = audited.page().take();
    let with_secret = |line: &&Value| line["response"]["data"]["a"] == hash.as_str();
    assert_eq!(lines.iter().filter(with_secret).count(), 1);
    assert_eq!(lines.len(), 200);
}
