//! Which paths stand on which page, and the requests that show them.

/// A page of the reference.
pub(super) struct Page {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) paths: &'static [&'static str],
    /// Sent in this order, to one mount for all pages.
    pub(super) samples: &'static [Sample],
}

/// A request, and the status of its answer.
pub(super) struct Sample {
    pub(super) title: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: Option<&'static str>,
    pub(super) status: u16,
    /// What later samples name, and where the answer has it.
    pub(super) keep: &'static [(&'static str, &'static str)],
}

const fn sample(
    title: &'static str,
    (method, path): (&'static str, &'static str),
    body: Option<&'static str>,
    status: u16,
) -> Sample {
    Sample {
        title,
        method,
        path,
        body,
        status,
        keep: &[],
    }
}

impl Sample {
    const fn keep(mut self, keep: &'static [(&'static str, &'static str)]) -> Self {
        self.keep = keep;
        self
    }
}

pub(super) const PAGES: [Page; 5] = [CONFIG, ROLES, CREDS, KEYS, MOUNT];

const CONFIG: Page = Page {
    file: "config.md",
    title: "`config`: the account",
    about: "The Cloud API key with which the engine manages all other keys of the organization. \
            [Setting up](../administrator.md#set-up) tells how to make one.",
    paths: &["config", "config/check"],
    samples: &[
        sample(
            "Read it before it is written",
            ("GET", "confluent/config"),
            None,
            404,
        ),
        sample(
            "Write it without the secret",
            ("POST", "confluent/config"),
            Some(r#"{"ccloud_api_key_id": "{ADMIN}"}"#),
            400,
        ),
        sample(
            "Write it without the id",
            ("POST", "confluent/config"),
            Some(r#"{"ccloud_api_key_secret": "{SECRET}"}"#),
            400,
        ),
        sample(
            "Write it",
            ("POST", "confluent/config"),
            Some(
                r#"{"ccloud_api_key_id": "{ADMIN}", "ccloud_api_key_secret": "{SECRET}",
                    "url": "{CLOUD}"}"#,
            ),
            204,
        ),
        sample("Read it", ("GET", "confluent/config"), None, 200),
        sample(
            "Change the address without the secret",
            ("POST", "confluent/config"),
            Some(r#"{"url": "https://api.example.com"}"#),
            400,
        ),
        sample(
            "Check what the account may do",
            ("GET", "confluent/config/check"),
            None,
            200,
        ),
    ],
};

const ROLES: Page = Page {
    file: "roles.md",
    title: "`role/<name>`: for whom and for what keys are made",
    about: "`roles/<name>` means the same. An update keeps every field that it does not give.",
    paths: &["role/{name}", "role"],
    samples: &[
        sample(
            "Write a role without an owner",
            ("POST", "confluent/role/orders"),
            Some(r#"{"resource": "{CLUSTER}"}"#),
            400,
        ),
        sample(
            "Write a role with a mistyped field",
            ("POST", "confluent/role/orders"),
            Some(r#"{"owner": "{OWNER}", "ressource": "{CLUSTER}"}"#),
            400,
        ),
        sample(
            "Write a role",
            ("POST", "confluent/role/orders"),
            Some(r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "ttl": "1h", "max_ttl": "24h"}"#),
            204,
        ),
        sample("Read it", ("GET", "confluent/role/orders"), None, 200),
        sample(
            "Write a role whose readers share one key",
            ("POST", "confluent/role/reports"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "ttl": "1h", "multi_use_key": true}"#,
            ),
            204,
        ),
        sample("List the roles", ("LIST", "confluent/role"), None, 200),
        sample(
            "Read a role that is not there",
            ("GET", "confluent/role/nobody"),
            None,
            404,
        ),
    ],
};

const CREDS: Page = Page {
    file: "creds.md",
    title: "`creds/<name>`: an API key under a lease",
    about: "Renewing and revoking are the host's own paths, as for every lease: \
            `sys/leases/renew` and `sys/leases/revoke`.",
    paths: &["creds/{name}"],
    samples: &[
        sample("Read a key", ("GET", "confluent/creds/orders"), None, 200)
            .keep(&[("LEASE", "/lease_id"), ("KEY", "/data/key_id")]),
        sample(
            "Renew its lease",
            ("POST", "sys/leases/renew"),
            Some(r#"{"lease_id": "{LEASE}"}"#),
            200,
        ),
        sample(
            "Revoke its lease, and wait until the key is deleted",
            ("POST", "sys/leases/revoke"),
            Some(r#"{"lease_id": "{LEASE}", "sync": true}"#),
            204,
        ),
        sample(
            "Read a key of a role that is not there",
            ("GET", "confluent/creds/nobody"),
            None,
            400,
        ),
        sample(
            "Read a key under another spelling of the role",
            ("GET", "confluent/creds/Orders"),
            None,
            400,
        ),
    ],
};

const KEYS: Page = Page {
    file: "keys.md",
    title: "`keys/`: the keys on record, and their end",
    about: "For operators. Deleting ends a key whoever holds it; no read shows a secret.",
    paths: &["keys", "keys/{id}", "role/{name}/keys"],
    samples: &[
        sample(
            "Read a key of a shared role",
            ("GET", "confluent/creds/reports"),
            None,
            200,
        )
        .keep(&[("SHARED", "/data/key_id")]),
        sample("List all keys", ("LIST", "confluent/keys"), None, 200),
        sample(
            "Read what is on record of it",
            ("GET", "confluent/keys/{SHARED}"),
            None,
            200,
        ),
        sample(
            "Delete the account while keys need it",
            ("DELETE", "confluent/config"),
            None,
            400,
        ),
        sample("End it", ("DELETE", "confluent/keys/{SHARED}"), None, 204),
        sample(
            "List the keys of a role",
            ("LIST", "confluent/role/reports/keys"),
            None,
            404,
        ),
        sample(
            "End all keys of a role",
            ("DELETE", "confluent/role/reports/keys"),
            None,
            204,
        ),
        sample(
            "End a key that nobody knows",
            ("DELETE", "confluent/keys/QQQQQQQQQQQQQQQQ"),
            None,
            400,
        ),
    ],
};

const MOUNT: Page = Page {
    file: "mount.md",
    title: "`reconcile`, `status`, `info`: the mount",
    about: "What to look at from time to time, and by a monitor.",
    paths: &["reconcile", "status", "info"],
    samples: &[
        sample(
            "Sweep and compare now",
            ("POST", "confluent/reconcile"),
            Some("{}"),
            200,
        ),
        sample(
            "Ask how the mount is",
            ("GET", "confluent/status"),
            None,
            200,
        ),
        sample("Ask what it is", ("GET", "confluent/info"), None, 200),
        sample(
            "Delete a role",
            ("DELETE", "confluent/role/reports"),
            None,
            204,
        ),
        sample(
            "Delete the account",
            ("DELETE", "confluent/config"),
            None,
            204,
        ),
    ],
};
