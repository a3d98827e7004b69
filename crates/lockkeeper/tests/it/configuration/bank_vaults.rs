//! Files of bank-vaults.

use serde_json::json;
use testkit::require_bao;

use super::{FIRST_PASSWORD, Target, both, with_password};

#[test]
fn a_file_of_bank_vaults_is_applied_as_it_is() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file(
            "vault-config.yml",
            r#"
policies:
  - name: allow_secrets
    rules: path "secret/*" {
             capabilities = ["create", "read", "update", "delete", "list"]
           }
auth:
  - type: approle
    roles:
      - name: default
        policies: allow_secrets
        secret_id_ttl: 1h
secrets:
  - path: kv
    type: kv
    description: General secrets.
    options:
      version: 2
startupSecrets:
  - type: kv
    path: kv/data/accounts/aws
    data:
      data:
        AWS_ACCESS_KEY_ID: secretId
        AWS_SECRET_ACCESS_KEY: "${env "FIRST_PASSWORD"}"
"#,
        );
        let refused = target.ends(1, &["plan", "-f", &file]);
        assert!(refused.stderr.contains("-owner=NAME"), "{refused:?}");
        target.ends(0, &["apply", "-f", &file, "-owner=platform"]);
        let empty = target.ends(0, &["plan", "-f", &file, "-owner=platform"]);
        assert!(
            empty.stdout.starts_with("Nothing to do: 5 objects"),
            "{empty:?}"
        );
    }
}

#[test]
fn what_nobody_manages_is_purged_as_a_file_of_bank_vaults_says() {
    let bao = require_bao!();
    for target in both(&bao) {
        // The token of this program is no root, and logged in at a method that no
        // file has.
        let everything = "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\", \"sudo\"] }";
        target.send(
            "PUT",
            "sys/policies/acl/operator",
            json!({"policy": everything}),
        );
        target.send("POST", "sys/auth/here", json!({"type": "approle"}));
        let role = json!({"token_policies": "operator", "bind_secret_id": false,
                          "token_bound_cidrs": "127.0.0.0/8"});
        target.send("POST", "auth/here/role/us", role);
        let id = target
            .http
            .request("GET", "auth/here/role/us/role-id", None)
            .1;
        let id = json!({"role_id": id["data"]["role_id"]});
        let login = target.http.request("POST", "auth/here/login", Some(&id)).1;
        let token = login["auth"]["client_token"].as_str().unwrap().to_owned();
        let target = target.with_token(&token);

        target.send(
            "PUT",
            "sys/policies/acl/stray",
            json!({"policy": "path \"x\" {}"}),
        );
        target.send("POST", "sys/auth/stray", json!({"type": "approle"}));
        target.send("POST", "sys/mounts/stray", json!({"type": "kv"}));
        let theirs =
            "version: 1\nowner: theirs\npolicies: [{name: theirs, rules: 'path \"x\" {}'}]\n";
        let theirs = target.file("theirs.yaml", theirs);
        target.ends(0, &["apply", "-f", &theirs]);
        let file = |exclude: &str| {
            let text = format!(
                "purgeUnmanagedConfig:\n  enabled: true\n  exclude: {{{exclude}}}\n\
                 policies: [{{name: mine, rules: 'path \"x\" {{}}'}}]\n"
            );
            target.file("vault-config.yml", &text)
        };
        let own = "-owner=platform";
        let excluded = file("secrets: true, audit: true");
        // As other files are, without a word of the operator.
        let applied = target.ends(0, &["apply", "-f", &excluded, own]);
        assert!(
            applied.stderr.contains("only with -purge-unmanaged"),
            "{applied:?}"
        );
        assert_eq!(
            target.http.request("GET", "sys/policies/acl/stray", None).0,
            200
        );
        let plan = target.run(&["plan", "-f", &excluded, own, "-purge-unmanaged"]);
        let shown: Vec<&str> = plan
            .stdout
            .lines()
            .filter(|line| line.contains("nobody"))
            .collect();
        let policy = shown
            .iter()
            .any(|line| line.contains("sys/policies/acl/stray"));
        let method = shown.iter().any(|line| line.contains("sys/auth/stray"));
        assert!(
            policy && method && !plan.stdout.contains("mounts/stray"),
            "{plan:?}"
        );
        target.ends(1, &["apply", "-f", &excluded, own, "-purge-unmanaged"]);
        let purge = ["-purge-unmanaged", "-allow-destroy"];
        target.ends(0, &[&["apply", "-f", &excluded, own][..], &purge].concat());
        for path in ["sys/policies/acl/stray", "sys/auth/stray/tune"] {
            let (status, _) = target.http.request("GET", path, None);
            assert!((400..405).contains(&status), "{path}: {status}");
        }
        for path in ["operator", "theirs", "mine", "default"] {
            let path = format!("sys/policies/acl/{path}");
            assert_eq!(target.http.request("GET", &path, None).0, 200, "{path}");
        }
        assert_eq!(
            target.http.request("GET", "sys/mounts/stray/tune", None).0,
            200
        );
        // With the engines; the one with the records stays.
        let all = file("audit: true");
        target.ends(0, &[&["apply", "-f", &all, own][..], &purge].concat());
        assert_ne!(
            target.http.request("GET", "sys/mounts/stray/tune", None).0,
            200
        );
        let again = [&["plan", "-f", &all, own][..], &purge].concat();
        let again = target.ends(0, &again);
        assert!(
            again.stdout.starts_with("Nothing to do: 1 object"),
            "{again:?}"
        );
    }
}

#[test]
fn groups_their_aliases_users_and_token_roles_of_bank_vaults_are_managed() {
    let bao = require_bao!();
    let target = with_password(Target::openbao(&bao));
    let text = r#"
policies:
  - name: on_people
    rules: path "secret/data/{{identity.entity.aliases.__accessor__people.name}}/*" { capabilities = ["read"] }
auth:
  - type: userpass
    path: people
    users:
      - username: Sally
        password: ${env "FIRST_PASSWORD"}
        token_policies: on_people
  - type: jwt
    path: oidc
  - type: token
    roles:
      - name: builder
        allowed_policies: on_people
        token_period: 1h
groups:
  - name: admins
    type: external
    policies: [on_people]
    metadata: {team: platform}
group-aliases:
  - name: their-admins
    mountpath: oidc
    group: admins
secrets:
  - type: ssh
    path: ssh
    configuration:
      roles:
        - name: code
          key_type: otp
          default_user: ubuntu
          cidr_list: 10.0.0.0/8
          create_only: true
"#;
    let file = target.file("vault-config.yml", text);
    let own = "-owner=platform";
    target.ends(0, &["apply", "-f", &file, own]);
    let again = target.ends(0, &["plan", "-f", &file, own]);
    assert!(
        again.stdout.starts_with("Nothing to do: 9 objects"),
        "{again:?}"
    );
    let policy = target.data("sys/policies/acl/on_people");
    let accessor = target.http.request("GET", "sys/auth/people", None).1;
    let accessor = accessor["data"]["accessor"].as_str().unwrap();
    assert!(
        policy["policy"].as_str().unwrap().contains(accessor),
        "{policy}"
    );
    let group = target.data("identity/group/name/admins");
    assert_eq!(group["alias"]["name"], json!("their-admins"));
    let login = json!({"password": FIRST_PASSWORD});
    let (status, _) = target
        .http
        .request("POST", "auth/people/login/sally", Some(&login));
    assert_eq!(status, 200);
    // `create_only`: what became of it is its user's.
    let changed = json!({"key_type": "otp", "default_user": "root", "cidr_list": "10.0.0.0/8"});
    target.send("POST", "ssh/roles/code", changed);
    target.ends(0, &["plan", "-f", &file, own]);

    let empty = target.file("empty.yml", "policies: []\n");
    target.ends(1, &["prune", "-f", &empty, own]);
    target.ends(0, &["prune", "-f", &empty, own, "-allow-destroy"]);
    for path in [
        "identity/group/name/admins",
        "auth/token/roles/builder",
        "sys/policies/acl/on_people",
    ] {
        assert_eq!(target.http.request("GET", path, None).0, 404, "{path}");
    }
    let (_, left) = target.http.request("LIST", "identity/group-alias/id", None);
    assert!(left["data"]["keys"].is_null(), "{left}");
}
