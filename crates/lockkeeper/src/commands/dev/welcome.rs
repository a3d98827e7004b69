//! What `dev` prints at its start: addresses, one credential, and commands to
//! try.

use std::fmt::Write as _;
use std::path::PathBuf;

use confluent_simulator::AdminKey;

use super::example::{Example, ROLE, SHARED_ROLE};
use super::{MOUNT, kept};

/// The facts about a running development server.
pub(super) struct Welcome {
    /// Of the server.
    pub(super) address: String,
    pub(super) token: String,
    /// The one share of the server's key, in base64.
    pub(super) unseal_key: String,
    /// The file with the state; none if it is in memory.
    pub(super) store: Option<PathBuf>,
    /// Address of the simulated cloud.
    pub(super) cloud: String,
    /// The simulated cloud's admin key, if it was made up.
    pub(super) admin_key: Option<AdminKey>,
    pub(super) example: Example,
}

impl Welcome {
    /// The text for the screen.
    pub(super) fn text(&self) -> String {
        let Self {
            address,
            token,
            unseal_key,
            store,
            cloud,
            admin_key,
            example,
        } = self;
        let mut text = match store {
            None => String::from(
                "Lockkeeper for trials: everything is in memory, and gone when it stops.\n",
            ),
            Some(file) => format!(
                "Lockkeeper for trials: its state stays in {}, and its keys beside it,\n\
                 in {}. Whoever has both files can read everything.\n",
                file.display(),
                kept::file_beside(file).display()
            ),
        };
        text.push_str("Confluent Cloud is simulated; no request leaves this machine.\n\n");
        let word = vault_client::quoted(token);
        let facts = [
            ("Server", address.clone()),
            ("Unseal key", unseal_key.clone()),
            ("Root token", token.clone()),
            (
                "Engine",
                format!("{MOUNT}/, with the roles `{ROLE}` and `{SHARED_ROLE}`"),
            ),
            (
                "Simulated cloud",
                format!("{cloud}, its state: {cloud}/simulator/state"),
            ),
            (
                "Service account",
                format!("{} ({})", example.owner, example.owner_name),
            ),
            (
                "Kafka cluster",
                format!("{} in {}", example.cluster, example.environment),
            ),
        ];
        for (name, value) in facts {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:17}{value}");
        }
        let try_config = admin_key.as_ref().map_or_else(String::new, |admin| {
            let (id, secret) = (&admin.id, admin.secret.expose());
            let _ = writeln!(
                text,
                "{:17}{id}, secret {secret}\n{:17}(made up for the simulated cloud; it opens \
                 nothing else)",
                "Admin key", ""
            );
            format!(
                "\x20 lockkeeper write {MOUNT}/config url={cloud} ccloud_api_key_id={id} \
                 ccloud_api_key_secret={secret}\n"
            )
        });
        let revoke = match &example.credential {
            Ok(credential) => {
                let minutes = credential.lease_duration / 60;
                let _ = write!(
                    text,
                    "\nA credential from {MOUNT}/creds/{ROLE}, which is live in the simulated \
                     cloud:\n\n\
                     \x20 key_id    {}\n\
                     \x20 secret    {}\n\
                     \x20 lease     {}, {minutes} minutes\n",
                    credential.key_id, credential.secret, credential.lease_id,
                );
                format!(
                    "\x20 lockkeeper lease revoke -sync {}\n",
                    credential.lease_id
                )
            }
            Err(reason) => {
                let _ = write!(
                    text,
                    "\nThe role `{ROLE}` of an earlier start gives no credential:\n{reason}\n"
                );
                String::new()
            }
        };
        let _ = write!(
            text,
            "\nIn another terminal, with `lockkeeper`, `bao` or `vault`:\n\n\
             \x20 export VAULT_ADDR={address} VAULT_TOKEN={word}\n\
             \x20 lockkeeper read {MOUNT}/creds/{ROLE}\n\
             \x20 lockkeeper read {MOUNT}/creds/{SHARED_ROLE}\n\
             {revoke}\
             {try_config}\
             \x20 curl -s {cloud}/simulator/state\n\n\
             Stop it with Ctrl-C.\n",
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use confluent_simulator::parse_admin_key;

    use super::super::example::Credential;
    use super::*;

    #[test]
    fn the_welcome_names_every_address_and_ends_with_how_to_stop() {
        let welcome = Welcome {
            address: "http://127.0.0.1:8200".into(),
            token: "a;b".into(),
            unseal_key: "c2hhcmU=".into(),
            store: None,
            cloud: "http://127.0.0.1:8210".into(),
            admin_key: parse_admin_key("ADMIN:made-up").ok(),
            example: Example {
                owner: "sa-1".into(),
                owner_name: "orders".into(),
                cluster: "lkc-1".into(),
                environment: "env-1".into(),
                credential: Ok(Credential {
                    key_id: "KEY".into(),
                    secret: "SECRET".into(),
                    lease_id: "confluent/creds/app/x".into(),
                    lease_duration: 3600,
                }),
            },
        };
        let text = welcome.text();
        for part in [
            "Root token       a;b\n",
            "Unseal key       c2hhcmU=\n",
            "export VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN='a;b'\n",
            "http://127.0.0.1:8210/simulator/state",
            "lease     confluent/creds/app/x, 60 minutes\n",
            "sa-1 (orders)",
            "ADMIN, secret made-up\n",
            "made up for the simulated cloud",
            "write confluent/config url=http://127.0.0.1:8210 ccloud_api_key_id=ADMIN",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(text.ends_with("Ctrl-C.\n"));
    }
}
