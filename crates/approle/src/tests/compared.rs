//! What a comparison with OpenBao, request by request, found missing.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_old_name_of_a_setting_is_shown_as_long_as_it_is_used() {
    let approle = Mounted::new();
    let shown = async |body: Value| {
        approle.write("role/old", body).await;
        let role = approle.read("role/old").await.unwrap();
        (role["policies"].clone(), role["period"].clone())
    };
    let given = json!({ "policies": "a", "token_policies": "b", "period": "1m" });
    assert_eq!(shown(given).await, (json!(["b"]), json!(60)));
    let given = json!({ "token_policies": "b", "token_period": "1m" });
    assert_eq!(shown(given).await, (Value::Null, Value::Null));
}

#[tokio::test(start_paused = true)]
async fn addresses_of_tokens_are_a_constraint_and_a_missing_role_has_nothing_to_reset() {
    let approle = Mounted::new();
    let bound = json!({ "bind_secret_id": false, "token_bound_cidrs": "127.0.0.0/8" });
    approle.write("role/bound", bound).await;
    let reset = approle.ask(Operation::Delete, "role/none/policies", NOTHING);
    assert!(reset.await.is_none());
}

#[tokio::test(start_paused = true)]
async fn whose_login_it_is_is_read_as_the_login_reads_it() {
    let approle = Mounted::new();
    approle.write("role/digits", json!({})).await;
    let id = json!({ "role_id": "12345" });
    approle.write("role/digits/role-id", id).await;
    for role_id in [json!("12345"), json!(" 12345 "), json!(12345)] {
        let body = json!({ "role_id": role_id });
        let request =
            Request::new(Operation::Update, "login").with_data(body.as_object().cloned().unwrap());
        let subject = approle.method.login_subject(request).await.unwrap();
        assert_eq!(
            subject.unwrap().role.as_deref(),
            Some("digits"),
            "{role_id}"
        );
    }
}
