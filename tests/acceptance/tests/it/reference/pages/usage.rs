//! The page of `usage`.

use super::{Page, sample};

pub(super) const USAGE: Page = Page {
    file: "usage.md",
    title: "`usage`: who logs in with which key",
    about: "Whoever reads the audit log of Confluent Cloud posts here what it told of logins. [End old \
            keys when they are quiet](../retire-when-quiet.md) is the guide.",
    paths: &["usage"],
    samples: &[
        sample(
            "Read it before anything was reported",
            ("GET", "confluent/usage"),
            None,
            404,
        ),
        sample(
            "Write a static role whose old keys must be quiet, before that",
            ("POST", "confluent/static-role/audited"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "rotation_period": "30d",
                    "readiness": "none", "retire_when": "quiet"}"#,
            ),
            400,
        ),
        sample(
            "Report that the log was read and showed nothing",
            ("POST", "confluent/usage"),
            Some(r#"{"watermark": "2026-01-01T10:00:00Z", "source": "reader", "offsets": "0:17"}"#),
            204,
        ),
        sample(
            "Report a login",
            ("POST", "confluent/usage"),
            Some(
                r#"{"watermark": "2026-01-01T10:01:00Z", "offsets": "0:19",
                    "keys": {"K7Q2M4ZB6RXN3TWD": "2026-01-01T10:00:42Z"}}"#,
            ),
            204,
        ),
        sample("Read where to go on", ("GET", "confluent/usage"), None, 200),
        sample(
            "Report without a watermark",
            ("POST", "confluent/usage"),
            Some("{}"),
            400,
        ),
        sample(
            "Report a watermark that goes back",
            ("POST", "confluent/usage"),
            Some(r#"{"watermark": "2026-01-01T10:00:00Z"}"#),
            400,
        ),
        sample(
            "Report a login in the future",
            ("POST", "confluent/usage"),
            Some(
                r#"{"watermark": "2026-01-01T10:01:00Z",
                    "keys": {"K7Q2M4ZB6RXN3TWD": "2096-01-01T10:00:00Z"}}"#,
            ),
            400,
        ),
        sample(
            "Report something that is no id of a key",
            ("POST", "confluent/usage"),
            Some(
                r#"{"watermark": "2026-01-01T10:01:00Z",
                    "keys": {"no-key": "2026-01-01T10:00:00Z"}}"#,
            ),
            400,
        ),
        sample(
            "Write a static role whose old keys must be quiet",
            ("POST", "confluent/static-role/audited"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "rotation_period": "30d",
                    "readiness": "none", "retire_when": "quiet"}"#,
            ),
            204,
        ),
        sample(
            "Replace its key",
            ("POST", "confluent/rotate-role/audited"),
            Some(r#"{"wait": "30s"}"#),
            204,
        ),
        sample(
            "Ask what the old key waits for",
            ("GET", "confluent/static-role/audited/status"),
            None,
            200,
        )
        .keep(&[("WAITING", "/data/waiting_keys/0/key_id")]),
        sample(
            "Read the key that took its place",
            ("GET", "confluent/static-creds/audited"),
            None,
            200,
        )
        .keep(&[("AUDITED", "/data/key_id")]),
        sample(
            "Delete the static role",
            ("DELETE", "confluent/static-role/audited"),
            None,
            204,
        ),
        sample(
            "End the key that waits",
            ("DELETE", "confluent/keys/{WAITING}"),
            None,
            204,
        ),
        sample(
            "End the one that was served",
            ("DELETE", "confluent/keys/{AUDITED}"),
            None,
            204,
        ),
    ],
};
