//! `sys/rotate`, `sys/rotate/config` and `sys/key-status`: the key that encrypts
//! what is stored, its replacement, and when that happens by itself.

use std::sync::Arc;
use std::time::Duration;

use barrier::RotationConfig;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response, RunToCompletion, duration};
use serde_json::{Value, json};

use super::SysPaths;

const MAX_OPERATIONS: &str = "max_operations";
const INTERVAL: &str = "interval";
const ENABLED: &str = "enabled";

/// The paths that rotate, of which OpenBao has two.
const ROTATE: [&str; 2] = ["rotate", "rotate/keyring"];

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    let mut paths = vec![
        Path::new("key-status")
            .on(Operation::Read, answer(key_status))
            .help("Returns which key encrypts storage at present.", ""),
    ];
    for path in ROTATE {
        paths.push(Path::new(path).on_write(answer(rotate)).help(
            "Encrypts with a new key from now on.",
            "What is stored is read with the old keys. The shares that unseal stay the same.",
        ));
        paths.push(config(&format!("{path}/config")));
    }
    paths
}

fn config(path: &str) -> Path<SysPaths> {
    Path::new(path)
        .fields([
            Field::new(
                MAX_OPERATIONS,
                FieldKind::Integer64,
                "How many values a key encrypts before it is replaced.",
            ),
            Field::new(
                INTERVAL,
                FieldKind::DurationSeconds,
                "How old a key gets before it is replaced, 24 hours at least; 0 for any age.",
            ),
            Field::new(
                ENABLED,
                FieldKind::Flag,
                "Whether keys are replaced at these limits.",
            ),
        ])
        .on(Operation::Read, answer(read_config))
        .on_write(answer(write_config))
        .help(
            "Tells when the key that encrypts is replaced by itself, or changes that.",
            "Before a key was used so often that it is no longer safe, it is replaced in any case.",
        )
}

async fn key_status(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    let status = sys.root_keys()?.barrier().key_status()?;
    let mut data = Object::new();
    data.insert("term".into(), status.term.into());
    data.insert("install_time".into(), status.installed.to_string().into());
    data.insert("encryptions".into(), status.encryptions.into());
    Ok(Some(Response::with_data(data)))
}

async fn rotate(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    let keys = Arc::clone(sys.root_keys()?);
    let work = async move { keys.barrier().rotate().await };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}

async fn read_config(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    let config = sys.root_keys()?.barrier().rotation_config()?;
    // As OpenBao shows it.
    let interval = match config.interval {
        Duration::ZERO => Value::from(0),
        interval => duration::go(interval).into(),
    };
    let data = Object::from_iter([
        (MAX_OPERATIONS.to_owned(), json!(config.max_operations)),
        (INTERVAL.to_owned(), interval),
        (ENABLED.to_owned(), json!(config.enabled)),
    ]);
    Ok(Some(Response::with_data(data)))
}

async fn write_config(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let keys = Arc::clone(sys.root_keys()?);
    let fields = &call.fields;
    let mut config = keys.barrier().rotation_config()?;
    if let Some(given) = fields.integer(MAX_OPERATIONS) {
        let allowed = RotationConfig::OPERATIONS;
        let operations = u64::try_from(given).ok();
        config.max_operations = operations
            .filter(|given| allowed.contains(given))
            .ok_or_else(|| {
                Error::bad_request(format!(
                    "max_operations must be in the range [{},{}]",
                    allowed.start(),
                    allowed.end()
                ))
            })?;
    }
    if let Some(interval) = fields.duration(INTERVAL) {
        if !interval.is_zero() && interval < RotationConfig::SHORTEST {
            return Err(Error::bad_request(
                "interval must be greater or equal to 24h0m0s",
            ));
        }
        config.interval = interval;
    }
    if let Some(enabled) = fields.flag(ENABLED) {
        config.enabled = enabled;
    }
    let work = async move { keys.barrier().set_rotation_config(config).await };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}
