//! Ids of both worlds, resources, addresses and the checksum of secrets: what
//! is taken as an id is written as it was, and one wrong character in a secret
//! with a checksum is noticed.

use confluent_cloud::ids as cloud;
use confluent_cloud::secret::{BODY_LENGTH, PREFIX, SecretFormat, checksum};
use confluent_cloud::{ApiSecret, Endpoint, KeyResource};
use engine::ids::{CredentialId, HolderId, StorageId};

use super::texts;
use crate::input::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    for written in [
        CredentialId::parse(text).map(|id| id.to_string()),
        HolderId::parse(text).map(|id| id.to_string()),
        StorageId::parse(text).map(|id| id.to_string()),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(written, text);
    }
    if let Ok(id) = cloud::ApiKeyId::new(text) {
        assert_eq!(id.as_str(), text);
    }
    let environment = cloud::EnvironmentId::new("env-1").ok();
    if let Ok(resource) = KeyResource::from_id(text, environment) {
        assert!(KeyResource::from_id(resource.id(), None).is_ok() || resource.id().contains('.'));
    }
    if let Ok(endpoint) = Endpoint::parse(text) {
        // As URLs are read: without tabs and line ends.
        let read = text.replace(['\t', '\n', '\r'], "").to_ascii_lowercase();
        let encrypted = read.contains("https:");
        assert!(encrypted || endpoint.is_loopback(), "{text}");
    }
    let _ = ApiSecret::new(text).verify();
    check_checksum(text);
}

/// Builds a secret around the text and breaks it in one place.
fn check_checksum(text: &str) {
    let mut body: Vec<u8> = text
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .take(BODY_LENGTH)
        .collect();
    let broken = body.len() % BODY_LENGTH;
    body.resize(BODY_LENGTH, b'A');
    let whole = |body: &[u8], sum: &str| {
        let body = String::from_utf8_lossy(body);
        ApiSecret::new(format!("{PREFIX}{body}{sum}"))
    };
    let sum = checksum(&String::from_utf8_lossy(&body));
    assert_eq!(whole(&body, &sum).verify(), Ok(SecretFormat::Checked));
    body[broken] ^= 1;
    assert!(whole(&body, &sum).verify().is_err());
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    texts(&[
        "0123456789abc",
        "K7Q2M4ZB6RXN3TWD",
        "lkc-abc123",
        "lsrc-1",
        "env-1.aws.us-east-1",
        "aws.us-east-1",
        "tableflow",
        "Cloud",
        "sa-1",
        "https://api.confluent.cloud",
        "http://127.0.0.1:8080",
        "https://user:x@host/path?query#fragment",
        "h\tttps:.//on",
        "cfltAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAFZQbVQ",
    ])
}
