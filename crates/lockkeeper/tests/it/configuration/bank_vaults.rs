//! Files of bank-vaults.

use testkit::require_bao;

use super::{both, with_password};

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
