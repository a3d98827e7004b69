//! `usage`: what the audit log of Confluent Cloud tells of logins. Whoever reads
//! the log posts it here.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response};
use serde_json::Value;

use crate::ids::KeyId;
use crate::state::Engine;
use crate::usage::{MOST_KEYS, Report};

/// Ids of keys have 16 characters; more are taken, since nobody promises that.
const LONGEST_KEY: usize = 64;

/// The row of `usage`.
pub(crate) fn path() -> Path<Engine> {
    Path::new("usage")
        .fields([
            Field::new(
                "watermark",
                FieldKind::Time,
                "The time up to which the audit log was read: every login before it was reported. It \
                 never goes back.",
            ),
            Field::new(
                "source",
                FieldKind::Text,
                "Where the log was read, such as the name of the reader. With another source the \
                 evidence begins anew. Default: the source of the last report.",
            ),
            Field::new(
                "offsets",
                FieldKind::Text,
                "Where the reader goes on, in its own words, for when it starts again. Default: those \
                 of the last report.",
            ),
            Field::new(
                "keys",
                FieldKind::Map,
                "The last login with each key: from the id of the key to a time. 10000 keys at most; \
                 those that are not on record are left out.",
            ),
        ])
        .strict()
        .on(Operation::Read, answer(read))
        .on_write(answer(write))
        .help(
            "The last logins with keys, as the audit log tells them.",
            "Whoever reads the audit log of Confluent Cloud posts here what it told, about once a \
             minute, also where it told nothing: only so is silence of a key told from silence of its \
             reader. Times never move back, so that a report may be repeated. Reading gives the \
             watermark and where the reader goes on. Static roles with `retire_when=quiet` end their \
             old keys by it, and `keys/<id>` shows the last login.",
        )
}

async fn read(engine: Arc<Engine>, _: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let evidence = engine.usage.evidence().await?;
    Ok(evidence.map(|evidence| {
        let mut data = Object::new();
        data.insert("since".into(), evidence.since.to_string().into());
        data.insert("watermark".into(), evidence.watermark.to_string().into());
        data.insert("source".into(), evidence.source.into());
        data.insert("offsets".into(), evidence.offsets.into());
        Response::with_data(data)
    }))
}

async fn write(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let fields = &call.fields;
    let Some(watermark) = fields.time("watermark") else {
        return Err(Error::bad_request(
            "`watermark` is missing: give the time up to which the audit log was read",
        ));
    };
    let none = Object::new();
    let logins = logins(fields.map("keys").unwrap_or(&none))?;
    let (source, offsets) = (fields.text_given("source"), fields.text_given("offsets"));
    let report = Report::new(watermark, source, offsets, logins, engine.clock.now())?;
    let worker = Arc::clone(&engine);
    let noting = async move { worker.note_usage(report).await };
    engine.run_to_completion(noting).await.map(|()| None)
}

/// The logins of a request, by key.
fn logins(given: &Object) -> Result<BTreeMap<KeyId, Timestamp>, Error> {
    if given.len() > MOST_KEYS {
        return Err(Error::bad_request(format!(
            "`keys` names {} keys: give {MOST_KEYS} at most, in several reports with one \
             `watermark`",
            given.len()
        )));
    }
    let login = |(key, at): (&String, &Value)| {
        let is_id = (1..=LONGEST_KEY).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_id {
            let shown: String = key.chars().take(LONGEST_KEY).collect();
            return Err(Error::bad_request(format!(
                "`keys` names {shown:?}, which is no id of a key: give letters and digits"
            )));
        }
        let at = at.as_str().and_then(|text| text.parse().ok());
        let at: Timestamp = at.ok_or_else(|| {
            Error::bad_request(format!(
                "`keys` has no time for `{key}`: give one such as 2026-03-01T10:00:00Z"
            ))
        })?;
        Ok((KeyId::new(key), at))
    };
    given.iter().map(login).collect()
}
