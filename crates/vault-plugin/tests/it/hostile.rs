//! A host, or a peer that has the host's key, that does not keep to the rules:
//! it loses its connection or is told what is wrong, and others are served on.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Code;
use tonic::body::Body;
use tonic::codegen::http;
use tower::ServiceExt as _;

use crate::fake_host::{Connection, FakeHost, Identity};
use crate::fake_storage::{FakeStorage, Mood};

const MOUNT: &str = "aB3dE6gH9j";
/// What every HTTP/2 client says first, and its empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const LIMIT: Duration = Duration::from_secs(20);

/// A host with one mount.
async fn mounted(storage: &FakeStorage) -> (FakeHost, Connection) {
    let host = FakeHost::start().await;
    let connection = mount(&host, MOUNT, 1, storage).await;
    (host, connection)
}

/// A connection of its own, over which the mount is set up.
async fn mount(host: &FakeHost, name: &str, broker_id: u32, storage: &FakeStorage) -> Connection {
    let connection = host.connect().await;
    let (address, _) = host.offer(broker_id, storage.clone());
    connection.addresses.send(address).unwrap();
    assert_eq!(connection.setup(name, broker_id).await.err, "");
    connection
}

/// The mount answers, in time.
async fn is_served(connection: &Connection) {
    let read = connection.request(MOUNT, "read", "entry/none", "null");
    let read = tokio::time::timeout(LIMIT, read).await;
    assert_eq!(read.expect("an answer in time").err, None);
}

/// Bytes that look random and are the same each time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test]
async fn noise_in_place_of_frames_costs_its_connection_only() {
    let (host, connection) = mounted(&FakeStorage::new(Mood::Writable)).await;
    for seed in 0..40 {
        let mut stream = host.secure(host.right_tls()).await.unwrap();
        // With and without a right beginning.
        let begin = if seed % 2 == 0 { PREFACE } else { b"" };
        let said = [begin, &noise(seed, 4096)].concat();
        // It may be cut off while it speaks.
        let _ = stream.write_all(&said).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "seed {seed}: the connection stays open");
    }
    is_served(&connection).await;
}

#[tokio::test]
async fn frames_that_break_off_cost_their_connection_only() {
    let (host, connection) = mounted(&FakeStorage::new(Mood::Writable)).await;
    // Frames that claim more than follows: headers, data, settings, a ping.
    for kind in [1, 0, 4, 6] {
        let mut stream = host.secure(host.right_tls()).await.unwrap();
        let frame = [0, 64, 0, kind, 4, 0, 0, 0, 1, 1, 2, 3];
        stream.write_all(&[PREFACE, &frame].concat()).await.unwrap();
        drop(stream);
    }
    is_served(&connection).await;
}

#[tokio::test]
async fn messages_that_are_none_are_answered_with_an_error() {
    let (_host, connection) = mounted(&FakeStorage::new(Mood::Writable)).await;
    let cases = [
        // No protobuf; a message that breaks off; half a head; compressed with
        // nothing that was agreed on.
        ("\0\0\0\0\x05hello", Code::Internal),
        ("\0\0\0\0\x64short", Code::Internal),
        ("\0\0", Code::Internal),
        ("\x01\0\0\0\x02{}", Code::Internal),
    ];
    for (body, expected) in cases {
        let request = http::Request::post("http://localhost/pb.Backend/HandleRequest")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("multiplex_id", MOUNT)
            .body(Body::new(body.to_owned()))
            .unwrap();
        let answer = connection.channel.clone().oneshot(request).await.unwrap();
        let status = answer.headers().get("grpc-status");
        let status = status.unwrap_or_else(|| panic!("{body:?}: {answer:?}"));
        assert_eq!(Code::from_bytes(status.as_bytes()), expected, "{body:?}");
    }
    is_served(&connection).await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_up_nobody() {
    let storage = FakeStorage::new(Mood::Writable);
    let (host, connection) = mounted(&storage).await;
    let big = vec![b'x'; 4 << 20];
    storage
        .entries
        .lock()
        .unwrap()
        .insert("entry/big".into(), big);
    let slow = mount(&host, "slow000000", 2, &storage).await;
    let mut unread: Vec<_> = (0..8)
        .map(|_| Box::pin(slow.request("slow000000", "read", "entry/big", "null")))
        .collect();
    // Sent, and from now on nobody looks at the answers.
    for request in &mut unread {
        assert!(request.now_or_never().is_none());
    }
    for _ in 0..20 {
        is_served(&connection).await;
    }
}

#[tokio::test]
async fn storage_behind_a_foreign_certificate_is_not_used() {
    let host = FakeHost::start().await;
    let connection = host.connect().await;
    let foreign = Identity::of_a_host();
    let storage = FakeStorage::new(Mood::Writable);
    let (address, _) = host.offer_as(&foreign, 1, storage.clone());
    connection.addresses.send(address).unwrap();
    let refused = connection.try_setup(MOUNT, 1).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().contains("cannot connect to the host"),
        "{refused}"
    );
}
