//! What a plugin reads of its host: messages, errors, and the environment of
//! the start.

use std::collections::BTreeMap;

use logical::ErrorClass;
use prost::Message as _;
use vault_plugin::fuzzing;
use vault_plugin::pb::backend as pb;

use super::texts;
use crate::input::{Input, text};

/// A request that is read answers with the lease and the data that it came
/// with, and those are read again as the same.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    if input.byte() % 4 == 3 {
        let told = String::from_utf8_lossy(input.rest());
        let reply = fuzzing::error(&told);
        assert!(reply.err.is_some() || reply.response.is_some(), "{told}");
        return;
    }
    let Ok(message) = pb::Request::decode(input.rest()) else {
        return;
    };
    let (operation, path) = (message.operation.clone(), message.path.clone());
    match fuzzing::request(message) {
        Ok((request, answer)) => {
            let again = pb::Request {
                operation,
                path,
                data: answer.data,
                secret: answer.secret,
                ..pb::Request::default()
            };
            let again = pb::Request::decode(again.encode_to_vec().as_slice());
            let again = fuzzing::request(again.expect("what was encoded is decoded"));
            let (again, _) = again.expect("what was answered can be read");
            assert_eq!(again.data, request.data);
            let internal = |secret: Option<logical::Secret>| secret.map(|s| s.internal_data);
            assert_eq!(internal(again.secret), internal(request.secret));
        }
        Err(error) => {
            let class = error.class();
            let fits = matches!(
                class,
                ErrorClass::BadRequest | ErrorClass::UnsupportedOperation
            );
            assert!(fits, "{class:?}: {error}");
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let secret = |internal: &str| pb::Secret {
        lease_options: Some(pb::LeaseOptions {
            ttl: 60_000_000_000,
            renewable: true,
            increment: -1,
            issue_time: Some(prost_types::Timestamp::default()),
            max_ttl: i64::MAX,
        }),
        internal_data: internal.to_owned(),
        lease_id: "m/creds/a/1".to_owned(),
    };
    let request = |operation: &str, data: &str, secret: Option<pb::Secret>| pb::Request {
        operation: operation.to_owned(),
        path: "creds/a".to_owned(),
        data: data.to_owned(),
        secret,
        ..pb::Request::default()
    };
    let messages = [
        request("read", "null", None),
        request("update", r#"{"a":[1,"b",{"c":null}]}"#, None),
        request("renew", "{}", Some(secret(r#"{"secret_type":"a"}"#))),
        request("revoke", "", Some(secret(""))),
        request("resolve-path", "[", Some(secret("[]"))),
    ];
    let mut seeds: Vec<Vec<u8>> = messages
        .iter()
        .map(|message| [&[0], message.encode_to_vec().as_slice()].concat())
        .collect();
    seeds.push(b"\x03cannot write to readonly storage".to_vec());
    seeds.push(b"\x03context deadline exceeded".to_vec());
    seeds
}

/// Any environment is read or refused.
pub(super) fn handshake(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let environment: BTreeMap<&str, &str> = text
        .split('\0')
        .filter_map(|line| line.split_once('='))
        .collect();
    let _ = fuzzing::handshake(|name| environment.get(name).map(ToString::to_string));
}

pub(super) fn handshake_seeds() -> Vec<Vec<u8>> {
    let cookie = "VAULT_BACKEND_PLUGIN=6669da05-b1c8-4f49-97d9-c8e5bed98e20\0";
    let certificate = "PLUGIN_CLIENT_CERT=-----BEGIN CERTIFICATE-----\nAQIDBA==\n-----END \
                       CERTIFICATE-----\n\0";
    texts(&[
        cookie,
        &format!("{cookie}PLUGIN_PROTOCOL_VERSIONS=3,4, 5\0"),
        &format!("{cookie}PLUGIN_PROTOCOL_VERSIONS=5\0{certificate}"),
        &format!(
            "{cookie}PLUGIN_PROTOCOL_VERSIONS=5\0{certificate}PLUGIN_UNIX_SOCKET_DIR=/tmp\0\
             PLUGIN_UNIX_SOCKET_GROUP=g\0PLUGIN_MULTIPLEX_GRPC=true\0TMPDIR=/x"
        ),
    ])
}
