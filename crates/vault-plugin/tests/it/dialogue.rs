//! What is said between host and plugin, in Vault's dialect.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use vault_plugin::pb::backend::{self as pb, Empty, InitializeArgs};
use vault_plugin::pb::logical::Empty as VersionEmpty;
use vault_plugin::pb::logical::plugin_version_client::PluginVersionClient;
use vault_plugin::pb::multiplexing::MultiplexingSupportRequest;
use vault_plugin::pb::multiplexing::plugin_multiplexing_client::PluginMultiplexingClient;
use vault_plugin::pb::plugin::Empty as PluginEmpty;
use vault_plugin::pb::plugin::grpc_controller_client::GrpcControllerClient;

use crate::fake_host::{Connection, FakeHost, about};
use crate::fake_storage::{FakeStorage, Mood};

const MOUNT: &str = "aB3dE6gH9j";

/// A host with one mount on the given storage.
async fn mounted(storage: &FakeStorage) -> (FakeHost, Connection) {
    let host = FakeHost::start().await;
    let connection = host.connect().await;
    let (address, _) = host.offer(1, storage.clone());
    connection.addresses.send(address).unwrap();
    assert_eq!(connection.setup(MOUNT, 1).await.err, "");
    (host, connection)
}

fn error(reply: pb::HandleRequestReply) -> (u32, String) {
    assert_eq!(reply.response, None);
    let error = reply.err.expect("an error");
    (error.err_type, error.err_msg)
}

#[tokio::test]
async fn registering_works_without_storage() {
    let (_host, connection) = mounted(&FakeStorage::new(Mood::Missing)).await;
    let kind = connection.backend().r#type(about(MOUNT, Empty {})).await;
    assert_eq!(kind.unwrap().into_inner().r#type, 1);
    let version = PluginVersionClient::new(connection.channel.clone())
        .version(about(MOUNT, VersionEmpty {}))
        .await;
    let expected = format!("v{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(version.unwrap().into_inner().plugin_version, expected);
}

#[tokio::test]
async fn what_a_host_asks_of_the_process_needs_no_mount() {
    let host = FakeHost::start().await;
    let channel = host.connect().await.channel;
    let supported = PluginMultiplexingClient::new(channel.clone())
        .multiplexing_support(MultiplexingSupportRequest {})
        .await;
    assert!(supported.unwrap().into_inner().supported);
    let service = "plugin".to_owned();
    let health = HealthClient::new(channel)
        .check(HealthCheckRequest { service })
        .await;
    let serving = i32::from(ServingStatus::Serving);
    assert_eq!(health.unwrap().into_inner().status, serving);
}

#[tokio::test]
async fn a_mount_serves_requests_from_the_hosts_storage() {
    let storage = FakeStorage::new(Mood::Writable);
    let (_host, connection) = mounted(&storage).await;
    let initialized = connection
        .backend()
        .initialize(about(MOUNT, InitializeArgs {}))
        .await;
    assert_eq!(initialized.unwrap().into_inner().err, None);

    let written = connection
        .request(MOUNT, "update", "entry/a", r#"{"value":"1"}"#)
        .await;
    assert_eq!(written, pb::HandleRequestReply::default());
    let kept = storage.entries.lock().unwrap().get("entry/a").cloned();
    assert_eq!(kept.as_deref(), Some(b"1".as_slice()));

    let read = connection.request(MOUNT, "read", "entry/a", "null").await;
    assert_eq!(read.response.unwrap().data, r#"{"value":"1"}"#);
    let missing = connection.request(MOUNT, "read", "entry/b", "null").await;
    assert_eq!(missing, pb::HandleRequestReply::default());
}

#[tokio::test]
async fn two_mounts_of_one_process_are_apart() {
    let (first, second) = (
        FakeStorage::new(Mood::Writable),
        FakeStorage::new(Mood::Writable),
    );
    let (host, connection) = mounted(&first).await;
    let (address, _) = host.offer(2, second.clone());
    // This time the host tells the address after it set the mount up.
    let (reply, ()) = tokio::join!(connection.setup("second0000", 2), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        connection.addresses.send(address).unwrap();
    });
    assert_eq!(reply.err, "");
    let data = r#"{"value":"2"}"#;
    connection
        .request("second0000", "update", "entry/a", data)
        .await;
    assert!(first.entries.lock().unwrap().is_empty());
    assert_eq!(second.entries.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_lease_has_all_that_hosts_insist_on() {
    let storage = FakeStorage::new(Mood::Writable);
    let (_host, connection) = mounted(&storage).await;
    let data = r#"{"value":"1"}"#;
    connection.request(MOUNT, "update", "entry/a", data).await;
    let lent = connection.request(MOUNT, "read", "loan/a", "null").await;
    let secret = lent.response.unwrap().secret.unwrap();
    assert_eq!(secret.internal_data, r#"{"secret_type":"loan"}"#);
    let lease = secret.lease_options.unwrap();
    assert_eq!((lease.ttl, lease.renewable), (600_000_000_000, true));
    assert!(lease.issue_time.unwrap().seconds > 1_700_000_000);
}

#[tokio::test]
async fn a_call_about_an_unknown_mount_is_a_grpc_error_that_hosts_do_not_ignore() {
    let host = FakeHost::start().await;
    let connection = host.connect().await;
    let mut backend = connection.backend();
    let arguments = pb::HandleRequestArgs::default();
    let unknown = backend.handle_request(about("nobody0000", arguments)).await;
    let status = unknown.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), "no backend instance found");
    let unnamed = backend.r#type(Empty {}).await.unwrap_err();
    assert_eq!(unnamed.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn cleaning_up_twice_is_fine_and_closes_the_connection_to_the_host() {
    let host = FakeHost::start().await;
    let connection = host.connect().await;
    let (address, mut closed) = host.offer(1, FakeStorage::new(Mood::Writable));
    connection.addresses.send(address).unwrap();
    assert_eq!(connection.setup(MOUNT, 1).await.err, "");
    let read = connection.request(MOUNT, "read", "entry/a", "null").await;
    assert_eq!(read.err, None);

    let mut backend = connection.backend();
    backend.cleanup(about(MOUNT, Empty {})).await.unwrap();
    let limit = Duration::from_secs(5);
    let ended = tokio::time::timeout(limit, closed.recv()).await;
    assert_eq!(ended.expect("the connection is closed"), None);
    backend.cleanup(about(MOUNT, Empty {})).await.unwrap();
}

#[tokio::test]
async fn operations_and_paths_that_are_not_known_have_their_own_types() {
    let storage = FakeStorage::new(Mood::Missing);
    let (_host, connection) = mounted(&storage).await;
    let cases = [
        ("resolve-path", "entry/a", 5),
        ("rollback", "", 5),
        ("read", "nowhere", 6),
    ];
    for (operation, path, kind) in cases {
        let reply = connection.request(MOUNT, operation, path, "null").await;
        assert_eq!(error(reply).0, kind, "{operation} {path}");
    }
    // The host shows the text of the response beside the status of the type.
    let reply = connection.request(MOUNT, "delete", "entry/a", "null").await;
    assert_eq!(reply.err.expect("an error").err_type, 5);
    let text = reply.response.expect("what to do instead").data;
    assert!(text.contains("`read` and `write`"), "{text}");
}

#[tokio::test]
async fn a_bad_request_is_an_error_response() {
    let storage = FakeStorage::new(Mood::Writable);
    let (_host, connection) = mounted(&storage).await;
    for data in ["{}", "[1]", "{"] {
        let reply = connection.request(MOUNT, "update", "entry/a", data).await;
        assert_eq!(reply.err, None);
        let data = reply.response.unwrap().data;
        assert!(data.starts_with(r#"{"error":""#), "{data}");
    }
}

#[tokio::test]
async fn a_standby_hears_the_read_only_error_as_it_told_it() {
    let storage = FakeStorage::new(Mood::ReadOnly);
    let (_host, connection) = mounted(&storage).await;
    let data = r#"{"value":"1"}"#;
    let reply = connection.request(MOUNT, "update", "entry/a", data).await;
    let expected = (0, "cannot write to readonly storage".to_owned());
    assert_eq!(error(reply), expected);
}

#[tokio::test]
async fn an_existence_check_of_an_unknown_path_has_the_type_that_hosts_want() {
    let storage = FakeStorage::new(Mood::Writable);
    let (_host, connection) = mounted(&storage).await;
    let check = async |path: &str| {
        let arguments = pb::HandleExistenceCheckArgs {
            storage_id: 0,
            request: Some(pb::Request {
                operation: "update".into(),
                path: path.into(),
                data: "null".into(),
                ..pb::Request::default()
            }),
        };
        let call = about(MOUNT, arguments);
        let reply = connection.backend().handle_existence_check(call).await;
        reply.unwrap().into_inner()
    };
    assert_eq!(check("nowhere").await.err.map(|err| err.err_type), Some(6));
    let unchecked = check("entry/a").await;
    assert_eq!((unchecked.check_found, unchecked.err), (false, None));
}

#[tokio::test]
async fn a_host_that_cannot_page_is_asked_to_once() {
    let storage = FakeStorage::new(Mood::Writable);
    let (_host, connection) = mounted(&storage).await;
    for number in 0..1002 {
        let mut entries = storage.entries.lock().unwrap();
        entries.insert(format!("entry/{number:04}"), Vec::new());
    }
    for _ in 0..2 {
        let reply = connection.request(MOUNT, "list", "entry/", "null").await;
        let data = reply.response.unwrap().data;
        let data: serde_json::Value = serde_json::from_str(&data).unwrap();
        let keys = data["keys"].as_array().unwrap();
        assert_eq!((keys.len(), &keys[999]), (1000, &"0999".into()));
    }
    assert_eq!(storage.pages.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn messages_far_beyond_the_limit_of_grpc_pass_in_all_directions() {
    let storage = FakeStorage::new(Mood::Writable);
    let (_host, connection) = mounted(&storage).await;
    let data = format!(r#"{{"value":"{}"}}"#, "x".repeat(64 << 20));
    let written = connection.request(MOUNT, "update", "entry/a", &data).await;
    assert_eq!(written, pb::HandleRequestReply::default());
    let read = connection.request(MOUNT, "read", "entry/a", "null").await;
    assert_eq!(read.response.unwrap().data.len(), data.len());
}

#[tokio::test]
async fn clients_that_hang_up_all_at_once_do_not_cost_the_connection() {
    let storage = FakeStorage::new(Mood::Writable);
    let (_host, connection) = mounted(&storage).await;
    for _ in 0..20 {
        let mut calls: Vec<_> = (0..200)
            .map(|_| Box::pin(connection.request(MOUNT, "read", "entry/a", "null")))
            .collect();
        for call in &mut calls {
            assert!(call.now_or_never().is_none());
        }
        // Long enough for the calls to be sent.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let read = connection.request(MOUNT, "read", "entry/a", "null").await;
    assert_eq!(read, pb::HandleRequestReply::default());
}

#[tokio::test]
async fn told_to_shut_down_it_answers_and_ends_without_a_trace() {
    let storage = FakeStorage::new(Mood::Writable);
    let (mut host, mut connection) = mounted(&storage).await;
    let data = r#"{"value":"1"}"#;
    connection.request(MOUNT, "update", "entry/a", data).await;
    let answer = GrpcControllerClient::new(connection.channel.clone())
        .shutdown(PluginEmpty {})
        .await;
    assert!(answer.is_ok());
    // The streams that hosts keep open end with it.
    assert!(matches!(connection.stdio.message().await, Ok(None)));
    assert!(matches!(connection.broker.message().await, Ok(None)));
    assert!(host.ended().await.success());
    assert_eq!(host.litter(), Vec::<std::path::PathBuf>::new());

    let log = host.log().await;
    let records: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("only records are printed"))
        .collect();
    assert!(records.iter().any(|record| record["key"] == "entry/a"));
    let loud = |record: &&serde_json::Value| record["@level"] != "info";
    assert_eq!(records.iter().filter(loud).count(), 0, "{log}");
}
