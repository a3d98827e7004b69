//! `audit "<type>" "<path>" { ... }`: the devices that log every request.

use std::collections::BTreeMap;

use hcl1::{Body, Error, Item, Key, LiteralKind, Position, Value};
use vault_core::AuditDevice;

use super::values::{body, boolean, first, text};

/// The devices of an item, with their places: blocks with two labels, or what JSON
/// has for them.
pub(super) fn devices(item: &Item) -> Result<Vec<(Position, AuditDevice)>, Error> {
    let key = first(item)?;
    let mut devices = Vec::new();
    collect(key, &item.keys[1..], &item.value, &mut devices)?;
    Ok(devices)
}

/// Refuses two devices of the same path.
pub(super) fn check_names(devices: &[(Position, AuditDevice)]) -> Result<(), Error> {
    for (at, (position, device)) in devices.iter().enumerate() {
        let same =
            |other: &AuditDevice| other.path.trim_matches('/') == device.path.trim_matches('/');
        if devices[..at].iter().any(|(_, other)| same(other)) {
            return Err(Error::new(
                *position,
                format!("there are two audit devices `{}`: rename one", device.path),
            ));
        }
    }
    Ok(())
}

fn collect<'a>(
    key: &'a Key,
    labels: &[Key],
    value: &'a Value,
    devices: &mut Vec<(Position, AuditDevice)>,
) -> Result<(), Error> {
    match (labels, value) {
        ([kind, path], value) => {
            devices.push((path.position, device(kind, path, body(value, path)?)?));
        }
        ([_, _, .., extra], _) => {
            return Err(Error::new(
                extra.position,
                "`audit` has two names, a type and a path: `audit \"file\" \"main\" { ... }`",
            ));
        }
        (labels, Value::List(list)) => {
            for value in &list.values {
                collect(key, labels, value, devices)?;
            }
        }
        (labels, value) => {
            for item in &body(value, key)?.items {
                let all: Vec<Key> = labels.iter().chain(&item.keys).cloned().collect();
                if !has_blocks(&item.value) {
                    return Err(nameless(key));
                }
                collect(key, &all, &item.value, devices)?;
            }
            if body(value, key)?.items.is_empty() {
                return Err(nameless(key));
            }
        }
    }
    Ok(())
}

fn nameless(key: &Key) -> Error {
    Error::new(
        key.position,
        "`audit` needs a type and a path: `audit \"file\" \"main\" { ... }`",
    )
}

fn has_blocks(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::List(_))
}

fn device(kind: &Key, path: &Key, body: &Body) -> Result<AuditDevice, Error> {
    let mut device = AuditDevice {
        path: path.name.to_string(),
        kind: kind.name.to_string(),
        ..AuditDevice::default()
    };
    for item in &body.items {
        let key = first(item)?;
        match &*key.name {
            "description" => text(&item.value, key)?.clone_into(&mut device.description),
            "local" => device.local = boolean(item, key)?,
            "options" => options(key, &item.value, &mut device.options)?,
            // An option in the wrong place would be missing.
            other => {
                return Err(Error::new(
                    key.position,
                    format!(
                        "`{other}` is unknown here: an audit device has `description`, `local` and \
                         `options {{ ... }}`"
                    ),
                ));
            }
        }
    }
    Ok(device)
}

fn options(key: &Key, value: &Value, options: &mut BTreeMap<String, String>) -> Result<(), Error> {
    if let Value::List(list) = value {
        for value in &list.values {
            self::options(key, value, options)?;
        }
        return Ok(());
    }
    for item in &body(value, key)?.items {
        let key = first(item)?;
        let Value::Literal(literal) = &item.value else {
            return Err(Error::new(
                item.value.position(),
                format!("`{}` is {}: give a string", key.name, item.value.describe()),
            ));
        };
        let text = match (&literal.kind, literal.text()) {
            (LiteralKind::Bool(value), _) => value.to_string(),
            (_, Some(text)) => text.to_owned(),
            (_, None) => {
                return Err(Error::new(
                    item.value.position(),
                    format!("`{}` must be a string", key.name),
                ));
            }
        };
        options.insert(key.name.to_string(), text);
    }
    Ok(())
}
